"""Which version of a graph Ray Serve's proxy has come to.

The proxy learns of routes and of replicas a moment after those who deploy. So that a graph answers
over HTTP as it was deployed when `deploy` returns, the proxy is asked until it does.
"""

from __future__ import annotations

import http.client
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Callable

VERSION = "x-graphnb-version"
"""The header by which a request asks who answers, and is told: "graph:number"."""

_PATIENCE_S = 5.0  # a proxy that takes longer is not waited for: handles answer already
_EVERY_S = 0.02
_SILENCE = "?"  # the proxy itself says nothing; no graph is called so, quoted


def version_header(name: str, number: int) -> bytes:
    """What a graph says when it is asked for its version."""
    return f"{quote(name)}:{number}".encode()


def wait_until_published(address: tuple[str, int], prefix: str, name: str, number: int) -> None:
    """Waits until HTTP requests below a prefix are answered by that version of a graph.

    Args:
        address: host and port of the proxy.
        prefix: the path.
        name: of the graph.
        number: of the version.
    """
    wanted = version_header(name, number).decode()
    _wait_until(lambda: _answers(address, prefix) == wanted)


def wait_until_left(address: tuple[str, int], prefix: str, name: str) -> None:
    """Waits until HTTP requests below a prefix are not answered by that graph any more."""
    mine = version_header(name, 0).decode().rpartition(":")[0]
    _wait_until(lambda: _answers(address, prefix).rpartition(":")[0] not in (mine, _SILENCE))


def _wait_until(done: Callable[[], bool]) -> None:
    until = time.monotonic() + _PATIENCE_S
    while not done() and time.monotonic() < until:
        time.sleep(_EVERY_S)


def _answers(address: tuple[str, int], prefix: str) -> str:
    """Who answers there: a version, "" for nobody of graphnb."""
    connection = http.client.HTTPConnection(*address, timeout=_PATIENCE_S)
    try:
        connection.request("GET", prefix, headers={VERSION: "?"})
        answer = connection.getresponse()
        return answer.getheader(VERSION, "")
    except (OSError, http.client.HTTPException):
        return f"{_SILENCE}:"
    finally:
        connection.close()
