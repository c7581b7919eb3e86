"""Sends requests over HTTP as any client would, and says how a browser elsewhere gets there."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from graphnb.engine.http_response import json_text
from graphnb.errors import GraphnbError, InputError, RequestError, RequestTimeoutError

if TYPE_CHECKING:
    from graphnb.session.running_graph import RunningGraph


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer.

    Attributes:
        status: the HTTP status.
        media_type: "application/json", "image/png".
        value: what JSON holds; bytes of anything that is neither JSON nor text.
        reason: why it failed, for statuses of 400 and above.
    """

    status: int
    media_type: str
    value: Any
    reason: str


def send_http(
    graph: RunningGraph, value: Any, *, route: str | None = None, timeout_s: float | None = None
) -> Answer:
    """Posts a value as JSON to a running graph.

    Args:
        graph: where to.
        value: what the body holds, as JSON.
        route: the route below the graph's URL, of a driver with several.
        timeout_s: seconds that the request may take.

    Raises:
        GraphnbError: the graph has no HTTP.
        InputError: the value has no JSON form.
        RequestError: the connection failed.
    """
    import httpx

    if graph.url is None:
        raise GraphnbError(f"{graph.name} does not answer HTTP", hint="deploy it with http=True")
    try:
        content = json_text(value)
    except TypeError as error:
        raise InputError(f"the request cannot be sent as JSON: {error}") from None
    headers = {"content-type": "application/json"}
    options = graph._application.http
    if options is not None and options.token:
        headers["authorization"] = f"Bearer {options.token}"
    if timeout_s is not None:
        headers["x-request-timeout-seconds"] = str(timeout_s)
    try:
        # trust_env=False: no proxy of the environment shall see what goes to this machine itself.
        with httpx.Client(trust_env=False, timeout=timeout_s and timeout_s + 5) as client:
            url = graph.url if route is None else f"{graph.url.rstrip('/')}/{route.strip('/')}"
            response = client.post(url, content=content, headers=headers)
    except httpx.TimeoutException as error:
        raise RequestTimeoutError(f"no answer from {graph.url}") from error
    except httpx.HTTPError as error:
        raise RequestError(f"{graph.url} cannot be reached: {error}") from error
    return _answer(response)


def _answer(response: Any) -> Answer:
    media_type = response.headers.get("content-type", "").partition(";")[0]
    value = response.content
    if media_type == "application/json":
        value = response.json()
    elif media_type.startswith("text/") or media_type == "application/x-ndjson":
        value = response.text
    reason = ""
    if response.status_code >= 400:
        reason = str(value.get("error", value.get("detail")) if isinstance(value, dict) else value)
    return Answer(response.status_code, media_type, value, reason)


def proxy_hint(url: str | None) -> str:
    """How to reach it from a browser on another machine, where jupyter-server-proxy is there."""
    if url is None or importlib.util.find_spec("jupyter_server_proxy") is None:
        return ""
    parts = urlsplit(url)
    prefix = os.environ.get("JUPYTERHUB_SERVICE_PREFIX", "/").rstrip("/")
    return f" (in a remote lab: {prefix}/proxy/{parts.port}{parts.path})"
