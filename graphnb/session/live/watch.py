"""Watches one running graph, in one thread, for all the pictures of it that are open."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from graphnb.errors import GraphnbError, NotRunningError
from graphnb.session.live.figures import Figures
from graphnb.session.live.pace import Pace
from graphnb.views.widget.moment import Load

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from graphnb.graph import GraphSpec
    from graphnb.session.running_graph import RunningGraph
    from graphnb.telemetry.digest import TraceDigest

logger = logging.getLogger("graphnb")

_STATUS_PART = 0.001  # of the time, that asking for the state of deployments may take
_STATUS_S = 1.0  # how often it is asked of another machine
_ELSEWHERE_S = 0.3


class Viewer(Protocol):
    """A picture that is open."""

    def show(self, now: float) -> None:
        """Shows what the watch knows by now."""


class Watch:
    """The figures and the state of one running graph.

    The thread runs while there is a viewer, and ends when the graph has ended.

    Attributes:
        figures: what its requests add up to.
        lock: held by whoever reads the figures or changes them.
        loads: what each deployment is at, as last asked.
        spec: the graph that the figures are of.
        version: counts the graphs that were seen.
        ended: whether the graph has.
        before: the figures of the graph before the last change, or None.
    """

    def __init__(self, graph: RunningGraph) -> None:
        self._graph = graph
        self._recorder = graph._application.recorder
        self._viewers: tuple[Viewer, ...] = ()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._stop = threading.Event()
        self._next_status = 0.0
        self._told: set[str] = set()
        self.lock = threading.RLock()
        self.spec: GraphSpec = graph.spec
        self.version = 1
        self.ended = False
        self.loads: Mapping[str, Load] = {}
        self.before: TraceDigest | None = None
        self.figures = Figures(self._deployed_at())

    def add(self, viewer: Viewer) -> None:
        """Begins to show this viewer what happens; without effect for one that is shown."""
        with self._starting:
            if viewer not in self._viewers:
                self._viewers = (*self._viewers, viewer)
            if self._thread is None and not self.ended:
                self._begin()

    def remove(self, viewer: Viewer) -> None:
        """Shows it nothing any more; with the last one the thread ends."""
        with self._starting:
            self._viewers = tuple(one for one in self._viewers if one is not viewer)
            if not self._viewers:
                self._stop.set()

    @property
    def running(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None

    def look(self, now: float) -> None:
        """Takes in what happened since the last time.

        Args:
            now: `time.monotonic()`.
        """
        try:
            spec = self._graph.spec
        except NotRunningError:
            self.ended, spec = True, self.spec
            self.loads = {}
        with self.lock:
            self._compare(spec)
            self._recorder.catch_up()
            self.figures.take(now)
        if self.ended:
            return
        if self._graph.on == "local" and now >= self._next_status:
            began = time.monotonic()
            self._ask_status()
            self._next_status = now + (time.monotonic() - began) / _STATUS_PART

    def _begin(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(self._stop,), name="graphnb-live", daemon=True
        )
        self._thread.start()

    def _run(self, stop: threading.Event) -> None:
        figures = Figures(self._deployed_at())
        try:
            self._seed(figures)
            if self._graph.on != "local":
                threading.Thread(
                    target=self._poll, args=(stop,), name="graphnb-live-poll", daemon=True
                ).start()
            pace = Pace(time.monotonic(), time.process_time())
            pause_s = 0.0
            while not stop.wait(pause_s):
                self._tick(time.monotonic())
                if self.ended:
                    return
                pause_s = pace.pause(time.monotonic(), time.process_time())
        finally:
            self._recorder.unsubscribe(figures.note)
            with self._starting:
                again = stop.is_set() and self._viewers and not self.ended
                stop.set()
                self._thread = None
                if again:  # one came while this was ending
                    self._begin()

    def _seed(self, figures: Figures) -> None:
        """Begins with the requests that are known already."""
        self._recorder.subscribe(figures.note)
        with self._unbroken("the requests before"):
            figures.seed(self._recorder.traces(), time.monotonic(), time.time())
        with self.lock:
            self.figures = figures

    @contextmanager
    def _unbroken(self, what: str) -> Iterator[None]:
        """A broken Ray breaks no picture: what was known stays, and it is said once."""
        try:
            yield
        except Exception as error:
            if what not in self._told:
                self._told.add(what)
                logger.warning("%s of %r: not known", what, self._graph.name, exc_info=error)

    def _tick(self, now: float) -> None:
        with self._unbroken("what happens"):
            self.look(now)
        for viewer in self._viewers:
            try:
                viewer.show(now)
            except Exception:
                logger.exception("a live picture of %r failed and is closed", self._graph.name)
                self.remove(viewer)
        self.figures.fresh = frozenset()

    def _compare(self, spec: GraphSpec) -> None:
        """Whether it was deployed again: seen by its spec, and a little later by the moment."""
        since = self._deployed_at()
        if since > self.figures.since:
            self.before = self.figures.begin_anew(since)
        if spec is not self.spec:
            self.spec = spec
            self.version += 1
            self._next_status = 0.0

    def _deployed_at(self) -> float:
        return self._graph.deployed.at if self._graph.deployed is not None else 0.0

    def _ask_status(self) -> None:
        with self._unbroken("the state"):
            try:
                status = self._graph.status()
            except GraphnbError:  # it is ending
                status = ()
            self.loads = {
                one.name: Load(
                    one.replicas, one.running, one.ongoing, one.queued, one.state, one.error
                )
                for one in status
            }

    def _poll(self, stop: threading.Event) -> None:
        """Asks other machines, however long they take."""
        mark = 0
        asked = 0.0
        pause_s = 0.0
        while not stop.wait(pause_s):
            pause_s = _ELSEWHERE_S
            with self._unbroken("requests of other processes"):
                if not self._recorder.reachable:
                    continue
                now = time.monotonic()
                if now - asked >= _STATUS_S:
                    asked = now
                    self._graph._application.refresh()
                    self._ask_status()
                mark = self._take_elsewhere(mark)

    def _take_elsewhere(self, mark: int) -> int:
        """Takes in what ended in other processes since that mark; the next one."""
        news = self._recorder.elsewhere(mark)
        untold = news.requests - len(news.traces)
        for trace in news.traces:
            self.figures.note(trace)
        if untold > 0 and mark:  # of the first ones the seed has what is known
            with self.lock:
                self.figures.count(untold)
        return news.mark
