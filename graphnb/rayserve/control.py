"""Asks Ray Serve to run applications, and watches what becomes of it."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphnb.engine.remote_errors import unpack_error
from graphnb.engine.tracebacks import user_traceback
from graphnb.errors import DeployError
from graphnb.rayserve.collector import StartFailure, start_failures
from graphnb.rayserve.config import HostState
from graphnb.rayserve.private import call_all, handle_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from graphnb.rayserve.compiling import Part

_POLL_S = 0.05  # Ray Serve tells of changes to those who ask only
_FAILED_TO_START = "A replica failed to start with exception"


@dataclass(frozen=True, slots=True)
class PartStatus:
    """How one Serve deployment is.

    Attributes:
        state: Ray Serve's word: "HEALTHY", "UPDATING", "UNHEALTHY", ...
        message: what Ray Serve says of it, or "".
        replicas: how many there are, by their state: "RUNNING", "STARTING", ...
    """

    state: str
    message: str
    replicas: Mapping[str, int]

    @property
    def running(self) -> int:
        """Replicas that answer."""
        return self.replicas.get("RUNNING", 0)


def run_application(application: Any, *, name: str, route_prefix: str | None) -> None:
    """Hands an application to Ray Serve; returns before its replicas run."""
    from ray import serve

    target = serve.RunTarget(target=application, name=name, route_prefix=route_prefix)
    serve.run_many(
        [target],
        wait_for_ingress_deployment_creation=False,
        wait_for_applications_running=False,
    )


def delete_application(name: str, *, wait: bool) -> None:
    """Ends an application; its replicas finish what they are at."""
    from ray import serve

    serve.delete(name, _blocking=False)
    while wait and name in serve.status().applications:
        time.sleep(_POLL_S)


def application_status(name: str) -> tuple[str, str, dict[str, PartStatus]]:
    """State and message of an application, and how its deployments are, by Ray Serve's names."""
    from ray import serve

    found = serve.status().applications.get(name)
    if found is None:
        return "NOT_STARTED", "", {}
    parts = {
        one: PartStatus(
            str(status.status.value),
            status.message,
            {
                str(getattr(state, "value", state)): count
                for state, count in status.replica_states.items()
            },
        )
        for one, status in found.deployments.items()
    }
    return str(found.status.value), found.message, parts


def wait_until_healthy(
    name: str,
    wanted: Mapping[str, Part],
    *,
    collector: Any,
    progress: Callable[[Mapping[str, PartStatus]], None] | None = None,
) -> None:
    """Waits until these parts of an application answer.

    Args:
        name: of the application.
        wanted: by Ray Serve's names.
        collector: who is told when a host cannot start.
        progress: told how the wanted parts are, each time they changed.

    Raises:
        DeployError: one of them could not start; the user's own error is its cause.
    """
    last: dict[str, PartStatus] = {}
    while True:
        state, message, parts = application_status(name)
        mine = {one: parts[one] for one in wanted if one in parts}
        if progress is not None and mine != last:
            progress(mine)
        last = mine
        for failure in start_failures(collector):
            raise _start_failed(failure, wanted)
        for one, status in mine.items():
            if _FAILED_TO_START in status.message or status.state == "DEPLOY_FAILED":
                raise _failed(wanted[one].name, status.message)
        if state == "DEPLOY_FAILED":
            raise _failed(name, message)
        healthy = sum(one.state == "HEALTHY" for one in mine.values())
        if state != "DEPLOYING" and healthy == len(wanted):
            return
        time.sleep(_POLL_S)


def _start_failed(failure: StartFailure, parts: Mapping[str, Part]) -> DeployError:
    """What a host reported before Ray Serve knew."""
    deployment, doing, packed = failure
    error = unpack_error(packed)
    where = next((one.payload.where for one in parts.values() if one.name == deployment), None)
    cell = f" ({where})" if where else ""
    made = DeployError(
        f"{deployment}{cell} could not {doing}: {type(error).__name__}: {error}",
        deployment=deployment,
    )
    made.__cause__ = error
    return made.with_traceback(user_traceback(error) or error.__traceback__)


def _failed(deployment: str, message: str) -> DeployError:
    lines = [one for one in message.strip().splitlines() if one.strip()]
    return DeployError(
        f"{deployment} could not start: {lines[-1].strip() if lines else 'Ray Serve says no more'}",
        deployment=deployment,
        hint="see its logs: %logs",
    )


def flush(serve_name: str, app_name: str) -> None:
    """Has the hosts of a deployment send what they know of their requests; a second at the most."""
    handle = handle_of(serve_name, app_name)
    with contextlib.suppress(Exception):  # without them, what is known is what there is
        call_all(handle, "graphnb_flush", timeout_s=1.0)


def load_of(parts: Mapping[str, Part], app_name: str) -> dict[str, HostState]:
    """What the hosts of these parts are at, by the graph's names; those that do not say lack."""
    found: dict[str, HostState] = {}

    def look(part: Part) -> None:
        with contextlib.suppress(Exception):  # a host that starts, or is busy beyond measure
            handle = handle_of(part.serve_name, app_name)
            states = call_all(handle, "graphnb_state", timeout_s=1.0)
            calling: Counter[str] = Counter()
            for one in states:
                calling.update(one.calling)
            busy = frozenset[int]().union(*(one.versions for one in states))
            ongoing = sum(one.ongoing for one in states)
            found[part.name] = HostState(ongoing, dict(calling), busy)

    with ThreadPoolExecutor(max(1, min(16, len(parts)))) as threads:
        list(threads.map(look, parts.values()))
    return found
