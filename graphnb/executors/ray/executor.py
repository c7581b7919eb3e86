"""The Ray executor: one connection to a cluster, and one event loop for the requests made here."""

from __future__ import annotations

from graphnb.engine.loop import EngineLoop
from graphnb.executors.ray.application import RayApplication
from graphnb.rayserve.cluster import ensure_ray, leave


class RayExecutor:
    """Runs graphs as Ray Serve applications (an `Executor`)."""

    kind = "ray"

    def __init__(self) -> None:
        self.cluster = ensure_ray()
        self._engine = EngineLoop()

    def application(self, name: str) -> RayApplication:
        """A new, empty application; `apply` fills it."""
        return RayApplication(name, self._engine)

    def close(self) -> None:
        """Stops the loop, and a Ray that was started here; applications are closed before."""
        self._engine.close()
        leave()
