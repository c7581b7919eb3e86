"""A layout as SVG text: cards, lines between them, groups around them.

Everything that may change while a graph runs has a class and stands on the picture from the
start, empty if need be, so that a live view fills it in place: `gnb-card` (fill, stroke),
`gnb-p50`, `gnb-count`, `gnb-share`, `gnb-errors`. A node is a `<g class="gnb-node">` whose `id`
is `node-ID` or `deployment-NAME`, with `data-node` and `data-deployment`. `placeholders` has what
a live picture shows beyond that.

Looks are attributes, not a style sheet: one in an inline SVG would reach the whole page.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from graphnb.views import cards, markup, placeholders
from graphnb.views.palette import BADGE, FAILED, FAINT, INK, MUTED, PILL
from graphnb.views.typography import MONO, text_width

if TYPE_CHECKING:
    from collections.abc import Iterator

    from graphnb.views.layout import Box, Layout, Point, Route

__all__ = ["draw"]

_PADDING = 12.0
_SHARE_WIDTH = text_width("100 %", cards.COUNT_SIZE, bold=True) + 2

_DASHES = {"dashed": "6 4", "dotted": "1.5 4"}


def draw(layout: Layout, *, still: bool = False) -> str:
    """The SVG text of a layout, with a newline at its end.

    Args:
        layout: where everything goes.
        still: whether what a live picture fills in is left out, in one that has room for it.
    """
    # Critical lines come last, over the others.
    routes = sorted(layout.routes, key=lambda route: route.attributes.get("critical", ""))
    live = layout.attributes.get("live") == "true" and not still
    parts = [
        *map(_group, layout.groups),
        *map(_edge, routes),
        *(_node(box, live=live) for box in layout.boxes),
        # Above everything, so that no line crosses a text.
        *map(_group_title, layout.groups),
        *(_label(route) for route in routes if route.label_at and route.attributes.get("label")),
        *(_calls(route) for route in routes if route.attributes.get("calls")),
        *(_rates(layout) if live else ()),
    ]
    said = layout.attributes.get("tooltip", "graph")
    return markup.document(layout.width, layout.height, said, parts)


def _node(box: Box, *, live: bool) -> str:
    of = box.attributes
    kind = of.get("kind", "call")
    is_input = kind == "input"
    body = replace(box, height=box.height - cards.FOOTER) if live and not is_input else box
    parts = [
        markup.title(of.get("tooltip", "")),
        markup.rect(
            box.x,
            box.y,
            box.width,
            box.height,
            rx=box.height / 2 if is_input else 9,
            class_="gnb-card",
            fill=of.get("fillcolor", PILL),
            stroke=of.get("color", FAINT),
            stroke_width=2.5 if of.get("critical") else 1.2,
        ),
        *_card_text(body, centred=is_input),
    ]
    if live and not is_input:
        # Hidden until there is something in it: browsers have the picture sooner.
        figures = [*_metrics(body, shares=True), *placeholders.footer(box)]
        parts.append(markup.element("g", figures, class_="gnb-figures", display="none"))
    elif not is_input:
        parts.extend(_metrics(body, shares=bool(of.get("share"))))
    return markup.element(
        "g",
        parts,
        id=of.get("id"),
        class_=f"gnb-node gnb-{kind}",
        data_node=of.get("key") or None,
        data_deployment=of.get("deployment") or None,
    )


def _card_text(box: Box, *, centred: bool) -> Iterator[str]:
    of = box.attributes
    lines = [("title", of.get("title", ""), cards.TITLE_SIZE)]
    if of.get("subtitle"):
        lines.append(("subtitle", of["subtitle"], cards.SUBTITLE_SIZE))
    if of.get("notes"):
        lines.extend(("note", one, cards.NOTE_SIZE) for one in of["notes"].split("\n"))
    x = box.x + (box.width / 2 if centred else _PADDING)
    y = box.y + (box.height - sum(cards.LINE_HEIGHT[kind] for kind, *_ in lines)) / 2
    for kind, said, size in lines:
        # Letters sit on the baseline, a little above the bottom of their line.
        yield markup.text(
            x,
            y + cards.LINE_HEIGHT[kind] / 2 + size * 0.36,
            said,
            size=size,
            fill=INK if kind == "title" else MUTED,
            font_weight=600 if kind == "title" else None,
            text_anchor="middle" if centred else None,
        )
        y += cards.LINE_HEIGHT[kind]


def _metrics(box: Box, *, shares: bool) -> Iterator[str]:
    of = box.attributes
    right, middle = box.x + box.width - _PADDING, box.y + box.height / 2
    # The count stands beside the widest share, so that the counts of all cards line up.
    beside = right - _SHARE_WIDTH if shares else right
    for name, x, y, size, bold in (
        ("p50", right, middle - 3, cards.METRIC_SIZE, True),
        ("count", beside, middle + 13, cards.COUNT_SIZE, False),
        ("share", right, middle + 13, cards.COUNT_SIZE, True),
    ):
        yield markup.text(
            x,
            y,
            of.get(name, ""),
            size=size,
            fill=INK if bold else MUTED,
            font_weight=600 if bold else None,
            text_anchor="end",
            class_=f"gnb-{name}",
        )
    yield _badge(right + 4, box.y - 1, of.get("errors", ""))


def _badge(right: float, middle: float, errors: str) -> str:
    """How often it failed, on the card's upper border."""
    width = text_width(errors, cards.COUNT_SIZE, bold=True) + 12
    parts = [
        markup.rect(right - width, middle - 8, width, 16, rx=8, fill=FAILED),
        markup.text(
            right - width / 2,
            middle + 3.6,
            errors,
            size=cards.COUNT_SIZE,
            fill=BADGE,
            font_weight=600,
            text_anchor="middle",
        ),
    ]
    return markup.element("g", parts, class_="gnb-errors", display=None if errors else "none")


def _group(box: Box) -> str:
    of = box.attributes
    parts = [
        markup.title(of.get("tooltip", "")),
        markup.rect(
            box.x,
            box.y,
            box.width,
            box.height,
            rx=12,
            fill=FAINT,
            fill_opacity=0.08,
            stroke=FAINT,
            stroke_opacity=0.6,
        ),
    ]
    deployment = of.get("deployment")
    return markup.element(
        "g", parts, id=of.get("id"), class_="gnb-group", data_deployment=deployment
    )


def _group_title(box: Box) -> str:
    said, notes = box.attributes.get("title", ""), box.attributes.get("notes", "")
    x, y = box.x + 10, box.y + 17
    beside = x + 8 + text_width(said, cards.SUBTITLE_SIZE, bold=True)
    return markup.text(x, y, said, size=cards.SUBTITLE_SIZE, fill=FAINT, font_weight=600) + (
        markup.text(beside, y, notes, size=cards.NOTE_SIZE, fill=FAINT) if notes else ""
    )


def _edge(route: Route) -> str:
    of = route.attributes
    colour = of.get("color", FAINT)
    first, *rest = route.points
    parts = [
        markup.title(of.get("tooltip", "")),
        markup.element(
            "path",
            (),
            d=f"M{_at(first)}C{' '.join(map(_at, rest))}",
            fill="none",
            stroke=colour,
            stroke_width=2.6 if of.get("critical") else 1.4,
            stroke_linecap="round",
            stroke_dasharray=_DASHES.get(of.get("style", "")),
        ),
        _head(route, of.get("arrowhead", "normal"), colour),
    ]
    critical = " gnb-critical" if of.get("critical") else ""
    name = f"gnb-edge gnb-{of.get('kind', 'data')}{critical}"
    return markup.element("g", parts, id=of.get("id"), class_=name)


def _head(route: Route, shape: str, colour: str) -> str:
    """The arrow's head, between the curve's end and its tip."""
    if route.tip is None:
        return ""
    (x, y), (tip_x, tip_y) = route.points[-1], route.tip
    length = math.hypot(tip_x - x, tip_y - y) or 1.0
    forward, side = ((tip_x - x) / length, (tip_y - y) / length), 4.2

    def at(along: float, across: float) -> Point:
        return (
            x + forward[0] * along - forward[1] * across,
            y + forward[1] * along + forward[0] * across,
        )

    solid = shape == "normal"
    corners = {
        "normal": [at(-1, side), route.tip, at(-1, -side)],
        "vee": [at(-2, side), route.tip, at(-2, -side), at(length * 0.3, 0)],
        "odiamond": [at(0, 0), at(length / 2, side), route.tip, at(length / 2, -side)],
    }
    return markup.element(
        "polygon",
        (),
        points=" ".join(map(_at, corners.get(shape, corners["normal"]))),
        fill=colour if solid else PILL,
        stroke=None if solid else colour,
        stroke_width=None if solid else 1.5,
        stroke_linejoin="round",
    )


def _label(route: Route) -> str:
    assert route.label_at is not None
    return _pill(route.label_at, route.attributes["label"], "gnb-label")


def _calls(route: Route) -> str:
    """How often a line was taken, on its middle: Graphviz knows nothing of it."""
    return _pill(placeholders.point_of(route.points, 0.5), route.attributes["calls"], "gnb-calls")


def _rates(layout: Layout) -> Iterator[str]:
    labels = [
        _pill_box(route.label_at, route.attributes["label"])
        for route in layout.routes
        if route.label_at and route.attributes.get("label")
    ]
    boxes = [placeholders.Rect(one.x, one.y, one.width, one.height) for one in layout.boxes]
    rates = placeholders.Rates([*boxes, *labels])
    for route in layout.routes:
        if placeholders.is_rated(route.attributes.get("kind", "data"), len(layout.routes)):
            yield rates.place(route.attributes.get("id", ""), route.points)


def _pill(middle: Point, said: str, name: str) -> str:
    x, y = middle
    return markup.element(
        "g",
        [
            markup.rect(*_pill_box(middle, said), rx=8, fill=PILL),
            markup.text(
                x,
                y + 3.5,
                said,
                size=cards.NOTE_SIZE,
                fill=MUTED,
                text_anchor="middle",
                font_family=MONO,
            ),
        ],
        class_=name,
        pointer_events="none",
    )


def _pill_box(middle: Point, said: str) -> placeholders.Rect:
    width = text_width(said, cards.NOTE_SIZE, mono=True) + 10
    return placeholders.Rect(middle[0] - width / 2, middle[1] - 8, width, 16)


def _at(point: Point) -> str:
    return f"{markup.number(point[0])},{markup.number(point[1])}"
