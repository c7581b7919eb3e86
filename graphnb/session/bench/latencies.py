"""Many durations in bounded memory, and their percentiles."""

from __future__ import annotations

from array import array

from graphnb.telemetry import sketch
from graphnb.telemetry.summary import percentile

__all__ = ["MAX_EXACT", "Latencies"]

MAX_EXACT = 1_000_000
"""Of more durations than this, percentiles are those of a sketch, within 1 %."""


class Latencies:
    """Durations in seconds; the longest is always exact.

    Attributes:
        count: how many there are.
        longest: 0.0 if there are none.
    """

    def __init__(self) -> None:
        self.count = 0
        self.longest = 0.0
        self._exact = array("d")
        self._sketch = sketch.new_sketch()

    def add(self, seconds: float) -> None:
        """Takes note of one."""
        self.count += 1
        self.longest = max(self.longest, seconds)
        sketch.add((self._sketch,), (seconds,))
        if self.count <= MAX_EXACT:
            self._exact.append(seconds)
        elif self._exact:
            self._exact = array("d")

    def percentiles(self) -> tuple[float, float, float]:
        """The 50th, the 95th and the 99th; exact up to `MAX_EXACT`; zeros if there are none."""
        if self.count > MAX_EXACT:
            return self.about()
        ordered = sorted(self._exact)
        return percentile(ordered, 50), percentile(ordered, 95), percentile(ordered, 99)

    def about(self) -> tuple[float, float, float]:
        """The same within 1 %, at a cost that does not grow with their number."""
        return sketch.percentiles(self._sketch)
