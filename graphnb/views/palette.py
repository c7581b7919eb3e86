"""The colours of the pictures, for light and for dark notebooks.

A picture has no background of its own. Boxes are light cards with dark type, legible on any;
what lies between them (lines, arrows) is of a middle tone that stands out from white and from
black alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "ALERT",
    "BADGE",
    "CARDS",
    "CRITICAL",
    "FAILED",
    "FAINT",
    "HEAT",
    "INK",
    "LINES",
    "MUTED",
    "PARTS",
    "PILL",
    "CardKind",
    "LineKind",
    "Part",
    "heat",
]

CardKind = Literal["input", "call", "deployment", "root"]
"""input: the request. call: a call of a deployment. deployment: one that is reached by handle
alone. root: the one that requests enter."""

LineKind = Literal["data", "handle", "graph", "fallback"]
"""data: a value. handle: a call by user code. graph: a graph's result, to the deployment that runs
the graph. fallback: what stands in after a failure."""


Part = Literal["queued", "waiting", "executing", "transport"]
"""Where a call's time went, in the order in which it is drawn."""


@dataclass(frozen=True, slots=True)
class Colours:
    """The colours of one kind of card."""

    fill: str
    stroke: str


INK = "#1c2530"
MUTED = "#566172"
FAINT = "#76818f"
PILL = "#e9edf3"
CRITICAL = "#d9640c"
FAILED = "#c4303c"
ALERT = "#d84a55"
"""`FAILED` for type on a background that may be dark."""
BADGE = "#ffffff"

CARDS: dict[CardKind, Colours] = {
    "input": Colours("#e0f1ec", "#4f9e89"),
    "call": Colours("#f4f6fa", "#8b99ae"),
    "deployment": Colours("#f1edf9", "#9180c2"),
    "root": Colours("#e4ecfb", "#5c80cf"),
}

LINES: dict[LineKind, str] = {
    "data": "#7f8b9b",
    "handle": "#9180c2",
    "graph": "#5c80cf",
    "fallback": "#b5813a",
}

PARTS: dict[Part, str] = {
    "queued": "#a9b3c0",
    "waiting": "#b394d6",
    "executing": "#4c84d4",
    "transport": "#45a896",
}

HEAT = {0.04: "#fdf0dc", 0.15: "#fcdfb4", 0.35: "#fac984", 0.6: "#f5ad5b"}
"""The fill of a card from each share of the critical path's time on; dark type is legible on
each."""


def heat(share: float, cold: str) -> str:
    """The fill of a card with that share of the critical path's time.

    Args:
        share: from 0 to 1.
        cold: the fill of a card whose share is too small to matter.
    """
    return next((fill for limit, fill in reversed(HEAT.items()) if share >= limit), cold)
