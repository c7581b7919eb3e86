"""How the deployments of a graph on Ray are."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from graphnb.executors.base import DeploymentStatus
from graphnb.rayserve.collector import ask, collector_name
from graphnb.rayserve.config import HostState
from graphnb.rayserve.control import application_status, load_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from graphnb.executors.ray.update import RayVersion, Release
    from graphnb.rayserve.compiling import Part
    from graphnb.rayserve.control import PartStatus

_SILENT = HostState(ongoing=0, waiting=0, taken=0, calling={})  # it starts, or has ended

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
    """The state of each deployment: what Ray Serve says, and what its hosts and callers are at."""
    _state, _message, parts = application_status(app_name)
    starts: Mapping[str, int] = ask(collector_name(app_name), "starts") or {}
    states = load_of(running.compiled.parts, app_name)
    calling: Counter[str] = Counter()
    for state in states.values():
        calling.update(state.calling)
    for name, callee in version.callees.items() if version is not None else ():
        calling[name] += getattr(callee, "outstanding", 0)
    return tuple(
        _status(
            part,
            parts.get(part.serve_name),
            starts.get(part.serve_name, 0),
            states.get(name, _SILENT),
            calling[name],
        )
        for name, part in running.compiled.parts.items()
    )


def _status(
    part: Part, found: PartStatus | None, starts: int, state: HostState, calling: int
) -> DeploymentStatus:
    asked = part.options.get("num_replicas")
    there = 0 if found is None else sum(found.replicas.values()) - found.replicas.get("STOPPING", 0)
    wanted = asked if isinstance(asked, int) else max(1, there)
    well = found is not None and found.state in ("HEALTHY", "UPSCALING", "DOWNSCALING")
    return DeploymentStatus(
        name=part.name,
        replicas=wanted,
        running=0 if found is None else found.running,
        ongoing=state.ongoing,
        # Calls that are under way, and have not arrived, wait for a replica with a free slot.
        queued=max(0, calling - state.taken) + state.waiting,
        restarts=max(0, starts - max(wanted, there)),
        error=None if well or found is None or not found.message else found.message,
        state="starting" if found is None else _STATES.get(found.state, found.state.lower()),
    )
