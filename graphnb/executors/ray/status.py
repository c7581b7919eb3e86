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
    from graphnb.rayserve.compiling import Part
    from graphnb.rayserve.control import PartStatus

_MAX_ONGOING = 5  # Ray Serve's default

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
    """The state of each deployment: what Ray Serve says, and what those who call it are at."""
    _state, _message, parts = application_status(app_name)
    starts: Mapping[str, int] = ask(collector_name(app_name), "starts") or {}
    calls = _calls(app_name, running, version)
    return tuple(
        _status(
            running.compiled.parts[one.name],
            parts.get(running.compiled.parts[one.name].serve_name),
            starts.get(running.compiled.parts[one.name].serve_name, 0),
            calls[one.name],
        )
        for one in running.graph.spec.deployments
    )


def _calls(app_name: str, running: Release, version: RayVersion | None) -> Counter[str]:
    """Calls under way by deployment, told by the callers: whoever is called may be too busy."""
    calls: Counter[str] = Counter()
    parts = running.compiled.parts
    callers = {
        name: one for name, one in parts.items() if one.wiring is not None and one.wiring.callees
    }
    states = load_of({**callers, running.root.name: running.root}, app_name)
    for one in states.values():
        calls.update(one.calling)
    for name, callee in version.callees.items() if version is not None else ():
        calls[name] += getattr(callee, "outstanding", 0)
    root = running.root.name
    if root in states:  # requests that came over HTTP have no caller that could be asked
        calls[root] = max(calls[root], states[root].ongoing)
    return calls


def _status(part: Part, found: PartStatus | None, starts: int, calls: int) -> DeploymentStatus:
    asked = part.options.get("num_replicas")
    running = 0 if found is None else found.running
    there = 0 if found is None else sum(found.replicas.values()) - found.replicas.get("STOPPING", 0)
    wanted = asked if isinstance(asked, int) else max(1, there)
    slots = running * (part.options.get("max_ongoing_requests") or _MAX_ONGOING)
    well = found is not None and found.state in ("HEALTHY", "UPSCALING", "DOWNSCALING")
    return DeploymentStatus(
        name=part.name,
        replicas=wanted,
        running=running,
        ongoing=min(calls, slots),
        queued=max(0, calls - slots),
        restarts=max(0, starts - max(wanted, there)),
        error=None if well or found is None or not found.message else found.message,
        state="starting" if found is None else _STATES.get(found.state, found.state.lower()),
    )
