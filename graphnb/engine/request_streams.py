"""Streams that a request opens late, and that it ends with."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from graphnb.engine.limits import RequestLimit
from graphnb.engine.request import clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphnb.engine.request import Request
    from graphnb.engine.values import Packed


class LateStream:
    """Opens its source when the first item is asked for (an `ItemSource`)."""

    def __init__(self, open_source: Callable[[], Any]) -> None:
        self._open_source = open_source
        self._source: Any = None
        self._closed = False

    async def next_item(self) -> Packed:
        """The next item; StopAsyncIteration at the end."""
        if self._closed:
            raise StopAsyncIteration
        if self._source is None:
            self._source = await self._open_source()
        return await self._source.next_item()

    def close(self) -> None:
        """Nobody reads any more."""
        self._closed = True
        if self._source is not None:
            self._source.close()


class RootStream:
    """The stream that a request consists of: tells of its end, and keeps its deadline."""

    def __init__(
        self, source: Any, ended: Callable[[BaseException | None], None], request: Request
    ) -> None:
        self._source = source
        self._ended: Callable[[BaseException | None], None] | None = ended
        self._request = request

    async def next_item(self) -> Packed:
        """The next item; StopAsyncIteration at the end."""
        try:
            return await within_deadline(self._source.next_item(), self._request)
        except StopAsyncIteration:
            self._end(None)
            raise
        except BaseException as error:
            self._source.close()
            self._end(error)
            raise

    def close(self) -> None:
        """Nobody reads any more."""
        self._source.close()
        self._end(asyncio.CancelledError())

    def _end(self, error: BaseException | None) -> None:
        ended, self._ended = self._ended, None
        if ended is not None:
            ended(error)


async def within_deadline(work: Any, request: Request) -> Any:
    """Awaits a part of a request's work, such as one item of many, until its deadline.

    Raises:
        RequestTimeoutError: the deadline passed.
    """
    if request.deadline is None or request.timeout_s is None:
        return await work
    return await RequestLimit(request, request.timeout_s).keep(
        work, max(0.0, request.deadline - clock())
    )
