"""A running graph on another cluster: exported, proved, planned and rolled out in one go."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphnb.promote.bundle.secrets import masked
from graphnb.promote.promotion import apply_plan, plan_promotion
from graphnb.promote.release.target import Target, read_target
from graphnb.session.exporting import export_graph

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from graphnb.promote.export import ExportResult
    from graphnb.promote.notebook import Notebook
    from graphnb.promote.promotion import Promotion
    from graphnb.promote.release.plan import Plan
    from graphnb.session.running_graph import RunningGraph

__all__ = ["PromoteResult", "promote_exported", "promote_graph", "target_of"]


@dataclass(frozen=True, slots=True, repr=False)
class PromoteResult:
    """What a promotion did, or would do.

    Attributes:
        exported: the bundle, what went along with it, and its proof.
        plan: what changes on the cluster, deployment by deployment.
        promotion: what was done; None of a dry run.
    """

    exported: ExportResult
    plan: Plan
    promotion: Promotion | None

    @property
    def url(self) -> str | None:
        """Where the graph answers there, if that is known."""
        rolled = self.promotion.rolled if self.promotion is not None else None
        return None if rolled is None else rolled.url

    def __repr__(self) -> str:
        said = [masked(str(one)) for one in self.exported.warnings]
        lines = [str(self.exported.proof), *said]
        if self.promotion is not None:
            return "\n".join([*lines, str(self.promotion)])
        end = "a dry run: nothing was sent" if self.plan else "nothing to do"
        return "\n".join([*lines, str(self.plan), f"  {end}"])


def target_of(to: str | Target) -> Target:
    """The target of that name, or at that address.

    Raises:
        PromoteError: there is none.
    """
    return to if isinstance(to, Target) else read_target(to, Path.cwd())


def promote_graph(
    graph: RunningGraph,
    notebook: Notebook,
    target: Target,
    *,
    name: str,
    golden: Sequence[Any],
    venv: bool,
    dry_run: bool,
    progress: Callable[[str], None],
) -> PromoteResult:
    """Brings a running graph to a cluster.

    Args:
        graph: what runs.
        notebook: in which it is written.
        target: the cluster.
        name: what the application is called there.
        golden: requests to send to it over HTTP now, and to the cluster when it runs there.
        venv: whether the proof installs its requirements in a fresh environment.
        dry_run: whether it ends with the plan.
        progress: is told what it is at.

    Raises:
        ExportError: something cannot be carried.
        PromoteError: it is not proved, or it does not run there; what ran there before does.
    """
    target.check_safe()
    with tempfile.TemporaryDirectory(prefix="graphnb-promote-") as folder:
        exported = export_graph(
            graph, notebook, Path(folder) / "bundle", golden=golden, venv=venv, progress=progress
        )
        return promote_exported(exported, target, name=name, dry_run=dry_run, progress=progress)


def promote_exported(
    exported: ExportResult,
    target: Target,
    *,
    name: str,
    dry_run: bool,
    progress: Callable[[str], None],
) -> PromoteResult:
    """Brings a bundle that was just written to a cluster.

    Args:
        exported: the bundle.
        target: the cluster.
        name: what the application is called there.
        dry_run: whether it ends with the plan.
        progress: is told what it is at.

    Raises:
        PromoteError: it does not run there; what ran there before does.
    """
    plan = plan_promotion(exported.bundle, target, name=name, progress=progress)
    if dry_run:
        return PromoteResult(exported, plan, None)
    return PromoteResult(
        exported, plan, apply_plan(plan, exported.bundle, target, progress=progress)
    )
