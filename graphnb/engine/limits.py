"""The deadline of a request or a call."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from graphnb.errors import RequestTimeoutError

if TYPE_CHECKING:
    from graphnb.engine.request import Request


async def limited(work: Any, timeout_s: float, request: Request) -> Any:
    """Awaits work; when the time is up, the error names the node that was at it."""
    return await TimeLimit(request, timeout_s).keep(work, timeout_s)


class TimeLimit:
    """Ends work when its time is up, and says who was at it.

    Args:
        request: that the work is done for.
        said_s: how long it may take, as the error says.

    Attributes:
        node: who was at work when the time was up.
        over: whether the time was up.
    """

    def __init__(self, request: Request, said_s: float) -> None:
        self.node: str | None = None
        self.over = False
        self._request = request
        self._said_s = said_s
        self._timeout: asyncio.Timeout | None = None

    async def keep(self, work: Any, seconds: float) -> Any:
        """Awaits work, so long at the most.

        Raises:
            RequestTimeoutError: the time was up.
        """
        loop = asyncio.get_running_loop()
        # Asked a moment before the work is cancelled: afterwards nobody is at work.
        look = loop.call_later(seconds, self._look)
        try:
            async with asyncio.timeout(seconds) as timeout:
                self._timeout = timeout
                return await work
        except TimeoutError as error:
            if not timeout.expired():
                raise
            self.over = True
            raise RequestTimeoutError(
                f"the request took longer than its {self._said_s:g} s"
                + (f"; {self.node} was at work" if self.node else ""),
                node=self.node,
                request_id=self._request.request_id,
            ) from error
        finally:
            look.cancel()
            self._timeout = None

    def _look(self) -> None:
        self.node = self._request.node_at_work()

    def end(self, node: str | None) -> None:
        """The time is up, and that node was at work, as somebody knows who keeps it as well."""
        if self._timeout is not None and not self._timeout.expired():
            self.node = node or self.node
            self._timeout.reschedule(asyncio.get_running_loop().time())


class RequestLimit(TimeLimit):
    """The time of a request as a whole.

    Its calls in other processes keep the same deadline there, and know better who was at work:
    they have a moment more to tell.
    """

    async def keep(self, work: Any, seconds: float) -> Any:
        """As for any other work."""
        self._request.limit = self
        return await super().keep(work, seconds)

    def _look(self) -> None:
        super()._look()
        more = self._request.patience_s
        if more and self._timeout is not None:
            self._timeout.reschedule(asyncio.get_running_loop().time() + more)
