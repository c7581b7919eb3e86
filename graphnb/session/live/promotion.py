"""What live pictures show of a promotion: plain data, as `widget/src/messages.ts` declares it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from graphnb.errors import PromoteError
from graphnb.promote.bundle.secrets import masked
from graphnb.promote.release.target import read_target, targets

if TYPE_CHECKING:
    from graphnb.errors import GraphnbError
    from graphnb.promote.release.rollout import Rolled
    from graphnb.session.promoting import Prepared

__all__ = ["Promotion", "Stage", "Step", "choice_of_targets"]

Stage = Literal[
    "none",  # nothing was asked for yet
    "planning",  # it is exported, proved and planned
    "planned",  # the plan is there, and somebody may have it done
    "rolling out",
    "done",
    "failed",  # or cancelled; the error says which
]

_SIGN = re.compile(r"  ([-+~!=]) ")
_MOST_STEPS = 30
_EXAMPLE = """\
[targets.production]
address = "https://ray.example.com"   # the dashboard of its Ray
token_env = "RAY_TOKEN"               # the environment variable with its token
"""


@dataclass(frozen=True, slots=True)
class Step:
    """Something that a promotion is at, or was.

    Attributes:
        said: what it is.
        parts: how each deployment is meanwhile.
    """

    said: str
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Promotion:
    """The promotion of a graph at a moment.

    Attributes:
        revision: counts the changes of all promotions of the graph.
        stage: how far it is.
        cancelling: whether it was cancelled, and has not come to its end yet.
        target: the target's name.
        application: what the graph is called there.
        steps: what it went through; the last is what it is at.
        number: of the plan that is shown; each has its own.
        plan: the plan's lines; none until it is made.
        empty: whether the plan has nothing to do.
        warnings: what may not be there as it is in the notebook.
        said: how it went.
        url: where the graph answers there.
        error: what failed, and what to do about it.
    """

    revision: int = 0
    stage: Stage = "none"
    cancelling: bool = False
    target: str = ""
    application: str = ""
    steps: tuple[Step, ...] = ()
    number: int = 0
    plan: tuple[str, ...] = ()
    empty: bool = False
    warnings: tuple[str, ...] = ()
    said: str = ""
    url: str = ""
    error: tuple[str, str] | None = None

    @property
    def works(self) -> bool:
        """Whether it is under way."""
        return self.stage in ("planning", "rolling out")

    def at(self, stage: str) -> Promotion:
        """The same at a step: a new one, or the last with other parts."""
        said, _, rest = stage.partition(": ")
        step = Step(said, tuple(rest.split(", ")) if rest else ())
        before = self.steps[:-1] if self.steps and self.steps[-1].said == said else self.steps
        return replace(self, steps=(*before, step)[-_MOST_STEPS:])

    def planned(self, prepared: Prepared) -> Promotion:
        """The same with its plan, after what goes along."""
        said = [*prepared.exported.along, str(prepared.plan)]
        return replace(
            self,
            stage="planned",
            plan=tuple(masked("\n".join(said)).splitlines()),
            empty=not prepared.plan,
            warnings=tuple(masked(str(one)) for one in prepared.exported.warnings),
        )

    def done(self, rolled: Rolled) -> Promotion:
        """The same once it runs there."""
        said = f"It runs on {self.target}, after {rolled.seconds:.1f} s."
        return replace(self, stage="done", cancelling=False, said=said, url=masked(rolled.url))

    def failed(self, error: GraphnbError) -> Promotion:
        """The same after an error, in which nothing secret is shown."""
        said = masked(error.message), masked(error.hint or "")
        return replace(self, stage="failed", cancelling=False, error=said)

    def plain(self) -> dict[str, Any]:
        """`Promotion` in `widget/src/messages.ts`."""
        return {
            "revision": self.revision,
            "stage": self.stage,
            "cancelling": self.cancelling,
            "target": self.target,
            "application": self.application,
            "steps": [{"said": one.said, "parts": list(one.parts)} for one in self.steps],
            "number": self.number,
            "plan": [{"sign": _sign(one), "text": one} for one in self.plan],
            "empty": self.empty,
            "warnings": list(self.warnings),
            "said": self.said,
            "url": self.url,
            "error": self.error and {"message": self.error[0], "hint": self.error[1]},
        }


def choice_of_targets(name: str) -> dict[str, Any]:
    """`Targets` in `widget/src/messages.ts`.

    Args:
        name: what the graph is called.

    Raises:
        PromoteError: the settings cannot be read.
    """
    found = sorted(targets(Path.cwd()))
    return {"targets": found, "name": name, "none": None if found else _none()}


def _none() -> dict[str, str]:
    """What to do where there is no target, in the words of whoever looks for one."""
    try:
        read_target("production", Path.cwd())
    except PromoteError as error:
        said = "A graph is promoted to a target, and there is none yet."
        return {"message": said, "hint": error.hint or "", "example": _EXAMPLE}
    raise AssertionError("a target came between")


def _sign(line: str) -> str:
    found = _SIGN.match(line)
    return found[1] if found else ""
