"""What a live picture fills in: elements that stand in their places, empty, from the start.

A live card has, beside what every card has, a line for what its deployment is at this moment
(`gnb-health`, `gnb-replicas`, `gnb-now`), a bar for where its time goes (`gnb-split`, whose parts
fill its `gnb-track`), and a badge on its lower border for how it compares (`gnb-change`). A live
line has `gnb-rate` on its middle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphnb.views import cards, markup
from graphnb.views.palette import FAINT, MUTED, PARTS, PILL
from graphnb.views.typography import text_width

if TYPE_CHECKING:
    from collections.abc import Iterator

    from graphnb.views.layout import Box, Point

__all__ = ["footer", "rate"]

_PADDING = 12.0
_TRACK, _LINE = 4.0, 12.0  # above the lower border: where the bar ends, where the text stands
_RATE_WIDTH = text_width("99.9k/s", cards.NOTE_SIZE)


def footer(box: Box) -> Iterator[str]:
    """The last line of a live card, the bar below it, and the badge on its border."""
    left, right = box.x + _PADDING, box.x + box.width - _PADDING
    bottom = box.y + box.height
    baseline = bottom - _LINE
    yield markup.element(
        "circle",
        (),
        cx=left + 3,
        cy=baseline - 3.4,
        r=3,
        class_="gnb-health",
        fill="none",
        stroke="none",
    )
    yield _words(left + 10, baseline, "gnb-replicas", None)
    yield _words(right, baseline, "gnb-now", "end")
    yield _split(left, bottom - _TRACK - 4, right - left)
    yield _change(right + 4, bottom + 4)  # below the bar


def rate(edge: str, at: Point, along: Point, label_at: Point | None) -> str:
    """How often a line is taken, beside its middle.

    Args:
        edge: the line's id.
        at: its middle.
        along: which way it runs there.
        label_at: the middle of its label, if it has one: the rate stands on the other side.
    """
    x, y = at
    if abs(along[0]) > 1.5 * abs(along[1]):  # the line runs across: above it, or below
        y += 14 if label_at is not None and label_at[1] < y else -7
    else:
        x += (_RATE_WIDTH / 2 + 3) * (-1 if label_at is not None and label_at[0] > x else 1)
    # On the page itself, so of a tone that stands out from white and from black.
    parts = [
        markup.rect(x - _RATE_WIDTH / 2, y - 8, _RATE_WIDTH, 16, fill="none"),
        markup.text(x, y + 3.5, "", size=cards.NOTE_SIZE, fill=FAINT, text_anchor="middle"),
    ]
    return markup.element(
        "g", parts, class_="gnb-rate", data_edge=edge, display="none", pointer_events="none"
    )


def _words(x: float, y: float, name: str, anchor: str | None) -> str:
    return markup.text(x, y, "", size=cards.NOTE_SIZE, fill=MUTED, text_anchor=anchor, class_=name)


def _split(x: float, y: float, width: float) -> str:
    track = markup.rect(
        x, y, width, _TRACK, rx=2, fill=FAINT, fill_opacity=0.15, class_="gnb-track"
    )
    parts = (
        markup.rect(x, y, 0, _TRACK, fill=PARTS[part], class_=f"gnb-{part}")
        for part in ("queued", "executing", "transport")
    )
    return markup.element("g", [track, *parts], class_="gnb-split")


def _change(right: float, middle: float) -> str:
    width = text_width("▼ 99 %", cards.COUNT_SIZE, bold=True) + 12
    parts = [
        markup.rect(right - width, middle - 8, width, 16, rx=8, fill=PILL),
        markup.text(
            right - width / 2,
            middle + 3.6,
            "",
            size=cards.COUNT_SIZE,
            fill=MUTED,
            font_weight=600,
            text_anchor="middle",
        ),
    ]
    return markup.element("g", parts, class_="gnb-change", display="none")
