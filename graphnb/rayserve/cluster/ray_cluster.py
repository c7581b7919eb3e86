"""What a process knows of the Ray that it is connected to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RayCluster:
    """A Ray that this process is connected to.

    Attributes:
        address: of Ray itself, `host:port`.
        version: Ray's.
        started: whether this process started it; then it ends with this process.
        dashboard_url: where Ray's dashboard answers, or None.
        http: host and port of Ray Serve's proxy, once it is known.
        fixed: whether it has the machines that it will ever have: graphnb started it.
        said: one line for people, of a Ray that was started just now; else "".
    """

    address: str
    version: str
    started: bool = False
    dashboard_url: str | None = None
    http: tuple[str, int] | None = None
    fixed: bool = False
    said: str = ""
