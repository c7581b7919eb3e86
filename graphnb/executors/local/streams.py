"""The items of one call of a generator, as they are asked for."""

from __future__ import annotations

import asyncio
import contextlib
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from graphnb.engine.context import InContext
from graphnb.engine.request import Envelope, Request, clock, current_envelope
from graphnb.engine.values import Packed, pack, packed_size
from graphnb.errors import RequestError
from graphnb.telemetry.spans import Outcome, Span

if TYPE_CHECKING:
    from graphnb.engine.replica import Method, Replica
    from graphnb.executors.local.replicas import ReplicaSet


class LocalStream:
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

    def begin(self, method: Method, args: Any, kwargs: Any, model_id: str) -> None:
        """Makes the generator; none of its code runs yet."""
        envelope = Envelope(self._request, self._span_id, self._replica, model_id)
        self._context.run(current_envelope.set, envelope)
        self._sync = method.kind == "sync_stream"
        self._generator = method.call(*args, **kwargs)

    async def next_item(self) -> Packed:
        """The next item; StopAsyncIteration at the end."""
        if self._ended:
            raise StopAsyncIteration
        before = clock()
        node = self._labels[1] or f"{self._owner.name}.{self._labels[3]}"
        try:
            item = await (self._next_in_thread() if self._sync else self._next())
            packed = pack(item, what="an item", node=node)
            self._size += packed_size(packed)
        except StopAsyncIteration:
            self.end("ok")
            raise
        except asyncio.CancelledError:
            self.close()
            raise
        except BaseException as error:
            self.end("error")
            if isinstance(error, RequestError):
                raise
            raise self._owner._wrapped(error, node, self._request) from error
        finally:
            self._executing += clock() - before
        return packed

    async def _next(self) -> Any:
        async def step() -> tuple[bool, Any]:
            try:
                return True, await anext(self._generator)
            except StopAsyncIteration:
                return False, None

        found, item = await InContext(step(), self._context)
        if not found:
            raise StopAsyncIteration
        return item

    async def _next_in_thread(self) -> Any:
        def step() -> tuple[bool, Any]:
            try:
                return True, next(self._generator)
            except StopIteration:
                return False, None

        future = self._replica.run_in_thread(self._context, step)
        found, item = await asyncio.wrap_future(future)
        if not found:
            raise StopAsyncIteration
        return item

    def close(self) -> None:
        """Nobody reads any more: closes the generator and frees its slot."""
        if self._ended:
            return
        self.end("cancelled")
        generator = self._generator
        if generator is None:
            return
        if self._sync:
            self._replica.run_in_thread(self._context, generator.close)
        else:
            task = asyncio.get_running_loop().create_task(
                _close_quietly(generator), context=self._context
            )
            self._request.tasks.add(task)
            task.add_done_callback(self._request.tasks.discard)

    def end(self, outcome: Outcome) -> None:
        """Frees the slot and records the span, once."""
        if self._ended:
            return
        self._ended = True
        self._owner.release(self._replica)
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
