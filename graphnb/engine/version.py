"""One state of a running graph, as this process knows it: its schedules, and whom they call.

A request is answered by the version that was there when it began, whatever is deployed
meanwhile; a version is let go when its last request has ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from graphnb.engine.request import cancel_once
from graphnb.engine.schedule import Schedule, compile_schedule
from graphnb.engine.values import pack
from graphnb.errors import NotRunningError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from graphnb.authoring import Graph
    from graphnb.engine.caller import Callee
    from graphnb.engine.request import Request
    from graphnb.engine.schedule import Step
    from graphnb.engine.values import Pack, Packed


Schedules = Mapping[tuple[str, str], Schedule]
"""By the deployment that holds the graph, and the graph's place in its init args."""


def compile_schedules(graph: Graph, pack: Pack = pack) -> Schedules:
    """The schedules of all graph handles of an application.

    Args:
        graph: the application.
        pack: serializes the constants in it.

    Raises:
        GraphError: GN114, a constant argument cannot be serialized.
    """
    return {
        (one.name, edge.argument): compile_schedule(graph, edge.call, pack)
        for one in graph.spec.deployments
        for edge in one.graphs
    }


class Version:
    """What answers the requests that begin while it is the current one (a `Caller`).

    Attributes:
        root: the deployment that requests enter.
        callees: who answers for each deployment.
        schedules: those of each graph, by the deployment that holds it and its place there.
        application: whose version it is; tells its own requests from those of other graphs.
        ending: it is let go as soon as its requests have ended, or their time is up.
        retired: it answers nobody any more.
        requests: those that it answers now.
    """

    def __init__(
        self, root: str, callees: Mapping[str, Callee], schedules: Schedules, application: object
    ) -> None:
        self.root = root
        self.callees = callees
        self.application = application
        self.schedules = schedules
        self.ending = False
        self.retired = False
        self.requests: set[Request] = set()
        self._calls = {
            id(one): [self._caller(step) for step in one.steps] for one in schedules.values()
        }
        self._drained: asyncio.Event | None = None  # made when somebody waits for it

    def _caller(self, step: Step) -> Callable[..., Coroutine[Any, Any, Packed]]:
        """What makes the call of a step."""
        return self.callees[step.deployment].call

    def enter(self, request: Request) -> None:
        """A request begins."""
        self.requests.add(request)

    def leave(self, request: Request) -> None:
        """A request has ended."""
        self.requests.discard(request)
        if not self.requests and self._drained is not None:
            self._drained.set()

    async def drained(self) -> None:
        """Waits until it has no request."""
        if self.requests:
            self._drained = asyncio.Event()
            await self._drained.wait()

    def cancel(self) -> None:
        """Ends its requests; it answers nobody any more."""
        self.retired = True
        for request in tuple(self.requests):
            if request.root_task is not None:
                cancel_once(request.root_task)
            else:
                request.close_streams()

    def calls(self, schedule: Schedule) -> list[Callable[..., Coroutine[Any, Any, Packed]]]:
        """`call` of each step's deployment."""
        return self._calls[id(schedule)]

    def callee(self, deployment: str) -> Callee:
        """Who answers for that deployment.

        Raises:
            NotRunningError: there is no such deployment.
        """
        found = self.callees.get(deployment)
        if found is None:
            raise NotRunningError("node", deployment, list(self.callees))
        return found
