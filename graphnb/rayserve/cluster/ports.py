"""Ports of this machine."""

from __future__ import annotations

import socket

from graphnb.errors import DeployError
from graphnb.rayserve.cluster.settings import LOOPBACK


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether something could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tried:
        # As servers do: a port that was closed a moment ago is free.
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host, port))
        except OSError:
            return False
    return True


def free_port(host: str = LOOPBACK) -> int:
    """Any port that is free now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tried:
        tried.bind((host, 0))
        port: int = tried.getsockname()[1]
    return port


def check_port(port: int) -> None:
    """Raises unless that port is free.

    Raises:
        DeployError: it is not, or there is no such port.
    """
    if not 1024 <= port <= 65535:
        raise DeployError(f"port {port} is out of range", hint="take one from 1024 to 65535")
    if not is_free(port):
        raise DeployError(
            f"port {port} is taken", hint="take another, or none: a free one is found"
        )
