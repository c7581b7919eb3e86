"""Judges a finished spec by the rules that need nothing but the spec."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphnb.graph import rules
from graphnb.graph.topology import graph_calls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from graphnb.graph.rules import Diagnostic
    from graphnb.graph.spec import GraphSpec

# Ray Serve's default, which a batch of the default size (10) never fills.
DEFAULT_MAX_ONGOING = 5


def validate(spec: GraphSpec) -> tuple[Diagnostic, ...]:
    """The findings on a spec, errors first."""
    found = [
        *_empty(spec),
        *_route_not_root(spec),
        *_two_inputs(spec),
        *_generator_feeds(spec),
        *_stream_again(spec),
        *_batch_never_full(spec),
    ]
    return tuple(sorted(found, key=lambda one: one.severity != "error"))


def _empty(spec: GraphSpec) -> Iterator[Diagnostic]:
    if not spec.deployments:
        yield rules.EMPTY_GRAPH.finding("the graph has no deployment")


def _route_not_root(spec: GraphSpec) -> Iterator[Diagnostic]:
    for one in spec.deployments:
        if "route_prefix" in one.options and one.name != spec.root:
            yield rules.ROUTE_NOT_ROOT.finding(
                f"{one.name} has route_prefix={one.options['route_prefix']!r}, "
                f"and the root is {spec.root}",
                node=one.name,
            )


def _two_inputs(spec: GraphSpec) -> Iterator[Diagnostic]:
    labels = {one.id: one.label for one in spec.inputs}
    roots = dict.fromkeys(edge.call for one in spec.deployments for edge in one.graphs)
    for root in roots:
        used = dict.fromkeys(
            edge.source
            for call in graph_calls(spec, root)
            for edge in spec.call(call).edges
            if edge.source in labels
        )
        if len(used) > 1:
            names = " and ".join(labels[one] for one in used)
            yield rules.TWO_INPUTS.finding(
                f"the graph of {root} has {len(used)} InputNodes: {names}", node=root
            )


def _generator_feeds(spec: GraphSpec) -> Iterator[Diagnostic]:
    streams = {one.id for one in spec.calls if one.streams}
    for call in spec.calls:
        sources = [edge.source for edge in call.edges] + [call.fallback or ""]
        for source in dict.fromkeys(sources):
            if source in streams:
                yield rules.GENERATOR_FEEDS.finding(
                    f"{source} is a generator and feeds {call.id}", node=source
                )


def _stream_again(spec: GraphSpec) -> Iterator[Diagnostic]:
    for call in spec.calls:
        if call.streams and (call.retries or call.fallback):
            which = "retries" if call.retries else "a fallback"
            yield rules.STREAM_AGAIN.finding(
                f"{call.id} is a generator and has {which}", node=call.id
            )


def _batch_never_full(spec: GraphSpec) -> Iterator[Diagnostic]:
    for one in spec.deployments:
        limit = one.options.get("max_ongoing_requests", DEFAULT_MAX_ONGOING)
        if one.max_batch_size and limit < one.max_batch_size:
            yield rules.BATCH_NEVER_FULL.finding(
                f"{one.name} takes {limit} requests at a time, "
                f"so that a batch of {one.max_batch_size} never fills",
                node=one.name,
            )
