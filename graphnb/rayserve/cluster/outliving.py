"""A Ray that outlives kernels: what `graphnb ray start | stop | status` do."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from graphnb.errors import DeployError
from graphnb.rayserve.cluster.launching import StartingKeeper, end_keeper
from graphnb.rayserve.cluster.record import is_locked, read_record, remove_record

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphnb.rayserve.cluster.record import Record
    from graphnb.rayserve.cluster.settings import RaySettings

_OTHER_START_S = 120.0


def start_outliving(
    settings: RaySettings, progress: Callable[[str], None] | None = None
) -> tuple[Record, bool]:
    """Starts a Ray that kernels of this user find, unless one runs.

    Returns:
        What runs, and whether it was started now.

    Raises:
        DeployError: Ray did not start.
    """
    found = running()
    if found is not None:
        return found, False
    try:
        with StartingKeeper(settings, bound=False) as starting:
            keeper = starting.wait(progress)
    except DeployError:
        found = running()  # somebody else was a moment earlier
        if found is None:
            raise
        return found, False
    keeper.let_go()
    return keeper.record, True


def running() -> Record | None:
    """The Ray that outlives kernels; waits for one that is being started."""
    until = time.monotonic() + _OTHER_START_S
    while True:
        found = read_record()
        if found is not None or not is_locked():
            return found
        if time.monotonic() > until:
            raise DeployError(
                "a Ray is being started, and does not come up",
                hint="end its process (graphnb.rayserve.cluster.keeper), and start again",
            )
        time.sleep(0.1)


def stop_outliving() -> Record | None:
    """Ends that Ray, and waits until it is gone; None if there is none."""
    found = running()
    if found is None:
        return None
    end_keeper(found.pid)
    if not is_locked():  # another may have been started since
        remove_record()
    return found
