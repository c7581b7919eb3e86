"""What a live picture fills in: elements that stand in their places, empty, from the start.

A live card has, beside what every card has, a line for what its deployment is at this moment
(`gnb-health`, `gnb-replicas`, `gnb-now`), a bar for where its time goes (`gnb-split`, whose parts
fill its `gnb-track`), and a badge on its lower border for how it compares (`gnb-change`). A live
line has `gnb-rate` beside its middle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from graphnb.views import cards, markup
from graphnb.views.palette import FAINT, MUTED, PARTS, PILL
from graphnb.views.typography import text_width

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from graphnb.views.layout import Box, Point

__all__ = ["Rates", "Rect", "footer", "is_rated", "point_of"]

_PADDING = 12.0
_TRACK, _LINE = 4.0, 12.0  # above the lower border: where the bar ends, where the text stands
_RATE_WIDTH, _RATE_HEIGHT = text_width("999/s", cards.NOTE_SIZE) + 4, 13.0
_RATES_UP_TO = 16
"""Of how many lines each has a rate: in a graph of more they are fine print that nobody reads."""

_ALONG = (0.5, 0.35, 0.65, 0.2, 0.8)


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


def is_rated(kind: str, lines: int) -> bool:
    """Whether a line of that kind, of a graph of so many, says how often it is taken.

    How often a value goes along a line stands on the card at its end as well.
    """
    return kind == "handle" or lines <= _RATES_UP_TO


class Rates:
    """How often each line is taken, beside it, where nothing else stands.

    Args:
        boxes: what stands on the picture already.
    """

    def __init__(self, boxes: Iterable[Rect]) -> None:
        self._taken = list(boxes)

    def place(self, edge: str, points: Sequence[Point]) -> str:
        """The element of one line; nothing where there is no free place.

        Args:
            edge: the line's id.
            points: its Bézier curves, one after the other.
        """
        free = [one for one in _beside(points) if not any(map(one.meets, self._taken))]
        if not free:
            return ""
        box = free[0]
        self._taken.append(box)
        x, y = box.x + box.width / 2, box.y + box.height / 2
        # On the page itself, so of a tone that stands out from white and from black.
        parts = [
            markup.rect(box.x, box.y, box.width, box.height, fill="none"),
            markup.text(x, y + 3.5, "", size=cards.NOTE_SIZE, fill=FAINT, text_anchor="middle"),
        ]
        return markup.element(
            "g", parts, class_="gnb-rate", data_edge=edge, display="none", pointer_events="none"
        )


class Rect(NamedTuple):
    """A box: the corner nearest the origin, and its size."""

    x: float
    y: float
    width: float
    height: float

    def meets(self, other: Rect) -> bool:
        """Whether they have a point in common."""
        return (
            self.x < other.x + other.width
            and other.x < self.x + self.width
            and self.y < other.y + other.height
            and other.y < self.y + self.height
        )


def _beside(points: Sequence[Point]) -> list[Rect]:
    """Places on both sides of a line, its middle first."""
    (from_x, from_y), (to_x, to_y) = points[0], points[-1]
    across = abs(to_x - from_x) > 1.5 * abs(to_y - from_y)
    found = []
    for part in _ALONG:
        x, y = point_of(points, part)
        for side in (1, -1):
            middle = (x, y - 8 * side) if across else (x + (_RATE_WIDTH / 2 + 3) * side, y)
            found.append(
                Rect(
                    middle[0] - _RATE_WIDTH / 2,
                    middle[1] - _RATE_HEIGHT / 2,
                    _RATE_WIDTH,
                    _RATE_HEIGHT,
                )
            )
    return found


def point_of(points: Sequence[Point], part: float) -> Point:
    """The point of a chain of Bézier curves at that part of it, from 0 to 1."""
    curves = len(points) // 3
    first = min(int(part * curves), curves - 1)
    t = part * curves - first
    a, b, c, d = points[3 * first : 3 * first + 4]
    weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
    x, y = (
        sum(weight * one[axis] for weight, one in zip(weights, (a, b, c, d), strict=True))
        for axis in (0, 1)
    )
    return x, y


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
