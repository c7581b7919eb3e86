"""Reads an application that was written for plain Ray Serve into a graph.

    from ray import serve

    app = Driver.bind(Model.bind())     # of plain Ray Serve
    graph = read_application(app)       # what `authoring.build` makes of graphnb's own nodes

Names are Ray Serve's: what a deployment holds is named before it, and a name that is taken gets
`_1`, `_2`. The graph has handle edges only: which calls are made, the application's code says.
"""

from __future__ import annotations

import contextlib
import functools
import io
from typing import TYPE_CHECKING, Any

import cloudpickle
from ray.serve import Application

from graphnb.authoring.bindings import Graph, HandleMarker
from graphnb.authoring.bound import InitArguments, Where, bound_deployment, replace_arguments
from graphnb.authoring.build import checked, free_name
from graphnb.authoring.options import ray_serve_options
from graphnb.authoring.signatures import (
    call_signature,
    check_arguments,
    init_signature,
    public_methods,
)
from graphnb.authoring.walk import leaves
from graphnb.graph import rules
from graphnb.graph.spec import GraphSpec, HandleEdge
from graphnb.rayserve.private import deployment_of, given_options, has_request_router

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ray.serve import Deployment

    from graphnb.authoring.bindings import DeploymentBinding
    from graphnb.graph.rules import Diagnostic
    from graphnb.graph.spec import DeploymentSpec


def read_application(app: Application, *, where: Where | None = None) -> Graph:
    """The graph of an application: its spec, bindings and findings.

    Args:
        app: what `Deployment.bind` of plain Ray Serve made.
        where: says where a definition stands; errors of nodes name it.

    Raises:
        GraphError: init args that do not fit, or an application hidden in them; GN120, a part of
            Ray Serve that graphnb does not run.
    """
    reader = _Reader(where or (lambda _definition: None))
    root = reader.read(app)
    spec = GraphSpec(root=root, deployments=tuple(spec for spec, _ in reader.made))
    bindings = {spec.name: binding for spec, binding in reader.made}
    return checked(Graph(spec, bindings, {}), _closed_entries(bindings))


def held_applications(app: Application) -> list[Application]:
    """The applications in the init args of one, and in theirs."""
    found: list[Application] = []
    waiting = [app]
    while waiting:
        bound = deployment_of(waiting.pop())
        for leaf, _place in leaves((bound.init_args, bound.init_kwargs)):
            if isinstance(leaf, Application) and not any(leaf is one for one in found):
                found.append(leaf)
                waiting.append(leaf)
    return found


class _Reader:
    """One reading.

    Attributes:
        made: each deployment after all that it holds.
    """

    def __init__(self, where: Where) -> None:
        self._where = where
        self._names: dict[int, str] = {}  # by the id of the application
        self.made: list[tuple[DeploymentSpec, DeploymentBinding]] = []

    def read(self, app: Application) -> str:
        """Reads an application and all that it holds, once; returns its deployment's name."""
        name = self._names.get(id(app))
        return self._read(app) if name is None else name

    def _read(self, app: Application) -> str:
        deployment = deployment_of(app)
        _check_readable(app, deployment)
        target: Any = deployment.func_or_class
        init = self._init_arguments(deployment, target)
        name = free_name(deployment.name, set(self._names.values()), "_")
        self._names[id(app)] = name
        self.made.append(bound_deployment(name, target, init, _options(deployment), self._where))
        return name

    def _init_arguments(self, deployment: Deployment, target: Any) -> InitArguments:
        is_class = isinstance(target, type)
        signature = init_signature(target) if is_class else call_signature(target)
        args = tuple(deployment.init_args or ())
        kwargs: Mapping[str, Any] = dict(deployment.init_kwargs or {})
        if is_class:
            check_arguments(signature, args, kwargs, node=deployment.name)
        handles: list[HandleEdge] = []
        mark = functools.partial(self._mark, handles=handles)
        args, kwargs = replace_arguments(signature, args, kwargs, mark)
        _check_hidden((args, kwargs), deployment.name)
        return InitArguments(args, kwargs, tuple(handles))

    def _mark(self, leaf: Any, place: str, *, handles: list[HandleEdge]) -> Any:
        if not isinstance(leaf, Application):
            return leaf
        edge = HandleEdge(self.read(leaf), place)
        handles.append(edge)
        return HandleMarker(edge.deployment)


def _options(deployment: Deployment) -> dict[str, Any]:
    """The options that the user set, without the name; None is Ray Serve's default."""
    found = given_options(deployment, ray_serve_options())
    if found.get("autoscaling_config") is not None:
        found.pop("num_replicas", None)  # "auto", or overruled: Ray Serve keeps 1 in its place
    return {name: value for name, value in found.items() if value is not None}


def _check_readable(app: Application, deployment: Deployment) -> None:
    """Refuses what no executor of graphnb runs."""
    name, target = deployment.name, deployment.func_or_class
    if isinstance(target, str):
        raise rules.SERVE_ALONE.error(
            f"{name} is {target!r}, a class of another language or an import path",
            node=name,
            hint="bind the Python class or function itself",
        )
    if has_request_router(app):
        raise rules.SERVE_ALONE.error(f"{name} has an ingress request router", node=name)
    if any(base.__name__ == "TaskConsumerWrapper" for base in getattr(target, "__mro__", ())):
        raise rules.SERVE_ALONE.error(f"{name} is a task consumer", node=name)


class _Nowhere(io.RawIOBase):
    """Takes what is written, and keeps nothing."""

    def write(self, data: Any) -> int:
        return len(data)


class _Search(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle has no types
    """Finds applications in an object the way Ray Serve does: by pickling it."""

    def __init__(self) -> None:
        super().__init__(_Nowhere(), 5, buffer_callback=lambda _buffer: None)
        self.found: list[Application] = []

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, Application):
            self.found.append(obj)
            return str, ()
        return super().reducer_override(obj)


def _check_hidden(arguments: Any, node: str) -> None:
    """Refuses applications that only pickling finds: nobody would make handles of them."""
    search = _Search()
    with contextlib.suppress(Exception):  # what cannot be pickled is told when it has to travel
        search.dump(arguments)
    for one in search.found:
        held = deployment_of(one).name
        raise rules.NOT_SERIALIZABLE.error(
            f"the init args of {node} hold {held} inside an object, where it cannot be found",
            node=node,
            hint="pass bound deployments as arguments, or in lists, tuples, dicts, sets and "
            "dataclasses",
        )


def _closed_entries(bindings: Mapping[str, DeploymentBinding]) -> Iterator[Diagnostic]:
    """Findings of GN121: methods that are meant for gRPC requests."""
    for name, binding in bindings.items():
        target = binding.func_or_class
        methods = public_methods(target) if isinstance(target, type) else ()
        called = [getattr(target, one) for one in methods] or [target]
        for one in called:
            if "grpc_context" in call_signature(one).parameters:
                yield rules.CLOSED_ENTRY.finding(
                    f"{name} takes a grpc_context, and no gRPC requests come here", node=name
                )
                break
