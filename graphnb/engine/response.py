"""What `.remote()` returns: an answer to come, for any thread and any event loop.

A response is awaitable, from any loop, and has `.result()`, which also works in a notebook cell.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any

from graphnb.engine.request import cancel_once
from graphnb.engine.threads import acquire, call_soon, engine_thread, on_engine_thread
from graphnb.engine.tracebacks import user_traceback
from graphnb.engine.values import Packed, unpack
from graphnb.errors import NodeError, RequestCancelledError, RequestTimeoutError

if TYPE_CHECKING:
    from graphnb.engine.request import Request

_PENDING = object()

Work = Callable[[], Coroutine[Any, Any, Packed]]
"""Makes the coroutine that answers a call."""


class Response:
    """The answer of one call.

    The engine's loop fills it in; everybody else waits. `request` has the request's id and, once
    the answer is there, its spans.
    """

    __slots__ = (
        "_begun",
        "_callbacks",
        "_cancelled",
        "_error",
        "_given_up",
        "_loop",
        "_packed",
        "_task",
        "_traceback",
        "_work",
        "request",
    )

    def __init__(self, request: Request, loop: asyncio.AbstractEventLoop, work: Work) -> None:
        self.request = request
        self._loop = loop
        self._work: Work | None = work
        self._task: asyncio.Task[Any] | None = None
        self._packed: Any = _PENDING
        self._error: BaseException | None = None
        self._traceback: Any = None
        self._callbacks: list[Callable[[], None]] = []
        self._cancelled = False
        self._begun = False

    @property
    def request_id(self) -> str:
        """The request's id, as in traces and in the `x-request-id` header."""
        return self.request.request_id

    def done(self) -> bool:
        """Whether the answer, or an error, is there."""
        return self._packed is not _PENDING or self._error is not None

    def cancel(self) -> None:
        """Gives up on the call and on all that it waits for; without effect when it is done."""
        self._given_up = True
        if not self.done():
            call_soon(self._loop, self._cancel_here)

    def cancelled(self) -> bool:
        """Whether `cancel` was called; the answer may have been there already."""
        return getattr(self, "_given_up", False)  # of those that nobody cancels it is never set

    def result(self, timeout_s: float | None = None) -> Any:
        """Waits for the answer; also in a notebook cell, and in a deployment's sync method.

        Args:
            timeout_s: seconds to wait; the request itself goes on.

        Raises:
            RequestTimeoutError: no answer within `timeout_s`, or the request's own deadline passed.
            NodeError: a node raised; also an instance of the original error's type.
            RuntimeError: called on the engine's own thread, which would wait for itself.
        """
        __tracebackhide__ = True
        if not self.done():
            self._wait(timeout_s)
        return self._value()

    async def _to_object_ref(self) -> Any:
        """Not here: the error says what to do instead."""
        raise no_reference("a response")

    def _to_object_ref_sync(self, *_args: Any, **_kwargs: Any) -> Any:
        """Not here: the error says what to do instead."""
        raise no_reference("a response")

    def _wait(self, timeout_s: float | None) -> None:
        __tracebackhide__ = True
        if on_engine_thread():
            raise RuntimeError(
                "an async method called .result(), which would stop all nodes: "
                "write `await handle.remote(...)`"
            )
        # A lock as a one-shot event: a quarter of the cost of threading.Event.
        arrival = threading.Lock()
        arrival.acquire()
        self._when_done(arrival.release)
        try:
            arrived = acquire(arrival, timeout_s)
        except KeyboardInterrupt:
            self.cancel()
            raise
        if not arrived:
            raise RequestTimeoutError(
                f"no answer within {timeout_s} s",
                request_id=self.request_id,
                hint="the request goes on: call .result() again, or .cancel()",
            )

    def _value(self) -> Any:
        __tracebackhide__ = True
        if self._error is not None:
            # The traceback is put back each time: raising adds the frames of whoever asked.
            raise self._error.with_traceback(self._traceback)
        return unpack(self._packed)

    def __await__(self) -> Generator[Any, Any, Any]:
        __tracebackhide__ = True
        if not self.done():
            loop = asyncio.get_running_loop()
            if self._work is not None and engine_thread.loop is loop:
                yield from self._in_place().__await__()
            else:
                yield from _wait_in_loop(self, loop).__await__()
        return self._value()

    async def _in_place(self) -> None:
        """Does the work in the task that awaits it: a call that is awaited at once needs no own."""
        work, self._work = self._work, None
        assert work is not None
        self._task = task = asyncio.current_task()
        self._begun = True
        assert task is not None
        try:
            packed = await work()
        except asyncio.CancelledError as error:
            self._set_error(error)
            if not self._cancelled or task.uncancel():  # the task itself was cancelled
                raise
        except BaseException as error:  # noqa: BLE001  raised by `_value`, here and later
            self._set_error(error)
        else:
            self._set_value(packed)

    def _when_done(self, callback: Callable[[], None]) -> None:
        """Calls back once, on the engine's thread, or at once when it is done."""
        self._callbacks.append(callback)
        if self.done():
            self._run_callbacks()

    def _run_callbacks(self) -> None:
        while self._callbacks:
            try:
                callback = self._callbacks.pop()
            except IndexError:  # the other thread took the last one
                return
            callback()

    # For the engine; on its thread.

    def _start(self) -> None:
        """Starts the work in a task of its own, unless somebody awaited it before."""
        work, self._work = self._work, None
        if work is None:
            return
        # By its class and with a name: half the cost of `create_task`, which counts names.
        self._task = asyncio.Task(self._fill(work), loop=self._loop, name="graphnb")
        self.request.tasks.add(self._task)

    def _cancel_here(self) -> None:
        if self.done():
            return
        self._cancelled = True
        if self._work is not None:  # not started yet
            self._work = None
            self._set_error(asyncio.CancelledError())
        elif self._task is not None:
            cancel_once(self._task)
            if not self._begun:  # a task that is cancelled before its first step never runs
                self._set_error(asyncio.CancelledError())

    async def _fill(self, work: Work) -> None:
        self._begun = True
        try:
            packed = await work()
        except asyncio.CancelledError as error:
            self._set_error(error)
            raise
        except BaseException as error:  # noqa: BLE001  raised by `_value`, here and later
            self._set_error(error)
        else:
            self._set_value(packed)
        finally:
            self.request.tasks.discard(self._task)

    def _set_value(self, packed: Packed) -> None:
        self._packed = packed
        self._finish()

    def _set_error(self, error: BaseException) -> None:
        if isinstance(error, asyncio.CancelledError):
            error = RequestCancelledError(
                "the request was cancelled", request_id=self.request.request_id
            )
        self._traceback = user_traceback(error) if isinstance(error, NodeError) else None
        self._error = error
        self._finish()

    def _finish(self) -> None:
        # In the loop's next round, just before it waits again: a thread that is woken earlier would
        # go to sleep at once, on the interpreter lock that this thread holds.
        if self._callbacks:
            self._loop.call_soon(self._run_callbacks)

    def __reduce__(self) -> Any:
        raise TypeError(
            "a Response cannot travel inside a value: "
            "pass it as an argument of its own, or await it first"
        )

    def __repr__(self) -> str:
        return f"<Response {'done' if self.done() else 'pending'}>"


async def _wait_in_loop(response: Response, loop: asyncio.AbstractEventLoop) -> None:
    waiter: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not waiter.done():
            waiter.set_result(None)

    if engine_thread.loop is loop:
        response._when_done(wake)
    else:
        response._when_done(lambda: call_soon(loop, wake))
    try:
        await waiter
    except asyncio.CancelledError:
        response.cancel()
        raise


def no_reference(what: str) -> RuntimeError:
    """The error of who asks for an object reference, as Ray Serve's responses have one."""
    return RuntimeError(
        f"{what} of graphnb has no object reference: await it, or pass it on to another handle"
    )
