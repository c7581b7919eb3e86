"""The requests of a graph on Ray: those made here, and those that came from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphnb.rayserve.collector import ask, is_connected
from graphnb.rayserve.reporting import Reporter
from graphnb.telemetry import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphnb.telemetry import Trace
    from graphnb.telemetry.recorder import Elsewhere
    from graphnb.telemetry.summary import GraphSummary


class RayRecorder(Recorder):
    """Keeps the requests made here, sends them to the collector, and asks it for all others.

    Args:
        collector: the name of the actor.
        flush: has the hosts send what they know.

    Attributes:
        reporter: is told of the requests made here.
    """

    def __init__(self, collector: str, flush: Callable[[], None]) -> None:
        super().__init__()
        self._collector = collector
        self._flush_hosts = flush
        self.reporter = Reporter(collector, self)

    def traces(self, count: int | None = None) -> list[Trace]:
        """The last requests, from wherever they came, oldest first."""
        self._flush()
        found = self._merged(super().traces(count), ask(self._collector, "traces", count))
        most = self._max_traces if count is None else min(count, self._max_traces)
        return found[-most:] if most > 0 else []

    def failures(self) -> list[Trace]:
        """The last requests that failed, oldest first."""
        self._flush()
        return self._merged(super().failures(), ask(self._collector, "failed_traces"))

    def find(self, request_id: str) -> Trace | None:
        """The trace of a request, if it is still kept."""
        self.reporter.settle()
        for trace in reversed([*super().failures(), *super().traces()]):
            if trace.request_id == request_id:
                return trace
        self._flush()
        found: Trace | None = ask(self._collector, "find", request_id)
        return found

    def summary(self, since: float | None = None) -> GraphSummary | None:
        """What all requests since that time add up to; None when the collector does not answer."""
        self._flush()
        found: GraphSummary | None = ask(self._collector, "summary", since)
        return found

    @property
    def reachable(self) -> bool:
        """Whether this process is connected to a Ray; asking without would start one."""
        return is_connected()

    def catch_up(self) -> None:
        """Tells observers of requests that have ended here by now."""
        self.reporter.settle()

    def elsewhere(self, mark: int) -> Elsewhere:
        """What the collector has of requests that ended in other processes."""
        found: Elsewhere | None = ask(self._collector, "news", mark, self.reporter.source)
        return found or super().elsewhere(mark)

    def clear(self) -> None:
        """Forgets all requests."""
        self._flush()
        super().clear()
        ask(self._collector, "clear")

    def clear_figures(self) -> None:
        """Begins the figures anew, as after a change of the graph; traces stay."""
        self._flush()
        ask(self._collector, "clear_figures")

    def close(self) -> None:
        """Ends the thread that sends."""
        self.reporter.close()

    def _flush(self) -> None:
        self.reporter.flush()
        self._flush_hosts()

    def _merged(self, here: list[Trace], there: Any) -> list[Trace]:
        found = {one.request_id: one for one in there or ()}
        found.update((one.request_id, one) for one in here)
        return sorted(found.values(), key=lambda one: one.started_at)
