"""What differs between two specs, deployment by deployment, and what an update must do for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from graphnb.graph.spec import DeploymentSpec, GraphSpec

ChangeKind = Literal["added", "removed", "replaced", "reconfigured", "rescaled", "unchanged"]
"""added, removed: in one of the two only. replaced: needs new replicas. reconfigured: the
`user_config` alone differs, replicas stay. rescaled: limits or the number of replicas differ,
replicas stay. unchanged: nothing to do."""


IN_PLACE = frozenset(
    {
        "autoscaling_config",
        "graceful_shutdown_timeout_s",
        "graceful_shutdown_wait_loop_s",
        "health_check_period_s",
        "health_check_timeout_s",
        "max_ongoing_requests",
        "max_queued_requests",
        "num_replicas",
        "user_config",
    }
)
"""Options that a replica in place can take over."""


@dataclass(frozen=True, slots=True)
class DeploymentChange:
    """What happens to one deployment."""

    name: str
    kind: ChangeKind


@dataclass(frozen=True, slots=True)
class SpecDiff:
    """The changes from one spec to the next; deployments in the new one's order, then removed.

    Attributes:
        changes: one for each deployment of either spec.
        rewired: whether calls or edges differ.
    """

    changes: tuple[DeploymentChange, ...]
    rewired: bool

    def names(self, *kinds: ChangeKind) -> tuple[str, ...]:
        """The deployments with one of those kinds of change."""
        return tuple(one.name for one in self.changes if one.kind in kinds)

    def __bool__(self) -> bool:
        return self.rewired or any(one.kind != "unchanged" for one in self.changes)

    def __str__(self) -> str:
        """One line for people: "replaced scorer; kept 4"."""
        parts = [
            f"{kind} {', '.join(self.names(kind))}"
            for kind in ("added", "replaced", "reconfigured", "rescaled", "removed")
            if self.names(kind)
        ]
        if self.rewired and not self.names("added", "removed"):
            parts.append("rewired")
        kept = len(self.names("unchanged"))
        if len(self.names("added")) == len(self.changes):
            return f"deployed {len(self.changes)} deployments"
        if not parts:
            return f"nothing changed ({kept} kept)"
        return "; ".join([*parts, f"kept {kept}"])


def diff(old: GraphSpec | None, new: GraphSpec) -> SpecDiff:
    """Compares two specs; `old=None` means that nothing ran before."""
    before = {one.name: one for one in old.deployments} if old else {}
    changes = [
        DeploymentChange(one.name, _kind(before.get(one.name), one)) for one in new.deployments
    ]
    after = {one.name for one in new.deployments}
    changes += [DeploymentChange(name, "removed") for name in before if name not in after]
    rewired = old is not None and (
        old.root != new.root or old.calls != new.calls or _edges(old) != _edges(new)
    )
    return SpecDiff(tuple(changes), rewired)


def _kind(old: DeploymentSpec | None, new: DeploymentSpec) -> ChangeKind:
    if old is None:
        return "added"
    if old.digest != new.digest or old.handles != new.handles or _graphs(old) != _graphs(new):
        return "replaced"
    changed = {
        name
        for name in {*old.options, *new.options}
        if old.options.get(name) != new.options.get(name)
    }
    if not changed:
        return "unchanged"
    if not changed <= IN_PLACE:
        return "replaced"
    return "reconfigured" if "user_config" in changed else "rescaled"


def _graphs(one: DeploymentSpec) -> tuple[str, ...]:
    """Where a deployment holds graphs; which graphs is the schedule's matter, not the replica's."""
    return tuple(edge.argument for edge in one.graphs)


def _edges(spec: GraphSpec) -> tuple[object, ...]:
    return tuple((one.name, one.handles, one.graphs) for one in spec.deployments)
