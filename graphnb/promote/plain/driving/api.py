"""The FastAPI app of a driver, which answers with and without a slash at the end of an address."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from graphnb.engine.http_response import refused
from graphnb.promote.plain.driving.calls import CallTimeoutError

__all__ = ["new_api"]


def new_api(title: str) -> FastAPI:
    """An app without redirections, whose errors are {"error": reason}.

    Args:
        title: of its OpenAPI document.
    """
    from ray.serve.exceptions import BackPressureError

    api = FastAPI(title=title, redirect_slashes=False)
    api.add_middleware(_WithSlash)
    api.add_exception_handler(HTTPException, refused)
    api.add_exception_handler(RequestValidationError, refused)
    api.add_exception_handler(CallTimeoutError, _too_slow)
    api.add_exception_handler(BackPressureError, _too_many)
    return api


async def _too_slow(_request: Any, error: Any) -> Any:
    return JSONResponse({"error": str(error)}, 504)


async def _too_many(_request: Any, _error: Any) -> Any:
    return JSONResponse({"error": "there are too many requests"}, 503)


class _WithSlash:
    """ASGI middleware: the address of the application itself is its "/"."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] in ("", scope.get("root_path", "")):
            scope = {**scope, "path": f"{scope['path']}/"}
        await self._app(scope, receive, send)
