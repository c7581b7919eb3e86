"""Requests whose calls are answered in other processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from graphnb.engine.request import Request
from graphnb.engine.router import RECORD, GraphRouter
from graphnb.engine.version import Version
from graphnb.telemetry import Trace

if TYPE_CHECKING:
    from graphnb.engine.handle import CallOptions
    from graphnb.engine.request import NodeValues
    from graphnb.engine.router import Engine
    from graphnb.engine.values import Pack
    from graphnb.rayserve.remote_spans import Transport
    from graphnb.rayserve.reporting import Reporter
    from graphnb.telemetry import Outcome, Span

PATIENCE_S = 0.5
"""How long past its deadline a request waits to be told who was at work, at the most.

Each process keeps the deadline itself, and so the answer mostly comes at once. It does not from one
that is too busy to say anything, nor for a call that waits for a replica: Ray Serve does not tell
whether one has taken it. Calls that a process makes have half as much, and so on, so that whoever
knows best is heard first.
"""

V = TypeVar("V", bound=Version)


class TravellingRequest(Request):
    """What is known in this process of a request that others work on as well.

    Attributes:
        away: the spans of calls under way elsewhere.
        number: of the graph's version that answers it, as its first host said; None there.
        patience: as `PATIENCE_S`, of this process.
    """

    __slots__ = ("away", "number", "patience")

    def __init__(
        self,
        version: Any,
        *,
        request_id: str | None = None,
        timeout_s: float | None = None,
        record: bool = True,
        values: list[NodeValues] | None = None,
        patience: float = PATIENCE_S,
        number: int | None = None,
    ) -> None:
        super().__init__(
            version, request_id=request_id, timeout_s=timeout_s, record=record, values=values
        )
        self.away: set[int] = set()
        self.patience = patience
        self.number = number

    def trace(self, outcome: Outcome, error: str | None) -> Trace:
        """The request as a whole, after its end."""
        spans: tuple[Span, ...] = ()
        if self.spans:
            transport: Transport = self.version.application.transport
            spans = tuple(transport.spans(self.spans))
        return Trace(self.request_id, self.started_at, outcome, error, spans)

    @property
    def patience_s(self) -> float:
        """Seconds past the deadline; none when nobody else is at work."""
        return self.patience if self.away else 0.0


class TravellingRouter(GraphRouter[V]):
    """The `Router` of a graph whose deployments are in several processes.

    Args:
        name, engine, pack: as of any router.
        reporter: is told of the requests that begin here.

    Attributes:
        transport: what is known of the ways between the deployments.
    """

    def __init__(self, name: str, engine: Engine, reporter: Reporter, pack: Pack) -> None:
        super().__init__(name, engine, reporter.ended, pack)
        self.transport = reporter.transport
        self._listens = reporter.listens

    def new_request(self, options: CallOptions) -> TravellingRequest:
        """A request that begins here."""
        return TravellingRequest(
            None,
            request_id=options.request_id,
            timeout_s=options.timeout_s,
            record=options.record and RECORD and self._listens,
            values=[] if options.values else None,
        )
