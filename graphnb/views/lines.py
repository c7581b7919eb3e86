"""The lines of a picture: what runs between its boxes, and what each line says."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphnb.graph.spec import CallSpec, DataEdge, DeploymentSpec, GraphSpec, path_text
from graphnb.views import labels, units
from graphnb.views.cards import NOTE_SIZE, slug
from graphnb.views.typography import clean, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from graphnb.views.overlay import Overlay
    from graphnb.views.palette import LineKind

__all__ = ["Line", "cluster", "lines"]

_LABEL_WIDTH = 150.0
_ARGUMENTS_UP_TO = 24
"""In a graph of more edges than this the names of arguments hide more than they tell."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line between two boxes.

    Attributes:
        kind: decides its looks.
        tail: the id of the card where it begins.
        head: the id of the card where it ends.
        source: whose result it carries, or who calls: a call's or an input's id of data, graph and
            fallback lines, a deployment of handle lines.
        target: where it leads: a call's id of data and fallback lines, else a deployment.
        id: its id in the SVG, stable from build to build.
        label: what stands on it, shortened.
        tooltip: the whole story.
        critical: whether the most frequent critical path takes it.
        calls: how often it was taken, ready to print, where that is known and may vary, or "".
        tail_group: the group whose border it begins at, or "".
        head_group: the group whose border it ends at, or "".
    """

    kind: LineKind
    tail: str
    head: str
    source: str
    target: str
    id: str
    label: str
    tooltip: str
    critical: bool
    calls: str = ""
    tail_group: str = ""
    head_group: str = ""


def lines(spec: GraphSpec, overlay: Overlay | None) -> Iterator[Line]:
    """Every line of a graph, in the order in which its nodes were bound.

    Args:
        spec: the graph.
        overlay: says which lines are critical.
    """
    titles = {one.id: one.label for one in spec.inputs}
    titles |= {one.id: labels.call_title(one) for one in spec.calls}
    arguments = sum(len(one.edges) for one in spec.calls) <= _ARGUMENTS_UP_TO
    for call in spec.calls:
        yield from _data_lines(call, titles, overlay, arguments=arguments)
        if call.fallback in titles:  # neither None nor a plain value
            yield _fallback_line(call, call.fallback, titles)
    for deployment in spec.deployments:
        yield from _handle_lines(spec, deployment, overlay)
        yield from _graph_lines(spec, deployment, overlay)


def _data_lines(
    call: CallSpec, titles: Mapping[str, str], overlay: Overlay | None, *, arguments: bool
) -> Iterator[Line]:
    by_source: dict[str, list[DataEdge]] = defaultdict(list)
    for edge in call.edges:
        by_source[edge.source].append(edge)
    for source, edges in by_source.items():
        title = titles[source]
        texts = [
            f"{title}{path_text(edge.path)} → {titles[call.id]}: {edge.argument}" for edge in edges
        ]
        yield Line(
            "data",
            slug("node", source),
            slug("node", call.id),
            source,
            call.id,
            slug("edge", source, call.id),
            _short(labels.edge_label(edges, call, title if arguments else None)),
            "\n".join(map(clean, texts)),
            overlay is not None and overlay.is_critical("data", source, call.id),
        )


def _fallback_line(call: CallSpec, fallback: str, titles: Mapping[str, str]) -> Line:
    return Line(
        "fallback",
        slug("node", call.id),
        slug("node", fallback),
        call.id,
        fallback,
        slug("fallback", call.id, fallback),
        "",
        clean(f"{titles[fallback]} stands in when {titles[call.id]} fails"),
        critical=False,
    )


def _handle_lines(
    spec: GraphSpec, holder: DeploymentSpec, overlay: Overlay | None
) -> Iterator[Line]:
    arguments: dict[str, list[str]] = defaultdict(list)
    for edge in holder.handles:
        arguments[edge.deployment].append(edge.argument)
    for called, names in arguments.items():
        times = units.count(overlay.handled(holder.name, called)) if overlay else ""
        (tail, tail_group), (head, head_group) = _anchor(spec, holder.name), _anchor(spec, called)
        yield Line(
            "handle",
            tail,
            head,
            holder.name,
            called,
            slug("handle", holder.name, called),
            "",
            clean(f"{holder.name} calls {called} by the handle {', '.join(names)}")
            + (times and f": {times}"),
            overlay is not None and overlay.is_critical("handle", holder.name, called),
            times,
            tail_group,
            head_group,
        )


def _graph_lines(
    spec: GraphSpec, driver: DeploymentSpec, overlay: Overlay | None
) -> Iterator[Line]:
    head, head_group = _anchor(spec, driver.name)
    for edge in driver.graphs:
        yield Line(
            "graph",
            slug("node", edge.call),
            head,
            edge.call,
            driver.name,
            slug("graph", edge.call, driver.name),
            _short(edge.argument) if len(driver.graphs) > 1 else "",
            clean(f"{driver.name} runs the graph {edge.argument}"),
            overlay is not None and overlay.is_critical("graph", edge.call, driver.name),
            head_group=head_group,
        )


def _anchor(spec: GraphSpec, deployment: str) -> tuple[str, str]:
    """The card where a deployment's lines end, and its group if it has several calls."""
    calls = spec.calls_of(deployment)
    card = slug("node", calls[0].id) if calls else slug("deployment", deployment)
    return card, cluster(deployment) if len(calls) > 1 else ""


def _short(label: str) -> str:
    return shorten(clean(label), _LABEL_WIDTH, NOTE_SIZE, mono=True)


def cluster(deployment: str) -> str:
    """The name of a deployment's group in DOT; Graphviz knows groups by how it begins."""
    return slug("cluster", deployment)
