"""Which way a picture runs: whatever fits a notebook's output best."""

from __future__ import annotations

from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["RANK_GAP", "SIDE_GAP", "direction"]

RANK_GAP, SIDE_GAP = 36.0, 20.0

_OUTPUT_WIDTH = 960.0
"""About what JupyterLab gives an output; a little more shrinks by little."""


def direction(
    sizes: Mapping[str, tuple[float, float]],
    lines: Iterable[tuple[str, str]],
    label_width: float,
) -> Literal["LR", "TB"]:
    """Left to right where that fits, as text runs; else top-down if that is narrower.

    Args:
        sizes: width and height of each box.
        lines: pairs of boxes, from earlier to later.
        label_width: the width of the widest text on a line, which lies between two ranks.
    """
    ranks: dict[int, list[str]] = defaultdict(list)
    for box, rank in _ranks(sizes, lines).items():
        ranks[rank].append(box)
    widths = {rank: [sizes[box][0] for box in boxes] for rank, boxes in ranks.items()}
    across = sum(max(row) for row in widths.values()) + (len(widths) - 1) * (RANK_GAP + label_width)
    down = max((sum(row) + SIDE_GAP * (len(row) - 1) for row in widths.values()), default=0.0)
    return "LR" if across <= max(_OUTPUT_WIDTH, down) else "TB"


def _ranks(
    sizes: Mapping[str, tuple[float, float]], lines: Iterable[tuple[str, str]]
) -> dict[str, int]:
    """How many boxes come before each, on the longest way."""
    sources: dict[str, list[str]] = {box: [] for box in sizes}
    for tail, head in lines:
        sources[head].append(tail)
    ranks: dict[str, int] = {}
    try:
        for box in TopologicalSorter(sources).static_order():
            ranks[box] = 1 + max((ranks[one] for one in sources[box]), default=-1)
    except CycleError:  # handles may go round; any guess will do
        return dict.fromkeys(sizes, 0)
    return ranks
