"""How the deployments of a graph on Ray are."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from graphnb.executors.base import DeploymentStatus
from graphnb.rayserve.collector import ask, collector_name
from graphnb.rayserve.control import application_status, load_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from graphnb.executors.ray.update import RayVersion, Release
    from graphnb.rayserve.config import HostState
    from graphnb.rayserve.control import PartStatus

# Ray Serve's words, as graphnb says them.
_STATES = {
    "HEALTHY": "running",
    "UPDATING": "updating",
    "UPSCALING": "updating",
    "DOWNSCALING": "updating",
    "UNHEALTHY": "unhealthy",
    "DEPLOY_FAILED": "failed",
}


def status_of(
    app_name: str, running: Release, version: RayVersion | None
) -> tuple[DeploymentStatus, ...]:
    """The state of each deployment: what Ray Serve says, and what its hosts are at."""
    _state, _message, parts = application_status(app_name)
    starts: Mapping[str, int] = ask(collector_name(app_name), "starts") or {}
    states = load_of(running.compiled.parts, app_name)
    waiting: Counter[str] = Counter()
    for one in states.values():
        waiting.update(one.waiting)
    for name, callee in version.callees.items() if version is not None else ():
        waiting[name] += getattr(callee, "waiting", 0)
    return tuple(
        _status(
            one.name,
            parts.get(running.compiled.parts[one.name].serve_name),
            one.options.get("num_replicas"),
            starts.get(running.compiled.parts[one.name].serve_name, 0),
            states.get(one.name),
            waiting[one.name],
        )
        for one in running.graph.spec.deployments
    )


def _status(
    name: str,
    part: PartStatus | None,
    asked: object,
    starts: int,
    state: HostState | None,
    waiting: int,
) -> DeploymentStatus:
    there = 0 if part is None else sum(part.replicas.values()) - part.replicas.get("STOPPING", 0)
    wanted = asked if isinstance(asked, int) else max(1, there)
    well = part is not None and part.state in ("HEALTHY", "UPSCALING", "DOWNSCALING")
    return DeploymentStatus(
        name=name,
        replicas=wanted,
        running=0 if part is None else part.running,
        ongoing=None if state is None else state.ongoing,
        queued=waiting,
        restarts=max(0, starts - max(wanted, there)),
        error=None if well or part is None or not part.message else part.message,
        state="starting" if part is None else _STATES.get(part.state, part.state.lower()),
    )
