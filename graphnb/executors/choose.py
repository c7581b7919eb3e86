"""Finds the executor that `on=` names."""

from __future__ import annotations

import os
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from graphnb.errors import DeployError

if TYPE_CHECKING:
    from graphnb.executors.base import Executor

_GROUP = "graphnb.executors"


def executor_for(on: str | None) -> Executor:
    """The executor of that name; one for each process.

    Args:
        on: "local", or the name of an executor that an installed package brings; None for what
            the environment variable GRAPHNB_ON says, else "local".

    Raises:
        DeployError: there is no executor of that name.
    """
    return _made(on or os.environ.get("GRAPHNB_ON") or "local")


@cache
def _made(name: str) -> Executor:
    if name == "ray":
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


def known_executors() -> list[str]:
    """The names that `on=` takes."""
    return ["local", "ray", *sorted(one.name for one in entry_points(group=_GROUP))]
