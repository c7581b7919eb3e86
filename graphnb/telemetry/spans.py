"""What happened: one span for each call, one trace for each request.

A `Span` is the same on every executor. Its times are durations in seconds, each taken on one
machine's clock: `queued_s` and `total_s` by the caller, `waiting_s` and `executing_s` by the
replica; `transport_s` is what remains. `start_s` is counted by the caller from the start of the
request and places a span in a waterfall.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Outcome = Literal["ok", "error", "cancelled", "timeout", "rejected"]
"""ok: returned. error: user code raised. cancelled: somebody gave up on it. timeout: its deadline
passed. rejected: the queue was full."""


class Span(NamedTuple):
    """One call of one node, within one request.

    Attributes:
        span_id: unique within its trace; the root's is 0.
        parent_id: the span whose code made this call, or None for the root.
        deployment: the deployment that was called.
        call: the id of the call node, or None when user code called through a handle.
        method: the method that was called.
        replica: which replica answered, or "" when none was reached.
        start_s: seconds from the start of the request until the caller made the call.
        queued_s: seconds at the caller, waiting for a replica to be free.
        waiting_s: seconds in the replica, before user code began.
        executing_s: seconds in user code.
        transport_s: seconds to carry arguments and the result.
        outcome: how it ended.
        size: bytes of the serialized result; 0 for plain scalars, which travel as they are.
        after: the call ids whose results it waited for.
    """

    span_id: int
    parent_id: int | None
    deployment: str
    call: str | None
    method: str
    replica: str
    start_s: float
    queued_s: float
    waiting_s: float
    executing_s: float
    transport_s: float
    outcome: Outcome
    size: int
    after: tuple[str, ...] = ()

    @property
    def total_s(self) -> float:
        """Seconds that the caller waited."""
        return self.queued_s + self.waiting_s + self.executing_s + self.transport_s

    @property
    def end_s(self) -> float:
        """Seconds from the start of the request until the caller had the answer."""
        return self.start_s + self.total_s

    @property
    def node(self) -> str:
        """What a picture calls it: the call's id, or "deployment.method" for a handle's call."""
        return self.call if self.call is not None else f"{self.deployment}.{self.method}"


class Trace(NamedTuple):
    """One request: its spans in the order in which they ended, the root last.

    Attributes:
        request_id: the request's id.
        started_at: wall-clock time of its start, seconds since the epoch.
        outcome: how the request ended.
        error: the error in one line, or None.
        spans: one for each call.
    """

    request_id: str
    started_at: float
    outcome: Outcome
    error: str | None
    spans: tuple[Span, ...]

    @property
    def total_s(self) -> float:
        """Seconds from start to answer."""
        return max((span.end_s for span in self.spans), default=0.0)
