"""HTTP requests that Ray Serve's proxy brings, answered as the local executor answers them."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from graphnb.engine.http_request import REQUEST_ID, answer_http, send_error
from graphnb.rayserve.probe import VERSION, version_header

if TYPE_CHECKING:
    from graphnb.engine.http_response import Message, Receive, Scope, Send
    from graphnb.engine.router import GraphRouter
    from graphnb.rayserve.config import HttpLimits


def is_http(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether these are the arguments that the proxy calls with."""
    return len(args) == 1 and not kwargs and isinstance(args[0], Request)


class HttpAnswer(Response):
    """Answers when it is sent: Ray Serve takes a response, and calls it with ASGI's three.

    Args:
        router: of the graph.
        limits: what is asked of requests; None when the graph does not answer HTTP.
        name: of the graph, for whoever asks whom the proxy has come to.
        number: of its version.
    """

    def __init__(
        self, router: GraphRouter[Any], limits: HttpLimits | None, name: str, number: int
    ) -> None:
        super().__init__()
        self._name, self._number = name, number
        self._router = router
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the answer; what Starlette calls."""
        limits = self._limits
        if _has_header(scope, VERSION):
            await _send_version(send, version_header(self._name, self._number))
        elif limits is None:
            await send_error(send, 404, "this graph does not answer over HTTP")
        elif not _allowed(scope, limits.token_sha256):
            await send_error(
                send, 401, "a bearer token is needed", headers=[(b"www-authenticate", b"Bearer")]
            )
        else:
            await answer_http(
                self._router,
                limits.max_body,
                _below(scope),
                receive,
                _once(scope, send),
                ahead=_ahead_of_proxy,
            )


def _has_header(scope: Scope, name: str) -> bool:
    wanted = name.encode()
    return any(one == wanted for one, _ in scope["headers"])


async def _send_version(send: Send, version: bytes) -> None:
    """What a probe is told; it says nothing of what the graph does, and so needs no token."""
    headers = [(VERSION.encode(), version)]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _ahead_of_proxy(timeout_s: float) -> float:
    """How much sooner than asked for a time-out is told.

    Ray Serve's proxy keeps the time that a request's header asks for as well, and would answer
    with a bare 408, without a word of who was at work.
    """
    return min(0.5, timeout_s / 4)


def _once(scope: Scope, send: Send) -> Send:
    """Leaves out the header that the proxy adds to each answer: the id that the request has."""
    name = REQUEST_ID.encode()
    added = (name, dict(scope["headers"]).get(name))

    async def send_once(message: Message) -> None:
        if "headers" in message:
            kept = [one for one in message["headers"] if (one[0].lower(), one[1]) != added]
            message = {**message, "headers": kept}
        await send(message)

    return send_once


def token_hash(token: str | None) -> str | None:
    """What of a token leaves the process that was given it."""
    return None if token is None else hashlib.sha256(token.encode()).hexdigest()


def _allowed(scope: Scope, expected: str | None) -> bool:
    if expected is None:
        return True
    given = dict(scope["headers"]).get(b"authorization", b"")
    scheme, _, credentials = given.partition(b" ")
    found = hashlib.sha256(credentials.strip()).hexdigest()
    return hmac.compare_digest(found, expected) and scheme.lower() == b"bearer"


def _below(scope: Scope) -> Scope:
    """The scope with the prefix itself as the app's "/"."""
    root, path = scope.get("root_path", ""), scope["path"]
    return {**scope, "path": root + "/"} if root and path == root else scope
