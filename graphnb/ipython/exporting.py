"""A saved notebook, or a module, as a bundle: what the command line exports and promotes."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphnb.errors import ExportError
from graphnb.ipython.cells import Cell
from graphnb.ipython.roots import deployed_root, deploys
from graphnb.ipython.saved import saved_cells
from graphnb.promote.notebook import Notebook
from graphnb.session.exporting import export_source_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from graphnb.authoring.sources import CellSource
    from graphnb.promote.export import ExportResult


def export_source(
    source: str,
    folder: Path,
    *,
    name: str | None,
    root: str | None,
    venv: bool,
    plain: bool = False,
    progress: Callable[[str], None],
) -> ExportResult:
    """Writes the bundle of a graph in a file, and proves it.

    Args:
        source: a notebook's file, or "module:variable".
        folder: where the bundle goes.
        name: the graph's; the only one that the notebook deploys, or the variable, when None.
        root: the expression of the graph; what the notebook deploys, or the variable, when None.
        venv: whether the proof installs its requirements afresh.
        plain: whether it is plain Ray Serve code, that runs without graphnb.
        progress: is told what it is at.

    Raises:
        ExportError: the source does not do, or something cannot be carried.
        ProofError: the bundle does not run alone.
    """
    if source.endswith(".ipynb"):
        file = Path(source).expanduser().absolute()
        cells: Sequence[CellSource] = saved_cells(file)
        name = name or _only_name(cells)
        notebook = Notebook(cells, root or deployed_root(cells, name), None, file.parent, file)
    else:
        module, _, variable = source.partition(":")
        if not variable and root is None:
            raise ExportError(
                f"{source!r} is neither a notebook nor MODULE:VARIABLE",
                hint="name a file that ends in .ipynb, or a module and the variable of its graph",
            )
        folder_of_it = _folder_of(module)
        wanted = root or variable
        imported = f"from {module} import {variable or root}\n"
        text = _source_of(module) if plain else imported  # plain code has no graph in a helper
        notebook = Notebook([Cell("", 1, text, text)], wanted, None, folder_of_it)
        name = name or variable or "default"
    return export_source_of(notebook, folder, name=name, venv=venv, plain=plain, progress=progress)


def _only_name(cells: Sequence[CellSource]) -> str:
    names = sorted({one.name for one in deploys(cells)})
    if len(names) != 1:
        listed = ", ".join(names) or "none"
        raise ExportError(
            f"the notebook deploys {len(names)} graphs: {listed}", hint="choose one with --name"
        )
    return names[0]


def _source_of(module: str) -> str:
    """The source of a module that is there."""
    found = importlib.util.find_spec(module)
    loader: Any = None if found is None else found.loader
    source: str | None = loader.get_source(module) if hasattr(loader, "get_source") else None
    if source is None:
        raise ExportError(f"the module {module!r} has no source")
    return source


def _folder_of(module: str) -> Path:
    """The folder from which a module is imported."""
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    top = module.partition(".")[0]
    try:
        found = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        found = None
    if found is None or not (found.origin or found.submodule_search_locations):
        raise ExportError(
            f"there is no module {module!r} here", hint="run this where Python can import it"
        )
    place = Path(found.origin or next(iter(found.submodule_search_locations or ())))
    return place.parent.parent if place.name == "__init__.py" else place.parent
