"""What a process keeps of its requests until a collector has it.

A replica adds the trace of each request, and every now and then takes a batch and sends it. The
batch counts all requests, in a digest, and has the traces of some. A collector that is slow or
dead therefore loses traces, which are counted, but no request is missing from the figures:

    buffer = Buffer("replica-1")
    buffer.add(trace)
    batch = buffer.take()
    if batch is not None:
        try:
            send(batch)
        except ConnectionError:
            buffer.give_back(batch)

At the other end an `Inbox` tells a batch that arrives for the second time.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, NamedTuple

from graphnb.telemetry.digest import TraceDigest

if TYPE_CHECKING:
    from graphnb.telemetry.spans import Trace

__all__ = ["Batch", "Buffer", "Inbox"]

logger = logging.getLogger("graphnb")

MAX_TRACES = 200
MAX_FAILED = 50
MAX_SPANS = 5_000
MAX_SOURCES = 10_000
PATHS_FIRST = 20
PATHS_EVERY = 8


class Batch(NamedTuple):
    """What one process sends at a time.

    Attributes:
        source: which process; no two ever have the same.
        sequence: counts the source's batches, from 1; one that is sent again keeps its number.
        traces: the last requests and, beside them, the last that failed; oldest first.
        digest: all requests since the batch before.
        lost: how many requests have no trace in it.
    """

    source: str
    sequence: int
    traces: tuple[Trace, ...]
    digest: TraceDigest
    lost: int


class Buffer:
    """Requests that were not sent yet: a digest of all, and the traces of some.

    Never raises into a request: one that cannot be added is logged, the first time, and counted.
    May be used by several threads.

    Attributes:
        source: the name in its batches.
        lost: requests whose traces were not sent and never will be.
        broken: requests that could not be added.
    """

    def __init__(
        self,
        source: str,
        *,
        max_traces: int = MAX_TRACES,
        max_failed: int = MAX_FAILED,
        max_spans: int = MAX_SPANS,
        paths_first: int = PATHS_FIRST,
        paths_every: int = PATHS_EVERY,
    ) -> None:
        """A buffer with nothing in it.

        Args:
            source: a name that no other process has, nor this one after a restart.
            max_traces: how many traces of requests that went well a batch has at the most.
            max_failed: how many of those that failed.
            max_spans: how many spans all these traces have together, at the most.
            paths_first: of how many requests of a batch the critical path is counted.
            paths_every: of one in how many it is after that: where there are very many, those of
                some give the same shares.
        """
        self.source = source
        self.lost = 0
        self.broken = 0
        self._max_traces = max_traces
        self._max_failed = max_failed
        self._max_spans = max_spans
        self._paths_first = paths_first
        self._paths_every = paths_every
        self._lock = threading.Lock()
        self._sequence = 0
        self._given_back: Batch | None = None
        self._digest = TraceDigest()
        self._fine: deque[Trace] = deque()
        self._failed: deque[Trace] = deque()
        self._spans = 0
        self._forgotten = 0

    @property
    def empty(self) -> bool:
        """Whether there is nothing to be sent."""
        return self._given_back is None and not (self._digest.requests or self._forgotten)

    def add(self, trace: Trace) -> None:
        """Takes note of one request that ended."""
        try:
            with self._lock:
                count = self._digest.requests
                path = count < self._paths_first or count % self._paths_every == 0
                self._digest.add(trace, path=path)
                self._keep(trace)
        except Exception:
            self.broken += 1
            if self.broken == 1:
                logger.exception("a request could not be counted; others that cannot are not told")

    def forget(self) -> None:
        """Counts a request of which nothing else is known."""
        with self._lock:
            self.lost += 1
            self._forgotten += 1

    def take(self) -> Batch | None:
        """What is to be sent: the batch that was given back, else all since the last one.

        Returns:
            The batch, or None if there was no request.
        """
        with self._lock:
            if self._given_back is not None:
                batch, self._given_back = self._given_back, None
                return batch
            if not (self._digest.requests or self._forgotten):
                return None
            return self._new_batch()

    def give_back(self, batch: Batch) -> None:
        """Keeps a batch that did not arrive, or may not have; the next `take` gives it again.

        Only the last batch taken can be given back as it was. One that is given back beside
        another adds its requests to those that wait, and loses its traces.
        """
        with self._lock:
            if self._given_back is None:
                self._given_back = batch
                return
            self._digest.merge(batch.digest)
            self.lost += len(batch.traces)

    def _new_batch(self) -> Batch:
        self._sequence += 1
        traces = tuple(sorted((*self._failed, *self._fine), key=lambda one: one.started_at))
        lost = self._digest.requests + self._forgotten - len(traces)
        self._forgotten = 0
        batch = Batch(self.source, self._sequence, traces, self._digest, lost)
        self._digest = TraceDigest()
        self._fine.clear()
        self._failed.clear()
        self._spans = 0
        return batch

    def _keep(self, trace: Trace) -> None:
        if len(trace.spans) > self._max_spans:
            self.lost += 1
            return
        (self._fine if trace.outcome == "ok" else self._failed).append(trace)
        self._spans += len(trace.spans)
        if len(self._fine) > self._max_traces:
            self._lose(self._fine)
        if len(self._failed) > self._max_failed:
            self._lose(self._failed)
        while self._spans > self._max_spans:
            self._lose(self._fine or self._failed)

    def _lose(self, traces: deque[Trace]) -> None:
        self._spans -= len(traces.popleft().spans)
        self.lost += 1


class Inbox:
    """Tells batches that arrive for the first time from those that were sent again.

    Attributes:
        lost: requests whose traces did not come with the batches, of all sources.
    """

    def __init__(self, *, max_sources: int = MAX_SOURCES) -> None:
        self.lost = 0
        self._max_sources = max_sources
        self._last: OrderedDict[str, int] = OrderedDict()

    def accept(self, batch: Batch) -> bool:
        """Whether this batch is new. One that is not was counted before."""
        if batch.sequence <= self._last.get(batch.source, 0):
            return False
        self._last[batch.source] = batch.sequence
        self._last.move_to_end(batch.source)
        if len(self._last) > self._max_sources:
            self._last.popitem(last=False)
        self.lost += batch.lost
        return True
