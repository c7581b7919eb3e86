"""One request through a schedule.

Demand-driven and dataflow: every step that the root needs runs once, and starts the moment its
inputs exist. A step that is the only one ready runs inline; several become tasks.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

from graphnb.engine.context import Watched
from graphnb.engine.inputs import pick
from graphnb.engine.request import PATIENCE_S, cancel_once, clock
from graphnb.engine.values import Packed, pack, unpack
from graphnb.errors import BackPressureError, NodeError, RequestTimeoutError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from graphnb.engine.caller import Caller
    from graphnb.engine.request import Request
    from graphnb.engine.schedule import Schedule, Step


async def run_schedule(
    schedule: Schedule, caller: Caller, request: Request, parent: int | None, packed_input: Packed
) -> Packed:
    """Runs all steps; returns the packed answer.

    Raises:
        NodeError: a node raised; the others are cancelled.
        InputError: the request lacks a part that the graph takes.
    """
    run = Run(schedule, caller, request, parent, packed_input)
    await run.finish(schedule.root)
    return run.values[schedule.answer]


async def open_schedule_stream(
    schedule: Schedule, caller: Caller, request: Request, parent: int | None, packed_input: Packed
) -> Any:
    """Runs all steps but the root, a generator; returns the root's items."""
    run = Run(schedule, caller, request, parent, packed_input)
    root = schedule.steps[schedule.root]
    await run.finish(None)
    callee = caller.callee(root.deployment)
    source = await callee.open_stream(
        root.method, root.load, run.values, request, parent, root.call, root.after, ""
    )
    return source if root.timeout_s is None else LimitedStream(source, root, request)


class LimitedStream:
    """A stream that must end within its call's time-out (an `ItemSource`)."""

    def __init__(self, source: Any, step: Step, request: Request) -> None:
        self._source = source
        self._step = step
        self._request = request
        self._deadline = clock() + (step.timeout_s or 0.0)

    async def next_item(self) -> Packed:
        """The next item; StopAsyncIteration at the end."""
        try:
            async with asyncio.timeout(self._deadline - clock()) as limit:
                return await self._source.next_item()
        except TimeoutError as error:
            if not limit.expired():
                raise
            self._source.close()
            raise _too_slow(self._step, self._request) from error

    def close(self) -> None:
        """Nobody reads any more."""
        self._source.close()


def _too_slow(step: Step, request: Request) -> RequestTimeoutError:
    return RequestTimeoutError(
        f"{step.call} took longer than its {step.timeout_s:g} s",
        node=step.call,
        request_id=request.request_id,
        hint="raise timeout_s in .options(), or give it a fallback",
    )


def _was_too_slow(step: Step, request: Request) -> None:
    """Says in the call's span that its own time-out ended it, and nobody else."""
    spans = request.spans or []
    for index in range(len(spans) - 1, -1, -1):
        if spans[index].call == step.call:
            if spans[index].outcome == "cancelled":
                spans[index] = spans[index]._replace(outcome="timeout")
            return


class Run:
    """The state of one request in one schedule: filled slots, and steps that still wait."""

    __slots__ = (
        "_calls",
        "_done",
        "_fallbacks",
        "_finished",
        "_left",
        "_parent",
        "_ready",
        "_request",
        "_schedule",
        "_stop_before",
        "_tasks",
        "_waiting",
        "values",
    )

    def __init__(
        self,
        schedule: Schedule,
        caller: Caller,
        request: Request,
        parent: int | None,
        packed_input: Packed,
    ) -> None:
        self._schedule = schedule
        self._calls = caller.calls(schedule)
        self._request = request
        self._parent = parent
        self.values = list(schedule.slots)
        self._waiting = list(schedule.waits)
        self._tasks: list[asyncio.Task[None]] = []
        self._ready: deque[int] = deque()
        self._finished: asyncio.Future[None] | None = None
        self._done: list[bool] = [False] * len(schedule.steps)
        self._fallbacks: dict[int, asyncio.Future[None]] = {}
        self._left = schedule.always
        self._stop_before: int | None = None
        self._fill_inputs(packed_input)

    def _fill_inputs(self, packed: Packed) -> None:
        inputs = self._schedule.inputs
        if not inputs:
            return
        value = None
        for path, slot in inputs:
            if not path:
                self.values[slot] = packed
                continue
            if value is None:
                value = unpack(packed)
            part = pick(value, path, of="the input")
            self.values[slot] = pack(part, what="a part of the input")

    async def finish(self, root: int | None) -> None:
        """Runs until every step is done, or every one but the root when `root` is None."""
        if root is None:
            self._stop_before = self._schedule.root
            self._left -= 1
            if not self._left:
                return
        ready: Sequence[int] = self._schedule.first
        if self._stop_before is not None:
            ready = [one for one in ready if one != self._stop_before]
        while len(ready) == 1:  # a chain needs no tasks
            step = self._schedule.steps[ready[0]]
            packed = await (self._call(step) if step.plain else self._execute_guarded(step))
            ready = self._ready_after(step, packed)
        if self._left:
            await self._in_tasks(ready)

    async def _in_tasks(self, ready: Sequence[int]) -> None:
        self._finished = asyncio.get_running_loop().create_future()
        self._ready.extend(ready)
        self._spawn()
        try:
            await self._finished
        finally:
            self._ready.clear()
            running = [task for task in self._tasks if not task.done()]
            for task in running:
                cancel_once(task)
            if running:  # the request has failed: its trace tells of them, too
                await asyncio.wait(running, timeout=PATIENCE_S)

    def _spawn(self) -> None:
        # By its class and with a name: half the cost of `create_task`, which counts names.
        self._tasks.append(asyncio.Task(self._work(), name="graphnb"))

    def _hand_over(self) -> None:
        """The step of a worker waits: another worker begins those that are still ready."""
        if self._ready:
            self._spawn()

    async def _work(self) -> None:
        """A worker: begins ready steps one after the other, until one of them has to wait.

        Such a step stays with its worker, and another one takes the rest over. So steps that need
        no waiting share a task, and each that does has one of its own, from its first line on.
        """
        assert self._finished is not None
        try:
            while self._ready:
                step = self._schedule.steps[self._ready.popleft()]
                call = self._call(step) if step.plain else self._execute_guarded(step)
                packed = await Watched(call, self._hand_over)
                self._ready.extend(self._ready_after(step, packed))
                if not self._left and not self._finished.done():
                    self._finished.set_result(None)
        except asyncio.CancelledError:
            if not self._finished.done():
                self._finished.cancel()
            raise
        except BaseException as error:  # noqa: BLE001  handed to whoever awaits the run
            if not self._finished.done():
                self._finished.set_exception(error)

    def _ready_after(self, step: Step, packed: Packed) -> Sequence[int]:
        """Fills the step's slots; returns the steps that now have all that they need."""
        if step.slot is not None and not self._schedule.has_fallbacks:
            self.values[step.slot] = packed
        else:
            self._fill_outputs(step, packed)
        self._left -= 1
        if step.sole_next is not None and self._stop_before is None:
            return step.sole_next
        ready = []
        for index in step.dependents:
            self._waiting[index] -= 1
            if not self._waiting[index] and index != self._stop_before:
                ready.append(index)
        return ready

    def _fill_outputs(self, step: Step, packed: Packed) -> None:
        value = None
        for path, slot in step.outputs:
            if not path:
                self.values[slot] = packed
                continue
            if value is None:
                value = unpack(packed)
            part = pick(value, path, of=f"the result of {step.call}")
            self.values[slot] = pack(part, what="a part of the result", node=step.call)
        self._done[step.index] = True
        waiter = self._fallbacks.get(step.index)
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _call(self, step: Step) -> Coroutine[Any, Any, Packed]:
        return self._calls[step.index](
            step.method,
            step.load,
            self.values,
            self._request,
            self._parent,
            step.call,
            step.after,
            "",
        )

    def _execute(self, step: Step) -> Coroutine[Any, Any, Packed]:
        return self._call(step) if step.plain else self._execute_guarded(step)

    async def _execute_guarded(self, step: Step) -> Packed:
        """A step with a time-out, retries or a fallback."""
        for attempt in range(step.retries + 1):
            try:
                return await self._attempt(step)
            except (NodeError, RequestTimeoutError, BackPressureError):
                if attempt < step.retries:
                    continue
                if not step.has_fallback:
                    raise
        if step.fallback_slot is None:
            return step.fallback
        for index in step.fallback_steps:
            await self._ensure(index)
        return self.values[step.fallback_slot]

    async def _attempt(self, step: Step) -> Packed:
        try:
            async with asyncio.timeout(step.timeout_s) as limit:
                return await self._call(step)
        except TimeoutError as error:
            if not limit.expired():  # the node's own TimeoutError
                raise
            _was_too_slow(step, self._request)
            raise _too_slow(step, self._request) from error

    async def _ensure(self, index: int) -> None:
        """Makes sure that a step of a fallback has run, once for all that need it."""
        if self._done[index]:
            return
        waiter = self._fallbacks.get(index)
        if waiter is not None:
            await waiter
            return
        waiter = asyncio.get_running_loop().create_future()
        self._fallbacks[index] = waiter
        if index < self._schedule.always:  # the run itself will do it
            await waiter
            return
        step = self._schedule.steps[index]
        try:
            self._fill_outputs(step, await self._execute(step))
        except BaseException as error:
            if not waiter.done():
                waiter.set_exception(error)
                waiter.exception()  # taken note of, so that nobody warns of it
            raise
