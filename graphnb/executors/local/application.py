"""One local graph, as it moves from version to version.

New replicas are started beside the old ones; only when all of them are well does the new version
take over, in one step. What cannot start leaves everything as it was.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from graphnb.engine import CallOptions, DeploymentTarget, Handle
from graphnb.engine.router import GraphRouter
from graphnb.engine.tracebacks import keep_failure
from graphnb.errors import NotRunningError
from graphnb.executors.base import ApplyResult, DeploymentStatus, HttpOptions
from graphnb.executors.local.health import watch_health
from graphnb.executors.local.starter import LocalOptions, Starter, left_out
from graphnb.executors.local.update import Update
from graphnb.telemetry import Recorder
from graphnb.telemetry.logs import NodeLogs

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from graphnb.authoring import Graph
    from graphnb.engine.loop import EngineLoop
    from graphnb.engine.replica_set import ReplicaSet
    from graphnb.engine.request import Request
    from graphnb.executors.local.http import HttpServer
    from graphnb.executors.local.version import LocalVersion
    from graphnb.graph import GraphSpec
    from graphnb.telemetry import Outcome


class LocalApplication:
    """A graph that runs in this process (an `Application`)."""

    def __init__(self, name: str, engine: EngineLoop, server: HttpServer) -> None:
        self._name = name
        self._engine = engine
        self._server = server
        self._recorder = Recorder()
        self._router: GraphRouter[LocalVersion] = GraphRouter(name, engine, self._ended)
        self._starter = Starter(name, self._router)
        self._applying = asyncio.Lock()
        self._background: set[asyncio.Task[None]] = set()
        self._url: str | None = None
        self._http: HttpOptions | None = None
        self._entry: Handle | None = None  # made once for each version: requests are many

    def _ended(self, request: Request, outcome: Outcome, error: str | None) -> None:
        if request.error is not None:
            keep_failure(self._recorder.last_failures, request)
        self._recorder.record(request.trace(outcome, error))

    @property
    def name(self) -> str:
        return self._name

    @property
    def spec(self) -> GraphSpec:
        return self._version().graph.spec

    @property
    def recorder(self) -> Recorder:
        return self._recorder

    @property
    def url(self) -> str | None:
        return self._url

    @property
    def entry(self) -> Handle:
        if self._entry is None:
            version = self._version()
            root = version.graph.spec.root
            is_driver = hasattr(version.graph.deployments[root].func_or_class, "predict")
            method = "predict" if is_driver else "__call__"
            self._entry = self.handle(root).options(method_name=method)
        return self._entry

    @property
    def http(self) -> HttpOptions | None:
        return self._http

    def _version(self) -> LocalVersion:
        if self._router.current is None:
            raise NotRunningError(
                "running graph", self._name, [], hint="it has ended: deploy it again"
            )
        return self._router.current

    def handle(self, deployment: str) -> Handle:
        self._version().callee(deployment)
        return Handle(self._router, DeploymentTarget(deployment), CallOptions())

    def apply(
        self,
        graph: Graph,
        *,
        http: HttpOptions | None,
        route_prefix: str | None,
        progress: Callable[[str], None] | None = None,
    ) -> ApplyResult:
        return self._engine.run(self._apply(graph, http, route_prefix))

    def refresh(self, *, at_once: bool = False) -> None:
        """Nobody else deploys in this process."""

    def status(self) -> tuple[DeploymentStatus, ...]:
        version = self._version()
        return tuple(
            _status(version.sets[one.name], LocalOptions.of(version.graph, one.name))
            for one in version.graph.spec.deployments
        )

    def logs(self, node: str | None, *, lines: int, everything: bool) -> NodeLogs:
        version = self._version()
        if node is not None:
            version.callee(node)
        names = [one.name for one in version.graph.spec.deployments] if node is None else [node]
        what = "runs in this process: its prints are" if node else "run in this process: prints are"
        note = f"{', '.join(names)} {what} where the cell that sends requests shows its own"
        return NodeLogs((), tuple(names), note)

    def close(self) -> None:
        self._engine.run(self._close())

    # On the engine's loop.

    async def _apply(
        self, graph: Graph, http: HttpOptions | None, route_prefix: str | None
    ) -> ApplyResult:
        async with self._applying:
            old = self._router.current
            update = Update(old, graph, self._starter, self._router)
            prefix = await self._server.reserve(self._name, route_prefix, http)
            try:
                await update.prepare()
            except BaseException:
                await update.undo()
                self._server.give_back(self._name)
                raise
            version = update.commit()
            self._router.current, self._entry = version, None
            self._url = self._server.publish(self._name, self._router, prefix, http)
            self._http = http
            for one in graph.spec.deployments:
                self._settle(version, one.name)
            if old is not None:
                self._in_background(old.retire(update.gone(version)))
            return ApplyResult(update.changes, left_out(graph), self._url)

    def _settle(self, version: LocalVersion, name: str) -> None:
        """Gives a deployment its limits, lets surplus replicas go, and has its health watched."""
        replicas, options = version.sets[name], LocalOptions.of(version.graph, name)
        replicas.limits = options.limits
        leaving = replicas.replicas[options.num_replicas :]
        replicas.replicas = replicas.replicas[: options.num_replicas]
        for one in leaving:
            self._in_background(_drain(one, options.limits.shutdown_s))
        replicas.serve_queue()
        if replicas.watcher is not None:  # its period may be another now
            replicas.watcher.cancel()
        if any(one.checks_health for one in replicas.replicas):
            watch = watch_health(self._starter, self._router, name, replicas)
            replicas.watcher = self._in_background(watch)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def _close(self) -> None:
        async with self._applying:
            old, self._router.current, self._entry = self._router.current, None, None
            self._server.unpublish(self._router)
            self._url = None
            if old is not None:
                await old.retire(list(old.sets.values()))
            for task in tuple(self._background):
                task.cancel()


async def _drain(replica: Any, patience_s: float) -> None:
    """Closes a replica that takes no more calls when those under way have ended."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(patience_s):
            await replica.idle()
    await replica.close()


def _status(replicas: ReplicaSet, options: LocalOptions) -> DeploymentStatus:
    return DeploymentStatus(
        name=replicas.name,
        replicas=options.num_replicas,
        running=len(replicas.replicas),
        ongoing=replicas.ongoing,
        queued=replicas.queued,
        restarts=replicas.restarts,
        error=replicas.error,
    )
