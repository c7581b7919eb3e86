"""Which version of a graph Ray Serve's proxy has come to.

The proxy learns of routes and of replicas a moment after those who deploy. So that a graph answers
over HTTP as it was deployed when `deploy` returns, the proxy is asked until it does.
"""

from __future__ import annotations

import http.client
import time

VERSION = "x-graphnb-version"
"""The header by which a request asks for the version, and is told."""

_PATIENCE_S = 5.0  # a proxy that takes longer is not waited for: handles answer already
_EVERY_S = 0.02


def wait_until_published(address: tuple[str, int], prefix: str, number: int | None) -> None:
    """Waits until HTTP requests below a prefix are answered by that version.

    Args:
        address: host and port of the proxy.
        prefix: the path.
        number: of the version; None for nobody.
    """
    until = time.monotonic() + _PATIENCE_S
    while _version_at(address, prefix) != number and time.monotonic() < until:
        time.sleep(_EVERY_S)


def _version_at(address: tuple[str, int], prefix: str) -> int | None:
    connection = http.client.HTTPConnection(*address, timeout=_PATIENCE_S)
    try:
        connection.request("GET", prefix, headers={VERSION: "?"})
        answer = connection.getresponse()
        found = answer.getheader(VERSION)
        return None if found is None else int(found)
    except (OSError, http.client.HTTPException, ValueError):
        return -1
    finally:
        connection.close()
