"""A notebook as promotion sees it: its cells as they ran, and what its variables hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from graphnb.authoring.sources import CellSource

__all__ = ["Notebook"]


@dataclass(frozen=True, slots=True)
class Notebook:
    """A notebook.

    Attributes:
        cells: those that ran well, in the order in which they ran; all of a saved one.
        root: the expression of the graph, such as the name of its last node.
        values: what the variables of its kernel hold; None of a saved one.
        folder: where it is: modules beside it are its own.
        file: the notebook's file, if that is known.
        kept: variables that go along as they are, whatever made them.
    """

    cells: Sequence[CellSource]
    root: str
    values: Mapping[str, Any] | None
    folder: Path
    file: Path | None = None
    kept: tuple[str, ...] = ()
