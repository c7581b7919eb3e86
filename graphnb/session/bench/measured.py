"""What a bench has measured so far."""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING

from graphnb.session.bench.latencies import Latencies
from graphnb.session.bench.result import BenchProgress, BenchResult
from graphnb.telemetry.digest import TraceDigest
from graphnb.telemetry.summary import summarize

if TYPE_CHECKING:
    from graphnb.engine.request import Request
    from graphnb.session.bench.load import Load
    from graphnb.session.bench.result import Phase
    from graphnb.telemetry import Outcome

__all__ = ["MAX_TRACES", "Measured"]

MAX_TRACES = 5_000
"""Of more requests than this, an even sample of so many is summed up node by node."""


class Measured:
    """The figures of one bench; the sender adds to them, anybody reads them.

    Its memory is bounded, however long a bench runs.

    Attributes:
        overrun: it was ended because too many requests were under way.
        unanswered: requests that were given up.
    """

    def __init__(self, load: Load) -> None:
        self.overrun = False
        self.unanswered = 0
        self._load = load
        self._lock = threading.Lock()
        self._latencies = Latencies()
        self._lags = Latencies()
        self._errors = 0
        self._first_error: str | None = None
        self._traced: list[tuple[Request, str | None]] = []
        self._seen = 0
        self._random = random.Random(0)
        self._began: float | None = None
        self._ended: float | None = None
        self._started_at = time.time()

    def begin(self, now: float) -> None:
        """The first request is sent from now on."""
        self._started_at = time.time()
        self._began = now

    def end(self, now: float) -> None:
        """The last answer is there, or waited for no more."""
        self._ended = now

    def sent(self, lag_s: float) -> None:
        """A request was sent so long after it was due."""
        with self._lock:
            self._lags.add(lag_s)

    def answered(self, latency_s: float, request: Request | None, error: str | None) -> None:
        """A client has its answer, or an error in one line."""
        with self._lock:
            self._latencies.add(latency_s)
            if error is not None:
                self._errors += 1
                self._first_error = self._first_error or error
            if request is not None and request.spans is not None:
                self._sample(request, error)

    def _sample(self, request: Request, error: str | None) -> None:
        """Keeps it, or one that was kept before: each is as likely to be there at the end."""
        self._seen += 1
        if len(self._traced) < MAX_TRACES:
            self._traced.append((request, error))
            return
        place = self._random.randrange(self._seen)
        if place < MAX_TRACES:
            self._traced[place] = (request, error)

    def progress(self, now: float, phase: Phase, under_way: int) -> BenchProgress:
        """How far it is."""
        with self._lock:
            answered, failed = self._latencies.count, self._errors
            p50_s, _, _ = self._latencies.about()
        elapsed_s = self._elapsed_s(now)
        throughput = answered / elapsed_s if elapsed_s > 0 else 0.0
        return BenchProgress(
            phase=phase,
            answered=answered,
            failed=failed,
            under_way=under_way,
            part=self._part(answered, elapsed_s),
            elapsed_s=elapsed_s,
            left_s=self._left_s(answered, elapsed_s, throughput),
            throughput=throughput,
            p50_s=p50_s,
        )

    def _elapsed_s(self, now: float) -> float:
        if self._began is None:
            return 0.0
        return (now if self._ended is None else self._ended) - self._began

    def _part(self, answered: int, elapsed_s: float) -> float:
        load = self._load
        by_count = answered / load.most if load.most else 0.0
        by_time = elapsed_s / load.duration_s if load.duration_s else 0.0
        return min(1.0, max(by_count, by_time))

    def _left_s(self, answered: int, elapsed_s: float, throughput: float) -> float | None:
        load = self._load
        left = []
        if load.duration_s is not None:
            left.append(load.duration_s - elapsed_s)
        if load.most is not None and throughput:
            left.append((load.most - answered) / throughput)
        return max(0.0, min(left)) if left else None

    def result(self, now: float, *, interrupted: bool) -> BenchResult:
        """The figures as they are."""
        load = self._load
        with self._lock:
            count = self._latencies.count
            p50_s, p95_s, p99_s = self._latencies.percentiles()
            _, _, lag_p99_s = self._lags.percentiles()
            traced = list(self._traced)
        traces = [request.trace(_outcome(error), error) for request, error in traced]
        digest = TraceDigest()
        for trace in traces:
            digest.add(trace)
        duration_s = self._elapsed_s(now)
        return BenchResult(
            count=count,
            errors=self._errors,
            duration_s=duration_s,
            throughput=count / duration_s if duration_s else 0.0,
            p50_s=p50_s,
            p95_s=p95_s,
            p99_s=p99_s,
            nodes=summarize(traces),
            first_error=self._first_error,
            interrupted=interrupted,
            loop=load.loop,
            concurrency=load.concurrency if load.rps is None else None,
            rps=load.rps,
            lag_p99_s=lag_p99_s,
            lag_max_s=self._lags.longest,
            overrun=self.overrun,
            unanswered=self.unanswered,
            started_at=self._started_at,
            digest=digest,
        )


def _outcome(error: str | None) -> Outcome:
    return "ok" if error is None else "error"
