"""What was released: kept on the cluster, as the `user_config` of a deployment of its own.

The latest is the last. Values of environment variables are not in it: a rollback reads them anew.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from graphnb.rayserve.promoted import RELEASES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["MARK", "Release", "history_of", "with_release"]

MARK = "graphnb_history"
_KEPT = 10


@dataclass(frozen=True, slots=True)
class Release:
    """A release of an application.

    Attributes:
        id: the bundle's.
        at: when it was released, in UTC, "2026-01-31T12:00:00+00:00".
        base: the package that the application is built from.
        versions: of each deployment: changes when its replicas have to be made anew.
        packages: which package each deployment's replicas run.
        options: the other options of each deployment.
        route_prefix: where it answers.
        requirements: what replicas install; nothing if all of it is there.
    """

    id: str
    at: str
    base: str
    versions: Mapping[str, str]
    packages: Mapping[str, str]
    options: Mapping[str, Mapping[str, Any]]
    route_prefix: str
    requirements: Sequence[str] = field(default_factory=list)

    @property
    def all_packages(self) -> list[str]:
        """Every package that it takes."""
        return sorted({self.base, *self.packages.values()})


def history_of(config: Mapping[str, Any]) -> list[Release] | None:
    """The releases of an application, oldest first; None if graphnb did not release it."""
    for one in config.get("deployments") or ():
        said = (one.get("user_config") or {}).get(MARK)
        if one.get("name") == RELEASES and said:
            return [Release(**each) for each in said]
    return None


def with_release(known: Sequence[Release], new: Release) -> list[Release]:
    """The history with one more release; those of long ago are forgotten."""
    return [*(one for one in known if one != new), new][-_KEPT:]


def as_user_config(releases: Sequence[Release]) -> dict[str, Any]:
    """What the deployment that keeps them is given."""
    return {MARK: [asdict(one) for one in releases]}
