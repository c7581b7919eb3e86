"""A graph as DOT text: boxes, lines and groups, with everything that a picture needs.

    print(to_dot(spec))

The same spec gives the same bytes. Graphviz lays the text out; each node and edge also carries
what `drawing` puts on it (`title`, `subtitle`, `notes`, `p50`, ...), so that the DOT text alone
makes the picture, and plain `dot -Tsvg` makes a decent one too. Boxes have fixed sizes: a summary
changes what they say and their colours, never the layout; nor does it thicken anything here, since
Graphviz moves the ends of lines to make room for that.

- Data edges are solid; edges to the same call from the same source are one line.
- Handle edges are dashed, from the holder to the deployment that it calls.
- A graph edge ends with a diamond at the deployment that runs the graph.
- A fallback is a dotted line from the call that may fail to the one that stands in.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import graphviz

from graphnb.views import labels, units
from graphnb.views.cards import NOTE_SIZE, SUBTITLE_SIZE, Card, cards, slug
from graphnb.views.direction import RANK_GAP, SIDE_GAP, direction
from graphnb.views.lines import Line, cluster
from graphnb.views.lines import lines as all_lines
from graphnb.views.overlay import Metrics, Overlay, Structure
from graphnb.views.palette import CARDS, CRITICAL, FAINT, LINES, LineKind
from graphnb.views.typography import clean, printable, shorten, text_width

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphnb.graph.spec import DeploymentSpec, GraphSpec
    from graphnb.telemetry.summary import GraphSummary

__all__ = ["dot_of", "to_dot"]

_POINTS_PER_INCH = 72
_GROUP_TITLE_WIDTH = 150.0

_LINE_STYLES: dict[LineKind, dict[str, str]] = {
    "data": {"arrowhead": "normal"},
    "handle": {"arrowhead": "vee", "style": "dashed"},
    "graph": {"arrowhead": "odiamond"},
    "fallback": {"arrowhead": "normal", "style": "dotted"},
}


def to_dot(spec: GraphSpec, summary: GraphSummary | None = None) -> str:
    """The graph as DOT text.

    Args:
        spec: the graph.
        summary: what to show on its nodes, if anything.

    Returns:
        The text, with a newline at its end.
    """
    overlay = Overlay(Structure(spec), summary) if summary is not None else None
    return dot_of(spec, cards(spec), list(all_lines(spec, overlay)), overlay)


def dot_of(
    spec: GraphSpec,
    boxes: Sequence[Card],
    lines: Sequence[Line],
    overlay: Overlay | None = None,
    *,
    live: bool = False,
) -> str:
    """What `to_dot` returns, of boxes and lines that are made already.

    Args:
        spec: the graph.
        boxes: its cards.
        lines: what runs between them.
        overlay: what to show on them, if anything.
        live: whether there is room for what is going on at this moment.
    """
    names = {card.id: f"n{index}" for index, card in enumerate(boxes)}
    graph = _new_graph(spec, boxes, lines)
    if live:
        graph.attr("graph", live="true")
    groups: dict[str, list[Card]] = defaultdict(list)
    for card in boxes:
        groups[card.deployment if _grouped(spec, card.deployment) else ""].append(card)
    for deployment, members in groups.items():
        part = graphviz.Digraph(cluster(deployment)) if deployment else graph
        for card in members:
            metrics = overlay.metrics(card) if overlay and card.kind != "input" else None
            part.node(names[card.id], **_card_attributes(card, metrics))
        if deployment:
            part.attr("graph", **_group_attributes(spec.deployment(deployment)))
            graph.subgraph(part)
    for line in lines:
        graph.edge(names[line.tail], names[line.head], **_line_attributes(line))
    return str(graph.source)


def _new_graph(spec: GraphSpec, boxes: Sequence[Card], lines: Sequence[Line]) -> graphviz.Digraph:
    widest = max((text_width(one.label, NOTE_SIZE, mono=True) for one in lines), default=0.0)
    rankdir = direction(
        {card.id: card.size for card in boxes},
        [(line.tail, line.head) for line in lines],
        widest,
    )
    graph = graphviz.Digraph("graph")
    graph.attr(
        "graph",
        rankdir=rankdir,
        ranksep=f"{RANK_GAP / _POINTS_PER_INCH:.3f}",
        nodesep=f"{SIDE_GAP / _POINTS_PER_INCH:.3f}",
        compound="true",
        bgcolor="transparent",
        tooltip=_text(labels.headline(spec)),
    )
    graph.attr("node", shape="box", style="rounded,filled", fixedsize="true", fontname="Helvetica")
    graph.attr("edge", arrowsize="0.7", fontname="Courier", fontsize=f"{NOTE_SIZE:g}")
    if rankdir == "LR":
        # Lines that fan out sideways tangle at the corners of boxes; the wide sides have room.
        graph.attr("edge", tailport="e", headport="w")
    return graph


def _card_attributes(card: Card, metrics: Metrics | None) -> dict[str, str]:
    width, height = card.size
    lines = [card.title, card.subtitle, *card.notes]
    attributes = {
        "id": card.id,
        "kind": card.kind,
        "key": _text(card.key),
        "deployment": _text(card.deployment),
        "title": _text(card.title),
        "subtitle": _text(card.subtitle),
        "notes": _text("\n".join(card.notes)),
        "tooltip": _text(card.tooltip),
        "width": f"{width / _POINTS_PER_INCH:.4f}",
        "height": f"{height / _POINTS_PER_INCH:.4f}",
        "fillcolor": CARDS[card.kind].fill,
        "color": CARDS[card.kind].stroke,
        "fontsize": f"{SUBTITLE_SIZE:g}",
    }
    if metrics is not None:
        said = {
            "p50": metrics.times[0],
            "share": units.percent(metrics.share) if metrics.share > 0 else "",
            "count": units.count(metrics.count) if metrics.nodes else "",
            "errors": units.errors(metrics.errors) if metrics.errors else "",
        }
        lines.append("  ".join(filter(None, said.values())))
        attributes |= {
            **said,
            "tooltip": _text(f"{card.tooltip}\n\n{metrics.tooltip}"),
            "fillcolor": metrics.fill,
        }
        if metrics.critical:
            attributes |= {"critical": "true", "color": CRITICAL}
    return attributes | {"label": _text("\n".join(filter(None, lines)))}


def _group_attributes(deployment: DeploymentSpec) -> dict[str, str]:
    notes = " · ".join(clean(one) for one in labels.deployment_notes(deployment))
    title = shorten(clean(deployment.name), _GROUP_TITLE_WIDTH, SUBTITLE_SIZE, bold=True)
    notes = shorten(notes, _GROUP_TITLE_WIDTH, NOTE_SIZE)
    return {
        "id": slug("deployment", deployment.name),
        "deployment": _text(deployment.name),
        "title": _text(title),
        "notes": _text(notes),
        "tooltip": _text(clean(f"{deployment.name}: {deployment.kind} {deployment.definition}")),
        "label": _text(f"{title}  {notes}".strip()),
        "labeljust": "l",
        "fontname": "Helvetica",
        # Graphviz measures by a narrower font than a browser may have: reserve a little more.
        "fontsize": f"{SUBTITLE_SIZE * 1.2:g}",
        "style": "rounded",
        "color": FAINT,
        "margin": "12",
    }


def _line_attributes(line: Line) -> dict[str, str]:
    style = _LINE_STYLES[line.kind] | {
        "id": line.id,
        "kind": line.kind,
        "color": LINES[line.kind],
        "tooltip": _text(line.tooltip),
    }
    if line.label:
        style["label"] = _text(line.label)
    if line.calls:
        style["calls"] = line.calls
    if line.critical:
        style |= {"critical": "true", "color": CRITICAL}
    if line.tail_group:
        style["ltail"] = line.tail_group
    if line.head_group:
        style["lhead"] = line.head_group
    return style


def _grouped(spec: GraphSpec, deployment: str) -> bool:
    return len(spec.calls_of(deployment)) > 1


def _text(text: str) -> str:
    """The text as DOT's attributes hold it: backslashes doubled, never taken for HTML."""
    # Not through str(): the subclass that `escape` returns is what says "no HTML".
    escaped: str = graphviz.escape(printable(text))
    return escaped
