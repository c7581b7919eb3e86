"""How often pictures change: less while this process computes."""

from __future__ import annotations

__all__ = ["BUSY", "BUSY_TICK_S", "TICK_S", "Pace"]

TICK_S = 0.1
"""How often pictures change, at the most."""

BUSY_TICK_S = 0.22
"""How often while this process computes: a picture takes time from what it shows."""

BUSY = 0.4
"""Which part of a core counts as computing, taken over a second: requests come in bursts."""


class Pace:
    """Says when the next tick is due.

    Args:
        now: `time.monotonic()`.
        spent: `time.process_time()`.
    """

    def __init__(self, now: float, spent: float) -> None:
        self._now = self._due = now
        self._spent = spent
        self._busy = 0.0  # which part of a core this process has taken, of late

    def pause(self, now: float, spent: float) -> float:
        """How long to wait for the next tick, in seconds; asked after each.

        Args:
            now, spent: as for the pace itself, at this moment.
        """
        passed = now - self._now
        if passed > 0:
            part = (spent - self._spent) / passed
            self._busy += (part - self._busy) * min(1.0, passed)
        self._now, self._spent = now, spent
        self._due = max(self._due + (BUSY_TICK_S if self._busy > BUSY else TICK_S), now)
        return self._due - now
