"""The cells of a notebook's file. Nothing of it is run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from IPython.core.inputtransformer2 import TransformerManager

from graphnb.errors import ExportError
from graphnb.ipython.cells import Cell
from graphnb.ipython.deploy_cell import rewrite

if TYPE_CHECKING:
    from pathlib import Path

_FORMAT = 4


def saved_cells(file: Path) -> list[Cell]:
    """The code cells of a notebook in the order in which they ran.

    Those that failed, or did not run, are left out. If none says that it ran, as in a notebook
    that was cleared, all are taken, from top to bottom.

    Raises:
        ExportError: it is no notebook.
    """
    try:
        said = json.loads(file.read_text("utf-8"))
        is_known = said["nbformat"] >= _FORMAT
        cells = said["cells"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        reason = str(error) or type(error).__name__
        raise ExportError(f"{file} is no notebook that can be read: {reason}") from error
    if not is_known:
        raise ExportError(
            f"{file} is of notebook format {said['nbformat']}",
            hint=f"save it anew: jupyter nbconvert --to notebook --inplace {file.name}",
        )
    shell = TransformerManager()
    shell.cleanup_transforms.append(rewrite)
    code = [one for one in cells if one.get("cell_type") == "code"]
    if any(one.get("execution_count") for one in code):
        ran = [one for one in code if one.get("execution_count")]
        code = sorted(ran, key=lambda one: int(one["execution_count"]))
    return [_cell(one, number, shell) for number, one in enumerate(code, 1) if not _failed(one)]


def _cell(said: dict[str, Any], number: int, shell: TransformerManager) -> Cell:
    raw = said["source"] if isinstance(said["source"], str) else "".join(said["source"])
    ordinal = said.get("execution_count") or number
    return Cell(said.get("id") or "", ordinal, raw, shell.transform_cell(raw))


def _failed(said: dict[str, Any]) -> bool:
    return any(one.get("output_type") == "error" for one in said.get("outputs", ()))
