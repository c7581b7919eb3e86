"""What a bundle brings beside the code of its graph: graphnb itself, or what stands in for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphnb.promote.bundle.wheel import wheel

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Form", "own_form"]


@dataclass(frozen=True, slots=True)
class Form:
    """A kind of bundle.

    Attributes:
        files: what it brings, by path.
        requirements: the lines of `requirements.txt` that name it.
        start: the template of what starts the graph in the bundle's own test.
        where: where it then runs, for people.
        more: what its README says of other ways to run it.
    """

    files: Mapping[str, bytes]
    requirements: tuple[str, ...]
    start: str
    where: str
    more: str


def own_form() -> Form:
    """A bundle that runs with graphnb, whose wheel it brings."""
    name, data = wheel()
    return Form(
        files={f"wheels/{name}": data},
        requirements=(f"./wheels/{name}",),
        start="start_own.txt",
        where="Here it runs in this process.",
        more="From a notebook or a shell, with nothing prepared on the cluster: `graphnb promote`.",
    )
