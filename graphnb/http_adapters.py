"""Adapters: from an HTTP request to the input of a graph.

Pass one to `DAGDriver.bind(graph, http_adapter=...)`. Any annotated FastAPI dependency, and any
pydantic model, will do as well. The parameters of an adapter show up in the graph's OpenAPI.

Takes nothing of graphnb: graphs that leave it take this file along.
"""

from __future__ import annotations

import io
import json
from importlib.metadata import entry_points
from typing import Any

from fastapi import HTTPException
from pydantic import BaseModel
from starlette.requests import Request

__all__ = [
    "Array",
    "BufferedRequest",
    "adapter_named",
    "image_to_ndarray",
    "json_request",
    "json_to_ndarray",
    "pandas_read_json",
    "starlette_request",
]


_GROUP = "graphnb.http_adapters"


def adapter_named(name: str) -> Any:
    """The adapter of that name: one of these, or one that an installed package brings.

    Packages name theirs under the entry-point group `graphnb.http_adapters`.

    Raises:
        LookupError: there is none; says which there are.
    """
    own = {one.__name__: one for one in _OWN}
    if name in own:
        return own[name]
    outside = {one.name: one for one in entry_points(group=_GROUP)}
    if name not in outside:
        known = ", ".join([*own, *sorted(outside)])
        raise LookupError(f"there is no http adapter {name!r}; there are: {known}")
    return outside[name].load()


async def json_request(request: Request) -> Any:
    """The body as JSON; the input is whatever it holds. The default.

    Raises:
        HTTPException: 400, the body is not JSON.
    """
    body = await request.body()
    if not body:
        raise HTTPException(400, "the body is empty, expected JSON")
    try:
        return json.loads(body)
    except ValueError as error:
        raise HTTPException(400, f"the body is not JSON: {error}") from None


class BufferedRequest(Request):
    """A Starlette request whose body has arrived, so that it can travel between nodes."""

    def __init__(self, scope: dict[str, Any], body: bytes) -> None:
        super().__init__(scope)
        self._body = body

    def __reduce__(self) -> tuple[Any, ...]:
        kept = {name: value for name, value in self.scope.items() if name in _TRAVELS}
        return type(self), (kept, self._body)


_TRAVELS = frozenset(
    {
        "client",
        "headers",
        "http_version",
        "method",
        "path",
        "path_params",
        "query_string",
        "raw_path",
        "root_path",
        "scheme",
        "server",
        "type",
    }
)


async def starlette_request(request: Request) -> BufferedRequest:
    """The request itself, buffered: `await request.json()`, `.headers`, `.query_params`."""
    return BufferedRequest(dict(request.scope), await request.body())


class Array(BaseModel):
    """The body that `json_to_ndarray` takes.

    Attributes:
        array: numbers, nested for more dimensions.
        shape: the shape to give it, or None to keep that of the nesting.
        dtype: a numpy dtype, or None for the one that fits.
    """

    array: list[Any]
    shape: list[int] | None = None
    dtype: str | None = None


def json_to_ndarray(payload: Array) -> Any:
    """A numpy array from `{"array": [...], "shape": [...], "dtype": "float32"}`.

    Raises:
        HTTPException: 422, the numbers, the shape and the dtype do not fit together.
    """
    import numpy as np

    try:
        array = np.array(payload.array, dtype=payload.dtype)
        return array if payload.shape is None else array.reshape(payload.shape)
    except (ValueError, TypeError) as error:
        raise HTTPException(422, f"not an array: {error}") from None


async def image_to_ndarray(request: Request) -> Any:
    """An image in the body, as a uint8 array of shape (height, width, 3), in RGB.

    Raises:
        HTTPException: 422, the body is not an image that Pillow reads, or is too large to decode.
    """
    import numpy as np
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(await request.body())) as image:
            return np.asarray(image.convert("RGB"))
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise HTTPException(422, f"not an image: {type(error).__name__}") from None


async def pandas_read_json(request: Request) -> Any:
    """A pandas DataFrame from a JSON body; query parameters go to `pandas.read_json`.

    Raises:
        HTTPException: 422, the body is not JSON that pandas reads, or a parameter is unknown.
    """
    import pandas as pd

    allowed = {"orient", "dtype", "convert_dates", "lines"}
    unknown = set(request.query_params) - allowed
    if unknown:
        raise HTTPException(422, f"unknown parameters {sorted(unknown)}, known {sorted(allowed)}")
    options: dict[str, Any] = {
        name: {"true": True, "false": False}.get(value.lower(), value)
        for name, value in request.query_params.items()
    }
    body = (await request.body()).decode("utf-8", "replace")
    try:
        return pd.read_json(io.StringIO(body), **options)
    except Exception as error:  # noqa: BLE001  pandas raises all kinds: it is the client's body
        raise HTTPException(422, f"not a table: {error}") from None


_OWN = (json_request, starlette_request, json_to_ndarray, image_to_ndarray, pandas_read_json)
