"""One state of a local graph: its spec, schedules and replica sets.

A request is answered by the version that was there when it began, whatever is deployed
meanwhile; a version is let go when its last request has ended.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from graphnb.engine import Schedule, compile_schedule
from graphnb.engine.request import cancel_once
from graphnb.errors import NotRunningError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from graphnb.authoring import Graph
    from graphnb.engine import Request
    from graphnb.engine.values import Packed
    from graphnb.executors.local.replicas import ReplicaSet


Schedules = Mapping[tuple[str, str], Schedule]
"""By the deployment that holds the graph, and the graph's place in its init args."""


def compile_schedules(graph: Graph) -> Schedules:
    """The schedules of all graph handles of an application.

    Raises:
        GraphError: GN114, a constant argument cannot be serialized.
    """
    return {
        (one.name, edge.argument): compile_schedule(graph, edge.call)
        for one in graph.spec.deployments
        for edge in one.graphs
    }


class Version:
    """What answers the requests that begin while it is the current one (a `Caller`).

    Attributes:
        graph: its spec and bindings.
        sets: the replicas of each deployment; unchanged ones are shared with other versions.
        schedules: those of each graph, by the deployment that holds it and its place there.
        retired: it answers nobody any more.
        application: whose version it is; tells its own requests from those of other graphs.
    """

    def __init__(
        self,
        graph: Graph,
        sets: Mapping[str, ReplicaSet],
        schedules: Schedules,
        application: object,
    ) -> None:
        self.graph = graph
        self.sets = sets
        self.application = application
        self.schedules = schedules
        self._calls = {
            id(one): [sets[step.deployment].call for step in one.steps]
            for one in schedules.values()
        }
        self.retired = False
        self._requests: set[Request] = set()
        self._drained: asyncio.Event | None = None  # made when somebody waits for it

    def enter(self, request: Request) -> None:
        """A request begins."""
        self._requests.add(request)

    def leave(self, request: Request) -> None:
        """A request has ended."""
        self._requests.discard(request)
        if not self._requests and self._drained is not None:
            self._drained.set()

    async def retire(self, gone: Sequence[ReplicaSet]) -> None:
        """Lets the last requests end, as long as the deployments they are in grant; then closes.

        Args:
            gone: the replicas that no other version has.
        """
        busy = [one for one in gone if one.ongoing or one.queued] or gone
        # Where nothing goes, nothing is in the way of the last requests.
        patience = max((one.limits.shutdown_s for one in busy), default=None)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._until_drained()
        self.retired = True
        for request in tuple(self._requests):
            if request.root_task is not None:
                cancel_once(request.root_task)
            else:
                request.close_streams()
        for replicas in gone:
            await replicas.close()

    async def _until_drained(self) -> None:
        if self._requests:
            self._drained = asyncio.Event()
            await self._drained.wait()

    def calls(self, schedule: Schedule) -> list[Callable[..., Coroutine[Any, Any, Packed]]]:
        """`call` of each step's deployment."""
        return self._calls[id(schedule)]

    def callee(self, deployment: str) -> ReplicaSet:
        """The replicas of that deployment.

        Raises:
            NotRunningError: there is no such deployment.
        """
        found = self.sets.get(deployment)
        if found is None:
            raise NotRunningError("node", deployment, list(self.sets))
        return found
