"""The items of one call of a generator, as they are asked for."""

from __future__ import annotations

import asyncio
import contextlib
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from graphnb.engine.request import Envelope, Request, clock, current_envelope
from graphnb.engine.values import Packed, packed_size
from graphnb.errors import RequestError
from graphnb.telemetry.spans import Outcome, Span

if TYPE_CHECKING:
    from graphnb.engine.replica import Method, Replica
    from graphnb.engine.replica_set import ReplicaSet


class ReplicaStream:
    """The items of one call of a generator (an `ItemSource`)."""

    def __init__(
        self,
        owner: ReplicaSet,
        replica: Replica,
        request: Request,
        parent: int | None,
        call: str | None,
        after: tuple[str, ...],
        method: str,
        began: float,
    ) -> None:
        self._owner = owner
        self._replica = replica
        self._request = request
        self._labels = (parent, call, after, method)
        self._began = began
        self._taken = clock()
        self._executing = 0.0
        self._size = 0
        self._span_id = request.next_span()
        self._ended = False
        self._context = copy_context()
        self._generator: Any = None
        self._sync = False
        self._step: asyncio.Task[tuple[bool, Any]] | None = None
        self._thread_step: Any = None
        request.open_calls[self._span_id] = call or f"{owner.name}.{method}"
        request.streams.add(self)

    def begin(self, method: Method, args: Any, kwargs: Any, model_id: str) -> None:
        """Makes the generator; none of its code runs yet."""
        envelope = Envelope(self._request, self._span_id, self._replica, model_id)
        self._context.run(current_envelope.set, envelope)
        self._sync = method.kind == "sync_stream"
        self._generator = method.call(*args, **kwargs)

    async def next_item(self) -> Packed:
        """The next item; StopAsyncIteration at the end, and when it was given up."""
        if self._ended:
            raise StopAsyncIteration
        before = clock()
        node = self._labels[1] or f"{self._owner.name}.{self._labels[3]}"
        make = self._next_in_thread() if self._sync else self._next()
        self._step = asyncio.get_running_loop().create_task(make, context=self._context)
        try:
            # Shielded, so that the generator is cancelled once, by `_close`: a second time would
            # cut its own cleaning up short.
            found, item = await asyncio.shield(self._step)
            packed = self._owner.pack(item, what="an item", node=node)
            self._size += packed_size(packed)
        except asyncio.CancelledError:
            if self._ended:  # given up by somebody else, not by who waits here
                raise StopAsyncIteration from None
            self.close()
            raise
        except BaseException as error:
            self._end("error")
            if isinstance(error, RequestError):
                raise
            raise self._owner._wrapped(error, node, self._request) from error
        finally:
            self._executing += clock() - before
        if not found:
            self._end("ok")
            raise StopAsyncIteration
        return packed

    async def _next(self) -> tuple[bool, Any]:
        """Whether there was one, and the item: StopAsyncIteration cannot leave a task."""
        try:
            return True, await anext(self._generator)
        except StopAsyncIteration:
            return False, None

    async def _next_in_thread(self) -> tuple[bool, Any]:
        def step() -> tuple[bool, Any]:
            try:
                return True, next(self._generator)
            except StopIteration:
                return False, None

        self._thread_step = self._replica.run_in_thread(copy_context(), step)
        return await asyncio.wrap_future(self._thread_step)

    def fail_to_begin(self) -> None:
        """The generator could not be made."""
        self._end("error")

    def close(self) -> None:
        """Nobody reads any more: ends the generator, and frees its slot when it has ended."""
        if not self._ended:
            self._record("cancelled")
            work = self._close_in_thread() if self._sync else self._close()
            task = asyncio.get_running_loop().create_task(work)
            self._owner.hold(task)

    async def _close(self) -> None:
        if self._step is not None:
            self._step.cancel()
            await asyncio.wait({self._step})
        if self._generator is not None:
            loop = asyncio.get_running_loop()
            await loop.create_task(_close_quietly(self._generator), context=self._context)
        self._owner.release(self._replica)

    async def _close_in_thread(self) -> None:
        """A thread cannot be stopped: its slot is free when the item it makes is made."""
        step = self._thread_step
        if step is not None:
            await asyncio.wait({asyncio.wrap_future(step)})
        if self._generator is not None:
            closing = self._replica.run_in_thread(copy_context(), self._generator.close)
            await asyncio.wait({asyncio.wrap_future(closing)})
        self._owner.release(self._replica)

    def _end(self, outcome: Outcome) -> None:
        """The generator has ended by itself: frees the slot, once."""
        if not self._ended:
            self._record(outcome)
            self._owner.release(self._replica)

    def _record(self, outcome: Outcome) -> None:
        self._ended = True
        del self._request.open_calls[self._span_id]
        self._request.streams.discard(self)
        if self._request.spans is None:
            return
        parent, call, after, method = self._labels
        queued = self._taken - self._began
        total = clock() - self._began
        self._request.spans.append(
            Span(
                self._span_id,
                parent,
                self._owner.name,
                call,
                method,
                self._replica.replica_id,
                self._began - self._request.started,
                queued,
                0.0,
                self._executing,
                max(0.0, total - queued - self._executing),
                outcome,
                self._size,
                after,
            )
        )


async def _close_quietly(generator: Any) -> None:
    with contextlib.suppress(Exception):  # nobody listens to a stream that was given up
        await generator.aclose()
