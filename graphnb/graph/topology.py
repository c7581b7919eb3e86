"""Walks over a GraphSpec: who feeds whom, in which order, and which part belongs to a graph."""

from __future__ import annotations

from dataclasses import replace
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from graphnb.graph.spec import GraphSpec


def parents(spec: GraphSpec) -> dict[str, tuple[str, ...]]:
    """For each call, the calls whose results it takes, without repeats, in order."""
    calls = {one.id for one in spec.calls}
    return {
        one.id: tuple(dict.fromkeys(edge.source for edge in one.edges if edge.source in calls))
        for one in spec.calls
    }


def children(spec: GraphSpec) -> dict[str, tuple[str, ...]]:
    """For each call, the calls that take its result, in order."""
    found: dict[str, list[str]] = {one.id: [] for one in spec.calls}
    for call, sources in parents(spec).items():
        for source in sources:
            found[source].append(call)
    return {call: tuple(users) for call, users in found.items()}


def ancestors(spec: GraphSpec, call: str) -> frozenset[str]:
    """The calls that `call` needs, directly or not; without itself."""
    return _reach(parents(spec), call)


def descendants(spec: GraphSpec, call: str) -> frozenset[str]:
    """The calls that need `call`, directly or not; without itself."""
    return _reach(children(spec), call)


def topological_sort(spec: GraphSpec) -> tuple[str, ...]:
    """The calls, each after the ones it needs."""
    return tuple(TopologicalSorter(parents(spec)).static_order())


def graph_calls(spec: GraphSpec, root: str) -> tuple[str, ...]:
    """The calls that the graph with that root call runs, in the order of the spec.

    A fallback's calls are left out: they run only when what they stand in for fails.
    """
    needed = ancestors(spec, root) | {root}
    return tuple(one.id for one in spec.calls if one.id in needed)


def induced_subgraph(spec: GraphSpec, deployments: Iterable[str]) -> GraphSpec:
    """The spec reduced to those deployments, their calls, and the edges among them."""
    kept = set(deployments)
    calls = tuple(one for one in spec.calls if one.deployment in kept)
    ids = {one.id for one in calls} | {one.id for one in spec.inputs}
    return replace(
        spec,
        deployments=tuple(
            replace(
                one,
                handles=tuple(edge for edge in one.handles if edge.deployment in kept),
                graphs=tuple(edge for edge in one.graphs if edge.call in ids),
            )
            for one in spec.deployments
            if one.name in kept
        ),
        calls=tuple(
            replace(one, edges=tuple(edge for edge in one.edges if edge.source in ids))
            for one in calls
        ),
    )


def _reach(step: dict[str, tuple[str, ...]], start: str) -> frozenset[str]:
    found: set[str] = set()
    waiting = list(step[start])
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting.extend(step[one])
    return frozenset(found)
