"""Whether something became faster or slower, or whether that is noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from graphnb.telemetry.sketch import median_interval, percentiles

if TYPE_CHECKING:
    from graphnb.telemetry.sketch import Sketch

__all__ = ["FEW", "Change", "Trend", "compare"]

FEW = 20
"""Of fewer samples percentiles say little."""

NOISE = 0.03
"""What differs by less than this part is the same: neighbouring buckets are 2 % apart."""

Trend = Literal["faster", "slower", "same"]


@dataclass(frozen=True, slots=True)
class Change:
    """How one distribution of durations differs from another.

    Attributes:
        before_s, after_s: the medians, in seconds.
        before, after: how many samples they are of.
        trend: "same" too when the medians may be the same, or there are few samples.
    """

    before_s: float
    after_s: float
    before: int
    after: int
    trend: Trend

    @property
    def ratio(self) -> float:
        """The median after, in parts of the one before."""
        return self.after_s / self.before_s if self.before_s > 0 else 1.0


def compare(before: Sketch, after: Sketch) -> Change | None:
    """What changed from one to the other; None where one of them has no sample.

    They differ when the 95 % intervals of their medians do not meet: a careful test, since two
    medians may well differ whose intervals do meet.
    """
    counts = sum(before.values()), sum(after.values())
    if not all(counts):
        return None
    medians = percentiles(before)[0], percentiles(after)[0]
    change = Change(*medians, *counts, "same")
    if min(counts) < FEW or abs(change.ratio - 1) < NOISE:
        return change
    (low_before, high_before), (low_after, high_after) = map(median_interval, (before, after))
    if high_after < low_before:
        return Change(*medians, *counts, "faster")
    if low_after > high_before:
        return Change(*medians, *counts, "slower")
    return change
