"""What `.remote()` returns for a generator: an iterator, sync and async."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

from graphnb.engine.response import no_reference
from graphnb.engine.threads import call_soon, on_engine_thread, wait_interruptibly
from graphnb.engine.values import Packed, unpack

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from concurrent.futures import Future

    from graphnb.engine.request import Request


class ItemSource(Protocol):
    """What a stream reads from; runs on the engine's loop."""

    async def next_item(self) -> Packed:
        """The next item; StopAsyncIteration at the end."""

    def close(self) -> None:
        """Nobody reads any more."""


class ResponseStream:
    """The answer of a generator: an iterator, sync and async; each item is the consumer's own."""

    def __init__(
        self, request: Request, source: ItemSource, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.request = request
        self._source = source
        self._loop = loop
        self._closed = False
        self._given_up = False

    @property
    def request_id(self) -> str:
        """The request's id."""
        return self.request.request_id

    def cancel(self) -> None:
        """Ends the stream and all that feeds it."""
        self._closed = self._given_up = True
        call_soon(self._loop, self._source.close)

    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._given_up

    def result(self, *_args: Any, **_kwargs: Any) -> Any:
        """Not for a stream: the error says what to do instead."""
        raise TypeError("a stream has no .result(): read it with `for`, or with `async for`")

    async def _to_object_ref_gen(self) -> Any:
        """Not here: the error says what to do instead."""
        raise no_reference("a stream")

    def _to_object_ref_gen_sync(self, *_args: Any, **_kwargs: Any) -> Any:
        """Not here: the error says what to do instead."""
        raise no_reference("a stream")

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        __tracebackhide__ = True
        if on_engine_thread():
            raise RuntimeError("an async method reads a stream with `async for`")
        future: Future[Any] = asyncio.run_coroutine_threadsafe(self._item(), self._loop)
        try:
            found, packed = wait_interruptibly(future)
        except KeyboardInterrupt:
            self.cancel()
            raise
        if not found:
            raise StopIteration
        return unpack(packed)

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        __tracebackhide__ = True
        try:
            if asyncio.get_running_loop() is self._loop:
                found, packed = await self._item()
            else:
                future = asyncio.run_coroutine_threadsafe(self._item(), self._loop)
                found, packed = await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            self.cancel()
            raise
        if not found:
            raise StopAsyncIteration
        return unpack(packed)

    async def _item(self) -> tuple[bool, Packed]:
        """Whether there was one, and the item: StopIteration cannot travel through a future."""
        if self._closed:
            return False, None
        try:
            return True, await self._source.next_item()
        except StopAsyncIteration:
            self._closed = True
            return False, None
        except asyncio.CancelledError:
            if self._closed:  # by `cancel`: for who reads, that is the end
                return False, None
            raise

    def __reduce__(self) -> Any:
        raise TypeError("a ResponseStream cannot travel inside a value: read it first")

    def __repr__(self) -> str:
        return "<ResponseStream>"
