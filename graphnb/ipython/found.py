"""Which graph a cell made, and which one a name on a magic's line stands for."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from graphnb.authoring import CallNode, DeploymentNode, Node
from graphnb.authoring.build import used_nodes
from graphnb.session import RunningGraph, get, running
from graphnb.session.target import is_application

if TYPE_CHECKING:
    from collections.abc import Sequence

    from IPython.core.interactiveshell import InteractiveShell


def is_bound(value: Any) -> bool:
    """Whether a value is a node, or an application of plain Ray Serve."""
    return isinstance(value, CallNode | DeploymentNode) or is_application(value)


def is_target(value: Any) -> bool:
    """Whether a value is a graph, or a dict from route to graph."""
    if is_bound(value):
        return True
    return (
        isinstance(value, Mapping)
        and bool(value)
        and all(isinstance(one, CallNode | DeploymentNode) for one in value.values())
    )


def target_of_cell(
    namespace: Mapping[str, Any],
    since: int,
    last: Any,
    root: str | None,
    applications: Sequence[Any] = (),
) -> Any:
    """The graph that a cell made.

    Args:
        namespace: the variables after the cell ran.
        since: nodes of this order and later were made by the cell.
        applications: those of plain Ray Serve that were there before.
        last: the value of the cell's last expression, or None.
        root: the variable that `--root` names, or None.

    Raises:
        UsageError: there is none, or there are several; says which and how to choose.
    """
    if root is not None:
        return named_target(namespace, root)
    if is_target(last):
        return last
    new = {
        name: value
        for name, value in namespace.items()
        if not name.startswith("_") and is_bound(value) and _is_new(value, since, applications)
    }
    sinks = _sinks(new)
    if len(sinks) == 1:
        return new[sinks[0]]
    if not sinks:
        raise UsageError(
            "the cell binds no node: write calls inside `with InputNode() as inp:`, "
            "or name an earlier graph with --root VAR"
        )
    raise UsageError(
        f"the cell makes {len(sinks)} graphs, {', '.join(sinks)}: "
        f"choose one with --root {sinks[0]}, or end the cell with its name"
    )


def _is_new(value: Any, since: int, applications: Sequence[Any]) -> bool:
    if isinstance(value, Node):
        return value._order >= since
    return not any(value is one for one in applications)


def _sinks(nodes: Mapping[str, Any]) -> list[str]:
    """The variables whose nodes no other of them uses; one name for each node."""
    used: set[int] = set()
    for node in nodes.values():
        used |= {id(one) for one in _used(node)}
    names = {id(node): name for name, node in reversed(list(nodes.items())) if id(node) not in used}
    return sorted(names.values(), key=list(nodes).index)


def _used(bound: Any) -> Sequence[Any]:
    if isinstance(bound, Node):
        return used_nodes(bound)
    from graphnb.rayserve.reading import held_applications

    return held_applications(bound)


def named_target(namespace: Mapping[str, Any], name: str) -> Any:
    """The graph that a variable holds.

    Raises:
        UsageError: there is no such variable, or it holds no graph.
    """
    if name not in namespace:
        targets = [one for one, value in namespace.items() if is_target(value)]
        near = difflib.get_close_matches(name, targets, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UsageError(f"there is no variable {name!r}{hint}")
    value = namespace[name]
    if not is_target(value):
        raise UsageError(f"{name} is a {type(value).__name__}, expected a node of a graph")
    return value


def running_graph(shell: InteractiveShell, name: str | None) -> RunningGraph:
    """The running graph of that name, or that such a variable holds; the only one without a name.

    Raises:
        UsageError: there is none, or there are several and no name was given.
    """
    names = [one.name for one in running()]
    if name is None:
        if len(names) != 1:
            listed = ", ".join(names) or "none"
            raise UsageError(f"name one of the running graphs: {listed}")
        return get(names[0])
    held = shell.user_ns.get(name)
    if name not in names and isinstance(held, RunningGraph) and held.name in names:
        return held
    if name not in names:
        listed = ", ".join(names) or "none; deploy one with %%deploy NAME"
        targets = [one for one, value in shell.user_ns.items() if is_target(value)]
        near = difflib.get_close_matches(name, [*names, *targets], 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UsageError(f"no graph named {name!r} is running; there are: {listed}{hint}")
    return get(name)
