"""What a cluster remembers of a graph that runs there, for kernels that come later.

It is kept by the graph's collector, so it lives as long as the graph. A later kernel can look at
the graph, send it requests, deploy it again and end it, without the cells that made it.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from graphnb.engine.shipping import ship, unship
from graphnb.errors import DeployError
from graphnb.rayserve.collector import KeptState, applications, ask, collector_name, tell
from graphnb.rayserve.control import application_status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from graphnb.executors.ray.update import Release
    from graphnb.rayserve.compiling import Part


@dataclass(frozen=True, slots=True)
class Remembered:
    """A graph as the last deploy left it.

    Attributes:
        release: what runs.
        leaving: parts of earlier releases that requests may be under way in.
        behind: whether Ray Serve is still to be told what runs.
    """

    release: Release
    leaving: Mapping[str, Part]
    behind: bool = False


def remember(
    app_name: str, release: Release, leaving: Mapping[str, Part], *, behind: bool = False
) -> None:
    """Has the cluster remember what runs."""
    shipped = ship(Remembered(release, dict(leaving), behind))
    state = KeptState(release.number, version("graphnb"), shipped)
    tell(collector_name(app_name), "keep", state)


def forget(app_name: str) -> None:
    """Has the cluster forget a graph that is about to end."""
    ask(collector_name(app_name), "keep", None)


def remembered(app_name: str, *, after: int = 0) -> Remembered | None:
    """What the cluster remembers; None when that is nothing later than the version `after`.

    Raises:
        DeployError: another version of graphnb deployed it.
    """
    state: KeptState | None = ask(collector_name(app_name), "kept", after)
    if state is None or application_status(app_name)[0] == "NOT_STARTED":
        return None
    if state.made_by != version("graphnb"):
        raise DeployError(
            f"the graph {app_name!r} that runs was deployed by graphnb {state.made_by};"
            f" this is graphnb {version('graphnb')}",
            hint=f"end it first: serve.delete({app_name!r}) of ray.serve",
        )
    try:
        found: Remembered = unship(state.shipped)
    except Exception as error:
        raise DeployError(
            f"the graph {app_name!r} that runs cannot be taken over:"
            f" {type(error).__name__}: {error}",
            hint="what its options name has to be installed here as well",
        ) from error
    return found


def remembered_names() -> list[str]:
    """The graphs that the cluster remembers, and that run."""
    return [one for one in applications() if application_status(one)[0] != "NOT_STARTED"]
