"""What a running graph's requests add up to while somebody watches.

Requests are noted as they end, which costs them next to nothing, and looked into a little later,
by whoever draws: as many as a budget of time allows, drawn at random. All are counted.
"""

from __future__ import annotations

import math
import random
import statistics
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

BUDGET = 0.003
"""Which part of the time requests may be looked into."""

SAVED_S = 0.005
"""How much of that time is saved up while there is less to do."""

MAX_PENDING = 50_000
MAX_SEEDED_SPANS = 5_000
_PATHS_FIRST, _PATHS_EVERY = 1, 4
_LATE_S = 600.0
_TWICE_S = 10.0  # from when the seed was read, a request of it may come once more from elsewhere
_SPAN_S = 5e-6
_MEASURED_SPANS = 100  # what fewer take says more about everything around them


class Figures:
    """The windows of one running graph. But for `note`, for use by one thread at a time.

    Attributes:
        since: when the requests that are counted began, in seconds since the epoch.
        fresh: the handle edges that requests took since its owner emptied it.
    """

    def __init__(self, since: float, *, budget: float = BUDGET) -> None:
        self.since = since
        self.fresh: frozenset[tuple[str, str]] = frozenset()
        self._budget = budget
        self._saved_s = SAVED_S * min(1.0, budget / BUDGET)
        self._taken_at: float | None = None
        self._pending: deque[Trace] = deque(maxlen=MAX_PENDING)
        self._windows = SlidingWindows()
        self._untold = 0
        self._seeded: frozenset[str] = frozenset()  # their ids, while they may come once more
        self._seeded_until = -math.inf
        self._span_s = _SPAN_S  # what it takes to look into one, as measured
        self._measured_spans, self._measured_s = 0, 0.0  # since it was worked out last
        self._chance = random.Random()

    def note(self, trace: Trace) -> None:
        """Takes note of a request that has ended; from any thread."""
        self._pending.append(trace)

    def count(self, requests: int) -> None:
        """Counts requests of which there is no trace here."""
        self._untold += requests

    def seed(self, traces: Sequence[Trace], now: float, at: float) -> None:
        """Begins with requests that ended before, oldest first.

        Those of them that were noted as well, or will be soon, count once.

        Args:
            traces: the requests.
            now: on the clock of `take`.
            at: the same moment, in seconds since the epoch.
        """
        self._seeded = frozenset(one.request_id for one in traces)
        self._seeded_until = now + _TWICE_S
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
        if batch and batch[0].started_at < self.since + _LATE_S:  # else none is as old as that
            batch = [one for one in batch if one.started_at >= self.since]
        if self._seeded:
            batch = [one for one in batch if one.request_id not in self._seeded]
            if now > self._seeded_until:
                self._seeded = frozenset()
        self._save(now)
        untold, self._untold = self._untold, 0
        if not batch and not untold:
            return
        digest = self._look_into(batch)
        self.fresh |= frozenset(digest.handle_calls)
        errors = sum([one.outcome in FAILURES for one in batch])
        self._windows.add(digest, now, requests=len(batch) + untold, errors=errors)

    def window(self, span_s: float | None, now: float) -> Window:
        """The last seconds, or all there were; see `SlidingWindows.window`."""
        return self._windows.window(span_s, now)

    def begin_anew(self, since: float) -> TraceDigest:
        """Forgets everything, as after a change of the graph; what it was until then."""
        before = self._windows.window(None, 0.0).digest
        self._windows.clear()
        self.since = since
        return before

    def _save(self, now: float) -> None:
        """Adds the time that may be used since the last one."""
        if self._taken_at is not None:
            elapsed_s = max(0.0, now - self._taken_at)
            self._saved_s = min(SAVED_S, self._saved_s + elapsed_s * self._budget)
        self._taken_at = now

    def _look_into(self, batch: Sequence[Trace]) -> TraceDigest:
        began = time.thread_time()
        chosen = self._chosen(batch)
        digest = _digest(chosen)
        spans = sum([len(one.spans) for one in chosen])
        self._measure(spans, time.thread_time() - began)
        self._saved_s = max(0.0, self._saved_s - spans * self._span_s)
        return digest

    def _measure(self, spans: int, took_s: float) -> None:
        self._measured_spans += spans
        self._measured_s += took_s
        if self._measured_spans >= _MEASURED_SPANS:
            self._span_s += 0.1 * (self._measured_s / self._measured_spans - self._span_s)
            self._measured_spans, self._measured_s = 0, 0.0

    def _chosen(self, batch: Sequence[Trace]) -> Sequence[Trace]:
        """Some at random, since inputs may come in turns; failures among them like all others."""
        if not batch:
            return batch
        some = batch if len(batch) <= 20 else self._chance.sample(batch, 20)
        spans = max(1.0, statistics.fmean([len(one.spans) for one in some]))
        room = int(self._saved_s / (self._span_s * spans))
        if room >= len(batch):
            return batch
        if room == 0:
            # One that is as large as that is worth waiting for; nothing else would be seen of it.
            room = int(self._saved_s >= SAVED_S * min(1.0, self._budget / BUDGET))
        return self._chance.sample(batch, room)


def _digest(traces: Iterable[Trace]) -> TraceDigest:
    digest = TraceDigest(parts=False)
    for index, trace in enumerate(traces):
        digest.add(trace, path=index < _PATHS_FIRST or index % _PATHS_EVERY == 0)
    return digest
