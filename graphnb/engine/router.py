"""Brings calls of handles to replicas and schedules of the version that answers."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from graphnb.engine.handle import CallOptions, GraphTarget, Target
from graphnb.engine.limits import RequestLimit, limited
from graphnb.engine.outgoing import OutgoingCall, load_outgoing
from graphnb.engine.request import Envelope, Request, cancel_once, current_envelope
from graphnb.engine.request_streams import LateStream, RootStream, within_deadline
from graphnb.engine.response import Response
from graphnb.engine.run import open_schedule_stream, run_schedule
from graphnb.engine.stream import ResponseStream
from graphnb.engine.values import Packed, pack, unpack
from graphnb.errors import GraphnbError, NotRunningError, RequestTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from graphnb.engine.values import Pack
    from graphnb.engine.version import Version
    from graphnb.telemetry import Outcome

    Ended = Callable[[Request, Outcome, str | None], None]
    """Is told of each request that began here, when it has ended: how, and the error in a line."""


# Off for all requests of a process: GRAPHNB_TELEMETRY=off.
RECORD = os.environ.get("GRAPHNB_TELEMETRY", "on") != "off"

V = TypeVar("V", bound="Version")


class Engine(Protocol):
    """The loop that a router's requests run on."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop."""

    @property
    def here(self) -> bool:
        """Whether the calling thread is the loop's own."""


class GraphRouter(Generic[V]):
    """The `Router` of one graph in this process.

    Args:
        name: of the graph.
        engine: the loop that requests run on.
        ended: is told of each request that is timed.
        pack: serializes what goes in and out.

    Attributes:
        current: the version that answers requests that begin now; None when the graph has ended.
    """

    def __init__(self, name: str, engine: Engine, ended: Ended, pack: Pack = pack) -> None:
        self.current: V | None = None
        self._ended = ended
        self._name = name
        self._pack = pack
        self._engine = engine

    @property
    def name(self) -> str:
        """The name of the graph."""
        return self._name

    def send(
        self,
        target: Target,
        options: CallOptions,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Response | ResponseStream:
        """Starts a call; from any thread. Calls made by nodes belong to their request."""
        envelope = self._own_envelope()
        if envelope is None:
            request, parent = self.new_request(options), None
        else:
            request, parent = envelope.request, envelope.span_id
        call = OutgoingCall(target, options, args, kwargs, self._pack)
        if options.stream:
            source = LateStream(partial(self._open, call, request, parent))
            return ResponseStream(request, source, self._engine.loop)
        loop = self._engine.loop
        work = partial(self._work, call, request, parent, options.timeout_s)
        response = Response(request, loop, work)
        # In the next round of the loop; a call that is awaited before runs where it is awaited.
        (loop.call_soon if self._engine.here else loop.call_soon_threadsafe)(response._start)
        return response

    async def run(
        self,
        target: Target,
        options: CallOptions,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Any:
        """Awaits a call in place: what `await handle.remote(...)` does, without a response."""
        envelope = self._own_envelope()
        if envelope is None or options.timeout_s is not None:
            response = self.send(target, options, args, kwargs)
            assert isinstance(response, Response)
            return await response
        call = OutgoingCall(target, options, args, kwargs, self._pack)
        return unpack(await self._dispatch(call, envelope.request, envelope.span_id))

    def _own_envelope(self) -> Envelope | None:
        """The envelope of the call that is running here, if it is one of this graph."""
        envelope = current_envelope.get()
        if envelope is None:
            return None
        version = envelope.request.version
        if version is None or version.application is not self or version.retired:
            return None
        return envelope

    def new_request(self, options: CallOptions) -> Request:
        """A request that begins here."""
        return Request(
            None,
            request_id=options.request_id,
            timeout_s=options.timeout_s,
            record=options.record and RECORD,
            values=[] if options.values else None,
        )

    def _work(
        self, call: OutgoingCall, request: Request, parent: int | None, timeout_s: float | None
    ) -> Coroutine[Any, Any, Packed]:
        if parent is None:
            return self.answer(request, partial(self._dispatch, call, request, None))
        work = self._dispatch(call, request, parent)
        return work if timeout_s is None else limited(work, timeout_s, request)

    async def answer(self, request: Request, work: Callable[[], Any]) -> Any:
        """Runs a request from its beginning to its trace.

        Args:
            request: a new one; gets its version here.
            work: makes the coroutine that answers it.
        """
        version = self._begin(request)
        request.root_task = asyncio.current_task()
        outcome: Outcome = "ok"
        error_text: str | None = None
        try:
            if request.timeout_s is None or request.deadline is None:
                return await work()
            limit = RequestLimit(request, request.timeout_s)
            return await limit.keep(work(), request.deadline - request.started)
        except BaseException as error:
            outcome, error_text = _outcome(error), _one_line(error)
            request.error = error
            await request.give_up()
            raise
        finally:
            request.close_streams()
            version.leave(request)
            self._record(request, outcome, error_text)

    def _begin(self, request: Request) -> V:
        version = self.current
        if version is None:
            raise NotRunningError(
                "running graph", self._name, [], hint="it has ended: deploy it again"
            )
        request.version = version
        version.enter(request)
        return version

    def _record(self, request: Request, outcome: Outcome, error: str | None) -> None:
        if request.spans is not None:
            self._ended(request, outcome, error)
        request.error = None  # its traceback holds all that user code held

    def _dispatch(
        self, call: OutgoingCall, request: Request, parent: int | None
    ) -> Coroutine[Any, Any, Packed]:
        if call.waits:
            return self._dispatch_when_settled(call, request, parent)
        version: Version = request.version
        target = call.target
        if isinstance(target, GraphTarget):
            schedule = version.schedules[target.owner, target.graph]
            return run_schedule(schedule, version, request, parent, call.input())
        callee = version.callee(target.deployment)
        return callee.call(
            call.method, load_outgoing, call, request, parent, None, (), call.model_id
        )

    async def _dispatch_when_settled(
        self, call: OutgoingCall, request: Request, parent: int | None
    ) -> Packed:
        await call.settle()
        return await self._dispatch(call, request, parent)

    async def _open(self, call: OutgoingCall, request: Request, parent: int | None) -> Any:
        """Opens a stream; a request that begins with it ends with it."""
        if parent is not None:
            return await self._source(call, request, parent)
        version = self._begin(request)
        try:
            source = await within_deadline(self._source(call, request, None), request)
        except BaseException as error:
            request.error = error
            await request.give_up()
            version.leave(request)
            self._record(request, _outcome(error), _one_line(error))
            raise
        return RootStream(source, partial(self._end_stream, version, request), request)

    async def _source(self, call: OutgoingCall, request: Request, parent: int | None) -> Any:
        """What a stream reads from, when all that the generator needs is there."""
        await call.settle()
        version: Version = request.version
        target = call.target
        if isinstance(target, GraphTarget):
            schedule = version.schedules[target.owner, target.graph]
            return await open_schedule_stream(schedule, version, request, parent, call.input())
        callee = version.callee(target.deployment)
        return await callee.open_stream(
            call.method, load_outgoing, call, request, parent, None, (), call.model_id
        )

    def _end_stream(self, version: V, request: Request, error: BaseException | None) -> None:
        version.leave(request)
        for task in request.tasks:
            if error is not None and task is not asyncio.current_task():
                cancel_once(task)
        request.close_streams()
        request.error = error
        outcome: Outcome = "ok" if error is None else _outcome(error)
        self._record(request, outcome, None if error is None else _one_line(error))


def _outcome(error: BaseException) -> Outcome:
    if isinstance(error, asyncio.CancelledError):
        return "cancelled"
    if isinstance(error, RequestTimeoutError):
        return "timeout"
    from graphnb.errors import BackPressureError

    return "rejected" if isinstance(error, BackPressureError) else "error"


def _one_line(error: BaseException) -> str:
    text = error.message if isinstance(error, GraphnbError) else f"{type(error).__name__}: {error}"
    return text.partition("\n")[0]
