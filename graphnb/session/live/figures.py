"""What a running graph's requests add up to while somebody watches.

Requests are noted as they end, which costs them next to nothing, and looked into a little later,
by whoever draws: as many as a budget of time allows, drawn at random, and those that failed first.
All are counted.
"""

from __future__ import annotations

import random
import time
from collections import deque
from typing import TYPE_CHECKING

from graphnb.telemetry.digest import TraceDigest
from graphnb.telemetry.sliding import SlidingWindows
from graphnb.telemetry.summary import FAILURES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from graphnb.telemetry import Trace
    from graphnb.telemetry.sliding import Window

BUDGET_S = 0.001
"""How long requests are looked into at a time."""

MAX_PENDING = 50_000
MAX_SEEDED_SPANS = 5_000
_PATHS_FIRST, _PATHS_EVERY = 5, 4


class Figures:
    """The windows of one running graph. But for `note`, for use by one thread at a time.

    Attributes:
        since: when the requests that are counted began, in seconds since the epoch.
        fresh: the handle edges that the requests took that were looked into last.
    """

    def __init__(self, since: float, *, budget_s: float = BUDGET_S) -> None:
        self.since = since
        self.fresh: frozenset[tuple[str, str]] = frozenset()
        self._budget_s = budget_s
        self._pending: deque[Trace] = deque(maxlen=MAX_PENDING)
        self._windows = SlidingWindows()
        self._untold = 0
        self._span_s = 5e-6  # what it takes to look into one span, as measured
        self._chance = random.Random()

    def note(self, trace: Trace) -> None:
        """Takes note of a request that has ended; from any thread."""
        self._pending.append(trace)

    def count(self, requests: int) -> None:
        """Counts requests of which there is no trace here."""
        self._untold += requests

    def seed(self, traces: Sequence[Trace], now: float, at: float) -> None:
        """Begins with requests that ended before, oldest first.

        Args:
            traces: the requests.
            now: on the clock of `take`.
            at: the same moment, in seconds since the epoch.
        """
        spans, kept = 0, []
        for trace in reversed(traces):
            spans += len(trace.spans)
            if trace.started_at < self.since or spans > MAX_SEEDED_SPANS:
                break
            kept.append(trace)
        for trace in reversed(kept):
            ended = now - max(0.0, at - trace.started_at - trace.total_s)
            self._windows.add(_digest([trace]), min(now, ended), requests=1)

    def take(self, now: float) -> None:
        """Adds what was noted since the last time.

        Args:
            now: in seconds, on a clock that never goes back.
        """
        batch = [self._pending.popleft() for _ in range(len(self._pending))]
        batch = [one for one in batch if one.started_at >= self.since]
        self.fresh = frozenset()
        untold, self._untold = self._untold, 0
        if not batch and not untold:
            return
        digest = self._look_into(batch)
        self.fresh = frozenset(digest.summary(()).handle_calls)
        self._windows.add(digest, now, requests=len(batch) + untold)

    def window(self, span_s: float | None, now: float) -> Window:
        """The last seconds, or all there were; see `SlidingWindows.window`."""
        return self._windows.window(span_s, now)

    def begin_anew(self, since: float) -> TraceDigest:
        """Forgets everything, as after a change of the graph; what it was until then."""
        before = self._windows.window(None, 0.0).digest
        self._windows = SlidingWindows()
        self.since = since
        return before

    def _look_into(self, batch: Sequence[Trace]) -> TraceDigest:
        began = time.thread_time()
        chosen = list(self._chosen(batch))
        digest = _digest(chosen)
        spans = sum([len(one.spans) for one in chosen])
        if spans:
            self._span_s += 0.1 * ((time.thread_time() - began) / spans - self._span_s)
        return digest

    def _chosen(self, batch: Sequence[Trace]) -> Iterable[Trace]:
        """Failures first, then others at random: inputs may come in turns."""
        if not batch:
            return []
        spans = sum([len(one.spans) for one in batch]) or 1
        room = max(1, int(len(batch) * self._budget_s / (self._span_s * spans)))
        if room >= len(batch):
            return batch
        failed = [one for one in batch if one.outcome in FAILURES][-room:]
        fine = [one for one in batch if one.outcome not in FAILURES]
        return failed + self._chance.sample(fine, min(len(fine), room - len(failed)))


def _digest(traces: Iterable[Trace]) -> TraceDigest:
    digest = TraceDigest(parts=False)
    for index, trace in enumerate(traces):
        digest.add(trace, path=index < _PATHS_FIRST or index % _PATHS_EVERY == 0)
    return digest
