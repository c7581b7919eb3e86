"""The logs of graphs that do not run: they may not have started."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphnb.errors import NotRunningError
from graphnb.executors.choose import executors_within_reach
from graphnb.telemetry.logs import DEFAULT_LINES

if TYPE_CHECKING:
    from graphnb.telemetry.logs import NodeLogs


def ended_logs(
    name: str, node: str | None = None, *, lines: int = DEFAULT_LINES, everything: bool = False
) -> NodeLogs | None:
    """What is left of a graph that does not run, on a Ray that does: it may not have started.

    Args:
        name: the graph's.
        node: one node of it; None for all.
        lines: how many, at the most.
        everything: also what Ray and Ray Serve say of themselves and of each call.

    Returns:
        None when nothing of that name is known.

    Raises:
        NotRunningError: the graph had no such node.
    """
    for executor in executors_within_reach():
        try:
            return executor.application(name).logs(node, lines=lines, everything=everything)
        except NotRunningError as error:
            if error.kind == "node":
                raise
    return None
