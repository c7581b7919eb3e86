"""One module of the cells that a graph is written in.

found = extract(cells, "answer")
print(found.text)  # ... answer = best.bind(...) ... app = answer
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphnb.promote.extract.closure import Closure, closure
from graphnb.promote.extract.imports import import_lines, imported_modules
from graphnb.promote.extract.names import names_of
from graphnb.promote.extract.obstacles import Obstacle, obstacles
from graphnb.promote.extract.statements import Statement, statements_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from graphnb.authoring.sources import CellSource

__all__ = ["Extract", "extract"]

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True, slots=True)
class Extract:
    """What became of the cells.

    Attributes:
        text: the module, with a newline at its end.
        obstacles: what is in the way; with an error among them the module does not do.
        modules: what it imports, wherever it does so.
    """

    text: str
    obstacles: tuple[Obstacle, ...]
    modules: frozenset[str]

    @property
    def errors(self) -> tuple[Obstacle, ...]:
        """The obstacles that must go."""
        return tuple(one for one in self.obstacles if one.severity == "error")


def extract(
    cells: Iterable[CellSource],
    root: str,
    *,
    title: str = "A graph, taken from a notebook.",
    end: str = "app = {root}",
    imports: str = "",
) -> Extract:
    """Makes a module of cells: what an expression needs, and the expression.

    Definitions, constants, helpers, base classes, decorators and annotations come along from
    whatever cell they stand in, as they were written. Nothing is run.

    Args:
        cells: those that ran well, in the order in which they ran; or all of a saved notebook.
        root: the expression that makes the graph, such as the name of its last node.
        title: the first line of the module.
        end: its last statement, with the root's place.
        imports: import statements that the end needs.

    Raises:
        SyntaxError: the root is no expression.
    """
    statements = statements_of(cells)
    wanted = names_of(ast.Expr(ast.parse(root, mode="eval").body)).needs
    found = closure(statements, wanted)
    said = end.format(root=root)
    if said == f"{root} = {root}":
        said = ""
    text = _text(title, statements, found, ast.parse(imports).body, said)
    nodes = [one.node for one in found.carried]
    ends = ast.parse(f"{imports}\n{said}").body
    return Extract(
        text,
        (*obstacles(found, statements), *_taken(found, said, root)),
        imported_modules([*nodes, *ends]),
    )


def _text(
    title: str,
    statements: Sequence[Statement],
    found: Closure,
    more: Sequence[ast.stmt],
    end: str,
) -> str:
    carried = found.carried
    used = {name for one in carried for name in one.names.needs | one.names.needs_later}
    used |= {name for node in ast.parse(end).body for name in names_of(node).needs}
    nodes = [one.node for one in statements if _is_future(one.node)]
    nodes += [one.node for one in carried if one.imports and not _is_future(one.node)]
    for_end = {name for node in more for name in names_of(node).binds}
    lines = import_lines([*nodes, *more], used | for_end)
    body = _body([one for one in carried if not one.imports])
    parts = [f'"""{title}"""', "\n".join(lines), body, end]
    return "\n\n".join(filter(None, parts[:2])) + "".join(_apart(body, end))


def _apart(body: str, end: str) -> Iterator[str]:
    for one in filter(None, (body, end)):
        yield f"\n\n\n{one}"
    yield "\n"


def _body(statements: Sequence[Statement]) -> str:
    text = ""
    for before, one in zip([None, *statements], statements, strict=False):
        text += _gap(before, one) + one.text
    return text


def _gap(before: Statement | None, one: Statement) -> str:
    """What stands between two statements: as much as between them in their cell."""
    if before is None:
        return ""
    if isinstance(before.node, _DEFINITIONS) or isinstance(one.node, _DEFINITIONS):
        return "\n\n\n"
    return "\n\n" if before.run != one.run or one.spaced else "\n"


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _taken(found: Closure, end: str, root: str) -> Iterator[Obstacle]:
    """Names that the end gives another meaning, though code looks them up when it is called."""
    bound = {name for node in ast.parse(end).body for name in names_of(node).binds}
    for one in found.carried:
        for name in sorted((bound - {root}) & one.names.needs_later):
            message = f"{name!r} is what the module calls the graph, and means something else here"
            yield Obstacle("error", name, one.where, message, f"give {name} another name")
