"""Sends the requests of a bench, and takes their answers."""

from __future__ import annotations

import math
import queue
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from graphnb.engine.threads import SLICE_S
from graphnb.errors import GraphnbError
from graphnb.session.bench.measured import Measured
from graphnb.session.bench.pace import pace_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from graphnb.engine import Response
    from graphnb.session.bench.load import Load
    from graphnb.session.bench.result import BenchProgress, BenchResult, Phase
    from graphnb.session.running_graph import RunningGraph

__all__ = ["MAX_UNDER_WAY", "PATIENCE_S", "Clock", "Sender"]

MAX_UNDER_WAY = 10_000
"""An open loop that has so many requests under way is ended: the graph does not keep up."""

PATIENCE_S = 5.0
"""How long requests that are given up have to clean up."""


class Sent:
    """A request under way.

    Attributes:
        due: when it was to be sent.
        measured: False in the warm-up.
        response: None if it could not be sent.
        arrived: when its answer was there.
        given_up: nobody waits for its answer any more.
    """

    __slots__ = ("arrived", "due", "given_up", "measured", "response")

    def __init__(self, due: float, *, measured: bool) -> None:
        self.due = due
        self.measured = measured
        self.response: Response | None = None
        self.arrived = due
        self.given_up = False


Answers = queue.SimpleQueue[Sent | None]
"""Requests that have their answers; None only wakes who waits."""


class Clock(Protocol):
    """Tells the time, and waits."""

    def now(self) -> float:
        """Seconds since some moment."""

    def take(self, answers: Answers, until: float) -> Sent | None:
        """The next answer; None if there is none until then."""


class SystemClock:
    """The machine's own; wakes within a tenth of a millisecond, where event loops take a whole."""

    now = staticmethod(time.perf_counter)

    def take(self, answers: Answers, until: float) -> Sent | None:
        """Waits without holding up the graph, which may run in the same process."""
        if until == math.inf:
            return answers.get()
        try:
            return answers.get(timeout=max(0.0, until - self.now()))
        except queue.Empty:
            return None


CLOCK: Clock = SystemClock()


class Sender:
    """One bench: a thread that sends what is due, and takes the answers in between.

    One thread, however many requests are under way: it sleeps until the next request is due or an
    answer is there. Only this thread sends; once it was told to stop it sends no more.

    Attributes:
        failure: what ended it that is no request's failure: the inputs raised.
    """

    def __init__(self, graph: RunningGraph, load: Load) -> None:
        self.failure: BaseException | None = None
        self._graph = graph
        self._load = load
        self._first, self._requests = load.draw()
        self._pace = pace_of(load)
        self._most = MAX_UNDER_WAY if load.loop == "open" else math.inf
        self._measured = Measured(load)
        self._under_way: set[Sent] = set()
        self._answers: Answers = queue.SimpleQueue()
        self._phase: Phase = "warm-up"
        self._stopped = False
        self._at_once = False
        # Not `Thread.join` alone: Ctrl-C in it makes a thread look ended (Python 3.11 and 3.12).
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="graphnb-bench", daemon=True)

    # For the thread that wants the figures.

    def start(self) -> None:
        """Begins with the warm-up."""
        self._thread.start()

    def stop(self, *, at_once: bool = False) -> None:
        """Sends no more and gives up what is under way.

        Args:
            at_once: also wait no more until that has ended.
        """
        self._at_once = self._at_once or at_once
        self._stopped = True
        self._answers.put(None)

    def join(self, timeout_s: float) -> bool:
        """Waits for its end; whether it has ended."""
        # In slices: Ctrl-C that comes the moment before a wait begins is seen after it.
        until = time.monotonic() + timeout_s
        while not self._ended.wait(min(SLICE_S, max(0.0, until - time.monotonic()))):
            if time.monotonic() >= until:
                return False
        self._thread.join()
        return True

    def progress(self) -> BenchProgress:
        """How far it is."""
        return self._measured.progress(CLOCK.now(), self._phase, len(self._under_way))

    def result(self, *, interrupted: bool) -> BenchResult:
        """What was measured so far."""
        return self._measured.result(CLOCK.now(), interrupted=interrupted)

    # On its own thread.

    def _run(self) -> None:
        try:
            self._warm_up()
            if not self._stopped:
                self._measure()
        except BaseException as error:  # noqa: BLE001  raised on the thread that waits for it
            self.failure = error
        try:
            self._give_up()
        finally:
            self._ended.set()

    def _warm_up(self) -> None:
        for _ in range(self._load.warmup):
            if not self._stopped:
                self._send(self._first, CLOCK.now(), measured=False)
                self._wait_for_all()

    def _measure(self) -> None:
        began = CLOCK.now()
        self._phase = "sending"
        self._measured.begin(began)
        self._pace.begin(began)
        self._send_all(self._requests, began + (self._load.duration_s or math.inf))
        self._phase = "waiting"
        if not self._measured.overrun:
            self._wait_for_all()
        self._measured.end(CLOCK.now())

    def _send_all(self, requests: Iterator[Any], until: float) -> None:
        for request in requests:  # drawn before it is due, in the time that is left until then
            due = self._next_due(until)
            if due is None:
                return
            if self._load.loop == "open":
                self._measured.sent(max(0.0, CLOCK.now() - due))
            self._send(request, due)
            self._pace.sent()
            self._take_ready()

    def _take_ready(self) -> None:
        """Takes answers also while requests are overdue: two for each, so that none pile up."""
        for _ in range(2):
            if not self._answers.empty():
                self._take_answer(CLOCK.now())

    def _next_due(self, until: float) -> float | None:
        """Waits until a request is due, and says when it was; None when nothing more is."""
        while not self._stopped:
            now = CLOCK.now()
            due = self._pace.due(now, len(self._under_way))
            if min(due, until) > now:
                self._take_answer(min(due, until))
            elif due >= until:
                return None
            elif len(self._under_way) >= self._most:
                self._measured.overrun = True
                return None
            else:
                return due
        return None

    def _wait_for_all(self) -> None:
        while self._under_way and not self._stopped:
            self._take_answer(math.inf)

    def _send(self, request: Any, due: float, *, measured: bool = True) -> None:
        sent = Sent(due, measured=measured)
        try:
            sent.response = response = self._graph.remote(request)
        except Exception as error:  # noqa: BLE001  a failure like any other
            sent.arrived = CLOCK.now()
            self._answered(sent, error, 0.0)
            return
        self._under_way.add(sent)
        response._when_done(partial(self._arrived, sent))

    def _arrived(self, sent: Sent) -> None:
        """Runs where the answer arrives: however busy the sender is, the moment is right."""
        sent.arrived = CLOCK.now()
        self._answers.put(sent)

    def _take_answer(self, until: float) -> None:
        """Takes one, if there is one until then."""
        sent = CLOCK.take(self._answers, until)
        if sent is None or sent.response is None:
            return
        failure: Exception | None = None
        began = CLOCK.now()
        try:
            sent.response.result()  # the answer is loaded: clients wait for that too
        except Exception as error:  # noqa: BLE001  of a node, or of loading the answer
            failure = error
        self._answered(sent, failure, CLOCK.now() - began)

    def _answered(self, sent: Sent, error: Exception | None, loading_s: float) -> None:
        self._under_way.discard(sent)
        if sent.given_up or not sent.measured:  # a warm-up that fails says so again when measured
            return
        request = sent.response.request if sent.response is not None else None
        text = _one_line(error) if error is not None else None
        self._measured.answered(sent.arrived - sent.due + loading_s, request, text)

    def _give_up(self) -> None:
        """Cancels what is under way, and waits until it has ended."""
        until = CLOCK.now() + PATIENCE_S
        for one in self._under_way:
            if one.response is not None and not one.response.done():
                one.given_up = True
                one.response.cancel()
        self._measured.unanswered = sum(one.given_up and one.measured for one in self._under_way)
        while self._under_way and not self._at_once and CLOCK.now() < until:
            self._take_answer(until)


def _one_line(error: Exception) -> str:
    text = error.message if isinstance(error, GraphnbError) else f"{type(error).__name__}: {error}"
    return text.partition("\n")[0]
