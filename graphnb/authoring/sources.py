"""Where definitions stand, in words that people know: cells of a notebook, lines of files.

The notebook keeps the source of each successful cell in a `SourceIndex`. Python itself only knows
the names of the files that a kernel pretends to compile cells from; `linecache` holds their text,
by which the index finds the cell. For classes Python 3.11 and 3.12 know not even the file, so that
is taken from their methods, or else from the latest cell that defines such a class.

    >>> str(locate(locate))
    'sources.py:...'
"""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
import sys
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Protocol

from graphnb.authoring.digest.source import syntax_tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Ends the search in a wrapper that says it wraps itself.
_MOST_WRAPPERS = 100

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class CellSource(Protocol):
    """The source of one cell that ran."""

    @property
    def id(self) -> str:
        """The cell's id in the notebook."""

    @property
    def ordinal(self) -> int:
        """The number that people see beside it."""

    @property
    def raw(self) -> str:
        """What the user wrote."""

    @property
    def transformed(self) -> str:
        """What was compiled: magics have become calls."""


@dataclass(frozen=True, slots=True)
class Location:
    """Where a definition stands; as text "cell 4" or "models.py:12", empty if that is unknown.

    Attributes:
        cell: the cell, if it is in one that is known.
        file: the path of the file, if it is in one.
        line: its first line there, decorators included; 0 if the place is unknown.
        text: its source, decorators included.
    """

    cell: CellSource | None = None
    file: str | None = None
    line: int = 0
    text: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        if self.cell is not None:
            return f"cell {self.cell.ordinal}"
        # The name alone: folders differ from machine to machine, and notebooks are compared.
        return f"{Path(self.file).name}:{self.line}" if self.file else ""


class SourceIndex:
    """The successful cells of a notebook, in the order in which they ran.

    A cell that ran again comes again, and earlier versions stay: what they defined may live on.
    """

    def __init__(self, cells: Iterable[CellSource] = ()) -> None:
        self._cells: list[CellSource] = []
        self._by_text: dict[str, CellSource] = {}
        for cell in cells:
            self.add(cell)

    def add(self, cell: CellSource) -> None:
        """Takes note of a cell that ran."""
        self._cells.append(cell)
        self._by_text[_normal(cell.transformed)] = cell

    def find(self, text: str) -> CellSource | None:
        """The latest cell with that transformed source."""
        return self._by_text.get(_normal(text))

    def locate(self, definition: object) -> Location:
        """Finds where a class or function stands; see `locate`."""
        return locate(definition, self)

    def __iter__(self) -> Iterator[CellSource]:
        return iter(self._cells)

    def __reversed__(self) -> Iterator[CellSource]:
        return reversed(self._cells)

    def __len__(self) -> int:
        return len(self._cells)


def locate(definition: object, cells: SourceIndex | None = None) -> Location:
    """Finds where a class or function stands.

    Args:
        definition: may be wrapped, as long as the wrapper says what it wraps.
        cells: where to look for cells; without it only files are found.

    Returns:
        The place; an unknown one if the definition was made by other means than source.
    """
    bare = _unwrap(definition)
    if isinstance(bare, type):
        return _locate_class(bare, cells)
    if isinstance(bare, FunctionType):
        return _locate_function(bare.__code__, cells)
    return Location()


def _unwrap(definition: Any) -> object:
    """What stands in the source: the function under wrappers, partials and kinds of methods."""
    for _ in range(_MOST_WRAPPERS):
        if isinstance(definition, MethodType | staticmethod | classmethod):
            definition = definition.__func__
        elif isinstance(definition, functools.partial | functools.cached_property):
            definition = definition.func
        elif isinstance(definition, property):
            definition = definition.fget
        elif not isinstance(definition, type) and _wraps(definition):
            definition = definition.__wrapped__
        else:
            break
    return definition


def _wraps(definition: object) -> bool:
    """Whether an object says what it wraps; some objects answer to any name that is asked for."""
    return inspect.getattr_static(definition, "__wrapped__", None) is not None


def _locate_function(code: CodeType, cells: SourceIndex | None) -> Location:
    text = _text(code.co_filename)
    tree = syntax_tree(text)
    line = code.co_firstlineno
    around = [one for one in ast.walk(tree) if _spans(one, line)] if tree else []
    # Of a lambda the statement that it stands in, which says what it is for.
    statements = [one for one in around if isinstance(one, ast.stmt)]
    named = [one for one in statements if getattr(one, "name", None) == code.co_name]
    node = next(reversed(named or statements), None)
    return _location(code.co_filename, line, node, cells)


def _locate_class(cls: type, cells: SourceIndex | None) -> Location:
    for code in _methods(cls):
        found = _find_class(_text(code.co_filename), cls.__qualname__, code.co_firstlineno)
        if found is not None:
            return _location(code.co_filename, _first_line(found), found, cells)
    if cls.__module__ == "__main__":  # has a file too, in a script, and in some kernels
        for cell in reversed(cells or SourceIndex()):
            found = _find_class(cell.transformed, cls.__qualname__, None)
            if found is not None:
                block = _block(cell.transformed, found)
                return Location(cell, None, _first_line(found), block)
    file = getattr(sys.modules.get(cls.__module__), "__file__", None) or ""
    found = _find_class(_text(file), cls.__qualname__, None)
    return Location() if found is None else _location(file, _first_line(found), found, cells)


def _methods(cls: type) -> Iterator[CodeType]:
    """The methods that stand in the class: not those taken from elsewhere, nor generated ones."""
    for member in vars(cls).values():
        code = getattr(_unwrap(member), "__code__", None)
        if isinstance(code, CodeType) and code.co_qualname.startswith(f"{cls.__qualname__}."):
            yield code


def _find_class(text: str, qualname: str, line: int | None) -> ast.ClassDef | None:
    """The class of that name: the one around the line, else the last one."""
    tree = syntax_tree(text)
    found: list[ast.AST] = [tree] if tree else []
    for name in qualname.split("."):
        if name != "<locals>":
            found = [one for scope in found for one in _members(scope) if one.name == name]
    classes = [one for one in found if isinstance(one, ast.ClassDef)]
    around = [one for one in classes if line is None or _spans(one, line)]
    return around[-1] if around else None


def _members(scope: ast.AST) -> Iterator[_Definition]:
    """The definitions directly in a scope, inside `if`, `try` and the like included."""
    for child in ast.iter_child_nodes(scope):
        if isinstance(child, _Definition):
            yield child
        else:
            yield from _members(child)


def _location(file: str, line: int, node: ast.stmt | None, cells: SourceIndex | None) -> Location:
    text = _text(file)
    block = _block(text, node) if node else None
    cell = cells.find(text) if cells and text else None
    if cell is not None:
        return Location(cell, None, line, block)
    # The debugger of Jupyter writes cells to files of its own, which mean nothing to people.
    is_file = Path(file).is_file() and not Path(file).parent.name.startswith("ipykernel_")
    return Location(None, file if is_file else None, line if is_file else 0, block)


def _text(file: str) -> str:
    return "".join(linecache.getlines(file))


def _block(text: str, node: ast.stmt) -> str:
    """The lines of a statement, without the indentation that they have in common."""
    lines = text.splitlines(keepends=True)[_first_line(node) - 1 : node.end_lineno]
    return textwrap.dedent("".join(lines))


def _first_line(node: ast.stmt) -> int:
    decorators = node.decorator_list if isinstance(node, _Definition) else []
    return min([node.lineno, *(one.lineno for one in decorators)])


def _spans(node: ast.AST, line: int) -> bool:
    if not isinstance(node, ast.stmt):
        return False
    return _first_line(node) <= line <= (node.end_lineno or 0)


def _normal(text: str) -> str:
    """The text by which cells are compared: linecache has a newline at the end of every line."""
    return "\n".join(text.splitlines()).rstrip()
