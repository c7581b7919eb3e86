"""The statements at the top of cells, in the order in which they ran."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphnb.authoring.digest.source import syntax_tree
from graphnb.promote.extract.names import Names, names_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from graphnb.authoring.sources import CellSource

__all__ = ["Statement", "statements_of"]

# As Python counts lines: other characters that end one for some are part of it here.
_LINE_ENDS = re.compile(r"\r\n|\r|\n")

# Cell magics whose body runs as a cell does: what it binds is there afterwards.
_TRANSPARENT = frozenset({"capture", "prun", "time"})


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """One statement.

    Attributes:
        order: counts the statements of all cells as they ran.
        run: counts the cells as they ran: a cell that ran again is another run.
        cell: where it stands.
        node: its syntax tree; shared, so only to be read.
        text: its source, with the comments right above it; without indentation.
        spaced: whether there is an empty line above it.
        names: what it binds, needs and changes.
        dump: its syntax tree as text: two that have the same do the same.
    """

    order: int
    run: int
    cell: CellSource
    node: ast.stmt
    text: str
    spaced: bool
    names: Names
    dump: str

    @property
    def where(self) -> str:
        """Where it stands, for people: "cell 4"."""
        return f"cell {self.cell.ordinal}"

    @property
    def imports(self) -> bool:
        """Whether it is an import."""
        return isinstance(self.node, ast.Import | ast.ImportFrom)

    @property
    def is_future(self) -> bool:
        """Whether it imports from the future: for all that comes after it."""
        return bool(_from_future(self.node))


def statements_of(cells: Iterable[CellSource]) -> list[Statement]:
    """The statements of cells that ran, in that order; cells that are not Python have none."""
    found: list[Statement] = []
    lazy = False  # IPython keeps what a cell imports from the future for all cells after it
    for run, cell in enumerate(cells):
        ended = 0
        for text, node in _parsed(cell.transformed):
            lazy = lazy or "annotations" in _from_future(node)
            lines = _LINE_ENDS.split(text)
            begin = _first_line(lines, node)
            comments = _comments_above(lines, begin, ended if begin > ended else 0)
            ended = node.end_lineno or begin
            spaced = begin - comments >= 2 and not lines[begin - comments - 2].strip()
            source = _text(lines, node, comments)
            try:
                names = names_of(node, lazy_annotations=lazy)
                dump = ast.dump(node)
            except (SyntaxError, RecursionError):
                continue  # what it would bind is missing, and is said to be
            found.append(Statement(len(found), run, cell, node, source, spaced, names, dump))
    return found


def _parsed(text: str) -> Iterator[tuple[str, ast.stmt]]:
    tree = syntax_tree(text)
    for node in tree.body if tree else ():
        body = _body_of_magic(node)
        if body is None:
            yield text, node
        else:
            yield from _parsed(body)


def _body_of_magic(node: ast.stmt) -> str | None:
    """The body of `%%time` and the like."""
    match node:
        case ast.Expr(
            ast.Call(
                ast.Attribute(ast.Call(ast.Name("get_ipython")), "run_cell_magic"),
                [ast.Constant(str(magic)), ast.Constant(), ast.Constant(str(body))],
            )
        ) if magic in _TRANSPARENT:
            return body
    return None


def _from_future(node: ast.stmt) -> list[str]:
    match node:
        case ast.ImportFrom("__future__", names):
            return [one.name for one in names]
    return []


def _first_line(lines: Sequence[str], node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    begin = min([node.lineno, *(one.lineno for one in decorators)])
    while decorators and not lines[begin - 1].lstrip().startswith("@"):
        begin -= 1  # what decorates stands in brackets
    return begin


def _comments_above(lines: Sequence[str], begin: int, ended: int) -> int:
    """How many lines right above the statement, and below the one before, are comments."""
    count = 0
    while begin - count >= ended + 2 and lines[begin - count - 2].lstrip().startswith("#"):
        count += 1
    return count


def _text(lines: Sequence[str], node: ast.stmt, comments: int) -> str:
    begin, end = _first_line(lines, node), node.end_lineno or node.lineno
    first, last = lines[begin - 1].encode(), lines[end - 1].encode()
    before = first[: node.col_offset] if begin == node.lineno else b""
    after = last[node.end_col_offset or 0 :].strip()
    if before or after.startswith(b";"):  # others share its lines
        text = ast.get_source_segment("\n".join(lines), node) or ast.unparse(node)
    else:
        text = "\n".join(lines[begin - 1 : end])
    above = [line.strip() for line in lines[begin - 1 - comments : begin - 1]]
    return "\n".join([*above, text.strip("\n")])
