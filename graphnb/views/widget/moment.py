"""What a frame of a live picture is of: figures, and what each deployment is at."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from graphnb.telemetry.digest import TraceDigest
    from graphnb.telemetry.sliding import Window

__all__ = ["Load", "Moment"]


class Load(NamedTuple):
    """What one deployment is at.

    Attributes:
        replicas: how many are wanted.
        running: how many answer.
        ongoing: calls that are being worked on.
        queued: calls that wait for a replica.
        state: in a word: "running", "starting", "updating", "unhealthy", "failed".
        error: why it is not well, or None.
    """

    replicas: int
    running: int
    ongoing: int
    queued: int
    state: str
    error: str | None


class Moment(NamedTuple):
    """What a frame is of.

    Attributes:
        window: the figures.
        label: what they are of: "last 10 s".
        loads: by deployment; empty where that is not known.
        root: the deployment that requests enter.
        state: of the graph: "running", "changing", "ended".
        against: what they are compared with, if anything, and what that is.
        fresh: handle edges that were taken since the frame before, by calling node and deployment.
    """

    window: Window
    label: str
    loads: Mapping[str, Load]
    root: str
    state: str = "running"
    against: TraceDigest | None = None
    against_label: str = ""
    fresh: Collection[tuple[str, str]] = ()
