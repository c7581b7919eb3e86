"""Which expressions a notebook's cells deploy, told by their source alone."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from IPython.core.error import UsageError

from graphnb.authoring.digest.source import syntax_tree
from graphnb.errors import ExportError
from graphnb.ipython.arguments import HelpShown, parser_of
from graphnb.ipython.deploy_cell import options_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from graphnb.authoring.sources import CellSource

_FUNCTIONS = frozenset({"deploy", "graphnb.deploy", "serve.run"})


@dataclass(frozen=True, slots=True)
class Deploy:
    """A place that deploys a graph.

    Attributes:
        name: what the graph is called.
        root: the expression of the graph; several where the cell does not say which.
        where: its cell.
    """

    name: str
    roots: tuple[str, ...]
    where: str


def deploys(cells: Iterable[CellSource]) -> list[Deploy]:
    """All that some cells deploy, in their order."""
    return [one for cell in cells for one in _deploys(cell)]


def deployed_root(cells: Iterable[CellSource], name: str) -> str:
    """The expression of the graph of that name: the last that was deployed under it.

    Raises:
        ExportError: there is none, or the cell makes several.
    """
    found = deploys(cells)
    named = [one for one in found if one.name == name]
    if not named:
        known = ", ".join(sorted({one.name for one in found})) or "none"
        raise ExportError(f"no cell deploys a graph named {name!r}", hint=f"there are: {known}")
    last = named[-1]
    if len(last.roots) != 1:
        listed = ", ".join(last.roots) or "none"
        raise ExportError(
            f"{last.where} does not say which graph {name!r} is: it makes {listed}",
            hint="end the cell with its name, or write %%deploy NAME --root VAR",
        )
    return last.roots[0]


def _deploys(cell: CellSource) -> Iterator[Deploy]:
    tree = syntax_tree(cell.transformed)
    if tree is None or not tree.body:
        return
    where = f"cell {cell.ordinal}"
    line = options_of(tree.body[0])
    if line is not None:
        yield from _of_magic("%%deploy", line, _roots(tree.body[1:]), where)
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                ast.Attribute(ast.Call(ast.Name("get_ipython")), "run_line_magic"),
                [ast.Constant("deploy"), ast.Constant(str(text))],
            ):
                yield from _of_magic("%deploy", text, (), where)
            case ast.Call(function, [target, *_], keywords) if ast.unparse(function) in _FUNCTIONS:
                names = [one.value for one in keywords if one.arg == "name"]
                known = [str(one.value) for one in names if isinstance(one, ast.Constant)]
                if len(known) == len(names):
                    yield Deploy((known or ["default"])[0], (ast.unparse(target),), where)


def _of_magic(magic: str, line: str, roots: tuple[str, ...], where: str) -> Iterator[Deploy]:
    try:
        options = parser_of(magic).parse_line(line)
    except (UsageError, HelpShown):
        return  # it deployed nothing
    if magic == "%deploy":
        yield Deploy(options.name or options.target, (options.target,), where)
    else:
        yield Deploy(options.name, (options.root,) if options.root else roots, where)


def _roots(body: list[ast.stmt]) -> tuple[str, ...]:
    """The graph that a cell makes: its last expression, else what it binds and does not use."""
    last = body[-1] if body else None
    if isinstance(last, ast.Expr) and isinstance(last.value, ast.Name | ast.Call | ast.Dict):
        return (ast.unparse(last.value),)
    bound: dict[str, ast.stmt] = {}
    for node in (each for one in body for each in ast.walk(one)):
        if isinstance(node, ast.Assign) and ".bind(" in ast.unparse(node.value):
            targets = [each for one in node.targets for each in ast.walk(one)]
            bound |= {one.id: node for one in targets if isinstance(one, ast.Name)}
    used = {
        one.id
        for statement in body
        for one in ast.walk(statement)
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)
    }
    return tuple(name for name in bound if name not in used)
