"""What can be deployed, and how it becomes a graph with one root."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from graphnb.authoring import CallNode, Deployment, DeploymentNode, Graph, InputNode, build
from graphnb.drivers import DAGDriver
from graphnb.graph import rules

if TYPE_CHECKING:
    from graphnb.authoring.bound import Where


_DRIVER = DAGDriver.func_or_class  # type: ignore[attr-defined]


def root_of(target: Any) -> DeploymentNode:
    """The root node of a target: a bare call, and a dict of routes, get a DAGDriver.

    Args:
        target: a bound class (a driver), a call, or a dict from route to call.

    Raises:
        GraphError: GN115, there is no graph in it; GN105 and others while the driver is bound.
    """
    if isinstance(target, DeploymentNode):
        return target
    if isinstance(target, CallNode) or (isinstance(target, Mapping) and target):
        # For mypy the class is still a class: it does not follow what decorators make of classes.
        root = DAGDriver.bind(target)  # type: ignore[attr-defined]
        assert isinstance(root, DeploymentNode)
        return root
    raise rules.EMPTY_GRAPH.error(f"{_what(target)} is not a graph", hint=_hint(target))


def graph_of(target: Any, where: Where | None = None) -> Graph:
    """The graph of a target, checked.

    Args:
        target: what `root_of` takes, or an application of plain Ray Serve.
        where: says where a definition stands.

    Raises:
        GraphError: a rule is broken.
    """
    if is_application(target):
        from graphnb.rayserve.reading import read_application

        return read_application(target, where=where)
    graph = build(root_of(target), where=where)
    root = graph.spec.deployment(graph.spec.root)
    if graph.deployments[root.name].func_or_class is _DRIVER and not root.graphs:
        raise rules.EMPTY_GRAPH.error("the DAGDriver has no graph", node=root.name)
    return graph


def is_application(value: Any) -> bool:
    """Whether it is an application of plain Ray Serve: what its `Deployment.bind` makes."""
    return _is_of_ray_serve(value, "Application")


def _is_of_ray_serve(target: Any, name: str) -> bool:
    """Whether it is an instance of that class of Ray Serve; told without importing Ray."""
    cls = type(target)
    return cls.__module__.startswith("ray.serve.") and cls.__name__ == name


def _what(target: Any) -> str:
    if isinstance(target, Deployment) or _is_of_ray_serve(target, "Deployment"):
        return f"the deployment {target.name}, which is not bound,"
    if isinstance(target, InputNode):
        return "an InputNode alone"
    return "an empty dict" if target == {} else f"a {type(target).__name__}"


def _hint(target: Any) -> str | None:
    if isinstance(target, Deployment) or _is_of_ray_serve(target, "Deployment"):
        return f"write {target.name}.bind(...)"
    return None
