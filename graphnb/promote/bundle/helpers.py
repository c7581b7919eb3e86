"""Modules beside the notebook: they come along as they are."""

from __future__ import annotations

import ast
import importlib.util
import sys
import tokenize
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from graphnb.authoring.digest.modules import in_library
from graphnb.errors import ExportError
from graphnb.promote.extract.imports import imported_modules

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Helper", "helpers_of"]

_MADE = frozenset({"__pycache__"})
_TAKEN = frozenset({"app", "artifacts", "driving", "tests", "wheels"})


@dataclass(frozen=True, slots=True)
class Helper:
    """A file of a local module.

    Attributes:
        path: where it goes in the bundle.
        file: where it is.
        rewritten: the source that goes along instead of its own.
    """

    path: str
    file: Path
    rewritten: str | None = None

    @property
    def data(self) -> bytes:
        """What goes along."""
        return self.file.read_bytes() if self.rewritten is None else self.rewritten.encode()

    @property
    def text(self) -> str:
        """Its source, if it is Python that can be read; else nothing."""
        if self.rewritten is not None:
            return self.rewritten
        if self.file.suffix != ".py":
            return ""
        try:
            with tokenize.open(self.file) as opened:
                text = opened.read()
            ast.parse(text)
        except (SyntaxError, UnicodeDecodeError, ValueError):
            return ""
        return text


def helpers_of(modules: Iterable[str], folder: Path) -> tuple[list[Helper], frozenset[str]]:
    """The files of all local modules that some modules are or import.

    Args:
        modules: what code imports, by full names.
        folder: where the notebook is: what is there is found first, as in its kernel.

    Returns:
        The files, and the names of all modules that are imported by any of this.

    Raises:
        ExportError: a local module has no source.
    """
    files: dict[str, Helper] = {}
    imported = set(modules)
    waiting, seen = sorted(imported), set()
    while waiting:
        top = waiting.pop().partition(".")[0]
        if top in seen:
            continue
        seen.add(top)
        for one in _files(top, folder):
            files[one.path] = one
            new = imported_modules([ast.parse(one.text)]) - imported
            imported |= new
            waiting += sorted(new)
    return [files[path] for path in sorted(files)], frozenset(imported)


def _files(top: str, folder: Path) -> list[Helper]:
    """The files of a local module or package, none of any other."""
    place = _place(top, folder)
    if place is None:
        return []
    if place.is_dir():
        found = [one for one in sorted(place.rglob("*")) if one.is_file()]
        paths = [(one.relative_to(place), one) for one in found]
        return [Helper(f"{top}/{at.as_posix()}", one) for at, one in paths if not _is_left(at)]
    if place.suffix != ".py":
        raise ExportError(
            f"the module {top!r} at {place.name} has no source that could come along",
            hint="install it as a package, so that it is among the requirements",
        )
    return [Helper(place.name, place)]


def _free(top: str, place: Path) -> Path:
    """The place of a module whose name the bundle itself does not need.

    Raises:
        ExportError: it does.
    """
    if top in _TAKEN:
        raise ExportError(
            f"the module {top!r} at {place.name} has a name that the bundle itself needs",
            hint=f"give {place.name} another name",
        )
    return place


def _is_left(path: Path) -> bool:
    """Whether a file is no part of its package: hidden, or made by tools."""
    return any(one.startswith(".") or one in _MADE for one in path.parts)


def _place(top: str, folder: Path) -> Path | None:
    """The file or folder of a local module."""
    if top == "graphnb" or top in sys.builtin_module_names or top in sys.stdlib_module_names:
        return None
    for beside in (folder / f"{top}.py", folder / top):
        if beside.is_file() or (beside / "__init__.py").is_file():
            return _free(top, beside)
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    origin = spec.origin if spec is not None else None
    if origin is None and len(places) == 1 and not in_library(top, places[0]):
        return _free(top, Path(places[0]))  # a folder without __init__.py
    if origin is None or in_library(top, origin):
        return None
    path = _free(top, Path(origin))
    return path.parent if path.name == "__init__.py" else path
