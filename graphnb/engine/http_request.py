"""One HTTP request: read, hand to the root's app, answer; errors become statuses with a reason."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from graphnb.engine.arguments import load_given
from graphnb.engine.handle import CallOptions
from graphnb.errors import (
    BackPressureError,
    CallError,
    InputError,
    NodeError,
    NotRunningError,
    RequestCancelledError,
    RequestError,
    RequestTimeoutError,
)

if TYPE_CHECKING:
    from graphnb.engine.arguments import Arguments
    from graphnb.engine.http_response import Message, Receive, Scope, Send
    from graphnb.engine.request import Request
    from graphnb.engine.router import GraphRouter

DEFAULT_MAX_BODY = 100 * 1024 * 1024
REQUEST_ID = "x-request-id"
TIMEOUT = "x-request-timeout-seconds"
MODEL_ID = "serve_multiplexed_model_id"

_SAFE_ID = re.compile(r"[\w.:\-]{1,128}", re.ASCII)

Headers = Sequence[tuple[bytes, bytes]]


class BadRequestError(Exception):
    """The request is refused before it reaches the graph."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


async def answer_http(
    router: GraphRouter[Any],
    max_body: int,
    scope: Scope,
    receive: Receive,
    send: Send,
    *,
    ahead: Callable[[float], float] = lambda _timeout_s: 0.0,
) -> None:
    """Answers one request with the root of the graph that the router is of.

    Args:
        router: the graph's.
        max_body: bytes that the request's body may have.
        scope, receive, send: of ASGI.
        ahead: of a time-out, how many seconds before its end the answer has to be there, where
            somebody keeps it as well who knows less.
    """
    headers = {name.decode("latin1"): value.decode("latin1") for name, value in scope["headers"]}
    try:
        body = await _read_body(headers, receive, max_body)
        request = router.new_request(_call_options(headers))
        if request.deadline is not None and request.timeout_s is not None:
            request.deadline -= ahead(request.timeout_s)
    except BadRequestError as error:
        await send_error(send, error.status, error.reason)
        return
    exchange = _Exchange(send, request.request_id)
    root = asyncio.ensure_future(
        _run(router, request, scope, _replay(body), exchange, headers.get(MODEL_ID, ""))
    )
    gone = asyncio.ensure_future(_disconnected(receive))
    try:
        await asyncio.wait({root, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
        client_left = not root.done()
        if client_left:  # and its request goes with it
            root.cancel()
    if root.done() and root.cancelled() and not client_left:
        await exchange.fail(RequestCancelledError("the graph was updated, or has ended"))
    await asyncio.gather(root, gone, return_exceptions=True)


async def _run(
    router: GraphRouter[Any],
    request: Request,
    scope: Scope,
    receive: Receive,
    exchange: _Exchange,
    model_id: str,
) -> None:
    def work() -> Any:
        version = request.version
        arguments: Arguments = ((scope, receive, exchange.send), {})
        callee = version.callee(version.root)
        return callee.call(HTTP_METHOD, load_given, arguments, request, None, None, (), model_id)

    try:
        await router.answer(request, work)
    except asyncio.CancelledError:
        raise
    except BaseException as error:  # noqa: BLE001  every error becomes an answer
        await exchange.fail(error)
    else:
        await exchange.finish()


HTTP_METHOD = "HTTP"


def _call_options(headers: dict[str, str]) -> CallOptions:
    given = headers.get(REQUEST_ID, "")
    return CallOptions(
        request_id=given if _SAFE_ID.fullmatch(given) else None,
        timeout_s=_timeout(headers.get(TIMEOUT)),
    )


def _timeout(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < float("inf"):
        raise BadRequestError(400, f"{TIMEOUT} is {text[:40]!r}, expected seconds above 0")
    return seconds


async def _read_body(headers: dict[str, str], receive: Receive, limit: int) -> bytes:
    too_large = BadRequestError(413, f"the body is larger than {limit} bytes")
    length = headers.get("content-length", "0")
    if length.isdigit() and int(length) > limit:
        raise too_large
    parts: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadRequestError(400, "the client went away")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            raise too_large
        more = message.get("more_body", False)
    return b"".join(parts)


def _replay(body: bytes) -> Receive:
    """The body as one message; after it, nothing comes while the request is under way."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if waiting:
            return waiting.pop()
        await asyncio.get_running_loop().create_future()
        raise AssertionError("cancelled before")

    return receive


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class _Exchange:
    """The answer on its way out.

    A framework answers an error that it doesn't know with a bare 500, and raises it again: such
    an answer is held back until it is clear whether the error has a better one.
    """

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self._held: list[Message] = []
        self._started = False
        self._holding = False

    async def send(self, message: Message) -> None:
        """What the app sends."""
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), self._id_header]}
            self._holding = message["status"] >= 500
        if self._holding:
            self._held.append(message)
            return
        self._started = True
        await self._send(message)

    @property
    def _id_header(self) -> tuple[bytes, bytes]:
        return REQUEST_ID.encode(), self._request_id.encode()

    async def finish(self) -> None:
        """The app has ended well: what was held back is its own answer."""
        for message in self._held:
            await self._send(message)

    async def fail(self, error: BaseException) -> None:
        """The app has raised; an answer that has begun can only be broken off."""
        if self._started:
            raise error
        status, payload = http_error(error)
        payload["request_id"] = self._request_id
        await send_error(self._send, status, payload, headers=[self._id_header])


def http_error(error: BaseException) -> tuple[int, dict[str, Any]]:  # noqa: PLR0911  a table
    """Status and payload of an error: the reason and the node's name, and nothing internal."""
    node = {"node": error.node} if isinstance(error, RequestError) and error.node else {}
    if isinstance(error, NotRunningError):
        return 404, {"error": "the graph has ended"}
    if isinstance(error, InputError | CallError):
        reason = error.message if error.hint is None else f"{error.message}: {error.hint}"
        return 422, {"error": reason, **node}
    if isinstance(error, BackPressureError):
        return 503, {"error": error.message, **node}
    if isinstance(error, RequestTimeoutError):
        return 504, {"error": error.message, **node}
    if isinstance(error, RequestCancelledError):
        return 503, {"error": error.message, **node}
    if isinstance(error, NodeError):
        return 500, {"error": f"{error.node} failed", **node}
    return 500, {"error": "the request failed", **node}


async def send_error(
    send: Send, status: int, payload: str | dict[str, Any], *, headers: Headers = ()
) -> None:
    """Sends a JSON answer {"error": reason, ...}."""
    data = {"error": payload} if isinstance(payload, str) else payload
    body = json.dumps(data).encode()
    start = {
        "type": "http.response.start",
        "status": status,
        "headers": [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            *headers,
        ],
    }
    await send(start)
    await send({"type": "http.response.body", "body": body})
