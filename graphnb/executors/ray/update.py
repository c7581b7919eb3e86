"""Moves of a graph on Ray Serve from one release to the next."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from graphnb.engine.version import Version
from graphnb.graph import GraphSpec, SpecDiff, diff
from graphnb.rayserve.collector import collector_name, drop_collector
from graphnb.rayserve.compiling import Compiled, Part, bind_application, compile_graph
from graphnb.rayserve.control import (
    Watch,
    application_status,
    delete_application,
    prepare,
    rewire,
    run_application,
)
from graphnb.rayserve.private import pins_versions
from graphnb.rayserve.remote import RemoteCallee

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from graphnb.authoring import Graph
    from graphnb.rayserve.config import HttpLimits


class RayVersion(Version):
    """A version whose deployments are all elsewhere.

    Attributes:
        number: as in the wirings of its hosts.
    """

    number: int


@dataclass(frozen=True, slots=True)
class Release:
    """What runs of a graph: all that it takes to run it again, in whatever process.

    Attributes:
        spec: what it is.
        compiled: its parts.
        number: of the version.
        changes: from the one before.
        route_prefix: where it answers over HTTP, or None.
        http: what is asked of HTTP requests, or None.
        entry_method: the root's method that requests enter by.
    """

    spec: GraphSpec
    compiled: Compiled
    number: int
    changes: SpecDiff
    route_prefix: str | None
    http: HttpLimits | None
    entry_method: str

    @property
    def root(self) -> Part:
        """The part that requests enter."""
        return self.compiled.parts[self.compiled.root]

    def by_serve_name(self) -> dict[str, Part]:
        """The parts, as Ray Serve names them."""
        return {one.serve_name: one for one in self.compiled.parts.values()}

    def taking_over(self, changed: Mapping[str, Part]) -> Release:
        """This release with the options and the user's configuration of those parts.

        They keep their wirings.
        """
        parts = {
            name: replace(changed[one.serve_name], wiring=one.wiring)
            if one.serve_name in changed
            else one
            for name, one in self.compiled.parts.items()
        }
        return replace(self, compiled=replace(self.compiled, parts=parts))

    def version(self, app_name: str, application: object) -> RayVersion:
        """The version as whoever calls from outside knows it."""
        callees = {
            name: RemoteCallee(name, part.serve_name, app_name)
            for name, part in self.compiled.parts.items()
        }
        made = RayVersion(self.compiled.root, callees, {}, application)
        made.number = self.number
        return made


def release(
    app_name: str,
    old: Release | None,
    graph: Graph,
    *,
    leaving: Mapping[str, Part],
    http: HttpLimits | None,
    route_prefix: str | None,
    watch: Watch,
) -> tuple[Release, bool]:
    """Brings an application from `old` (None: nothing ran) to `graph`.

    Args:
        app_name: the application's.
        old: what runs.
        graph: what is to run.
        leaving: parts of earlier releases that requests may be under way in.
        http: what is asked of HTTP requests.
        route_prefix: where it answers over HTTP, or None.
        watch: waits for what starts.

    Returns:
        What runs now, and whether Ray Serve is still to be told, by `run_release`.

    Raises:
        DeployError: a deployment could not start; `old` serves as before.
        NotSerializableError: a definition cannot be shipped.
    """
    changes = diff(old.spec if old else None, graph.spec)
    number = old.number + 1 if old else 1
    compiled = compile_graph(
        graph,
        names=_names(old, changes, number, {*leaving, *application_status(app_name)[2]}),
        number=number,
        http=http,
        collector=collector_name(app_name),
        wired=True,
        before=old.by_serve_name() if old else None,
    )
    root = graph.deployments[graph.spec.root]
    entry = "predict" if hasattr(root.func_or_class, "predict") else "__call__"
    new = Release(graph.spec, compiled, number, changes, route_prefix, http, entry)
    watch.check(new.by_serve_name())
    watch.forget()
    before = old.by_serve_name() if old else {}
    fresh = {name: one for name, one in new.by_serve_name().items() if name not in before}
    behind = False
    try:
        if old is None:
            run_release(app_name, new, {})
            watch.wait(fresh, are_new=True)
        else:
            behind = _move(app_name, old, new, fresh, leaving, watch)
    except BaseException:
        if old is not None:
            parts = old.by_serve_name()
            told = rewire(app_name, parts)  # before anything of the new goes
            run_release(app_name, old, leaving)
            if not told:
                rewire(app_name, parts)
        else:
            delete_application(app_name, wait=False)
            drop_collector(app_name)
        raise
    return new, behind


def _move(
    app_name: str,
    old: Release,
    new: Release,
    fresh: Mapping[str, Part],
    leaving: Mapping[str, Part],
    watch: Watch,
) -> bool:
    """Starts what is new beside the old, and when all of it is well moves requests over.

    Until then nothing is wired anew, so that no request is on its way in what cannot start.

    Returns:
        Whether Ray Serve is still to be told of the wirings: hosts have them already, and nobody
        has to wait for that.
    """
    before = old.by_serve_name()
    stay = {name: one for name, one in new.by_serve_name().items() if name in before}
    changed = {name: one for name, one in stay.items() if not one.runs_as(before[name])}
    hosts = None
    if fresh:
        run_release(app_name, old, {**leaving, **fresh})
        hosts = prepare(app_name, _callers(new, fresh), fresh)
        watch.wait(fresh, are_new=True)
    if changed:
        run_release(app_name, old.taking_over(changed), {**leaving, **fresh})
        watch.wait(changed)
    rewired = {name: one for name, one in stay.items() if one.wiring != before[name].wiring}
    same_entry = (old.root.serve_name, old.route_prefix) == (new.root.serve_name, new.route_prefix)
    # Where Ray Serve restarts all, hosts that were rewired are about to go.
    if same_entry and pins_versions() and rewire(app_name, rewired, hosts):
        return True
    run_release(app_name, new, {**leaving, **gone(old, new)})
    if not rewire(app_name, rewired):
        watch.wait(stay)
    return False


def _callers(new: Release, fresh: Mapping[str, Part]) -> set[str]:
    """Those that will call fresh parts and run already, by Ray Serve's names."""
    return {
        name
        for name, one in new.by_serve_name().items()
        if name not in fresh
        and one.wiring
        and not fresh.keys().isdisjoint(one.wiring.callees.values())
    }


def gone(old: Release | None, new: Release) -> dict[str, Part]:
    """The parts that only the old release has, by Ray Serve's names."""
    after = new.by_serve_name()
    before = old.by_serve_name() if old else {}
    return {name: one for name, one in before.items() if name not in after}


def run_release(app_name: str, main: Release, beside: Mapping[str, Part]) -> None:
    """Hands a release to Ray Serve, with other parts that run beside it."""
    others = [one for one in main.compiled.parts.values() if one is not main.root]
    application = bind_application(main.root, [*others, *beside.values()])
    run_application(application, name=app_name, route_prefix=main.route_prefix)


def _names(
    old: Release | None, changes: SpecDiff, number: int, known: AbstractSet[str]
) -> dict[str, str]:
    """Ray Serve's name of each deployment: what stays keeps it, what is new gets one of its own.

    No name is taken again, also of what has ended: callers might still know its replicas by it.
    """
    had = {} if old is None else {n: one.serve_name for n, one in old.compiled.parts.items()}
    taken = {*had.values(), *known}
    names = {}
    for one in changes.changes:
        if one.kind == "removed":
            continue
        if one.kind in ("added", "replaced"):
            wanted = one.name if old is None else f"{one.name}~{number}"
            names[one.name] = _free(wanted, taken)
            taken.add(names[one.name])
        else:
            names[one.name] = had[one.name]
    return names


def _free(name: str, taken: set[str]) -> str:
    """The name, or the name and a number."""
    found, number = name, 2
    while found in taken:
        found = f"{name}-{number}"
        number += 1
    return found
