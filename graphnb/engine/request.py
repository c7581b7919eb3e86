"""One request, and the envelope that goes with each of its calls.

The envelope says which request a call belongs to, which span made it, until when it may take,
and which version of the graph answers. User code never sees it: the replica peels it off and
keeps it in a context variable, where handles find it again.
"""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from graphnb.telemetry.spans import Trace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from graphnb.engine.limits import RequestLimit
    from graphnb.telemetry.spans import Outcome, Span

clock = time.perf_counter


class Request:
    """What is known of one request in this process, from its start to its answer.

    Attributes:
        request_id: given by the client (`x-request-id`), else made here.
        started: on this process's `clock`.
        started_at: seconds since the epoch.
        timeout_s: seconds that it may take, or None.
        deadline: on this process's `clock`, or None.
        limit: what keeps the deadline, or None.
        version: which version of the graph answers; opaque to the engine.
        spans: of the calls that ended, for `trace`, or None when spans are off.
        last_span: the id that was given last; the root's is 0.
        values: what went into and came out of each node, when somebody asked for it, else None.
        open_calls: the nodes of the spans that have not ended.
        root_task: the task that answers it, or None.
        error: what it failed with, until whoever wants to know of its end was told; else None.
        streams: open streams; they end with the request.
        tasks: calls under way that must end when the request fails.
    """

    __slots__ = (
        "deadline",
        "error",
        "last_span",
        "limit",
        "open_calls",
        "request_id",
        "root_task",
        "spans",
        "started",
        "started_at",
        "streams",
        "tasks",
        "timeout_s",
        "values",
        "version",
    )

    def __init__(
        self,
        version: Any,
        *,
        request_id: str | None = None,
        timeout_s: float | None = None,
        record: bool = True,
        values: list[NodeValues] | None = None,
    ) -> None:
        self.request_id = request_id or _new_id()
        self.started = clock()
        self.started_at = time.time()
        self.timeout_s = timeout_s
        self.deadline = None if timeout_s is None else self.started + timeout_s
        self.limit: RequestLimit | None = None
        self.version = version
        self.error: BaseException | None = None
        self.spans: list[Any] | None = [] if record else None
        self.values = values
        self.tasks: set[asyncio.Task[Any]] = set()
        self.open_calls: dict[int, str] = {}
        self.root_task: asyncio.Task[Any] | None = None
        self.streams: set[Any] = set()
        self.last_span = -1

    def next_span(self) -> int:
        """The id of the next span."""
        self.last_span += 1
        return self.last_span

    @property
    def patience_s(self) -> float:
        """Seconds past the deadline in which calls elsewhere may tell who was at work."""
        return 0.0

    def trace(self, outcome: Outcome, error: str | None) -> Trace:
        """The request as a whole, after its end."""
        spans: tuple[Span, ...] = tuple(self.spans or ())
        return Trace(self.request_id, self.started_at, outcome, error, spans)

    def node_at_work(self) -> str | None:
        """The innermost of the calls under way: the one that was made last."""
        return self.open_calls[max(self.open_calls)] if self.open_calls else None

    async def give_up(self) -> None:
        """Cancels what is still under way, and waits until it has ended, a second at the most."""
        tasks = self.tasks - {asyncio.current_task()}
        for task in tasks:
            cancel_once(task)
        self.close_streams()
        if tasks:
            await asyncio.wait(tasks, timeout=PATIENCE_S)

    def close_streams(self) -> None:
        """Ends the streams that nobody has read to their end."""
        for stream in tuple(self.streams):
            stream.close()

    def note(self, node: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> NodeValues:
        """Keeps what goes into a node, for the one who asked for it."""
        noted = NodeValues(node, tuple(args), dict(kwargs))
        if self.values is not None:
            self.values.append(noted)
        return noted


def cancel_once(task: asyncio.Task[Any]) -> None:
    """Cancels a task once: a second time would cut its cleaning up short."""
    if not task.done() and not task.cancelling():
        task.cancel()


# How long a request that fails waits for its other calls to clean up.
PATIENCE_S = 1.0


class NodeValues:
    """What went into and came out of one call, for the one request that asked for it."""

    __slots__ = ("args", "error", "kwargs", "node", "result")

    def __init__(self, node: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.node = node
        self.args = args
        self.kwargs = kwargs
        self.result: Any = None
        self.error: BaseException | None = None


class Envelope(NamedTuple):
    """What accompanies one call.

    Attributes:
        request: the request that the call belongs to.
        span_id: the call's own span, the parent of the calls that it makes.
        replica: the replica that answers.
        model_id: which multiplexed model is asked for, or "".
    """

    request: Request
    span_id: int
    replica: Any
    model_id: str


current_envelope: ContextVar[Envelope | None] = ContextVar("graphnb_envelope", default=None)

_prefix = uuid.uuid4().hex[:8]
_count = 0


def _begin_anew() -> None:
    """A process that was forked has ids of its own."""
    global _prefix, _count
    _prefix, _count = uuid.uuid4().hex[:8], 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


def _new_id() -> str:
    """Unique among processes by a random prefix, and cheap: a counter behind it."""
    global _count  # noqa: PLW0603
    _count += 1
    return f"{_prefix}-{_count:x}"
