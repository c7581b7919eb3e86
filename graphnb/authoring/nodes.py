"""The nodes that `bind()` makes: what a user holds while a graph is written.

Nodes are descriptions. They refer to each other and to the user's callables, and nothing here
runs them; `authoring.build` turns a root node into a frozen spec and its bindings.
"""

from __future__ import annotations

import copy
import itertools
import sys
import weakref
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Self

from graphnb.authoring.signatures import (
    check_arguments,
    is_streaming,
    method_signature,
    public_methods,
)
from graphnb.authoring.walk import leaves
from graphnb.errors import GraphAttributeError, GraphError, GraphTypeError, GraphValueError
from graphnb.graph import rules
from graphnb.graph.spec import Key, Path, path_text

if TYPE_CHECKING:
    import inspect
    from collections.abc import Callable, Mapping

    from graphnb.authoring.deployment import Deployment

_order = itertools.count()


def next_order() -> int:
    """A number below the order of every node that is made from now on."""
    return next(_order)


class _NotGiven:
    """Says that no fallback was given, since None is a fallback that a user may want."""

    def __repr__(self) -> str:
        return "NOT_GIVEN"


NOT_GIVEN: Final = _NotGiven()


class Node:
    """What `bind()` makes, and what stands for values that exist at request time only.

    `_order` counts nodes in the order in which they were made, over the whole process.
    """

    def __init__(self) -> None:
        self._order = next(_order)

    def __bool__(self) -> bool:
        raise self._as_value("has no truth value")

    def __iter__(self) -> Any:
        raise self._as_value("cannot be iterated")

    def __format__(self, _spec: str) -> str:
        raise self._as_value("cannot be put into a text")

    def _as_value(self, what: str) -> GraphError:
        return rules.NODE_AS_VALUE.error(f"{self!r} {what}", kind=GraphTypeError)

    def __reduce__(self) -> Any:
        raise rules.NOT_SERIALIZABLE.error(
            f"{self!r} is hidden inside an object, where it cannot be found",
            hint="pass nodes as arguments, or in lists, tuples, dicts, sets and dataclasses",
        )


class InputPart(Node):
    """A part of the request: `inp[0]`, `inp["key"]`, `inp.name`, and parts of those."""

    def __init__(self, source: InputNode, path: Path) -> None:
        super().__init__()
        self._source = source
        self._path = path

    def __getitem__(self, key: int | str) -> InputPart:
        return InputPart(self._source, (*self._path, Key("item", key)))

    def __getattr__(self, name: str) -> InputPart:
        _refuse_special(self, name)
        return InputPart(self._source, (*self._path, Key("attr", name)))

    def __repr__(self) -> str:
        return f"InputNode{path_text(self._path)}"


class InputNode(Node):
    """The request, inside `with InputNode() as inp:`; parts of it by index, key or attribute."""

    def __init__(self) -> None:
        super().__init__()
        self._open = False
        self._label: str | None = None
        # Weak, so that a node whose variable was bound anew is not "a node that nothing uses".
        self._bound: weakref.WeakSet[CallNode | DeploymentNode] = weakref.WeakSet()

    def __enter__(self) -> Self:
        self._open = True
        _open_inputs.append(self)
        return self

    def __exit__(self, *_exc: object) -> None:
        self._open = False
        _open_inputs.remove(self)
        # The variables of the `with` block: where labels come from, in cells and modules alike.
        frame = sys._getframe(1)
        label_nodes({**frame.f_globals, **frame.f_locals})

    def __getitem__(self, key: int | str) -> InputPart:
        return InputPart(self, (Key("item", key),))

    def __getattr__(self, name: str) -> InputPart:
        _refuse_special(self, name)
        return InputPart(self, (Key("attr", name),))

    def __repr__(self) -> str:
        return "InputNode"


_open_inputs: list[InputNode] = []


class DeploymentNode(Node):
    """A class bound with its init args; its methods are bound in turn.

    In another's init args it becomes a handle. A function's `bind` makes one too, which only the
    function's call nodes see.
    """

    def __init__(
        self, deployment: Deployment[Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        super().__init__()
        self._deployment = deployment
        self._args = args
        self._kwargs = dict(kwargs)
        if self.is_class:
            for one in _open_inputs[-1:]:
                one._bound.add(self)

    @property
    def name(self) -> str:
        """The name of its deployment; the graph may add a number to it."""
        return self._deployment.name

    @property
    def func_or_class(self) -> Any:
        """The user's class or function."""
        return self._deployment.func_or_class

    @property
    def signature(self) -> inspect.Signature:
        """What its class is made with, or its function is called with."""
        found: inspect.Signature = self._deployment.bind.__signature__  # type: ignore[attr-defined]
        return found

    @property
    def is_class(self) -> bool:
        """Whether it is a class that was bound, not a function."""
        return isinstance(self._deployment.func_or_class, type)

    @property
    def __call__(self) -> MethodStub:
        """The class's `__call__`, about to be bound."""
        return MethodStub(self, "__call__")

    def __getattr__(self, name: str) -> MethodStub:
        _refuse_special(self, name)
        if name == "bind" and not hasattr(self.func_or_class, "bind"):
            methods = public_methods(self.func_or_class)
            raise rules.BIND_BOUND.error(
                f"{self.name} is bound already",
                node=self.name,
                hint=f"bind one of its methods: {_listed(self.name, methods)}" if methods else None,
                kind=GraphAttributeError,
            )
        return MethodStub(self, name)

    def __dir__(self) -> list[str]:
        return sorted({*object.__dir__(self), *public_methods(self.func_or_class)})

    def __repr__(self) -> str:
        return f"DeploymentNode({self.name})"


class MethodStub:
    """A method of a bound class, about to be bound itself."""

    def __init__(self, node: DeploymentNode, method: str) -> None:
        cls = node.func_or_class
        self._node = node
        self._method = method
        if not callable(getattr(cls, method, None)):
            methods = public_methods(cls)
            raise rules.UNKNOWN_METHOD.error(
                f"{node.name} has no method {method!r}",
                node=node.name,
                hint=f"there are: {', '.join(methods)}" if methods else "it has no public method",
                kind=GraphAttributeError,
            )
        self.__doc__ = getattr(cls, method).__doc__
        self.__signature__ = method_signature(cls, method)

    def bind(self, *args: Any, **kwargs: Any) -> CallNode:
        """Makes the node of one call of this method.

        Raises:
            GraphError: GN102, arguments that do not fit; GN104, an input outside its `with`.
        """
        name = f"{self._node.name}.{self._method}"
        check_arguments(self.__signature__, args, kwargs, node=name)
        return CallNode(self._node, self._method, args, kwargs)

    @property
    def remote(self) -> Any:
        """Not for a node: the error says what to do instead."""
        raise _remote_error(f"{self._node.name}.{self._method}")

    def __call__(self, *_args: Any, **_kwargs: Any) -> Any:
        """Not for a node: the error says what to do instead."""
        name = f"{self._node.name}.{self._method}"
        raise rules.NODE_AS_VALUE.error(
            f"{name} is called at request time",
            node=self._node.name,
            hint=f"write {name}.bind(...)",
            kind=GraphTypeError,
        )

    def __repr__(self) -> str:
        return f"<method {self._node.name}.{self._method} of a node>"


class CallNode(Node):
    """One call of a deployment's function or method at request time.

    `node[key]` is a part of its result; `options` gives it a time-out, retries or a fallback.
    """

    def __init__(
        self,
        target: DeploymentNode,
        method: str,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self._target = target
        self._method = method
        self._args = args
        self._kwargs = dict(kwargs)
        self._label: str | None = None
        self._timeout_s: float | None = None
        self._retries = 0
        self._fallback: Any = NOT_GIVEN
        _check_inputs_open((args, kwargs), node=self.name)
        for one in _open_inputs[-1:]:
            one._bound.add(self)

    @property
    def name(self) -> str:
        """The deployment and method; the graph may add numbers to it."""
        name = self._target.name
        return f"{name}.{self._method}" if self._target.is_class else name

    @property
    def streams(self) -> bool:
        """Whether its method is a generator."""
        return is_streaming(self.function)

    @property
    def function(self) -> Callable[..., Any]:
        """The user's function or (unbound) method."""
        target = self._target.func_or_class
        found: Callable[..., Any] = target
        if self._target.is_class:
            found = getattr(target, self._method)
        return found

    @cached_property
    def signature(self) -> inspect.Signature:
        """What it is called with, without `self`."""
        if self._target.is_class:
            return method_signature(self._target.func_or_class, self._method)
        return self._target.signature

    def options(
        self,
        *,
        timeout_s: float | None = None,
        retries: int | None = None,
        fallback: Any = NOT_GIVEN,
    ) -> CallNode:
        """The same call, with what to do when it is slow or fails; options not named stay.

        Args:
            timeout_s: seconds that one attempt may take.
            retries: how often a failed or slow call is tried again.
            fallback: what stands in for the result when all attempts failed: a plain value, or a
                node, which then is run.

        Raises:
            GraphError: GN118, `timeout_s` is not above 0, or `retries` is below 0 (also a
                ValueError).
        """
        if timeout_s is not None and timeout_s <= 0:
            raise rules.OPTION_VALUE.error(
                f"timeout_s is {timeout_s}, expected seconds above 0",
                node=self.name,
                kind=GraphValueError,
            )
        if retries is not None and retries < 0:
            raise rules.OPTION_VALUE.error(
                f"retries is {retries}, expected 0 or more", node=self.name, kind=GraphValueError
            )
        made = copy.copy(self)
        made._order = next(_order)
        made._timeout_s = self._timeout_s if timeout_s is None else timeout_s
        made._retries = self._retries if retries is None else retries
        made._fallback = self._fallback if fallback is NOT_GIVEN else fallback
        for one in _open_inputs:
            if self in one._bound:
                one._bound.discard(self)
                one._bound.add(made)
        return made

    def __copy__(self) -> CallNode:
        made = CallNode.__new__(CallNode)
        made.__dict__.update(self.__dict__)
        return made

    def __getitem__(self, key: int | str) -> CallPart:
        return CallPart(self, (Key("item", key),))

    @property
    def bind(self) -> Any:
        """Not for a node: the error says what to do instead."""
        raise rules.BIND_BOUND.error(
            f"{self.name} is bound already", node=self.name, kind=GraphAttributeError
        )

    @property
    def remote(self) -> Any:
        """Not for a node: the error says what to do instead."""
        raise _remote_error(self.name)

    def __repr__(self) -> str:
        return f"CallNode({self.name})"


class CallPart(Node):
    """A part of a call's result: `node["boxes"][0]`."""

    def __init__(self, call: CallNode, path: Path) -> None:
        super().__init__()
        self._call = call
        self._path = path

    def __getitem__(self, key: int | str) -> CallPart:
        return CallPart(self._call, (*self._path, Key("item", key)))

    @property
    def remote(self) -> Any:
        """Not for a node: the error says what to do instead."""
        raise _remote_error(self._call.name, f"a part of the result of {self._call.name}")

    def __repr__(self) -> str:
        return f"{self._call!r}{path_text(self._path)}"


def label_nodes(namespace: Mapping[str, Any]) -> None:
    """Gives each node without a label the name of the first public variable that holds it."""
    for name, value in namespace.items():
        if not name.startswith("_") and type(value) in (CallNode, InputNode):
            value._label = value._label or name


def forbid_inputs(args: tuple[Any, ...], kwargs: Mapping[str, Any], *, node: str) -> None:
    """Checks init args, which are fixed at deploy time.

    Raises:
        GraphError: GN103, an input among them.
    """
    for leaf, _place in leaves((args, kwargs)):
        if isinstance(leaf, InputNode | InputPart):
            raise rules.INPUT_IN_INIT.error(f"the init args of {node} hold {leaf!r}", node=node)


def _check_inputs_open(arguments: Any, *, node: str) -> None:
    for leaf, _place in leaves(arguments):
        source = leaf._source if isinstance(leaf, InputPart) else leaf
        if isinstance(source, InputNode) and not source._open:
            raise rules.INPUT_OUTSIDE.error(
                f"{node} is bound to {leaf!r} outside of its `with` block", node=node
            )


def _remote_error(name: str, what: str | None = None) -> GraphAttributeError:
    error = rules.REMOTE_ON_NODE.error(
        f"{what or name} is a node of a graph, not something that runs",
        node=name,
        kind=GraphAttributeError,
    )
    assert isinstance(error, GraphAttributeError)
    return error


def _refuse_special(node: Any, name: str) -> None:
    """Keeps `copy`, IPython and `hasattr` from taking a probe for a part or a method."""
    if name.startswith("_"):
        raise AttributeError(f"{type(node).__name__} has no attribute {name!r}")
    if name == "remote":
        raise _remote_error(repr(node))


def _listed(name: str, methods: tuple[str, ...]) -> str:
    return ", ".join(f"{name}.{method}.bind(...)" for method in methods)
