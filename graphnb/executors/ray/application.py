"""One graph on Ray Serve, as it moves from version to version.

What is new starts beside what runs, under a name of its own; only when all of it is well are the
hosts told to call it, and the old goes when its last requests have ended. So what cannot start
leaves everything as it was, and no request sees two versions.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING

from graphnb.engine import CallOptions, DeploymentTarget, Handle
from graphnb.engine.threads import refuse_engine_thread
from graphnb.engine.travel import pack_to_travel
from graphnb.errors import DeployError, NotRunningError
from graphnb.executors.base import ApplyResult, DeploymentStatus, HttpOptions
from graphnb.executors.ray.recorder import RayRecorder
from graphnb.executors.ray.remembered import forget, remember, remembered
from graphnb.executors.ray.retiring import Retiring, drain, granted_s
from graphnb.executors.ray.status import status_of
from graphnb.executors.ray.turns import turn
from graphnb.executors.ray.update import RayVersion, Release, gone, release, run_release
from graphnb.rayserve.cluster import ensure_ray, ensure_serve
from graphnb.rayserve.collector import (
    collector_name,
    drop_collector,
    find_collector,
    get_collector,
    is_connected,
)
from graphnb.rayserve.config import HttpLimits
from graphnb.rayserve.control import (
    Watch,
    application_status,
    delete_application,
    end_requests,
    flush,
)
from graphnb.rayserve.http_answer import token_hash
from graphnb.rayserve.logs import read_logs
from graphnb.rayserve.probe import wait_until_left, wait_until_published
from graphnb.rayserve.resources import wait_for_nodes_s
from graphnb.rayserve.travelling import TravellingRouter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from graphnb.authoring import Graph
    from graphnb.engine.loop import EngineLoop
    from graphnb.graph import GraphSpec, SpecDiff
    from graphnb.rayserve.compiling import Part
    from graphnb.telemetry.logs import NodeLogs


def _refuse_foreign(name: str) -> None:
    """Raises when an application has that name that graphnb did not deploy.

    Raises:
        DeployError: there is one.
    """
    state = application_status(name)[0]
    if state not in ("NOT_STARTED", "DELETING") and find_collector(collector_name(name)) is None:
        raise DeployError(
            f"Ray Serve runs an application {name!r} that graphnb did not deploy",
            hint="choose another name, or end that application first",
        )


def _publish(address: tuple[str, int], name: str, old: Release | None, new: Release) -> None:
    """Waits until HTTP requests are answered as this release does."""
    was = None if old is None else old.route_prefix
    if new.route_prefix is not None:
        wait_until_published(address, new.route_prefix, name, new.number)
    if was is not None and was != new.route_prefix:
        wait_until_left(address, was, name)


_LOOK_S = 1.0  # how often it is asked, at the most, whether another process deployed
_LAST_S = 1.0  # for requests that are cut off to be answered


class RayApplication:
    """A graph that runs on Ray Serve (an `Application`)."""

    def __init__(self, name: str, engine: EngineLoop) -> None:
        self._name = name
        self._engine = engine
        self._recorder = RayRecorder(collector_name(name), self._flush_hosts)
        self._router: TravellingRouter[RayVersion] = TravellingRouter(
            name, engine, self._recorder.reporter, pack_to_travel
        )
        self._applying = threading.RLock()
        self._release: Release | None = None
        self._leaving: dict[str, Part] = {}
        self._url: str | None = None
        self._http: HttpOptions | None = None
        self._entry: Handle | None = None
        self._looked = -_LOOK_S  # when it was last asked what runs

    @property
    def name(self) -> str:
        return self._name

    @property
    def spec(self) -> GraphSpec:
        return self._running().spec

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
            running = self._running()
            self._entry = self.handle(running.spec.root).options(method_name=running.entry_method)
        return self._entry

    def _running(self) -> Release:
        if self._release is None:
            raise NotRunningError(
                "running graph", self._name, [], hint="it has ended: deploy it again"
            )
        return self._release

    def handle(self, deployment: str) -> Handle:
        names = [one.name for one in self._running().spec.deployments]
        if deployment not in names:
            raise NotRunningError("node", deployment, names)
        return Handle(self._router, DeploymentTarget(deployment), CallOptions())

    def apply(
        self,
        graph: Graph,
        *,
        http: HttpOptions | None,
        route_prefix: str | None,
        progress: Callable[[str], None] | None = None,
    ) -> ApplyResult:
        refuse_engine_thread()
        with self._applying:
            cluster = ensure_ray(progress=progress)
            address = ensure_serve(None if http is None else http.port)
            with turn(self._name, progress):
                changes = self._update(
                    graph,
                    http,
                    route_prefix,
                    address,
                    patience_s=0.0 if cluster.fixed else wait_for_nodes_s(),
                    progress=progress,
                )
            notes = (cluster.said,) if cluster.said else ()
            return ApplyResult(changes, (), self._url, notes)

    def _update(
        self,
        graph: Graph,
        http: HttpOptions | None,
        route_prefix: str | None,
        address: tuple[str, int],
        *,
        patience_s: float,
        progress: Callable[[str], None] | None,
    ) -> SpecDiff:
        """Has the cluster run the graph; what that changed."""
        if not self.attach():
            _refuse_foreign(self._name)
        prefix = None if http is None else self._prefix(route_prefix)
        collector = get_collector(self._name)
        watch = Watch(self._name, collector, patience_s=patience_s, progress=progress)
        old = self._release
        new, behind = release(
            self._name,
            old,
            graph,
            leaving=self._leaving,
            http=None if http is None else HttpLimits(token_hash(http.token), http.max_body),
            route_prefix=prefix,
            watch=watch,
        )
        before = self._router.current
        self._take(new, address)
        self._http = http
        parts = gone(old, new)
        remember(self._name, new, {**self._leaving, **parts}, behind=behind)
        if before is not None:
            self._retire(before, parts, behind=behind)
        # From here on it may be interrupted: what runs is known, and what has to end will.
        _publish(address, self._name, old, new)
        if old is not None:
            self._recorder.clear_figures()
            self._router.transport.clear()
        return new.changes

    def attach(self) -> bool:
        """Takes over what an earlier kernel, or another one, has deployed under this name.

        Returns:
            Whether the graph runs.

        Raises:
            DeployError: it was deployed by another version of graphnb.
        """
        with self._applying:
            had = 0 if self._release is None else self._release.number
            found = remembered(self._name, after=had)
            self._looked = time.monotonic()
            if found is None:
                return self._release is not None
            before = self._router.current
            self._router.transport.clear()
            self._take(found.release, ensure_serve())
            self._http = self._known_http(found.release)
            self._leaving = {}
            # Without a version of before, one that nobody ever entered.
            version = before or found.release.version(self._name, self._router)
            self._retire(version, found.leaving, behind=found.behind)
            return True

    def refresh(self, *, at_once: bool = False) -> None:
        recent = not at_once and time.monotonic() - self._looked < _LOOK_S
        # One that has ended stays so: what runs under its name now is another one.
        if recent or self._release is None or not is_connected():
            return
        if self._applying.acquire(blocking=False):  # else it is being deployed here
            try:
                with contextlib.suppress(DeployError):
                    self.attach()
                if self._is_gone():  # another process ended it
                    self._has_ended()
                    self._recorder.close()
            finally:
                self._applying.release()

    def _is_gone(self) -> bool:
        """Whether Ray Serve says that there is none of that name; not when it cannot be asked."""
        try:
            return application_status(self._name)[0] == "NOT_STARTED"
        except Exception:  # noqa: BLE001 - Ray has ended, or cannot be reached: nothing is known
            return False

    def _take(self, release: Release, address: tuple[str, int]) -> None:
        """From now on this is what runs."""
        version = release.version(self._name, self._router)
        prefix = release.route_prefix
        self._router.current, self._release, self._entry = version, release, None
        self._url = None if prefix is None else f"http://{address[0]}:{address[1]}{prefix}"

    def _known_http(self, release: Release) -> HttpOptions | None:
        """How a graph is reached that another process deployed; the token, if it is known here."""
        if release.http is None:
            return None
        token = os.environ.get("GRAPHNB_HTTP_TOKEN")
        same = token_hash(token) == release.http.token_sha256
        return HttpOptions(token=token if same else None, max_body=release.http.max_body)

    def _retire(
        self, version: RayVersion, parts: Mapping[str, Part], *, behind: bool = False
    ) -> None:
        """Lets parts go when no request of that version is under way any more.

        Args:
            version: the one before.
            parts: what only it has.
            behind: whether Ray Serve is still to be told what runs.
        """
        self._leaving |= parts
        if (self._leaving or behind) and self._release is not None:
            retiring = Retiring(self, version, parts, self._release.number, behind=behind)
            threading.Thread(target=retiring.run, daemon=True).start()

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

    def logs(self, node: str | None, *, lines: int, everything: bool) -> NodeLogs:
        running = self._release  # None of one that could not start: its logs tell why
        names = () if running is None else [one.name for one in running.spec.deployments]
        return read_logs(self._name, node, names=names, lines=lines, everything=everything)

    def let_go(self, parts: Mapping[str, Part]) -> None:
        """Ends parts that no request is under way in any more."""
        with self._applying:
            left = {name: one for name, one in self._leaving.items() if name not in parts}
            if left != self._leaving:
                self._leaving = left
                self.tell_serve()

    def tell_serve(self) -> None:
        """Tells Ray Serve what runs, for replicas that it starts from now on."""
        with self._applying:
            running = self._release
            if running is None:
                return  # it has ended
            with turn(self._name):
                if remembered(self._name, after=running.number) is not None:
                    return  # another process has deployed it again meanwhile
                run_release(self._name, running, self._leaving)
                remember(self._name, running, self._leaving)

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
            version, running = self._router.current, self._release
            self._has_ended()
            if version is not None and running is not None:
                self._end(version, running)

    def _end(self, version: RayVersion, running: Release) -> None:
        """Ends all of it; when this is interrupted, without waiting for it."""
        try:
            forget(self._name)
            self._let_end(version, running)
            delete_application(self._name, wait=True)
        except BaseException:
            delete_application(self._name, wait=False)
            raise
        finally:
            self._recorder.close()
            drop_collector(self._name)

    def _has_ended(self) -> None:
        """Nothing of it runs any more, and nobody has to be told."""
        version = self._router.current
        self._router.current, self._entry, self._release = None, None, None
        self._leaving.clear()
        self._url = None
        if version is not None:
            version.ending = True

    def _let_end(self, version: RayVersion, running: Release) -> None:
        """Lets requests end, as long as the deployments grant, while all replicas are there."""
        patience = granted_s(running.by_serve_name())
        until = time.monotonic() + patience
        end_requests(running.root, self._name, 0.0)
        self._engine.run(drain(version, patience))
        if not end_requests(running.root, self._name, until - time.monotonic()):
            end_requests(running.root, self._name, _LAST_S, at_once=True)
