"""Sends the trace of each request to another tool, in the background."""

from __future__ import annotations

import atexit
import logging
import threading
from collections import deque
from typing import TYPE_CHECKING, Self

from graphnb.telemetry.export.destination import lasting, without_messages
from graphnb.telemetry.export.otlp import TIMEOUT_S

if TYPE_CHECKING:
    import os

    from graphnb.telemetry.spans import Trace

__all__ = ["Exporter"]

logger = logging.getLogger("graphnb")

MAX_TRACES = 2_000
MAX_SPANS = 40_000
BATCH = 200
EVERY_S = 1.0


class Exporter:
    """An observer of requests that sends them on in batches.

    Costs a request no more than a place in a queue, whatever becomes of the destination: what
    finds the queue full is dropped, and what could not be sent is not sent again. Both are
    counted.

        with Exporter("http://localhost:4318", graph="scores") as exporter:
            recorder.subscribe(exporter)

    Attributes:
        sent: how many traces were taken.
        dropped: how many found the queue full, or came after the end.
        failed: how many were not taken by the destination.
    """

    def __init__(
        self,
        to: str | os.PathLike[str],
        *,
        graph: str = "graphnb",
        messages: bool = False,
        every_s: float = EVERY_S,
        max_traces: int = MAX_TRACES,
        max_spans: int = MAX_SPANS,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """Starts its thread.

        Args:
            to: an OTLP endpoint, `http://host:4318`, or a file named `.jsonl`, which is appended
                to.
            graph: the graph's name there.
            messages: with the messages of errors. They are the nodes' own, and may quote values.
            every_s: how long a trace waits for others to go with it.
            max_traces: how many may wait.
            max_spans: how many spans all of them may have together.
            timeout_s: how long an endpoint may take for a batch.

        Raises:
            ExportError: it is no such destination, or needs a package that is not installed.
        """
        self.sent = 0
        self.dropped = 0
        self.failed = 0
        self._destination = lasting(to, graph=graph, timeout_s=timeout_s)
        self._to = to
        self._messages = messages
        self._every_s = every_s
        self._max_traces = max_traces
        self._max_spans = max_spans
        self._waiting: deque[Trace] = deque()
        self._spans = 0
        self._lock = threading.Lock()
        self._some = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="graphnb-export", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def __call__(self, trace: Trace, /) -> None:
        """Takes note of one request; never waits."""
        with self._lock:
            spans = self._spans + len(trace.spans)
            full = len(self._waiting) >= self._max_traces or spans > self._max_spans
            if full or self._closing.is_set():
                self.dropped += 1
                return
            self._waiting.append(trace)
            self._spans = spans
        self._some.set()

    def close(self, timeout_s: float = 5.0) -> None:
        """Sends what waits and stops; what is not sent by then is given up, and counted."""
        if self._closing.is_set():
            return
        atexit.unregister(self.close)
        self._closing.set()
        self._some.set()
        self._thread.join(timeout_s)
        with self._lock:
            self.dropped += len(self._waiting)
            self._waiting.clear()
        self._destination.close()  # also ends a write that is trying again
        self._thread.join(timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        closing = False
        while not closing:
            self._some.wait()
            self._some.clear()
            # Known before the queue is emptied: what was added until the end is in it.
            closing = self._closing.wait(self._every_s)
            while batch := self._next_batch():
                self._send(batch)

    def _next_batch(self) -> list[Trace]:
        with self._lock:
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            self._spans -= sum(len(one.spans) for one in batch)
        return batch if self._messages else [without_messages(one) for one in batch]

    def _send(self, batch: list[Trace]) -> None:
        try:
            self._destination.write(batch)
            self.sent += len(batch)
        except Exception as error:  # noqa: BLE001  whatever happens here is nobody's trouble
            self.failed += len(batch)
            if self.failed == len(batch):
                logger.warning("traces are not exported to %s: %s", self._to, error)
