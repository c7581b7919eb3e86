"""HTTP for whatever is the root of a graph: an ASGI app made of a replica's instance.

A driver and a class with `@serve.ingress` bring an app of their own; a class with `__call__` gets
one that hands it a Starlette `Request` and turns what it returns into a response, as Ray Serve
does.
"""

from __future__ import annotations

from contextvars import copy_context
from typing import TYPE_CHECKING

from graphnb.authoring.signatures import call_signature
from graphnb.engine.http_response import to_response

if TYPE_CHECKING:
    from graphnb.engine.http_response import AsgiApp, Receive, Scope, Send
    from graphnb.engine.replica import Replica


def asgi_app(replica: Replica) -> AsgiApp:
    """The ASGI app of a replica's instance.

    Raises:
        TypeError: the instance has no app, and no `__call__` that takes a request.
    """
    instance = replica.instance
    own = getattr(instance, "__graphnb_asgi__", None)
    if own is not None:
        app: AsgiApp = own
        return app
    if hasattr(instance, "_asgi_app"):  # a class decorated with Ray Serve's @serve.ingress
        ingress: AsgiApp = instance
        return ingress
    if not callable(instance):
        raise TypeError(
            f"{replica.deployment} answers no HTTP: it has no __call__(request) and no ingress"
        )
    return _CallApp(replica)


class _CallApp:
    """Serves an instance that is called with the request; without it if it takes no argument."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._takes_request = bool(call_signature(replica.method("__call__").call).parameters)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        import asyncio

        from starlette.requests import Request

        args = (Request(scope, receive),) if self._takes_request else ()
        method = self._replica.method("__call__")
        if method.kind == "async":
            result = await method.call(*args)
        elif method.kind == "sync":
            future = self._replica.run_in_thread(copy_context(), lambda: method.call(*args))
            result = await asyncio.wrap_future(future)
        else:
            result = method.call(*args)
        response = await to_response(result)
        await response(scope, receive, send)
