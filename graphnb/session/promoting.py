"""A running graph on another cluster: exported and proved, planned, and rolled out.

`promote_graph` does all of it in one go; a live picture stops at the plan until somebody has seen
it. Both go by `prepare`, and `Prepared.roll_out` does just what was planned.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphnb.errors import PromoteError
from graphnb.graph.diff import diff
from graphnb.promote.bundle.secrets import masked
from graphnb.promote.promotion import apply_plan, plan_promotion
from graphnb.promote.release.target import Target, read_target
from graphnb.session.exporting import export_graph

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from graphnb.graph import GraphSpec
    from graphnb.promote.export import ExportResult
    from graphnb.promote.notebook import Notebook
    from graphnb.promote.promotion import Promotion
    from graphnb.promote.release.plan import Plan
    from graphnb.session.running_graph import RunningGraph

__all__ = [
    "Prepared",
    "PromoteResult",
    "prepare",
    "promote_graph",
    "promotion_folder",
    "target_of",
]


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
        lines = [*self.exported.along, str(self.exported.proof), *said]
        if self.promotion is not None:
            return "\n".join([*lines, str(self.promotion)])
        end = "a dry run: nothing was sent" if self.plan else "nothing to do"
        return "\n".join([*lines, str(self.plan), f"  {end}"])


@dataclass(frozen=True, slots=True)
class Prepared:
    """A promotion that is proved and planned, of which nothing was sent yet.

    Attributes:
        graph: what runs here.
        spec: what that was when it was exported.
        target: the cluster.
        exported: the bundle, which stays where it was written until this is done with.
        plan: what changes on the cluster.
    """

    graph: RunningGraph
    spec: GraphSpec
    target: Target
    exported: ExportResult
    plan: Plan

    def roll_out(self, progress: Callable[[str], None]) -> PromoteResult:
        """Does what the plan says, with the bundle that was proved.

        Args:
            progress: is told what it is at.

        Raises:
            PromoteError: the graph or the cluster is another one than planned for, or it does not
                run there; what ran before does.
        """
        if diff(self.spec, self.graph.spec):
            raise PromoteError(
                f"{self.graph.name} has changed here since the plan was made",
                hint="make the plan again, and look at what it says now",
            )
        done = apply_plan(self.plan, self.exported.bundle, self.target, progress=progress)
        return PromoteResult(self.exported, self.plan, done)


def target_of(to: str | Target) -> Target:
    """The target of that name, or at that address.

    Raises:
        PromoteError: there is none.
    """
    return to if isinstance(to, Target) else read_target(to, Path.cwd())


def promotion_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder in which a bundle lies while it is promoted."""
    return tempfile.TemporaryDirectory(prefix="graphnb-promote-")


def prepare(
    graph: RunningGraph,
    notebook: Notebook,
    target: Target,
    folder: str | Path,
    *,
    name: str,
    golden: Sequence[Any] = (),
    venv: bool = False,
    progress: Callable[[str], None],
) -> Prepared:
    """Exports a running graph, proves the bundle, and plans its promotion.

    Args:
        graph: what runs.
        notebook: in which it is written.
        target: the cluster.
        folder: in which the bundle is written.
        name: what the application is called there.
        golden: requests to send to it over HTTP now, and to the cluster when it runs there.
        venv: whether the proof installs its requirements in a fresh environment.
        progress: is told what it is at.

    Raises:
        ExportError: something cannot be carried.
        PromoteError: it is not proved, or cannot be planned.
    """
    target.check_safe()
    spec = graph.spec
    exported = export_graph(
        graph, notebook, Path(folder) / "bundle", golden=golden, venv=venv, progress=progress
    )
    plan = plan_promotion(exported.bundle, target, name=name, progress=progress)
    return Prepared(graph, spec, target, exported, plan)


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
    with promotion_folder() as folder:
        prepared = prepare(
            graph, notebook, target, folder,
            name=name, golden=golden, venv=venv, progress=progress,
        )  # fmt: skip
        if dry_run:
            return PromoteResult(prepared.exported, prepared.plan, None)
        return prepared.roll_out(progress)
