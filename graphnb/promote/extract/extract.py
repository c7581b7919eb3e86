"""One module of the cells that a graph is written in.

found = extract(cells, "answer")
print(found.text)  # ... answer = best.bind(...) ... app = answer
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphnb.promote.extract.closure import Closure, closure
from graphnb.promote.extract.imports import import_lines, imported_modules, origins
from graphnb.promote.extract.names import DEFINED_FUNCTIONS, names_of
from graphnb.promote.extract.obstacles import Obstacle, obstacles
from graphnb.promote.extract.statements import Statement, statements_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from graphnb.authoring.sources import CellSource

__all__ = ["Extract", "extract"]

_DEFINITIONS = (*DEFINED_FUNCTIONS, ast.ClassDef)


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
    text = _text(title, statements, found.carried, ast.parse(imports).body, said)
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
    carried: Sequence[Statement],
    more: Sequence[ast.stmt],
    end: str,
) -> str:
    used = {name for one in carried for name in _used(one)}
    used |= {name for node in ast.parse(end).body for name in names_of(node).needs}
    fixed = _bound_otherwise(carried, more)
    on_top = [one for one in carried if one.imports and not one.names.binds & fixed]
    nodes = [one.node for one in statements if one.is_future]
    nodes += [one.node for one in on_top if not one.is_future]
    binds = {name for node in more for name in names_of(node).binds}
    if binds & fixed:
        end = "\n".join([*map(ast.unparse, more), end])
    else:
        nodes += more
    lines = import_lines(nodes, used | binds)
    body = _body([one for one in carried if one not in on_top and not one.is_future])
    head = "\n\n".join(filter(None, [_docstring(title), "\n".join(lines)]))
    return "\n\n\n".join(filter(None, [head, body, end])) + "\n"


def _used(one: Statement) -> frozenset[str]:
    return one.names.needs | one.names.may_use | one.names.needs_later | one.names.may_need


def _bound_otherwise(carried: Sequence[Statement], more: Sequence[ast.stmt]) -> set[str]:
    """Names that an import binds, and something else too: they keep their places."""
    known: dict[str, str] = {}
    found: set[str] = set()
    made = [
        (name, str(one.order)) for one in carried for name in one.names.binds if not one.imports
    ]
    imported = [each for one in carried if one.imports for each in origins(one.node)]
    for name, origin in [*made, *imported, *(each for node in more for each in origins(node))]:
        if known.setdefault(name, origin) != origin:
            found.add(name)
    return found


def _docstring(title: str) -> str:
    safe = title.replace("\\", "\\\\").replace('"', "'")
    return f'"""{safe}"""'


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


def _taken(found: Closure, end: str, root: str) -> Iterator[Obstacle]:
    """Names that the end gives another meaning, though code looks them up when it is called."""
    bound = {name for node in ast.parse(end).body for name in names_of(node).binds}
    for one in found.carried:
        for name in sorted((bound - {root}) & one.names.needs_later):
            message = f"{name!r} is what the module calls the graph, and means something else here"
            yield Obstacle("error", name, one.where, message, f"give {name} another name")
