"""Where Ray Serve answers over HTTP."""

from __future__ import annotations

from graphnb.errors import DeployError
from graphnb.rayserve.cluster.connection import ensure_ray, note_http
from graphnb.rayserve.cluster.ports import check_port, free_port, is_free
from graphnb.rayserve.cluster.settings import LOOPBACK
from graphnb.rayserve.private import serve_http_options

_USUAL_PORT = 8000


def ensure_serve(port: int | None = None) -> tuple[str, int]:
    """Starts Ray Serve unless it runs; returns host and port of its proxy.

    Args:
        port: where it is to answer; None for 8000, or a free port where that is taken.

    Raises:
        DeployError: it answers elsewhere already, or the port is taken.
    """
    ensure_ray()
    found = serve_address()
    if found is None:
        _start(port)
        found = serve_address()
        assert found is not None
    answers_at = found[1]
    if port is not None and port != answers_at:
        raise DeployError(
            f"Ray Serve answers at port {answers_at}, and port {port} is asked for",
            hint="all graphs of a Ray answer at one port: take that one, or end this Ray first",
        )
    note_http(found)
    return found


def serve_address() -> tuple[str, int] | None:
    """Host and port of the proxy of the Ray Serve that runs; None if none runs."""
    options = serve_http_options()
    if options is None:
        return None
    everywhere = options.host in (None, "0.0.0.0", "::", "localhost")  # noqa: S104  compared
    return (LOOPBACK if everywhere else options.host), options.port


def _start(port: int | None) -> None:
    from ray import serve

    if port is not None:
        check_port(port)
    elif is_free(_USUAL_PORT):
        port = _USUAL_PORT
    else:
        port = free_port()
    serve.start(http_options={"host": LOOPBACK, "port": port})
