"""How graphs answer HTTP by default: what the environment says."""

from __future__ import annotations

import os

from graphnb.engine.http_request import DEFAULT_MAX_BODY
from graphnb.errors import DeployError
from graphnb.executors import HttpOptions

PORT = "GRAPHNB_HTTP_PORT"
TOKEN = "GRAPHNB_HTTP_TOKEN"  # noqa: S105  the variable's name, not a token
MAX_BODY = "GRAPHNB_HTTP_MAX_BODY"


def http_options(http: bool | HttpOptions) -> HttpOptions | None:  # noqa: FBT001  as in deploy
    """The options that `http=` stands for; None for no HTTP.

    Raises:
        DeployError: a variable of the environment is not a number.
    """
    if isinstance(http, HttpOptions):
        return http
    if not http:
        return None
    return HttpOptions(
        port=_number(PORT),
        token=os.environ.get(TOKEN) or None,
        max_body=_number(MAX_BODY) or DEFAULT_MAX_BODY,
    )


def _number(variable: str) -> int | None:
    text = os.environ.get(variable)
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()):
        raise DeployError(f"{variable} is {text!r}, expected a number")
    return int(text)
