"""The HTTP server of this process: one port, each graph below its route prefix."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import re
import socket
from typing import TYPE_CHECKING, Any

from graphnb.engine.http_request import answer_http, send_error
from graphnb.errors import DeployError
from graphnb.executors.base import DEFAULT_PORT, HttpOptions

if TYPE_CHECKING:
    from graphnb.engine.http_response import Receive, Scope, Send
    from graphnb.engine.router import GraphRouter

HOST = "127.0.0.1"


class HttpServer:
    """Uvicorn on the engine's loop; started with the first graph that wants it."""

    def __init__(self) -> None:
        self._routes: dict[str, tuple[str, GraphRouter[Any], HttpOptions]] = {}
        self._reserved: dict[str, str] = {}
        self._moving = asyncio.Lock()
        self._server: Any = None
        self._task: asyncio.Task[None] | None = None
        self._port: int | None = None

    async def reserve(self, name: str, prefix: str | None, options: HttpOptions | None) -> str:
        """Makes sure that a graph can be published: listens, and finds its prefix.

        Args:
            name: the graph's name.
            prefix: "/x", "/", or None for what it had, else "/" if that is free, else "/NAME".
            options: port, token and limits; None for no HTTP.

        Returns:
            The prefix, to be given to `publish`.

        Raises:
            DeployError: another graph answers below that prefix, or the port is taken.
        """
        if options is None:
            return ""
        prefix = self._free_prefix(name, prefix)
        async with self._moving:
            others = {one[0] for one in self._routes.values()} - {name}
            if options.port not in (None, self._port) and not others:
                await self.close()
            await self._listen(options.port)
        self._reserved[prefix] = name
        return prefix

    def give_back(self, name: str) -> None:
        """Ends the reservation of a graph that was not published."""
        self._reserved = {at: one for at, one in self._reserved.items() if one != name}

    def publish(
        self, name: str, router: GraphRouter[Any], prefix: str, options: HttpOptions | None
    ) -> str | None:
        """Lets a graph answer below a reserved prefix; what it published before is replaced.

        Returns:
            Its URL, or None without HTTP.
        """
        self.give_back(name)
        self.unpublish(router)
        if options is None:
            return None
        self._routes[prefix] = (name, router, options)
        return f"http://{HOST}:{self._port}{prefix}"

    def unpublish(self, router: GraphRouter[Any]) -> None:
        """Ends what the graph of that router published."""
        self._routes = {at: one for at, one in self._routes.items() if one[1] is not router}

    def _free_prefix(self, name: str, prefix: str | None) -> str:
        owners = {at: one[0] for at, one in self._routes.items()} | self._reserved
        if prefix is None:
            had = next((at for at, owner in owners.items() if owner == name), None)
            return had or ("/" if "/" not in owners else f"/{name}")
        if not prefix.startswith("/"):
            raise DeployError(f"the route prefix {prefix!r} does not begin with a slash")
        prefix = prefix.rstrip("/") or "/"
        if owners.get(prefix, name) != name:
            raise DeployError(
                f"the graph {owners[prefix]!r} already answers at {prefix}",
                hint="choose another route_prefix, or delete that graph",
            )
        return prefix

    async def _listen(self, port: int | None) -> None:
        if self._task is not None:
            if port is not None and port != self._port:
                raise DeployError(
                    f"this process answers HTTP on port {self._port}, not on {port}",
                    hint="delete the graphs that run, or leave the port out",
                )
            return
        sock = _bind(port)
        self._port = sock.getsockname()[1]
        await self._serve(sock)

    async def _serve(self, sock: socket.socket) -> None:
        import uvicorn

        ready = asyncio.Event()

        class Server(uvicorn.Server):
            """Says when it listens."""

            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                ready.set()

        config = uvicorn.Config(
            self._app,
            interface="asgi3",
            lifespan="off",
            log_config=None,
            access_log=False,
            ws="none",
        )
        self._server = Server(config)
        self._task = asyncio.get_running_loop().create_task(self._server.serve(sockets=[sock]))
        await ready.wait()

    async def close(self) -> None:
        """Stops listening."""
        if self._task is not None:
            self._server.should_exit = True
            await self._task
            self._task = None

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        found = self._find(scope["path"])
        if found is None:
            known = ", ".join(sorted(self._routes)) or "none"
            await send_error(send, 404, f"no graph answers at {scope['path']}; routes: {known}")
            return
        prefix, (_name, router, options) = found
        if not _allowed(scope, options.token):
            await send_error(
                send, 401, "a bearer token is needed", headers=[(b"www-authenticate", b"Bearer")]
            )
            return
        await answer_http(router, options.max_body, _below(scope, prefix), receive, send)

    def _find(self, path: str) -> tuple[str, tuple[str, GraphRouter[Any], HttpOptions]] | None:
        """The route with the longest prefix that the path is at or below."""
        for prefix in sorted(self._routes, key=len, reverse=True):
            if prefix in ("/", path) or path.startswith(prefix + "/"):
                return prefix, self._routes[prefix]
        return None


def _below(scope: Scope, prefix: str) -> Scope:
    """The scope as the app below the prefix sees it; the prefix itself is the app's "/".

    A proxy that takes a part of the path away (jupyter-server-proxy) says which: it belongs to the
    app's root path, so that the app's own links lead through the proxy.
    """
    headers = dict(scope["headers"])
    outside = headers.get(b"x-forwarded-prefix") or headers.get(b"x-proxycontextpath") or b""
    taken = outside.decode("latin1").rstrip("/")
    if not _PATH.fullmatch(taken):
        taken = ""
    path = scope["path"]
    return {
        **scope,
        "root_path": taken + ("" if prefix == "/" else prefix),
        "path": taken + (path if path != prefix or prefix == "/" else prefix + "/"),
    }


_PATH = re.compile(r"(/[\w.~%@+-]+)*", re.ASCII)


def _allowed(scope: Scope, token: str | None) -> bool:
    if token is None:
        return True
    given = dict(scope["headers"]).get(b"authorization", b"")
    scheme, _, credentials = given.partition(b" ")
    fits = hmac.compare_digest(credentials.strip(), token.encode())
    return fits and scheme.lower() == b"bearer"


def _bind(port: int | None) -> socket.socket:
    """A socket on 127.0.0.1: the port that was asked for, else 8000, else any that is free."""
    for candidate in (port,) if port is not None else (DEFAULT_PORT, 0):
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            sock.bind((HOST, candidate))
            sock.listen(2048)
            sock.setblocking(False)
            return sock
        sock.close()
    raise DeployError(f"port {port} of {HOST} is taken", hint="leave the port out for a free one")
