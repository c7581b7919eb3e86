"""What user code returned, as an HTTP response.

Takes nothing of graphnb: graphs that leave it take this file along.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

NDJSON = "application/x-ndjson"


async def to_response(result: Any) -> AsgiApp:
    """What user code returned, as a response.

    Starlette responses stay; text becomes text/plain and bytes application/octet-stream;
    generators become newline-delimited JSON; all else is JSON.
    """
    from starlette.concurrency import iterate_in_threadpool
    from starlette.responses import Response

    if isinstance(result, Response):
        return result
    if isinstance(result, str):
        return Response(result, media_type="text/plain")
    if hasattr(result, "__aiter__"):
        return await stream_response(result)
    if hasattr(result, "__next__"):
        return await stream_response(iterate_in_threadpool(result))
    return json_response(result)


def json_response(result: Any, status: int = 200) -> AsgiApp:
    """The value as JSON; bytes go as they are."""
    from starlette.responses import Response

    if isinstance(result, Response):
        return result
    if isinstance(result, bytes):
        return Response(result, media_type="application/octet-stream")
    return Response(json_text(result), status, media_type="application/json")


async def stream_response(items: AsyncIterator[Any]) -> AsgiApp:
    """Newline-delimited JSON; waits for the first item, so that an early error has a status."""
    from starlette.responses import StreamingResponse

    items = aiter(items)
    first = [one async for one in _first(items)]

    async def lines() -> AsyncIterator[str]:
        for one in first:
            yield json_text(one) + "\n"
        async for one in items:
            yield json_text(one) + "\n"

    return StreamingResponse(lines(), media_type=NDJSON)


async def _first(items: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """The first item, if there is one."""
    try:
        yield await anext(items)
    except StopAsyncIteration:
        return


def json_text(value: Any) -> str:
    """JSON of what models answer with: plain data, arrays, pydantic models, dataclasses, dates.

    Raises:
        TypeError: the value has no JSON form; names its type.
    """
    options: dict[str, Any] = {"default": _plain, "ensure_ascii": False, "separators": (",", ":")}
    try:
        return json.dumps(value, allow_nan=False, **options)
    except ValueError:
        # JSON has no NaN and no infinity: null, as JavaScript writes them.
        loose = json.dumps(value, **options)
        return json.dumps(json.loads(loose, parse_constant=lambda _: None), **options)


def _plain(value: Any) -> Any:
    to_list = getattr(value, "tolist", None)  # numpy arrays and scalars
    if callable(to_list):
        return to_list()
    to_dict = getattr(value, "to_dict", None)  # pandas
    if callable(to_dict):
        return to_dict("records") if hasattr(value, "columns") else to_dict()
    if isinstance(value, set | frozenset):
        return sorted(value, key=repr)
    from fastapi.encoders import jsonable_encoder

    try:
        return jsonable_encoder(value)
    except (ValueError, TypeError):
        raise TypeError(
            f"a {type(value).__name__} has no JSON form: return plain data, "
            "an array, a pydantic model, or a starlette Response"
        ) from None


async def refused(_request: Any, error: Any) -> Any:
    """What does not fit, in the shape that all errors have: {"error": reason}.

    Args:
        error: an HTTPException of Starlette, or FastAPI's of a body that is not valid.
    """
    from starlette.responses import JSONResponse

    status = getattr(error, "status_code", 422)
    reason = getattr(error, "detail", None)
    if reason is None:  # of a pydantic model: each field, and what is wrong with it
        found = [(".".join(map(str, one["loc"][1:])), one["msg"]) for one in error.errors()]
        reason = "; ".join(f"{where}: {what}" if where else what for where, what in found)
    return JSONResponse({"error": reason}, status, headers=getattr(error, "headers", None))
