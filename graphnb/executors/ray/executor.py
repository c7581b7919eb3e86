"""The Ray executor: one connection to a cluster, and one event loop for the requests made here."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from graphnb.engine.loop import EngineLoop
from graphnb.errors import DeployError
from graphnb.executors.ray.application import RayApplication
from graphnb.executors.ray.remembered import remembered_names
from graphnb.rayserve.cluster import ensure_ray, leave
from graphnb.rayserve.lines import forget_lines

if TYPE_CHECKING:
    from collections.abc import Container


class RayExecutor:
    """Runs graphs as Ray Serve applications (an `Executor`)."""

    kind = "ray"

    def __init__(self) -> None:
        self._engine = EngineLoop()

    def application(self, name: str) -> RayApplication:
        """A new, empty application; `apply` fills it."""
        return RayApplication(name, self._engine)

    def running(self, known: Container[str]) -> list[RayApplication]:
        """The graphs on this cluster, whoever deployed them, but those that are known.

        Those that another version of graphnb deployed are left out.
        """
        ensure_ray()
        found = []
        for name in remembered_names():
            if name in known:
                continue
            one = self.application(name)
            with contextlib.suppress(DeployError):
                if one.attach():
                    found.append(one)
        return found

    def close(self) -> None:
        """Stops the loop, and a Ray that was started here; applications are closed before."""
        forget_lines()
        self._engine.close()
        leave()
