"""Keeps the source of each cell that ran well, also of the bodies of `%%deploy` cells."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphnb.authoring import label_nodes
from graphnb.authoring.sources import SourceIndex
from graphnb.ipython.progress import Progress
from graphnb.ipython.roots import deployed_root
from graphnb.promote.notebook import Notebook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from IPython.core.interactiveshell import (
        ExecutionInfo,
        ExecutionResult,
        InteractiveShell,
    )


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
    """Listens to a shell and fills a `SourceIndex` (the `Surroundings` of deploys)."""

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self.index = SourceIndex()
        self._current: ExecutionInfo | None = None
        self._kept: ExecutionInfo | None = None
        self._began = 0.0

    def start(self) -> None:
        """Begins to listen; cells that ran before count as well, whether they failed is unknown."""
        history = self._shell.history_manager
        assert history is not None
        earlier = history.input_hist_raw[1 : self._shell.execution_count]
        for ordinal, raw in enumerate(earlier, 1):
            if raw.strip():
                self.index.add(Cell("", ordinal, raw, self._shell.transform_cell(raw)))
        self._shell.events.register("pre_run_cell", self._begins)
        self._shell.events.register("post_run_cell", self._ran)

    def stop(self) -> None:
        """Listens no more."""
        self._shell.events.unregister("pre_run_cell", self._begins)
        self._shell.events.unregister("post_run_cell", self._ran)

    def where(self, definition: Any) -> str | None:
        """Where a class or function was defined, for people: "cell 4", "models.py:12"."""
        return str(self.index.locate(definition)) or None

    def source(self, definition: Any) -> str | None:
        """The source of a class or function."""
        return self.index.locate(definition).text

    def busy_since(self) -> float | None:
        """When the cell that is running began, on `time.monotonic`; None while none is."""
        return self._began if self._current is not None else None

    def before_deploy(self) -> None:
        """Names nodes for their variables; adds the running cell, which may define them."""
        label_nodes(self._shell.user_ns)
        if self._current is not None:
            self._add(self._current)

    def notebook(self, target: Any, name: str) -> Notebook:
        """The notebook in which a graph is written, with what its variables hold.

        Raises:
            ExportError: its expression is not found.
        """
        values = dict(self._shell.user_ns)  # a cell may run meanwhile
        held = [one for one, value in values.items() if value is target]
        named = [one for one in held if one.isidentifier() and not one.startswith("_")]
        root = named[0] if named else deployed_root(self.index, name)
        folder, file = self._place()
        return Notebook(list(self.index), root, values, folder, file)

    def _place(self) -> tuple[Path, Path | None]:
        """The folder of the notebook, and its file if the front end says which it is."""
        said = self._shell.user_ns.get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME")
        folder = Path.cwd()
        file = folder / Path(str(said)).name if said else None
        return folder, file if file is not None and file.is_file() else None

    @contextmanager
    def progress(self, label: str) -> Iterator[Callable[[str], None]]:
        """Shows what a deploy is at, in a line that goes with it."""
        with Progress(label, after_s=1.0) as shown:
            yield shown.show

    def _begins(self, info: ExecutionInfo) -> None:
        self._current, self._began = info, time.monotonic()

    def _ran(self, result: ExecutionResult) -> None:
        info, self._current = result.info, None
        if result.success and info is not None and info is not self._kept:
            self._add(info)

    def _add(self, info: ExecutionInfo) -> None:
        raw = info.raw_cell or ""
        if not raw.strip():
            return
        self._kept = info
        history = self._shell.history_manager
        assert history is not None
        self.index.add(
            Cell(
                id=getattr(info, "cell_id", None) or "",
                # The cell's own number, also of cells that were run from within it.
                ordinal=len(history.input_hist_parsed) - 1,
                raw=raw,
                transformed=info.transformed_cell or self._shell.transform_cell(raw),
            )
        )
