"""Keeps the last traces of one running graph, in bounded memory, and tells observers of each."""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import TYPE_CHECKING, NamedTuple, Protocol

from graphnb.telemetry.failures import Failures

if TYPE_CHECKING:
    from graphnb.telemetry.spans import Trace
    from graphnb.telemetry.summary import GraphSummary

logger = logging.getLogger("graphnb")

MAX_TRACES = 2_000
MAX_FAILED = 50
MAX_SPANS = 40_000


class Elsewhere(NamedTuple):
    """Requests of other processes.

    Attributes:
        mark: for the next question.
        requests: how many there were since the last one.
        traces: of some of them, oldest first.
    """

    mark: int
    requests: int
    traces: tuple[Trace, ...]


class Observer(Protocol):
    """Is told of each request when it has ended.

    On the thread that ran it; of those on Ray a little later, one by one, on any thread.
    """

    def __call__(self, trace: Trace, /) -> None:
        """Takes note of one request."""


class Recorder:
    """The traces of one running graph: the last ones, and the last that failed.

    Attributes:
        requests: how many requests ended, ever.
        failed: how many of them failed.
        last_failures: of each node, with its traceback; of requests that were made here.
    """

    def __init__(self, *, max_traces: int = MAX_TRACES, max_spans: int = MAX_SPANS) -> None:
        self.requests = 0
        self.failed = 0
        self.last_failures = Failures()
        self._max_spans = max_spans
        self._spans = 0
        self._traces: deque[Trace] = deque()
        self._max_traces = max_traces
        self._failures: deque[Trace] = deque(maxlen=MAX_FAILED)
        self._observers: list[Observer] = []
        self._lock = threading.Lock()

    def record(self, trace: Trace) -> None:
        """Keeps a trace and tells the observers; one that fails is logged and dropped."""
        with self._lock:
            self.requests += 1
            if trace.outcome != "ok":
                self.failed += 1
                self._failures.append(trace)
            self._traces.append(trace)
            self._spans += len(trace.spans)
            while len(self._traces) > self._max_traces or self._spans > self._max_spans:
                self._spans -= len(self._traces.popleft().spans)
        for observer in self._observers:
            self._tell(observer, trace)

    def _tell(self, observer: Observer, trace: Trace) -> None:
        try:
            observer(trace)
        except Exception:
            logger.exception("an observer failed and is dropped: %r", observer)
            self.unsubscribe(observer)

    def subscribe(self, observer: Observer) -> None:
        """Tells this observer of every request from now on."""
        self._observers = [*self._observers, observer]

    def unsubscribe(self, observer: Observer) -> None:
        """Tells it no more; without effect for one that is not told."""
        self._observers = [one for one in self._observers if one != observer]

    def traces(self, count: int | None = None) -> list[Trace]:
        """The last traces, oldest first; all that are kept when `count` is None."""
        with self._lock:
            kept = list(self._traces)
        return kept if count is None else kept[-count:] if count > 0 else []

    def failures(self) -> list[Trace]:
        """The last requests that failed, oldest first."""
        with self._lock:
            return list(self._failures)

    def find(self, request_id: str) -> Trace | None:
        """The trace of a request, if it is still kept."""
        for trace in reversed([*self.failures(), *self.traces()]):
            if trace.request_id == request_id:
                return trace
        return None

    def summary(self, since: float | None = None) -> GraphSummary | None:
        """What all requests add up to, where that is counted apart from their traces; else None."""
        return None

    @property
    def reachable(self) -> bool:
        """Whether what is elsewhere can be asked for."""
        return True

    def catch_up(self) -> None:
        """Tells observers of requests that have ended here by now, where that may come later."""

    def elsewhere(self, mark: int) -> Elsewhere:
        """What came in of requests that ended in other processes; may wait for another machine.

        Args:
            mark: that of the last answer; 0 for all that are kept.
        """
        return Elsewhere(mark, 0, ())

    def clear(self) -> None:
        """Forgets all traces; the totals stay."""
        with self._lock:
            self._traces.clear()
            self._failures.clear()
            self._spans = 0
        self.last_failures.clear()
