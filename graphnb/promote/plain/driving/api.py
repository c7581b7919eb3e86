"""The FastAPI app of a driver, which answers with and without a slash at the end of an address."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

__all__ = ["new_api"]


def new_api(title: str) -> FastAPI:
    """An app without redirections.

    Args:
        title: of its OpenAPI document.
    """
    api = FastAPI(title=title, redirect_slashes=False)
    api.add_middleware(_WithSlash)
    return api


class _WithSlash:
    """ASGI middleware: the address of the application itself is its "/"."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] in ("", scope.get("root_path", "")):
            scope = {**scope, "path": f"{scope['path']}/"}
        await self._app(scope, receive, send)
