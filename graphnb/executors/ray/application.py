"""One graph on Ray Serve, as it moves from version to version.

What is new starts beside what runs, under a name of its own; only when all of it is well are the
hosts told to call it, and the old goes when its last requests have ended. So what cannot start
leaves everything as it was, and no request sees two versions.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from graphnb.engine import CallOptions, DeploymentTarget, Handle
from graphnb.engine.threads import refuse_engine_thread
from graphnb.engine.travel import pack_to_travel
from graphnb.errors import NotRunningError
from graphnb.executors.base import ApplyResult, DeploymentStatus, HttpOptions
from graphnb.executors.ray.recorder import RayRecorder
from graphnb.executors.ray.retiring import Retiring
from graphnb.executors.ray.status import status_of
from graphnb.executors.ray.update import RayVersion, Release, gone, release, run_release
from graphnb.rayserve.cluster import ensure_serve
from graphnb.rayserve.collector import collector_name, drop_collector, get_collector
from graphnb.rayserve.config import HttpLimits
from graphnb.rayserve.control import delete_application, flush
from graphnb.rayserve.http_answer import token_hash
from graphnb.rayserve.travelling import TravellingRouter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from graphnb.authoring import Graph
    from graphnb.engine.loop import EngineLoop
    from graphnb.graph import GraphSpec
    from graphnb.rayserve.compiling import Part


class RayApplication:
    """A graph that runs on Ray Serve (an `Application`)."""

    def __init__(self, name: str, engine: EngineLoop) -> None:
        self._name = name
        self._engine = engine
        self._recorder = RayRecorder(collector_name(name), self._flush_hosts)
        self._router: TravellingRouter[RayVersion] = TravellingRouter(
            name, engine, self._recorder, pack_to_travel
        )
        self._applying = threading.RLock()
        self._release: Release | None = None
        self._leaving: dict[str, Part] = {}
        self._url: str | None = None
        self._http: HttpOptions | None = None
        self._entry: Handle | None = None

    @property
    def name(self) -> str:
        return self._name

    @property
    def spec(self) -> GraphSpec:
        return self._running().graph.spec

    @property
    def recorder(self) -> RayRecorder:
        return self._recorder

    @property
    def url(self) -> str | None:
        return self._url

    @property
    def http(self) -> HttpOptions | None:
        return self._http

    @property
    def entry(self) -> Handle:
        if self._entry is None:
            graph = self._running().graph
            root = graph.spec.root
            is_driver = hasattr(graph.deployments[root].func_or_class, "predict")
            method = "predict" if is_driver else "__call__"
            self._entry = self.handle(root).options(method_name=method)
        return self._entry

    def _running(self) -> Release:
        if self._release is None:
            raise NotRunningError(
                "running graph", self._name, [], hint="it has ended: deploy it again"
            )
        return self._release

    def handle(self, deployment: str) -> Handle:
        names = [one.name for one in self._running().graph.spec.deployments]
        if deployment not in names:
            raise NotRunningError("node", deployment, names)
        return Handle(self._router, DeploymentTarget(deployment), CallOptions())

    def apply(
        self, graph: Graph, *, http: HttpOptions | None, route_prefix: str | None
    ) -> ApplyResult:
        refuse_engine_thread()
        with self._applying:
            host, port = ensure_serve(None if http is None else http.port)
            prefix = None if http is None else self._prefix(route_prefix)
            collector = get_collector(self._name)
            old = self._release
            new = release(
                self._name,
                old,
                graph,
                leaving=self._leaving,
                http=None if http is None else HttpLimits(token_hash(http.token), http.max_body),
                route_prefix=prefix,
                collector=collector,
                collector_name=collector_name(self._name),
            )
            before = self._router.current
            self._release, self._entry = new, None
            self._router.current = new.version(self._name, self._router)
            self._http = http
            self._url = None if prefix is None else f"http://{host}:{port}{prefix}"
            if old is not None:
                self._recorder.clear_figures()
                self._leaving |= gone(old, new)
                if self._leaving and before is not None:
                    retiring = Retiring(self, before, gone(old, new), new.number)
                    threading.Thread(target=retiring.run, daemon=True).start()
            return ApplyResult(new.changes, (), self._url)

    def _flush_hosts(self) -> None:
        """Has the root's hosts send what they know of requests that came over HTTP."""
        running = self._release
        if running is not None and running.route_prefix is not None:
            flush(running.root.serve_name, self._name)

    def _prefix(self, asked: str | None) -> str:
        """The route prefix: the one asked for, else the one it had, else "/" if it is free."""
        from graphnb.rayserve.routes import free_prefix

        had = None if self._release is None else self._release.route_prefix
        return free_prefix(self._name, asked, had)

    def status(self) -> tuple[DeploymentStatus, ...]:
        running = self._running()
        return status_of(self._name, running, self._router.current)

    def let_go(self, parts: Mapping[str, Part]) -> None:
        """Ends parts that no request is under way in any more."""
        with self._applying:
            left = {name: one for name, one in self._leaving.items() if name not in parts}
            if self._release is not None and left != self._leaving:
                self._leaving = left
                run_release(self._name, self._release, left)

    @property
    def engine(self) -> EngineLoop:
        """The loop of the requests that are made here."""
        return self._engine

    @property
    def release(self) -> Release | None:
        """What runs now."""
        return self._release

    def close(self) -> None:
        refuse_engine_thread()
        with self._applying:
            if self._router.current is not None:
                self._router.current.ending = True
            self._router.current, self._entry = None, None
            self._leaving.clear()
            self._url = None
            if self._release is not None:
                self._release = None
                delete_application(self._name, wait=True)
                self._recorder.close()
                drop_collector(self._name)
