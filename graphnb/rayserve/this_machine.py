"""Which addresses are of this machine: nobody listens in, and no proxy stands between."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

__all__ = ["is_loopback"]


def is_loopback(address: str) -> bool:
    """Whether an address, such as "http://127.0.0.1:8265", is one of this machine."""
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
