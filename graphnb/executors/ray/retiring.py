"""Lets a version of a graph on Ray go, when the last requests under way in it have ended."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from graphnb.rayserve.control import load_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from graphnb.executors.ray.application import RayApplication
    from graphnb.executors.ray.update import RayVersion
    from graphnb.rayserve.compiling import Part

_POLL_S = 0.2
_DEFAULT_PATIENCE_S = 20.0  # Ray Serve's


class Retiring:
    """One version on its way out; runs in a thread.

    Args:
        application: whose version it is.
        version: as the requests made here know it.
        parts: what only it has.
        until: the number of the version that took over.
        behind: whether Ray Serve is still to be told what runs.
    """

    def __init__(
        self,
        application: RayApplication,
        version: RayVersion,
        parts: Mapping[str, Part],
        until: int,
        *,
        behind: bool = False,
    ) -> None:
        self._application = application
        self._version = version
        self._parts = parts
        self._until = until
        self._behind = behind

    def run(self) -> None:
        """Waits for its requests, as long as its deployments grant, and lets its parts go."""
        with contextlib.suppress(Exception):  # Ray may have ended meanwhile, and all with it
            self._run()

    def _run(self) -> None:
        self._version.ending = True
        busy = bool(self._version.requests) or self._busy_elsewhere()
        if self._behind and (busy or not self._parts):  # else it is told together with their end
            self._application.tell_serve()
        if not self._parts:
            return  # nothing goes, so nothing is in the way of the last requests
        patience = granted_s(self._parts)
        until = time.monotonic() + patience
        self._application.engine.run(drain(self._version, patience))
        while time.monotonic() < until and self._busy_elsewhere():
            time.sleep(_POLL_S)
        self._application.let_go(self._parts)

    def _busy_elsewhere(self) -> bool:
        """Whether the root has requests, such as those that came over HTTP, of an older version."""
        running = self._application.release
        if running is None:
            return False
        parts = {running.root.name: running.root, **{one.name: one for one in self._parts.values()}}
        states = load_of(parts, self._application.name)
        return any(number < self._until for one in states.values() for number in one.versions)


def granted_s(parts: Mapping[str, Part]) -> float:
    """How long requests under way may take when these parts end, in seconds."""
    given = [one.options.get("graceful_shutdown_timeout_s") for one in parts.values()]
    return max((_DEFAULT_PATIENCE_S if one is None else one for one in given), default=0.0)


async def drain(version: RayVersion, patience_s: float) -> None:
    """Waits until the requests made here have ended; then ends those that are left."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(patience_s):
            await version.drained()
            return
    version.cancel()
