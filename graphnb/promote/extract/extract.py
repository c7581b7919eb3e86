"""One module of the cells that a graph is written in.

found = extract(cells, "answer")
print(found.text)  # ... answer = best.bind(...) ... app = answer
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from graphnb.promote.extract.closure import Closure, closure
from graphnb.promote.extract.imports import import_lines, imported_modules, origins
from graphnb.promote.extract.names import DEFINED_FUNCTIONS, names_of
from graphnb.promote.extract.obstacles import Obstacle, obstacles
from graphnb.promote.extract.statements import Statement, statements_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from graphnb.authoring.sources import CellSource

__all__ = ["Extract", "Given", "Values", "extract"]

_DEFINITIONS = (*DEFINED_FUNCTIONS, ast.ClassDef)


@dataclass(frozen=True, slots=True)
class _Nowhere:
    """The cell of what no cell bound."""

    id: str = ""
    ordinal: int = 0
    raw: str = ""
    transformed: str = ""


_NOWHERE = _Nowhere()


@dataclass(frozen=True, slots=True)
class Given:
    """A value at hand, which stands in for the statements that made it.

    Attributes:
        name: the name that it is bound to.
        text: the statement that binds it in the module.
        imports: import statements that the text needs.
        needs: the names that must be bound before it.
    """

    name: str
    text: str
    imports: str = ""
    needs: frozenset[str] = frozenset()


class Values(Protocol):
    """Knows the values of names as they are in the end."""

    def choose(
        self, carried: Sequence[Statement], statements: Sequence[Statement]
    ) -> Collection[str]:
        """The names whose values go along, where they are used, and not what made them.

        Args:
            carried: what goes along by source, if nothing is given.
            statements: of all cells, as they ran.
        """

    def given(self, name: str) -> Given | None:
        """The value of a name that was chosen and is used; None if it cannot be given."""


@dataclass(frozen=True, slots=True)
class Extract:
    """What became of the cells.

    Attributes:
        text: the module, with a newline at its end.
        obstacles: what is in the way; with an error among them the module does not do.
        modules: what it imports, wherever it does so.
        given: the names that it takes as values.
    """

    text: str
    obstacles: tuple[Obstacle, ...]
    modules: frozenset[str]
    given: frozenset[str] = frozenset()

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
    values: Values | None = None,
) -> Extract:
    """Makes a module of cells: what an expression needs, and the expression.

    Definitions, constants, helpers, base classes, decorators and annotations come along from
    whatever cell they stand in, as they were written; of what was computed the value may come
    instead. Nothing is run.

    Args:
        cells: those that ran well, in the order in which they ran; or all of a saved notebook.
        root: the expression that makes the graph, such as the name of its last node.
        title: the first line of the module.
        end: its last statement, with the root's place.
        imports: import statements that the end needs.
        values: knows what was computed; without it everything is computed anew by the module.

    Raises:
        SyntaxError: the root is no expression.
    """
    statements = statements_of(cells)
    wanted = names_of(ast.Expr(ast.parse(root, mode="eval").body)).needs
    found = closure(statements, wanted)
    taken: list[Given] = []
    if values is not None:
        found, taken = _with_values(found, statements, wanted, values)
    said = end.format(root=root)
    if said == f"{root} = {root}":
        said = ""
    carried = sorted([*found.carried, *_in_place(taken, statements)], key=_order)
    more = ast.parse("\n".join([imports, *(one.imports for one in taken)])).body
    text = _text(title, statements, carried, more, said)
    nodes = [one.node for one in found.carried]
    return Extract(
        text,
        (*obstacles(found, statements), *_taken(found, said, root)),
        imported_modules([*nodes, *more, *ast.parse(said).body]),
        found.given,
    )


def _with_values(
    found: Closure, statements: Sequence[Statement], wanted: frozenset[str], values: Values
) -> tuple[Closure, list[Given]]:
    """What is needed where some names have their values, and those that are used."""
    names = set(values.choose(found.carried, statements))
    given: dict[str, Given] = {}
    while True:
        needs = {name for one in given.values() for name in one.needs}
        found = closure(statements, wanted | needs, names)
        new = sorted(found.given - given.keys())
        for name in new:
            one = values.given(name)
            if one is None:
                names.discard(name)
            else:
                given[name] = one
        if not new:
            return found, [given[name] for name in sorted(found.given)]


def _in_place(given: Sequence[Given], statements: Sequence[Statement]) -> Iterator[Statement]:
    """The statements that bind values, each where the last stood that bound the name."""
    last = {name: one for one in statements for name in one.names.binds}
    for one in given:
        node = ast.parse(one.text).body[0]
        stood = last.get(one.name)
        order, run, cell = (stood.order, stood.run, stood.cell) if stood else (-1, -1, _NOWHERE)
        yield Statement(order, run, cell, node, one.text, False, names_of(node), ast.dump(node))


def _order(statement: Statement) -> int:
    return statement.order


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
