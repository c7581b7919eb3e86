"""Asks Ray Serve to run applications, and watches what becomes of it."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphnb.engine.remote_errors import unpack_error
from graphnb.engine.tracebacks import user_traceback
from graphnb.errors import DeployError
from graphnb.rayserve import here
from graphnb.rayserve.collector import StartFailure, forget_failures, start_failures
from graphnb.rayserve.config import HostState
from graphnb.rayserve.private import ask_actors, delete_soon, replicas_of
from graphnb.rayserve.resources import (
    MAKE_ROOM,
    PlaceWatch,
    machines,
    replica_count,
    too_much,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping, Sequence

    from graphnb.rayserve.compiling import Part

_POLL_S = 0.02  # Ray Serve tells of changes to those who ask only
_PATIENCE_S = 1.0  # for what hosts are asked: one that starts or has died says nothing
_LOOK_S = 1.0
_NAMED = 4  # of those that start, in one line
# Ray Serve's words.
_NO_PLACE = "to be scheduled"
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

    def is_leaving_behind(self, wanted: int) -> bool:
        """Whether nothing but the end of some replicas lacks, which may be long."""
        others = sum(self.replicas.values()) - self.running
        return self.running == wanted and others == self.replicas.get("STOPPING", 0) > 0


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

    delete_soon(name)
    is_going = False
    while wait and (found := serve.status().applications.get(name)) is not None:
        if found.status.value == "DELETING":
            is_going = True
        elif is_going:
            return  # another process has deployed one of that name meanwhile: it is theirs
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


class Watch:
    """Watches an application while it starts.

    Args:
        name: of the application.
        collector: the actor that is told when a host cannot start.
        patience_s: how long the cluster has to get what replicas ask for and it does not have.
        progress: told what it waits for.
    """

    def __init__(
        self,
        name: str,
        collector: Any,
        *,
        patience_s: float = 0.0,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        self._name = name
        self._collector = collector
        self._patience_s = patience_s
        self._progress = progress

    def forget(self) -> None:
        """What could not start before is of no interest any more."""
        forget_failures(self._collector)

    def check(self, wanted: Mapping[str, Part]) -> None:
        """Raises unless a cluster that does not grow has room for these parts.

        Raises:
            DeployError: it has not.
        """
        if self._patience_s > 0:
            return
        PlaceWatch(0.0).look((one.name, one.options, False) for one in wanted.values())
        missing = too_much((one.options for one in wanted.values()), machines())
        if missing is not None:
            raise DeployError(f"{self._name} {missing}", hint=MAKE_ROOM)

    def wait(self, wanted: Mapping[str, Part], *, are_new: bool = False) -> None:
        """Waits until these parts answer.

        Args:
            wanted: by Ray Serve's names.
            are_new: whether none of these names was there before: what Ray Serve says of one that
                was may be of yesterday, until it says that the whole application is well.

        Raises:
            DeployError: one of them could not start; the user's own error is its cause.
        """
        if not wanted:
            return
        places = PlaceWatch(self._patience_s)
        looked = -_LOOK_S
        while True:
            state, message, parts = application_status(self._name)
            mine = {one: parts[one] for one in wanted if one in parts}
            self._raise_failures(wanted, mine)
            if state == "DEPLOY_FAILED":
                raise _failed(self._name, self._name, message)
            if len(mine) == len(wanted) and all(
                (one.state == "HEALTHY" and (are_new or state != "DEPLOYING"))
                or one.is_leaving_behind(replica_count(wanted[name].options))
                for name, one in mine.items()
            ):
                return
            missing = None
            if time.monotonic() - looked >= _LOOK_S:
                looked = time.monotonic()
                missing = places.look(_without_place(wanted, mine))
            if self._progress is not None:
                self._progress(missing or _so_far(wanted, mine))
            time.sleep(_POLL_S)

    def _raise_failures(self, wanted: Mapping[str, Part], found: Mapping[str, PartStatus]) -> None:
        for failure in start_failures(self._collector):
            for part in wanted.values():
                if (part.name, part.version) == failure[:2]:
                    raise _start_failed(failure, part)
        for serve_name, status in found.items():
            if _FAILED_TO_START in status.message or status.state == "DEPLOY_FAILED":
                raise _failed(
                    wanted[serve_name].name,
                    f"{self._name}.{wanted[serve_name].name}",
                    status.message,
                )


def _without_place(
    wanted: Mapping[str, Part], found: Mapping[str, PartStatus]
) -> Iterator[tuple[str, Mapping[str, Any], bool]]:
    """Those that do not run, for a `PlaceWatch`."""
    for serve_name, part in wanted.items():
        status = found.get(serve_name)
        if status is None or status.state != "HEALTHY":
            waits = status is not None and _NO_PLACE in status.message
            yield part.name, part.options, waits


def _so_far(wanted: Mapping[str, Part], found: Mapping[str, PartStatus]) -> str:
    """How many run, and which do not."""
    late = [
        part.name
        for serve_name, part in wanted.items()
        if serve_name not in found or found[serve_name].state != "HEALTHY"
    ]
    names = ", ".join(late[:_NAMED]) + (", ..." if len(late) > _NAMED else "")
    return f"{len(wanted) - len(late)} of {len(wanted)} nodes run; starting {names}"


def _start_failed(failure: StartFailure, part: Part) -> DeployError:
    """What a host reported before Ray Serve knew."""
    error = unpack_error(failure.error)
    cell = f" ({part.payload.where})" if part.payload.where else ""
    made = DeployError(
        f"{part.name}{cell} could not {failure.doing}: {type(error).__name__}: {error}",
        deployment=part.name,
    )
    made.__cause__ = error
    return made.with_traceback(user_traceback(error) or error.__traceback__)


def _failed(deployment: str, logs: str, message: str) -> DeployError:
    lines = [one for one in message.strip().splitlines() if one.strip()]
    return DeployError(
        f"{deployment} could not start: {lines[-1].strip() if lines else 'Ray Serve says no more'}",
        deployment=deployment,
        hint=f"see its logs: %logs {logs}",
    )


def flush(serve_name: str, app_name: str) -> None:
    """Has the hosts of a deployment send what they know of their requests; a second at the most."""
    hosts = replicas_of(app_name).get(serve_name, [])
    until = time.monotonic() + _PATIENCE_S
    while False in ask_actors(hosts, here.hand_over, _PATIENCE_S) and time.monotonic() < until:
        time.sleep(_PATIENCE_S / 200)


Hosts = dict[str, list[Any]]
"""The actors of replicas, by Ray Serve's names of their deployments."""


def prepare(app_name: str, callers: Container[str], parts: Mapping[str, Part]) -> Hosts:
    """Has hosts get to know deployments that they will call; nobody waits for it.

    Args:
        app_name: of the application.
        callers: those that will call, by Ray Serve's names.
        parts: those that start now, by Ray Serve's names.

    Returns:
        The hosts.
    """
    hosts = replicas_of(app_name, callers)
    actors = [one for ones in hosts.values() for one in ones]
    names = {part.name: serve_name for serve_name, part in parts.items()}
    ask_actors(actors, here.prepare, 0.0, names)
    return hosts


def rewire(app_name: str, parts: Mapping[str, Part], hosts: Hosts | None = None) -> bool:
    """Has the hosts of these parts take over their wirings, sooner than Ray Serve tells them.

    Args:
        app_name: of the application.
        parts: by Ray Serve's names.
        hosts: of those of them that are known already.

    Returns:
        Whether all of them have.
    """
    replicas = dict(hosts or {})
    unknown = parts.keys() - replicas.keys()
    if unknown:
        replicas |= replicas_of(app_name, unknown)
    until = time.monotonic() + _PATIENCE_S
    waiting = {
        name: [*replicas.get(name, ())] for name, part in parts.items() if part.wiring is not None
    }
    if not all(waiting.values()):
        return False  # nobody is known who could be told
    while any(waiting.values()):
        for name, actors in waiting.items():
            told = ask_actors(actors, here.rewire, _PATIENCE_S, parts[name].wiring)
            waiting[name] = [one for one, done in zip(actors, told, strict=True) if not done]
        if time.monotonic() > until:
            return False
    return True


def end_requests(root: Part, app_name: str, patience_s: float, *, at_once: bool = False) -> bool:
    """Has the hosts of the root take no more requests, and waits for those under way.

    Args:
        root: the part that requests enter.
        app_name: of the application.
        patience_s: how long to wait.
        at_once: whether they are cancelled.

    Returns:
        Whether all have ended.
    """
    hosts = replicas_of(app_name).get(root.serve_name, [])
    until = time.monotonic() + patience_s
    while False in ask_actors(hosts, here.end, _PATIENCE_S, at_once):
        if time.monotonic() > until:
            return False
        time.sleep(_POLL_S)
    return True


def load_of(parts: Mapping[str, Part], app_name: str) -> dict[str, HostState]:
    """What the hosts of these parts are at, by the graph's names; those that do not say lack."""
    replicas = replicas_of(app_name)
    hosts = {name: replicas.get(part.serve_name, []) for name, part in parts.items()}
    owners = [name for name, ones in hosts.items() for _ in ones]
    actors = [one for ones in hosts.values() for one in ones]
    found: dict[str, list[HostState]] = {}
    for name, state in zip(owners, ask_actors(actors, here.state, _PATIENCE_S), strict=True):
        if state is not None:
            found.setdefault(name, []).append(state)
    return {name: _together(states) for name, states in found.items()}


def _together(states: Sequence[HostState]) -> HostState:
    """The hosts of one deployment as one."""
    calling: Counter[str] = Counter()
    for one in states:
        calling.update(one.calling)
    return HostState(
        ongoing=sum(one.ongoing for one in states),
        waiting=sum(one.waiting for one in states),
        taken=sum(one.taken for one in states),
        calling=dict(calling),
        versions=frozenset[int]().union(*(one.versions for one in states)),
    )
