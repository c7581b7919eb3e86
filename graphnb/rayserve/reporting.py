"""How a process tells the collector of its requests: in batches, from a thread, and never waiting.

A collector that is slow or dead costs a request nothing; only telemetry is lost, and counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import time
import traceback
import uuid
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from graphnb.engine.remote_errors import pack_error
from graphnb.engine.tracebacks import keep_failure, user_traceback
from graphnb.rayserve.collector import StartFailure, find_collector
from graphnb.rayserve.remote_spans import Transport, weight
from graphnb.telemetry import Trace
from graphnb.telemetry.buffer import Buffer

if TYPE_CHECKING:
    from graphnb.engine.request import Request
    from graphnb.rayserve.config import Payload
    from graphnb.telemetry import Outcome, Recorder
    from graphnb.telemetry.buffer import Batch

logger = logging.getLogger("graphnb")
PERIOD_S = 0.5
MAX_ENDED = 10_000
MAX_SPANS = 200_000
_SLICES = 100  # the more there are, the longer each
PATIENCE_S = 2.0
"""How long a batch may take: one that takes longer is given up, and the next one is tried."""


class _Ended(NamedTuple):
    """A request that is not worked out yet."""

    request_id: str
    started_at: float
    outcome: Outcome
    error: str | None
    spans: tuple[Any, ...]
    weight: int


class Reporter:
    """Sends what a process records to its application's collector.

    Args:
        collector: the name of the actor, or None for nobody.
        recorder: takes the traces of requests that begin in this process, a little after them; None
            where nobody asks this process for them.

    Attributes:
        listens: whether anybody wants to know.
        transport: what is known of the ways that calls take.
    """

    def __init__(self, collector: str | None, recorder: Recorder | None = None) -> None:
        self._recorder = recorder
        self._collector = collector
        # Unique also after a restart in a process of the same number.
        self._buffer = Buffer(f"{os.getpid()}-{uuid.uuid4().hex[:12]}")
        self.listens = collector is not None
        self.transport = Transport()
        self._ended: deque[_Ended] = deque()  # not worked out yet
        self._came = self._went = 0  # spans of these: noted by one thread, worked out by another
        self._broken = 0
        self._settling = threading.RLock()  # an observer may ask for what there is
        self._actor: Any = None
        self._sending = threading.Lock()
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None

    @property
    def source(self) -> str:
        """This process, as its batches name it."""
        return self._buffer.source

    def ended(self, request: Request, outcome: Outcome, error: str | None) -> None:
        """Takes note of a request; the thread works out the rest a little later.

        Done while requests wait for each other, it would cost each a few percent of a chain.
        """
        if request.error is not None and self._recorder is not None:
            keep_failure(self._recorder.last_failures, request)
        # As it is now: calls that it left behind are no part of it.
        spans = tuple(request.spans or ())
        one = _Ended(request.request_id, request.started_at, outcome, error, spans, weight(spans))
        self._ended.append(one)
        self._came += one.weight
        while len(self._ended) > MAX_ENDED or (self._ended and self._came - self._went > MAX_SPANS):
            self._forget_one()
        if self._thread is None:  # made with the first request: most processes have none
            self._start()
        if not self._wake.is_set():
            self._wake.set()

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name="graphnb-report", daemon=True)
        with contextlib.suppress(RuntimeError):  # no more threads: the next request tries again
            thread.start()
            self._thread = thread

    def _forget_one(self) -> None:
        with contextlib.suppress(IndexError):  # the thread was quicker
            self._came -= self._ended.popleft().weight
            self._buffer.forget()

    def settle(self) -> None:
        """Works out what is known of the requests that have ended by now; from any thread."""
        with self._settling:
            pause = 0
            for _ in range(len(self._ended)):
                try:
                    one = self._ended.popleft()
                except IndexError:  # forgotten meanwhile, or an observer has asked
                    break
                self._went += one.weight
                self._work_out(one)
                pause += 1
                if pause > len(self._ended) // _SLICES:
                    pause = 0
                    time.sleep(0)  # whoever answers requests needs the interpreter as well

    def _work_out(self, one: _Ended) -> None:
        try:
            spans = tuple(self.transport.spans(one.spans))
            trace = Trace(one.request_id, one.started_at, one.outcome, one.error, spans)
        except Exception:
            self._buffer.forget()
            self._broken += 1
            if self._broken == 1:
                logger.exception("a request is lost to the figures; others that are, are not told")
            return
        self._buffer.add(trace)
        if self._recorder is not None:
            self._recorder.record(trace)

    def _run(self) -> None:
        while not self._closed:
            self._wake.wait()
            self._wake.clear()
            self.flush()
            if self._hurry.wait(PERIOD_S):
                self._hurry.clear()

    def flush(self) -> None:
        """Sends what there is, and waits until it has arrived, two seconds at the most."""
        self.settle()  # before: whoever is told of requests may flush as well
        with self._sending:
            batch = self._buffer.take()
            if batch is not None and not self._send(batch):
                self._buffer.give_back(batch)

    def hurry(self) -> bool:
        """Has the thread send at once what there is, without waiting; whether all has arrived."""
        if self._has_sent():
            return True
        self._hurry.set()
        self._wake.set()
        return False

    def _has_sent(self) -> bool:
        """Whether nothing is to be worked out or sent, nor is at this moment."""
        with contextlib.ExitStack() as held:
            for lock in (self._settling, self._sending):
                if not lock.acquire(blocking=False):
                    return False
                held.callback(lock.release)
            return self._buffer.empty and not self._ended

    def _send(self, batch: Batch) -> bool:
        import ray

        try:
            if self._actor is None:
                self._actor = find_collector(self._collector)
            if self._actor is None:
                return False
            ray.get(self._actor.take.remote(batch), timeout=PATIENCE_S)
        except Exception:  # noqa: BLE001  whatever it is, it is telemetry's trouble alone
            self._actor = None
            return False
        return True

    def start_failed(self, payload: Payload, error: BaseException, doing: str = "start") -> None:
        """Tells that user code raised before it could answer; also the log of this process."""
        traceback.print_exception(type(error), error, user_traceback(error))
        actor = find_collector(self._collector)
        if actor is not None:
            actor.start_failed.remote(
                StartFailure(payload.deployment, payload.version, doing, pack_error(error))
            )

    async def tell_failed(self, payload: Payload, error: BaseException, doing: str) -> bool:
        """As `start_failed`, and returns when it is known there; whether it is."""
        actor = find_collector(self._collector)
        if actor is None:
            return False
        failure = StartFailure(payload.deployment, payload.version, doing, pack_error(error))
        try:
            async with asyncio.timeout(PATIENCE_S):
                await actor.start_failed.remote(failure)
        except Exception:  # noqa: BLE001  it is dead, or too slow
            return False
        return True

    def started(self, serve_name: str) -> None:
        """Tells that a replica answers from now on."""
        actor = find_collector(self._collector)
        if actor is not None:
            actor.started.remote(serve_name)

    def close(self) -> None:
        """Sends what is left, and ends the thread."""
        self._closed = True
        self._hurry.set()
        self._wake.set()
        if self._thread is not None or self._ended:
            self.flush()
