"""The driver of a graph: what receives requests, by handle and over HTTP.

    app = DAGDriver.bind(best)                                   # one graph, at "/"
    app = DAGDriver.bind({"/classify": classes, "/caption": text})
    app = DAGDriver.bind(best, http_adapter=json_to_ndarray)

A graph that is deployed without a driver gets this one.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from graphnb.authoring import deployment
from graphnb.errors import InputError

__all__ = ["DAGDriver"]

_ROOT = "/"


# The driver does not compute, so that it shall not be what limits a graph.
@deployment(max_ongoing_requests=1_000)
class DAGDriver:
    """Receives requests and runs a graph for each: `predict` by handle, FastAPI over HTTP.

    With several routes, `predict_with_route(route, request)` chooses; each route has an entry in
    the OpenAPI document at `/openapi.json`, and a form at `/docs`.

    Args:
        dags: a graph, or a dict from route ("/classify") to graph.
        http_adapter: makes the graph's input of an HTTP request: a function with FastAPI
            annotations, a pydantic model, the name of an adapter ("json_to_ndarray", or one that
            an installed package brings), or a dict of these by route. By default the JSON body is
            the input.
    """

    def __init__(self, dags: Any, http_adapter: Any = None) -> None:
        self._graphs: dict[str, Any] = (
            {_route(at): graph for at, graph in dags.items()}
            if isinstance(dags, Mapping)
            else {_ROOT: dags}
        )
        self.__graphnb_asgi__ = _fastapi(self._graphs, http_adapter)
        if self._only is not None and self._only.streams:
            self.predict = self._predict_stream  # type: ignore[assignment, method-assign]

    @property
    def _only(self) -> Any:
        """The graph, if there is just one, or one at "/"."""
        if len(self._graphs) == 1:
            return next(iter(self._graphs.values()))
        return self._graphs.get(_ROOT)

    async def predict(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the graph; the arguments are its input."""
        if self._only is None:
            raise InputError(
                f"this driver has the routes {', '.join(self._graphs)}",
                hint="choose one with predict_with_route(route, ...)",
            )
        return await self._only._run(*args, **kwargs)

    async def _predict_stream(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        async for item in self._only.options(stream=True).remote(*args, **kwargs):
            yield item

    async def predict_with_route(self, route: str, *args: Any, **kwargs: Any) -> Any:
        """Runs the graph of that route; the other arguments are its input."""
        graph = self._graphs.get(_route(route))
        if graph is None:
            raise InputError(
                f"there is no route {route!r}", hint=f"there are: {', '.join(self._graphs)}"
            )
        return await graph._run(*args, **kwargs)


def _route(text: str) -> str:
    return "/" + text.strip("/")


def _fastapi(graphs: Mapping[str, Any], adapters: Any) -> Any:
    """A FastAPI app with one POST route for each graph, with and without a slash at the end."""
    from fastapi import FastAPI
    from fastapi.exceptions import RequestValidationError
    from starlette.exceptions import HTTPException as StarletteHTTPException

    from graphnb.engine.http_response import refused

    app = FastAPI(title="graphnb", redirect_slashes=False)
    app.add_exception_handler(StarletteHTTPException, refused)
    app.add_exception_handler(RequestValidationError, refused)
    is_by_route = isinstance(adapters, Mapping)
    by_route = {_route(at): one for at, one in adapters.items()} if is_by_route else None
    for route, graph in graphs.items():
        adapter = by_route.get(route) if by_route is not None else adapters
        endpoint = _endpoint(graph, adapter)
        name = route.strip("/").replace("/", "_") or "predict"
        app.add_api_route(route, endpoint, methods=["POST"], name=name, response_model=None)
        if route != _ROOT:
            app.add_api_route(
                route + "/",
                endpoint,
                methods=["POST"],
                include_in_schema=False,
                response_model=None,
            )
    return app


def _endpoint(graph: Any, adapter: Any) -> Callable[..., Any]:
    from fastapi import Body, Depends

    from graphnb.engine.http_response import json_response, stream_response
    from graphnb.http_adapters import adapter_named, json_request

    adapter = adapter_named(adapter) if isinstance(adapter, str) else adapter or json_request

    async def answer(request: Any) -> Any:
        if graph.streams:
            return await stream_response(graph.options(stream=True).remote(request))
        return json_response(await graph._run(request))

    default = Body() if _is_model(adapter) else Depends(adapter)
    kind = adapter if _is_model(adapter) else Any
    parameter = inspect.Parameter(
        "request", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=kind
    )
    answer.__signature__ = inspect.Signature([parameter])  # type: ignore[attr-defined]
    return answer


def _is_model(adapter: Any) -> bool:
    from pydantic import BaseModel

    return isinstance(adapter, type) and issubclass(adapter, BaseModel)
