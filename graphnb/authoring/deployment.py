"""What `@serve.deployment` makes of a class or function: something to bind into a graph."""

from __future__ import annotations

import inspect
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, overload

from graphnb.authoring.nodes import CallNode, DeploymentNode, Node, forbid_inputs
from graphnb.authoring.options import check_options
from graphnb.authoring.signatures import call_signature, check_arguments, init_signature
from graphnb.errors import GraphAttributeError, GraphTypeError
from graphnb.graph import rules

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

P = ParamSpec("P")


class Deployment(Generic[P]):
    """A class or function with options, not yet part of a graph.

    `bind` makes a node of it: a `DeploymentNode` of a class, a `CallNode` of a function. It is a
    value: `options` gives a new one.
    """

    def __init__(self, func_or_class: Callable[P, Any], options: Mapping[str, Any]) -> None:
        self.func_or_class = func_or_class
        self._options = MappingProxyType(dict(options))
        self.__doc__ = func_or_class.__doc__
        self.__wrapped__ = func_or_class
        if not TYPE_CHECKING:
            self.bind = _Bind(self)  # an attribute, so that editors see its signature
        check_options(options, node=self.name)

    @property
    def name(self) -> str:
        """The name that the user gave, else that of the class or function."""
        return self._options.get("name") or self.func_or_class.__name__

    @property
    def explicit_name(self) -> str | None:
        """The name that the user gave, or None."""
        return self._options.get("name")

    @property
    def user_options(self) -> Mapping[str, Any]:
        """The options that the user set, without the name."""
        return MappingProxyType({k: v for k, v in self._options.items() if k != "name"})

    def options(self, **options: Any) -> Deployment[P]:
        """The same deployment with other options; those not named stay.

        Raises:
            GraphError: GN110, an option that Ray Serve does not have.
        """
        return Deployment(self.func_or_class, {**self._options, **options})

    if TYPE_CHECKING:

        def bind(self, *args: P.args, **kwargs: P.kwargs) -> Any:
            """Makes a node; arguments may be nodes, parts of the input, or plain values."""

    def __getattr__(self, name: str) -> Any:
        if name == "remote":
            raise rules.REMOTE_ON_NODE.error(
                f"{self.name} is a deployment, and .remote calls something that runs",
                node=self.name,
                kind=GraphAttributeError,
            )
        if name.startswith("_") or not callable(getattr(self.func_or_class, name, None)):
            raise AttributeError(f"deployment {self.name!r} has no attribute {name!r}")
        raise rules.UNKNOWN_METHOD.error(
            f"{self.name} is not bound yet, and {name!r} is a method of what it makes",
            node=self.name,
            hint=f"write {self.name}.bind(...).{name}.bind(...)",
            kind=GraphAttributeError,
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return Deployment, (self.func_or_class, dict(self._options))

    def __call__(self, *_args: Any, **_kwargs: Any) -> Any:
        """Not for a deployment: the error says what to do instead."""
        raise rules.NODE_AS_VALUE.error(
            f"the deployment {self.name} is not called directly",
            node=self.name,
            hint=f"write {self.name}.bind(...) in a graph, "
            f"or {self.name}.func_or_class(...) for plain Python",
            kind=GraphTypeError,
        )

    def __repr__(self) -> str:
        options = "".join(f", {key}={value!r}" for key, value in self.user_options.items())
        return f"Deployment({self.name}{options})"


class _Bind:
    """The `bind` of one deployment, with the signature and docstring of what it binds."""

    def __init__(self, deployment: Deployment[Any]) -> None:
        self._deployment = deployment
        self.__doc__ = deployment.__doc__

    @cached_property
    def __signature__(self) -> inspect.Signature:
        target = self._deployment.func_or_class
        return init_signature(target) if isinstance(target, type) else call_signature(target)

    def __call__(self, *args: Any, **kwargs: Any) -> Node:
        deployment = self._deployment
        check_arguments(self.__signature__, args, kwargs, node=deployment.name)
        if not isinstance(deployment.func_or_class, type):
            return CallNode(DeploymentNode(deployment, (), {}), "__call__", args, kwargs)
        forbid_inputs(args, kwargs, node=deployment.name)
        return DeploymentNode(deployment, args, kwargs)

    def __repr__(self) -> str:
        return f"<bind of {self._deployment.name}{self.__signature__}>"


class _Decorator(Protocol):
    """What `deployment(...)` with options returns; keeps the signature of what it decorates."""

    def __call__(self, target: Callable[P, Any], /) -> Deployment[P]:
        """Makes a deployment of a class or function."""


@overload
def deployment(target: Callable[P, Any], /) -> Deployment[P]: ...
@overload
def deployment(**options: Any) -> _Decorator: ...
def deployment(target: Any = None, /, **options: Any) -> Any:
    """Turns a class or function into a deployment: `@deployment` or `@deployment(num_replicas=2)`.

    Args:
        target: the class or function, when used without parentheses.
        **options: those of `ray.serve.deployment` in the installed Ray, and `route_prefix`, which
            only the root of a graph may have.

    Raises:
        GraphError: GN110, an option that Ray Serve does not have; GN116, not a class or function.
    """

    def decorate(func_or_class: Any) -> Deployment[Any]:
        if isinstance(func_or_class, Deployment):
            return func_or_class.options(**options)
        if not (isinstance(func_or_class, type) or inspect.isroutine(func_or_class)):
            raise rules.NOT_DEPLOYABLE.error(
                f"@serve.deployment was given {func_or_class!r}, not a class or function"
            )
        return Deployment(func_or_class, options)

    return decorate if target is None else decorate(target)
