"""The last seconds of a graph, ready to be looked at many times a second.

`Windows` adds its buckets up when it is asked; this keeps the sums that are asked for, adds what
comes, and takes off what has become too old. Where requests are too many to look into each, they
are counted, and some of them are digested:

    last = SlidingWindows()
    last.add(digest_of_some, now, requests=all_of_them)
    last.window(10.0, now).digest.summary()

Time is handed in, in seconds on whichever clock its owner reads; where it seems to go back, it
stands still.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from graphnb.telemetry.digest import TraceDigest

__all__ = ["STEP_S", "SlidingWindows", "Window"]

STEP_S = 1.0
"""How finely windows slide, in seconds."""

_UNASKED_S = 5.0


def _lean() -> TraceDigest:
    return TraceDigest(parts=False)


@dataclass(slots=True)
class Window:
    """Some seconds, or all there were.

    Attributes:
        digest: of the requests that were looked into.
        requests: how many there were.
        errors: how many of all these failed.
        covered_s: over how many seconds they came; less than asked at the beginning.
    """

    digest: TraceDigest = field(default_factory=_lean)
    requests: int = 0
    covered_s: float = 0.0
    errors: int = 0

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.covered_s if self.covered_s > 0 else 0.0

    @property
    def part(self) -> float:
        """Which part of the requests was looked into, from 0 to 1."""
        return min(1.0, self.digest.requests / self.requests) if self.requests else 1.0


@dataclass(slots=True)
class _Sum:
    """A window that is asked for: what it adds up to, and from which step on."""

    window: Window
    first: float
    asked: float


class SlidingWindows:
    """The sums of the last seconds, and of all time. Not for use by several threads at once.

    Args:
        longest_s: the longest window that can be asked for, but all time.
    """

    def __init__(self, longest_s: float = 60.0) -> None:
        self._longest_s = longest_s
        self.clear()

    def clear(self) -> None:
        """Forgets everything, as after a change of the graph."""
        self._steps: deque[tuple[int, Window]] = deque()
        self._gone = Window()  # what the steps that are kept no more add up to
        self._sums: dict[float, _Sum] = {}
        self._began: float | None = None
        self._now = -math.inf

    def add(self, digest: TraceDigest, now: float, *, requests: int, errors: int = 0) -> None:
        """Adds requests that ended by now.

        Args:
            digest: of those that were looked into.
            now: on the owner's clock.
            requests: how many there were.
            errors: how many of them failed.
        """
        now = self._now = max(now, self._now)
        if self._began is None:
            self._began = now
        number = math.floor(now / STEP_S)
        if not self._steps or self._steps[-1][0] < number:
            self._steps.append((number, Window()))
        self._slide(now)
        for window in (self._steps[-1][1], *(one.window for one in self._sums.values())):
            window.digest.merge(digest)
            window.requests += requests
            window.errors += errors

    def window(self, span_s: float | None, now: float) -> Window:
        """The last seconds; not to be changed, and good until it is asked for again.

        Args:
            span_s: how many, a multiple of `STEP_S`; None for all time.
            now: on the owner's clock.

        Raises:
            ValueError: more seconds than are kept.
        """
        now = self._now = max(now, self._now)
        if span_s is None:
            span_s = math.inf
        elif span_s > self._longest_s:
            raise ValueError(f"{span_s} s are asked for, and {self._longest_s} s are kept")
        found = self._sums.get(span_s)
        if found is None:
            found = self._sums[span_s] = self._summed(span_s, now)
        found.asked = now
        self._slide(now)
        if self._began is not None:
            began = max(self._began, _first(span_s, now) * STEP_S)
            found.window.covered_s = max(STEP_S, now - began)
        return found.window

    def _summed(self, span_s: float, now: float) -> _Sum:
        made = _Sum(Window(), _first(span_s, now), now)
        steps = [step for number, step in self._steps if number >= made.first]
        if span_s == math.inf:
            steps.insert(0, self._gone)
        for step in steps:
            made.window.digest.merge(step.digest)
            made.window.requests += step.requests
            made.window.errors += step.errors
        return made

    def _slide(self, now: float) -> None:
        """Takes off what has become too old, of each sum; forgets sums that nobody asks for."""
        for span_s, one in list(self._sums.items()):
            if one.asked < now - _UNASKED_S:
                del self._sums[span_s]
                continue
            first = _first(span_s, now)
            for number, step in self._steps:
                if number >= first:
                    break
                if number >= one.first:
                    one.window.digest.subtract(step.digest)
                    one.window.requests -= step.requests
                    one.window.errors -= step.errors
            one.first = first
        oldest = _first(self._longest_s, now)
        while self._steps and self._steps[0][0] < oldest:
            _, step = self._steps.popleft()
            self._gone.digest.merge(step.digest)
            self._gone.requests += step.requests
            self._gone.errors += step.errors


def _first(span_s: float, now: float) -> float:
    """The first step of a window: it counts whole steps, the one under way among them."""
    return math.floor(now / STEP_S) - span_s / STEP_S + 1
