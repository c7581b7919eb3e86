"""The deadline of a request or a call."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from graphnb.errors import RequestTimeoutError

if TYPE_CHECKING:
    from graphnb.engine.request import Request


async def limited(work: Any, timeout_s: float | None, request: Request) -> Any:
    """Awaits work; when the time is up, the error names the node that was at it."""
    if timeout_s is None:
        return await work
    at_work: list[str | None] = []
    loop = asyncio.get_running_loop()
    # Asked a moment before the work is cancelled: afterwards nobody is at work.
    look = loop.call_later(timeout_s, lambda: at_work.append(request.node_at_work()))
    try:
        async with asyncio.timeout(timeout_s) as limit:
            return await work
    except TimeoutError as error:
        if not limit.expired():
            raise
        node = next(iter(at_work), None)
        raise RequestTimeoutError(
            f"the request took longer than its {timeout_s:g} s"
            + (f"; {node} was at work" if node else ""),
            node=node,
            request_id=request.request_id,
        ) from error
    finally:
        look.cancel()
