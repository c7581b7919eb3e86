"""What replicas ask of a cluster, and whether it has that.

Ray waits for ever for a machine that has what a replica asks for: one may come. On a cluster that
does not grow that is a deploy without an end, so it is said what is missing.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphnb.errors import DeployError
from graphnb.rayserve.private import free_resources

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_NAMES = {"num_cpus": "CPU", "num_gpus": "GPU", "memory": "memory"}
_GB = 1 << 30
_GET_MORE = (
    "ask for less in ray_actor_options, or join a cluster that has it; a Ray started by graphnb"
    " declares more with `graphnb ray start --resources`, or with GRAPHNB_RAY_RESOURCES"
)
MAKE_ROOM = "delete graphs that are not needed, or ask for less: num_replicas, ray_actor_options"
"""What to do where all is taken."""

_NODES_S = 60.0
_LITTLE = 1e-6  # Ray counts in ten thousandths


@dataclass(frozen=True, slots=True)
class Machine:
    """A node of a cluster.

    Attributes:
        total: what it has, by Ray's names: "CPU", "GPU", "memory" in bytes, custom ones.
        free: what of it is not taken.
    """

    total: Mapping[str, float]
    free: Mapping[str, float]


def machines() -> list[Machine]:
    """The nodes of the cluster that this process is connected to."""
    import ray

    free = free_resources()
    return [
        Machine(one["Resources"], free.get(one["NodeID"], one["Resources"]))
        for one in ray.nodes()  # type: ignore[no-untyped-call]
        if one["Alive"]
    ]


def wanted_by(options: Mapping[str, Any]) -> list[dict[str, float]]:
    """What each replica of a deployment asks for, all of one list on one machine.

    Args:
        options: Ray Serve's, as the user gave them.

    Returns:
        One for the replica, or one for each bundle of its placement group.
    """
    bundles = options.get("placement_group_bundles")
    if bundles:
        return [{name: float(count) for name, count in one.items()} for one in bundles]
    actor: Mapping[str, Any] = options.get("ray_actor_options") or {}
    wanted = {"CPU": 1.0}  # Ray Serve's default
    for option, name in _NAMES.items():
        if actor.get(option) is not None:
            wanted[name] = float(actor[option])
    wanted |= {name: float(count) for name, count in (actor.get("resources") or {}).items()}
    return [{name: count for name, count in wanted.items() if count > 0}]


def lacking(wanted: Mapping[str, float], found: Sequence[Machine]) -> str | None:
    """Why no machine could ever take this: "wants 1 GPU; this cluster has 0"; None if one could."""
    if any(_fits(wanted, one.total) for one in found):
        return None
    for name, count in wanted.items():
        most = max((one.total.get(name, 0.0) for one in found), default=0.0)
        if most + _LITTLE < count:
            total = sum(one.total.get(name, 0.0) for one in found)
            if most < total:
                return (
                    f"wants {_said(count, name)}; no machine of this cluster has more than"
                    f" {_amount(most, name)}"
                )
            return f"wants {_said(count, name)}; this cluster has {_amount(most, name)}"
    together = " and ".join(_said(count, name) for name, count in wanted.items())
    return f"wants {together} on one machine; no machine of this cluster has both"


def taken(wanted: Mapping[str, float], found: Sequence[Machine]) -> str | None:
    """Why no machine can take this now; None if one can."""
    if any(_fits(wanted, one.free) for one in found):
        return None
    for name, count in wanted.items():
        if all(one.free.get(name, 0.0) + _LITTLE < count for one in found):
            free = sum(one.free.get(name, 0.0) for one in found)
            total = sum(one.total.get(name, 0.0) for one in found)
            return (
                f"wants {_said(count, name)}; of the {_amount(total, name)} of this cluster"
                f" {_amount(free, name)} are free"
            )
    together = " and ".join(_said(count, name) for name, count in wanted.items())
    return f"wants {together} on one machine; no machine of this cluster has them free"


def _fits(wanted: Mapping[str, float], there: Mapping[str, float]) -> bool:
    return all(there.get(name, 0.0) + _LITTLE >= count for name, count in wanted.items())


def _said(count: float, name: str) -> str:
    if name == "memory":
        return f"{_amount(count, name)} of memory"
    return f"{count:g} {name}" if count == 1 or name not in ("CPU", "GPU") else f"{count:g} {name}s"


def _amount(count: float, name: str) -> str:
    return f"{count / _GB:.3g} GB" if name == "memory" else f"{count:g}"


def replica_count(options: Mapping[str, Any]) -> int:
    """How many replicas a deployment has at first."""
    count = options.get("num_replicas")
    if isinstance(count, int):
        return count
    scaling = options.get("autoscaling_config") or {}
    given = scaling if isinstance(scaling, dict) else vars(scaling)
    return int(given.get("initial_replicas") or given.get("min_replicas") or 1)


def too_much(options: Iterable[Mapping[str, Any]], found: Sequence[Machine]) -> str | None:
    """Why the replicas of all these together could never run: "wants 80 CPUs in all; ..."."""
    wanted: Counter[str] = Counter()
    for one in options:
        for place in wanted_by(one):
            for name, count in place.items():
                wanted[name] += count * replica_count(one)  # type: ignore[assignment]
    for name, count in wanted.items():
        total = sum(one.total.get(name, 0.0) for one in found)
        if count > total + _LITTLE:
            return f"wants {_said(count, name)} in all; this cluster has {_amount(total, name)}"
    return None


def wait_for_nodes_s() -> float:
    """How long to wait for machines that a cluster may still get, in seconds.

    Raises:
        DeployError: GRAPHNB_WAIT_FOR_NODES_S is no number.
    """
    given = os.environ.get("GRAPHNB_WAIT_FOR_NODES_S")
    try:
        return _NODES_S if given is None else float(given)
    except ValueError:
        raise DeployError(
            f"GRAPHNB_WAIT_FOR_NODES_S is {given!r}, expected a number of seconds"
        ) from None


class PlaceWatch:
    """Watches over the places of replicas while a graph starts.

    Args:
        patience_s: how long to wait for machines that the cluster may still get.
    """

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._began = time.monotonic()

    def look(self, asking: Iterable[tuple[str, Mapping[str, Any], bool]]) -> str | None:
        """What is missing, if anything is.

        Args:
            asking: those that do not run yet: name, options, and whether Ray Serve says that it
                finds no place for one of its replicas.

        Raises:
            DeployError: it has been missing for too long.
        """
        found = machines()
        for name, options, waits in asking:
            for wanted in wanted_by(options):
                missing, hint = lacking(wanted, found), _GET_MORE
                if missing is None and waits:
                    missing, hint = taken(wanted, found), MAKE_ROOM
                if missing is None:
                    continue
                if time.monotonic() - self._began >= self._patience_s:
                    raise DeployError(f"{name} {missing}", deployment=name, hint=hint)
                return f"{name} {missing}"
        return None
