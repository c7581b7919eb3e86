"""Keeps the source of each cell that ran well, also of the bodies of `%%deploy` cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphnb.authoring.sources import SourceIndex

if TYPE_CHECKING:
    from IPython.core.interactiveshell import ExecutionResult, InteractiveShell


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell that ran (a `CellSource`).

    Attributes:
        id: the front end's id of the cell, or "" where it sends none.
        ordinal: the number in its brackets, `In [4]`.
        raw: as it was written.
        transformed: as Python saw it: magics are calls.
    """

    id: str
    ordinal: int
    raw: str
    transformed: str


class CellRecorder:
    """Listens to a shell and fills a `SourceIndex`."""

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self.index = SourceIndex()

    def start(self) -> None:
        """Begins to listen."""
        self._shell.events.register("post_run_cell", self._ran)

    def stop(self) -> None:
        """Listens no more."""
        self._shell.events.unregister("post_run_cell", self._ran)

    def where(self, definition: Any) -> str | None:
        """Where a class or function was defined, for people: "cell 4", "models.py:12"."""
        return str(self.index.locate(definition)) or None

    def _ran(self, result: ExecutionResult) -> None:
        info = result.info
        if not result.success or info is None or not info.raw_cell.strip():
            return
        self.index.add(
            Cell(
                id=getattr(info, "cell_id", None) or "",
                ordinal=result.execution_count or self._shell.execution_count,
                raw=info.raw_cell,
                transformed=info.transformed_cell or self._shell.transform_cell(info.raw_cell),
            )
        )
