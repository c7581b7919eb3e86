"""Changes how much of a deployment there is while the graph runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphnb.authoring.scaling import with_options
from graphnb.errors import DeployError, NotRunningError
from graphnb.session.registry import lock_of

if TYPE_CHECKING:
    from graphnb.graph.spec import DeploymentSpec
    from graphnb.session.running_graph import RunningGraph

__all__ = ["MOST", "scale", "why_not"]

MOST = 10_000
"""More replicas, or calls at a time, are a slip of the finger."""


def scale(
    graph: RunningGraph,
    node: str,
    *,
    num_replicas: int | None,
    max_ongoing_requests: int | None,
) -> str:
    """What `RunningGraph.scale` does."""
    asked = {"num_replicas": num_replicas, "max_ongoing_requests": max_ongoing_requests}
    options = {name: value for name, value in asked.items() if value is not None}
    if not options:
        raise DeployError(
            f"nothing is to be changed of {node}", hint=f"name one of: {', '.join(asked)}"
        )
    for name, value in options.items():
        if type(value) is not int or not 1 <= value <= MOST:
            raise DeployError(f"{name} of {node} is {value!r}, expected 1 to {MOST:,}")
    with lock_of(graph.name):
        graph._application.refresh()
        spec = _deployment(graph, node)
        reason = why_not(graph, spec)
        if reason:
            raise DeployError(f"{spec.name} cannot be changed in place: {reason}")
        known = graph._kept.graph
        assert known is not None
        changed = with_options(known, spec.name, **options)
        application = graph._application
        application.apply(changed, http=application.http, route_prefix=None)  # what it has
        graph._kept.graph = changed
    several = sum(one.definition == spec.definition for one in graph.spec.deployments) > 1
    return _code(spec, options, several=several)


def why_not(graph: RunningGraph, deployment: DeploymentSpec) -> str:
    """Why a deployment cannot be changed in place; "" when it can."""
    if graph._kept.graph is None or graph._kept.graph.spec != graph.spec:
        return "the graph was deployed by another process; deploy it here first"
    if (
        deployment.options.get("autoscaling_config")
        or deployment.options.get("num_replicas") == "auto"
    ):
        return "it scales by itself; change its autoscaling_config in its code"
    return ""


def _deployment(graph: RunningGraph, node: str) -> DeploymentSpec:
    spec = graph.spec
    names = {one.name: one.name for one in spec.deployments}
    for call in spec.calls:
        for name in filter(None, (call.id, call.label)):
            names.setdefault(name, call.deployment)
    if node not in names:
        raise NotRunningError("node", node, [one.name for one in spec.deployments])
    return spec.deployment(names[node])


def _code(deployment: DeploymentSpec, options: dict[str, int], *, several: bool) -> str:
    """The change as it would be written before the deployment is bound, or where it is."""
    own = deployment.definition.rpartition(".")[2]
    given = ", ".join(f"{name}={value}" for name, value in options.items())
    if own == deployment.name and not several:
        return f"{own} = {own}.options({given})"
    return (
        f"{own}.options(name={deployment.name!r}, {given})  # in place of {own}, where it is bound"
    )
