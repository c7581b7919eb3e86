"""The replicas of one deployment, behind one queue: slots, limits, calls, spans."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections import deque
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from graphnb.engine.context import InContext
from graphnb.engine.node_errors import node_error
from graphnb.engine.replica_stream import ReplicaStream
from graphnb.engine.request import Envelope, Request, clock, current_envelope
from graphnb.engine.tracebacks import user_traceback
from graphnb.engine.values import SCALARS, Pack, Packed, pack, packed_size, unpack
from graphnb.errors import (
    BackPressureError,
    CallError,
    NodeError,
    RequestCancelledError,
    RequestError,
)
from graphnb.telemetry.spans import Outcome, Span

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphnb.engine.arguments import Load
    from graphnb.engine.replica import Method, Replica

_set_envelope = current_envelope.set
_new_span = _new_envelope = tuple.__new__


class Limits:
    """What of a deployment's options limits its calls; may change while it runs."""

    __slots__ = ("max_ongoing", "max_queued", "shutdown_s")

    def __init__(self, max_ongoing: int, max_queued: int, shutdown_s: float) -> None:
        self.max_ongoing = max_ongoing
        self.max_queued = max_queued
        self.shutdown_s = shutdown_s


class ReplicaSet:
    """All replicas of one deployment; gives each call a slot of one of them.

    Runs on the engine's loop only.

    Attributes:
        name: the deployment's name.
        where: says where it was defined, for people; asked when an error names it.
        pack: serializes results.
        replicas: those that take calls.
        restarts: how many replicas were replaced because they were not well.
        error: why it is not well, or None.
        watcher: the task that asks how its replicas are, or None.
        closed: its version has ended.
    """

    def __init__(
        self,
        name: str,
        where: Callable[[], str | None],
        limits: Limits,
        pack: Pack = pack,
    ) -> None:
        self.name = name
        self.where = where
        self.limits = limits
        self.pack = pack
        self.replicas: list[Replica] = []
        self.restarts = 0
        self.error: str | None = None
        self.watcher: asyncio.Task[None] | None = None
        self.closed = False
        self._queue: deque[asyncio.Future[Replica]] = deque()
        self._cleaning: set[asyncio.Task[None]] = set()

    @property
    def queued(self) -> int:
        """Calls that wait for a slot; may be asked from any thread."""
        return sum(not one.done() for one in tuple(self._queue))

    @property
    def ongoing(self) -> int:
        """Calls that hold a slot."""
        return sum(one.ongoing for one in self.replicas)

    # Slots.

    def _take(self, model_id: str) -> Replica | None:
        """A slot of the least busy replica, at once, or None when all are taken."""
        limit = self.limits.max_ongoing
        if len(self.replicas) == 1:
            only = self.replicas[0]
            if only.ongoing >= limit:
                return None
            only.ongoing += 1
            return only
        best: Replica | None = None
        for one in self.replicas:
            if one.ongoing < limit and (best is None or one.ongoing < best.ongoing):
                best = one
        if model_id and len(self.replicas) > 1:
            best = self._with_model(model_id) or best
        if best is not None:
            best.ongoing += 1
        return best

    def _with_model(self, model_id: str) -> Replica | None:
        """The replica that a model's requests go to, so that it is loaded once."""
        chosen = self.replicas[hash(model_id) % len(self.replicas)]
        return chosen if chosen.ongoing < self.limits.max_ongoing else None

    async def _wait_for_slot(self, request: Request) -> Replica:
        if self.closed:
            raise RequestCancelledError(
                f"{self.name} has ended", node=self.name, request_id=request.request_id
            )
        limit = self.limits.max_queued
        if limit >= 0 and self.queued >= limit:
            raise BackPressureError(
                f"{self.name} has {limit} requests waiting, which is its max_queued_requests",
                node=self.name,
                request_id=request.request_id,
                hint="try again later, or raise max_queued_requests, num_replicas "
                "or max_ongoing_requests",
            )
        waiter: asyncio.Future[Replica] = asyncio.get_running_loop().create_future()
        self._queue.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.release(waiter.result())
            raise

    def release(self, replica: Replica) -> None:
        """Gives a slot back; the call that waited longest gets it."""
        replica.ongoing -= 1
        self._freed(replica)

    def _freed(self, replica: Replica) -> None:
        if not replica.ongoing and replica.when_idle is not None:
            replica.when_idle.set()
        if self._queue:
            self.serve_queue()

    async def close(self) -> None:
        """Closes all replicas; calls that still wait for one are told so."""
        self.closed = True
        if self.watcher is not None:
            self.watcher.cancel()
        for waiter in self._queue:
            if not waiter.done():
                waiter.set_exception(RequestCancelledError(f"{self.name} has ended"))
        self._queue.clear()
        leaving, self.replicas = self.replicas, []
        for one in leaving:
            await one.close()

    def serve_queue(self) -> None:
        """Hands free slots to waiting calls."""
        while self._queue:
            if self._queue[0].done():
                self._queue.popleft()
                continue
            replica = self._take("")
            if replica is None:
                return
            self._queue.popleft().set_result(replica)

    def hold(self, task: asyncio.Task[None]) -> None:
        """Keeps a task that cleans up from vanishing before it is done."""
        self._cleaning.add(task)
        task.add_done_callback(self._cleaning.discard)

    # Calls.

    async def call(  # noqa: C901, PLR0912, PLR0913, PLR0915, PLR0917  see the docstring
        self,
        method: str,
        load: Load,
        kept: Any,
        request: Request,
        parent: int | None,
        call: str | None,
        after: tuple[str, ...],
        model_id: str,
        pack: Pack | None = None,
    ) -> Packed:
        """One call, from taking a slot to the packed result; records its span.

        With `pack` in place of the set's own, where the result takes another way.

        This is the way of every request: it is long because each function call in it would cost
        a tenth of a node.
        """
        began = taken = invoked = ended = clock()
        span_id = request.last_span = request.last_span + 1
        waiting = 0.0
        size = 0
        outcome: Outcome = "error"
        packed_at = 0.0
        noted = None
        request.open_calls[span_id] = call or f"{self.name}.{method}"
        replica = self._take(model_id)
        try:
            if replica is None:
                replica = await self._wait_for_slot(request)
                taken = clock()
            held = True
            try:
                found = replica.methods.get(method) or replica.method(method)
                args, kwargs = load(kept)
                context = copy_context()
                envelope = _new_envelope(Envelope, (request, span_id, replica, model_id))
                context.run(_set_envelope, envelope)
                if request.values is not None:  # of its own, since the node may change its own
                    noted = request.note(call or f"{self.name}.{method}", *load(kept))
                invoked = clock()
                if found.kind == "async":
                    # An empty `**kwargs` has its price, too.
                    coroutine = found.call(*args, **kwargs) if kwargs else found.call(*args)
                    try:
                        waited = context.run(coroutine.send, None)
                    except StopIteration as stop:  # it had nothing to wait for
                        result = stop.value
                    else:
                        result = await InContext(coroutine, context, waited)
                else:
                    future = replica.run_in_thread(
                        context, _Timed(self._sync(found, method), args, kwargs)
                    )
                    try:
                        started, result = await asyncio.wrap_future(future)
                    except asyncio.CancelledError:
                        held = not self._release_later(replica, future)
                        raise
                    waiting = started - invoked
                    if inspect.iscoroutine(result):
                        result = await InContext(result, context)
                ended = clock()
            finally:
                if held:
                    replica.ongoing -= 1
                    if self._queue or replica.when_idle is not None:
                        self._freed(replica)
            if type(result) not in SCALARS:
                result = (pack or self.pack)(result, what="the result", node=call or self.name)
                size = packed_size(result)
                packed_at = clock()
            elif type(result) is bytes or type(result) is str:
                size = len(result)
            outcome = "ok"
            if noted is not None:
                noted.result = unpack(result)
            return result
        except BaseException as error:
            ended = clock()
            invoked = invoked if invoked > began else ended
            if noted is not None and not isinstance(error, asyncio.CancelledError):
                noted.error = error
            outcome, failure = self._failure(error, call or f"{self.name}.{method}", request)
            if failure is error:
                raise
            raise failure from error
        finally:
            del request.open_calls[span_id]
            if request.spans is not None:
                if ended == began:  # cut off before a slot was free
                    ended = invoked = clock()
                    taken = taken if replica else ended
                executing = ended - invoked - waiting
                queued = taken - began
                total = (packed_at or ended) - began
                request.spans.append(
                    _new_span(
                        Span,
                        (
                            span_id,
                            parent,
                            self.name,
                            call,
                            method,
                            "" if replica is None else replica.replica_id,
                            began - request.started,
                            queued,
                            waiting,
                            executing,
                            max(0.0, total - queued - waiting - executing),
                            outcome,
                            size,
                            after,
                        ),
                    )
                )

    def _sync(self, found: Method, method: str) -> Callable[..., Any]:
        if found.kind != "sync":
            raise CallError(
                f"{self.name}.{method} is a generator",
                node=self.name,
                hint="read it as a stream: .options(stream=True).remote(...)",
            )
        return found.call

    def _failure(
        self, error: BaseException, node: str, request: Request
    ) -> tuple[Outcome, BaseException]:
        """How a call that raised ended, and what the caller is told."""
        if isinstance(error, asyncio.CancelledError):
            return "cancelled", error
        if isinstance(error, BackPressureError):
            return "rejected", error
        if isinstance(error, RequestCancelledError):
            return "cancelled", error
        if isinstance(error, RequestError):
            error.request_id = error.request_id or request.request_id
            return "error", error
        if isinstance(error, TypeError) and user_traceback(error) is None:
            # No frame of user code: the call itself did not fit.
            return "error", CallError(str(error), node=node, request_id=request.request_id)
        return "error", self._wrapped(error, node, request)

    def _wrapped(self, error: BaseException, node: str, request: Request) -> NodeError:
        error.with_traceback(user_traceback(error))
        return node_error(error, node=node, cell=self.where(), request_id=request.request_id)

    def _release_later(self, replica: Replica, future: Any) -> bool:
        """Keeps the slot of a thread that goes on after its call was cancelled, until it ends."""
        if future.cancel() or future.done():
            return False
        loop = asyncio.get_running_loop()
        future.add_done_callback(lambda _: _soon(loop, lambda: self.release(replica)))
        return True

    # Streams.

    async def open_stream(
        self,
        method: str,
        load: Load,
        kept: Any,
        request: Request,
        parent: int | None,
        call: str | None,
        after: tuple[str, ...],
        model_id: str,
    ) -> ReplicaStream:
        """Calls a generator; it holds its slot until it ends or nobody reads any more."""
        began = clock()
        replica = self._take(model_id) or await self._wait_for_slot(request)
        stream = ReplicaStream(self, replica, request, parent, call, after, method, began)
        try:
            found = replica.method(method)
            if not found.kind.endswith("stream"):
                raise CallError(
                    f"{self.name}.{method} is not a generator",
                    node=self.name,
                    hint="call it without stream=True",
                )
            args, kwargs = load(kept)
            stream.begin(found, args, kwargs, model_id)
        except BaseException as error:
            stream.fail_to_begin()
            if isinstance(error, RequestError) or not isinstance(error, Exception):
                raise
            raise self._wrapped(error, call or f"{self.name}.{method}", request) from error
        return stream


class _Timed:
    """A sync call that says when its thread began."""

    __slots__ = ("_args", "_function", "_kwargs")

    def __init__(self, function: Callable[..., Any], args: Any, kwargs: Any) -> None:
        self._function = function
        self._args = args
        self._kwargs = kwargs

    def __call__(self) -> tuple[float, Any]:
        started = clock()
        try:
            return started, self._function(*self._args, **self._kwargs)
        except (StopIteration, SystemExit, KeyboardInterrupt) as error:
            # None of these may travel through a future.
            raise RuntimeError(f"{type(error).__name__}: {error}") from error


def _soon(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
        loop.call_soon_threadsafe(callback)
