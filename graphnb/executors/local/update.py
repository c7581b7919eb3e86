"""One move of a local graph from a version to the next: prepared aside, then done in one step.

Until `commit`, nothing that serves is touched but by `reconfigure`, and `undo` takes that back.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from graphnb.engine.version import compile_schedules
from graphnb.executors.local.starter import LocalOptions, Starter
from graphnb.executors.local.version import LocalVersion
from graphnb.graph import SpecDiff, diff

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from graphnb.authoring import Graph
    from graphnb.engine import Replica
    from graphnb.engine.replica_set import ReplicaSet


class Update:
    """Brings a graph from `old` (None: nothing ran) to `graph`.

    Attributes:
        changes: what differs.
    """

    def __init__(
        self, old: LocalVersion | None, graph: Graph, starter: Starter, application: object
    ) -> None:
        self.changes: SpecDiff = diff(old.graph.spec if old else None, graph.spec)
        self._old = old
        self._graph = graph
        self._starter = starter
        self._application = application
        self._started: dict[str, ReplicaSet] = {}
        self._added: dict[str, list[Replica]] = {}
        self._reconfigured: list[str] = []

    async def prepare(self) -> None:
        """Starts what is new, all at the same time, and reconfigures what is kept.

        Raises:
            DeployError: user code raised. Call `undo` then.
            GraphError: an argument cannot be serialized. Call `undo` then.
        """
        self._schedules = compile_schedules(self._graph)
        kept = self._old.sets if self._old else {}
        work = [self._start_set(name) for name in self.changes.names("added", "replaced")]
        work += [
            self._start_more(name, lacking)
            for name in self.changes.names("reconfigured", "rescaled", "unchanged")
            if (lacking := self._wanted(name) - len(kept[name].replicas)) > 0
        ]
        await _all_or_none(work)
        for name in self.changes.names("reconfigured"):
            self._reconfigured.append(name)
            await self._starter.reconfigure(self._graph, name, kept[name])

    async def undo(self) -> None:
        """Closes what was started, and gives back the old configuration."""
        for replicas in self._started.values():
            await replicas.close()
        for added in self._added.values():
            for one in added:
                await one.close()
        for name in self._reconfigured:
            assert self._old is not None
            with contextlib.suppress(Exception):  # it had that configuration before
                await self._starter.reconfigure(self._old.graph, name, self._old.sets[name])

    def commit(self) -> LocalVersion:
        """The new version, with its replicas in place."""
        kept = self._old.sets if self._old else {}
        sets = {
            one.name: self._started.get(one.name) or kept[one.name]
            for one in self._graph.spec.deployments
        }
        for name, added in self._added.items():
            sets[name].replicas = [*sets[name].replicas, *added]
        return LocalVersion(self._graph, sets, self._schedules, self._application)

    def gone(self, version: LocalVersion) -> list[ReplicaSet]:
        """The replicas of the old version that the new one has not."""
        kept = set(map(id, version.sets.values()))
        old = self._old.sets.values() if self._old else ()
        return [one for one in old if id(one) not in kept]

    def _wanted(self, name: str) -> int:
        return LocalOptions.of(self._graph, name).num_replicas

    async def _start_set(self, name: str) -> None:
        replicas = self._started[name] = self._starter.new_set(self._graph, name)
        replicas.replicas = await self._starter.start_many(self._graph, name, self._wanted(name))

    async def _start_more(self, name: str, count: int) -> None:
        self._added[name] = await self._starter.start_many(self._graph, name, count)


async def _all_or_none(work: list[Coroutine[Any, Any, None]]) -> None:
    """Runs all at the same time; the first failure ends the others, and is raised."""
    tasks = [asyncio.get_running_loop().create_task(one) for one in work]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
