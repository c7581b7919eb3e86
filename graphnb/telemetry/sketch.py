"""Durations counted into buckets of 1 %, so that percentiles add up across replicas and windows.

The buckets are those of a DDSketch (Masson, Rim, Lee: "DDSketch: A Fast and Fully-Mergeable
Quantile Sketch with Relative-Error Guarantees", VLDB 2019), as the library `ddsketch` maps values
to them. Only the buckets that hold something are kept, in a dict: the library's own store keeps
every bucket between the least and the greatest as a float, and takes three times as long to add
to, for what happens five times in each call of each request. Adding two sketches adds counts, so
sums of sketches are exact, in any order.

    waits = new_sketch()
    add([waits], [0.025])
    percentiles(waits)  # three times 0.025, within 1 %
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from functools import cache
from itertools import accumulate
from math import ceil, floor, log, log1p, sqrt
from typing import TYPE_CHECKING

from ddsketch.mapping import LogarithmicMapping

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "ACCURACY",
    "BUCKETS",
    "Sketch",
    "add",
    "histogram",
    "median_interval",
    "merge",
    "new_sketch",
    "percentiles",
    "subtract",
]

ACCURACY = 0.01
"""A percentile lies within this part of the exact one."""

SHORTEST_S = 1e-9
"""What took less counts as 0."""

LONGEST_S = 1e6
"""What took more counts as this much."""

_MAPPING = LogarithmicMapping(ACCURACY, offset=1 - LogarithmicMapping(ACCURACY).key(SHORTEST_S))

BUCKETS = _MAPPING.key(LONGEST_S) + 1
"""The most that one sketch can hold: what bounds its memory."""

Sketch = defaultdict[int, int]
"""How many durations fell into each bucket, by its key; 0 is the key of what took no time."""

# The mapping's own arithmetic without its three calls.
_PER_LOG = 1 / log1p(2 * ACCURACY / (1 - ACCURACY))
_FIRST = _MAPPING.key(1.0)


def new_sketch(counts: Iterable[tuple[int, int]] = ()) -> Sketch:
    """A sketch with these counts."""
    return defaultdict(int, counts)


def add(sketches: Iterable[Sketch], durations: Iterable[float]) -> None:
    """Counts one duration in each of the sketches."""
    for sketch, seconds in zip(sketches, durations, strict=False):  # there may be the first alone
        if SHORTEST_S < seconds < LONGEST_S:
            sketch[ceil(log(seconds) * _PER_LOG) + _FIRST] += 1
        else:
            sketch[BUCKETS - 1 if seconds >= LONGEST_S else 0] += 1


def merge(sketch: Sketch, other: Sketch) -> None:
    """Adds what the other sketch counted."""
    for key, count in other.items():
        sketch[key] += count


def subtract(sketch: Sketch, other: Sketch) -> None:
    """Takes off what a sketch counted that was merged before."""
    for key, count in other.items():
        left = sketch[key] - count
        if left > 0:
            sketch[key] = left
        else:
            del sketch[key]


def median_interval(sketch: Sketch) -> tuple[float, float]:
    """Between which durations the median lies with 95 % confidence; zeros if nothing was counted.

    By order statistics, whatever the distribution (Conover, "Practical Nonparametric Statistics",
    3rd edition, 1999, section 3.2): of n values, those of rank n/2 ± 0.98 √n.
    """
    keys = sorted(sketch)
    if not keys:
        return (0.0, 0.0)
    counts = list(accumulate(map(sketch.__getitem__, keys)))
    total = counts[-1]
    reach = 0.98 * sqrt(total)
    low, high = max(0, floor(total / 2 - reach)), min(total - 1, ceil(total / 2 + reach))
    return _value(keys[bisect_right(counts, low)]), _value(keys[bisect_right(counts, high)])


def histogram(sketch: Sketch, bins: int) -> list[tuple[float, float, int]]:
    """The durations in bins of equal width on a logarithmic scale: from, to, how many.

    Args:
        sketch: the durations.
        bins: at most how many; fewer where the durations lie close together.
    """
    keys = sorted(sketch)
    if not keys:
        return []
    first, last = keys[0], keys[-1]
    width = max(1, ceil((last - first + 1) / bins))
    made = []
    for low in range(first, last + 1, width):
        inside = sum(sketch[key] for key in range(low, low + width) if key in sketch)
        made.append((_value(low), _value(min(low + width, last + 1)), inside))
    return made


def percentiles(sketch: Sketch) -> tuple[float, float, float]:
    """The 50th, the 95th and the 99th percentile; zeros if nothing was counted.

    Like `summary.percentile` they lie between the two nearest ranks, so that both agree within
    `ACCURACY` for a few values too.
    """
    keys = sorted(sketch)
    counts = list(accumulate(map(sketch.__getitem__, keys)))
    if not keys:
        return (0.0, 0.0, 0.0)
    last = counts[-1] - 1
    return (
        _at_rank(keys, counts, last * 0.50),
        _at_rank(keys, counts, last * 0.95),
        _at_rank(keys, counts, last * 0.99),
    )


def _at_rank(keys: Sequence[int], counts: Sequence[int], rank: float) -> float:
    below = floor(rank)
    at = bisect_right(counts, below)
    low = _value(keys[at])
    if rank == below or counts[at] > below + 1:  # the next one is in the same bucket
        return low
    return low + (_value(keys[at + 1]) - low) * (rank - below)


@cache
def _value(key: int) -> float:
    return _MAPPING.value(key) if key > 0 else 0.0
