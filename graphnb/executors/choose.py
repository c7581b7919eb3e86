"""Finds the executor that `on=` names."""

from __future__ import annotations

import os
import threading
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from graphnb.errors import DeployError

if TYPE_CHECKING:
    from graphnb.executors.base import Executor

_GROUP = "graphnb.executors"
_made: dict[str, Executor] = {}
_making = threading.Lock()


def executor_for(on: str | None) -> Executor:
    """The executor of that name; one for each process.

    Args:
        on: "local", "ray", or the name of an executor that an installed package brings; None for
            what the environment variable GRAPHNB_ON says, else "local".

    Raises:
        DeployError: there is no executor of that name.
    """
    name = on or os.environ.get("GRAPHNB_ON") or "local"
    with _making:
        if name not in _made:
            _made[name] = _make(name)
        return _made[name]


def _make(name: str) -> Executor:
    if name == "ray":
        from graphnb.rayserve.cluster import import_ray

        import_ray()  # before others do
        from graphnb.executors.ray import RayExecutor

        return RayExecutor()
    if name == "local":
        from graphnb.executors.local import LocalExecutor

        return LocalExecutor()
    for one in entry_points(group=_GROUP):
        if one.name == name:
            made: Executor = one.load()()
            return made
    raise DeployError(
        f"there is no executor {name!r}", hint=f"on= takes one of: {', '.join(known_executors())}"
    )


def executors_within_reach() -> list[Executor]:
    """Those that graphs may run on already, whoever deployed them.

    A Ray is within reach when this process is connected to it, at `RAY_ADDRESS`, or when
    `graphnb ray start` started it on this machine. None is started by this.
    """
    from graphnb.rayserve.cluster import is_within_reach

    if is_within_reach():
        executor_for("ray")
    with _making:
        return list(_made.values())


def known_executors() -> list[str]:
    """The names that `on=` takes."""
    return ["local", "ray", *sorted(one.name for one in entry_points(group=_GROUP))]
