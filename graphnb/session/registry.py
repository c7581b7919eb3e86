"""The running graphs of this process, by name, and the verbs on them."""

from __future__ import annotations

import atexit
import re
import threading
import time
import warnings
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

from graphnb.authoring.sources import locate
from graphnb.errors import DeployError, GraphError, NotRunningError
from graphnb.executors import (
    ApplyResult,
    Executor,
    HttpOptions,
    executor_for,
    executors_within_reach,
)
from graphnb.session.http_settings import http_options
from graphnb.session.running_graph import Deployed, RunningGraph
from graphnb.session.target import graph_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from graphnb.authoring import Graph
    from graphnb.promote.notebook import Notebook

_running: dict[str, RunningGraph] = {}
_locks: dict[str, threading.RLock] = {}
_lock = threading.Lock()  # held while the table of locks changes

_NAME = re.compile(r"[A-Za-z_][\w-]*", re.ASCII)


class Surroundings(Protocol):
    """What knows the code around a deploy; the notebook does."""

    def before_deploy(self) -> None:
        """Gives nodes the names of their variables, and keeps the cell that is running."""

    def where(self, definition: Any) -> str | None:
        """Where a class or function was defined, for people: "cell 4"."""

    def source(self, definition: Any) -> str | None:
        """The source of a class or function."""

    def busy_since(self) -> float | None:
        """When the cell that is running began, on `time.monotonic`; None while none is."""

    def notebook(self, target: Any, name: str) -> Notebook:
        """The notebook in which a graph is written."""

    def progress(self, label: str) -> AbstractContextManager[Callable[[str], None]]:
        """Shows what a deploy is at, while it lasts."""


_surroundings: Surroundings | None = None


def deploy_within(surroundings: Surroundings | None) -> None:
    """Says what knows the code around each deploy from now on; None for nothing."""
    global _surroundings  # noqa: PLW0603
    _surroundings = surroundings


def source_of(definition: Any) -> str | None:
    """The source of a class or function, as far as it is known."""
    if _surroundings is not None:
        return _surroundings.source(definition)
    return locate(definition).text


def notebook_of(target: Any, name: str) -> Notebook | None:
    """The notebook in which a graph is written; None outside of notebooks.

    Raises:
        ExportError: the expression of the graph is not found in it.
    """
    return None if _surroundings is None else _surroundings.notebook(target, name)


@contextmanager
def shown_progress(label: str) -> Iterator[Callable[[str], None]]:
    """Shows what long work is at, while it lasts; nothing outside of notebooks."""
    if _surroundings is None:
        yield lambda _stage: None
        return
    with _surroundings.progress(label) as shown:
        yield shown


def busy_since() -> float | None:
    """When the cell that is running began, on `time.monotonic`; None while none is."""
    return None if _surroundings is None else _surroundings.busy_since()


def deploy(
    target: Any,
    *,
    name: str = "default",
    on: str | None = None,
    route_prefix: str | None = None,
    http: bool | HttpOptions = True,
) -> RunningGraph:
    """Brings a graph to life, or updates the one of that name.

    An update keeps every unchanged deployment's live instances. When it fails, the graph that
    served before goes on serving.

    Args:
        target: a node, a driver bound with nodes, a dict of route -> node (a bare call gets a
            `DAGDriver`), or an application of plain Ray Serve.
        name: what the graph is called from now on.
        on: where it runs: "local" (this process); None for what the environment variable
            GRAPHNB_ON says, else "local".
        route_prefix: the path that it answers below; None for the root's own, else "/" if that
            is free, else "/NAME".
        http: False for none; True for the defaults, which the environment variables
            GRAPHNB_HTTP_PORT, GRAPHNB_HTTP_TOKEN and GRAPHNB_HTTP_MAX_BODY set; or HttpOptions.

    Returns:
        The running graph; its `deployed` says what changed.

    Raises:
        GraphError: a rule is broken, or an init argument cannot be serialized.
        DeployError: a deployment could not start, or the name, the port or the route does not do.
    """
    if not _NAME.fullmatch(name):
        raise DeployError(
            f"{name!r} does not do as the name of a graph",
            hint="use letters, digits, - and _, beginning with a letter",
        )
    if _surroundings is not None:
        _surroundings.before_deploy()
    graph = graph_of(target, None if _surroundings is None else _surroundings.where)
    options = http_options(http)
    prefix = route_prefix if route_prefix is not None else graph.spec.route_prefix
    told = nullcontext(None) if _surroundings is None else _surroundings.progress(name)
    with told as progress:
        found, result = _apply(graph, target, name, executor_for(on), prefix, options, progress)
    changed_at = time.time()
    if found.deployed is not None and not result.changes:
        changed_at = found.deployed.at
    found._kept.deployed = Deployed(
        result.changes, result.warnings, graph.findings, changed_at, result.notes
    )
    return found


def _apply(
    graph: Graph,
    target: Any,
    name: str,
    executor: Executor,
    prefix: str | None,
    http: HttpOptions | None,
    progress: Callable[[str], None] | None,
) -> tuple[RunningGraph, ApplyResult]:
    """Brings the running graph of that name, or a new one, to that state."""
    with lock_of(name):
        running = _known(name, at_once=True)
        if running is not None and running.on != executor.kind:
            raise DeployError(
                f"the graph {name!r} runs on {running.on!r}, not on {executor.kind!r}",
                hint=f"choose another name, or delete it first: graphnb.get({name!r}).delete()",
            )
        found = running or RunningGraph(executor.application(name), executor.kind, _end)
        if _surroundings is not None:  # somebody may look at it live
            found._kept.pictures.draw_ahead(graph.spec)
        try:
            result = found._application.apply(
                graph, http=http, route_prefix=prefix, progress=progress
            )
        except (DeployError, GraphError) as error:
            if running is not None:
                error.hint = _and(error.hint, f"the graph {name!r} that was there still answers")
            raise
        except BaseException:  # interrupted: it may run already
            if running is None and _runs(found):
                _running[name] = found
            raise
        found._kept.graph, found._kept.target = graph, target
        _running[name] = found
    return found, result


def _known(name: str, *, at_once: bool = False) -> RunningGraph | None:
    """The running graph of that name, as far as it is known here; None if it has ended.

    Another process may have ended it: what stood for it here never lives again, and a graph that
    is deployed under its name is another one.

    Args:
        name: the graph's.
        at_once: whether what was known a moment ago does not do.
    """
    found = _running.get(name)
    if found is None:
        return None
    found._application.refresh(at_once=at_once)
    if _runs(found):
        return found
    if _running.get(name) is found:
        del _running[name]
    return None


def _runs(graph: RunningGraph) -> bool:
    try:
        return bool(graph.spec.deployments)
    except NotRunningError:
        return False


def lock_of(name: str) -> threading.RLock:
    """Held while the graph of that name changes: others may change meanwhile."""
    with _lock:
        return _locks.setdefault(name, threading.RLock())


def _and(hint: str | None, more: str) -> str:
    return f"{hint}; {more}" if hint else more


def get(name: str = "default") -> RunningGraph:
    """The running graph of that name.

    Raises:
        NotRunningError: there is none.
    """
    found = _known(name)
    if found is None:
        _find()
        found = _known(name)
    if found is None:
        raise NotRunningError("running graph", name, sorted(_running))
    return found


def running() -> list[RunningGraph]:
    """The running graphs, in the order in which they were deployed.

    Those on a Ray that is within reach are among them, whoever deployed them: an earlier kernel
    of this notebook, or another one.
    """
    _find()
    return [found for name in list(_running) if (found := _known(name)) is not None]


def _find() -> None:
    """Takes over what runs within reach, and is not known here."""
    for executor in executors_within_reach():
        try:
            found = executor.running(_running)
        except DeployError as error:
            warnings.warn(f"graphs on {executor.kind!r} are left out: {error}", stacklevel=3)
            continue
        for application in found:
            _running.setdefault(application.name, RunningGraph(application, executor.kind, _end))


def delete(name: str) -> None:
    """Ends a graph; waits for requests under way, as long as each deployment grants.

    Raises:
        NotRunningError: there is none of that name.
    """
    get(name).delete()


def shutdown() -> None:
    """Ends the graphs that this process deployed, or asked for."""
    for one in list(_running.values()):
        one.delete()


def _end(running: RunningGraph) -> None:
    """Takes a graph off the table and closes it; what `RunningGraph.delete` does."""
    with lock_of(running.name):
        found = _running.get(running.name)
        if found is not None and found._application is running._application:
            del _running[running.name]
        running._application.close()
        if running._kept.promoter is not None:
            running._kept.promoter.graph_ended()


def _at_exit() -> None:
    """Ends nothing gracefully: the process goes, and daemon threads with it."""
    _running.clear()


atexit.register(_at_exit)
