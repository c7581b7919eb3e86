"""What no source can carry from a notebook: each by name, with its cell and a fix."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from graphnb.promote.extract.names import DEFINED_FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from graphnb.promote.extract.closure import Closure, Use
    from graphnb.promote.extract.statements import Statement

__all__ = ["Obstacle", "fits", "is_bound_here", "obstacles"]

_ONLY_IN_NOTEBOOKS = frozenset({"In", "Out", "_", "__", "___", "display", "exit", "get_ipython"})
_OUTPUT = re.compile(r"_\d+|_i+\d*")
_DYNAMIC = frozenset({"__import__", "eval", "exec", "globals", "locals"})
# Of this machine, or of its user. Routes of HTTP begin with a slash as well.
_ABSOLUTE = re.compile(
    r"(/(home|Users|root|mnt|media|tmp|Volumes|kaggle|workspace|dbfs)/|~/|[A-Za-z]:[\\/]).+"
    r"|/(data|var|opt|content)/.+\.\w+"
)
_OPENS = frozenset({"open", "io.open", "gzip.open", "bz2.open", "lzma.open", "codecs.open"})
_MOST_SHOWN = 60
_FITS = frozenset({"fit", "fit_transform", "partial_fit", "load_state_dict", "load_weights"})


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Something in the way from cells to a module.

    Attributes:
        severity: error: the module would not do what the notebook does. warning: it may not.
        name: the name that it is about, or "".
        where: "cell 4", or "" where it is in no cell.
        message: what is in the way.
        fix: the next step.
    """

    severity: Literal["error", "warning"]
    name: str
    where: str
    message: str
    fix: str

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{self.severity}: {place}{self.message}\nhint: {self.fix}"


def obstacles(found: Closure, statements: Sequence[Statement]) -> list[Obstacle]:
    """All that is in the way of a module.

    Args:
        found: what the graph needs.
        statements: of all cells, as they ran.
    """
    stars = [one for one in statements if _is_star(one)]
    return [
        *(_missing(use, stars) for use in found.missing if not _is_magic(use)),
        *map(_replaced, found.replaced),
        *map(_outdated, found.outdated),
        *map(_changed, found.changed),
        *map(_star, stars),
        *(one for statement in found.carried for one in _within(statement)),
    ]


def is_bound_here(statement: Statement) -> bool:
    """Whether what it computes can be computed on this machine, or in a notebook, alone."""
    return _awaits(statement.node) or bool(_paths(statement.node))


def fits(statement: Statement) -> bool:
    """Whether it has a model learn, or load what it learned."""
    calls = (one.func for one in ast.walk(statement.node) if isinstance(one, ast.Call))
    return any(isinstance(one, ast.Attribute) and one.attr in _FITS for one in calls)


def _is_magic(use: Use) -> bool:
    """Whether the statement itself is a magic, which is said of it as a whole."""
    return use.by is not None and _runs_magic(use.by) and use.name == "get_ipython"


def _runs_magic(statement: Statement) -> bool:
    return "get_ipython" in statement.names.needs


def _star(statement: Statement) -> Obstacle:
    message = f"what {_shown(statement)!r} binds does not come along"
    return Obstacle("warning", "", statement.where, message, "import each by its name")


def _missing(use: Use, stars: Sequence[Statement]) -> Obstacle:
    where = "" if use.by is None else use.by.where
    if use.name in _ONLY_IN_NOTEBOOKS or _OUTPUT.fullmatch(use.name):
        fix = "leave it out of what the graph uses, or import what stands in for it"
        return _error(use.name, where, f"{use.name!r} exists in notebooks alone", fix)
    if stars:
        said = ", ".join(f"{_shown(one)!r} of {one.where}" for one in stars)
        message = f"{use.name!r} is bound by no cell that ran, unless it comes from {said}"
        return _error(use.name, where, message, f"import it by its name: ... import {use.name}")
    message = f"{use.name!r} is bound by no cell that ran"
    return _error(use.name, where, message, f"define {use.name} in a cell, and run that")


def _replaced(use: Use) -> Obstacle:
    assert use.of is not None
    message = f"{use.name!r} was defined by an earlier version of this cell, and exists no more"
    return _error(use.name, use.of.where, message, f"define {use.name} again, and run that cell")


def _outdated(use: Use) -> Obstacle:
    assert use.by is not None
    assert use.of is not None
    message = f"it used {use.name!r} as it was before {use.of.where} defined it anew"
    fix = "run this cell again if it is to have the new one"
    return Obstacle("warning", use.name, use.by.where, message, fix)


def _changed(use: Use) -> Obstacle:
    assert use.by is not None
    assert use.of is not None
    message = f"{_shown(use.by)!r} changes {use.name!r}, which {use.of.where} made"
    if use.of.imports:
        message = f"{_shown(use.by)!r} changes what is imported as {use.name!r}: it is not carried"
        fix = "do so where it is used: in the class or function of the node"
        return Obstacle("warning", use.name, use.by.where, message, fix)
    fix = f"it comes along; {use.name} is easier to read when one cell makes it as it is to be"
    return Obstacle("warning", use.name, use.by.where, message, fix)


def _within(statement: Statement) -> Iterator[Obstacle]:
    """What a statement that is needed cannot do in a module."""
    where = statement.where
    if _runs_magic(statement):
        fix = "leave magics and shell commands out of what the graph uses"
        yield _error("", where, f"{_shown(statement)!r} runs in a notebook alone", fix)
    if _awaits(statement.node):
        fix = "await it where it is used: in a method of the node"
        yield _error("", where, f"{_shown(statement)!r} awaits, which no module can", fix)
    if "__name__" in statement.names.needs:
        message = f"{_shown(statement)!r} asks for its name, which is another one in a module"
        yield Obstacle("warning", "__name__", where, message, "leave that out")
    for name in _files(statement.node):
        fix = f"open it where it is used; or keep what is in it: {name} = open(...).read()"
        yield _error(name, where, f"{name!r} is an open file", fix)
    for called in _called(statement.node, _DYNAMIC):
        message = f"what {called}() makes or needs is not seen"
        yield Obstacle("warning", called, where, message, "write the names themselves")
    if fits(statement) and not isinstance(statement.node, (*DEFINED_FUNCTIONS, ast.ClassDef)):
        message = f"{_shown(statement)!r} runs whenever the module is imported, in each replica"
        fix = "take it from the notebook's kernel: what was learned goes along as a file there"
        yield Obstacle("warning", "", where, message, fix)
    for path in _paths(statement.node):
        message = f"{path!r} is a path of this machine"
        fix = "take it from the environment or from an init argument, or pass a URL"
        yield Obstacle("warning", "", where, message, fix)


def _error(name: str, where: str, message: str, fix: str) -> Obstacle:
    return Obstacle("error", name, where, message, fix)


def _shown(statement: Statement) -> str:
    line = ast.unparse(statement.node).partition("\n")[0]
    return line if len(line) <= _MOST_SHOWN else f"{line[:_MOST_SHOWN]}…"


def _is_star(statement: Statement) -> bool:
    node = statement.node
    return isinstance(node, ast.ImportFrom) and any(one.name == "*" for one in node.names)


def _awaits(node: ast.AST) -> bool:
    """Whether it awaits itself, not in a function that it defines."""
    if isinstance(node, (*DEFINED_FUNCTIONS, ast.Lambda)):
        return False
    if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith):
        return True
    if isinstance(node, ast.comprehension) and node.is_async:
        return True
    return any(map(_awaits, ast.iter_child_nodes(node)))


def _files(node: ast.stmt) -> Iterator[str]:
    match node:
        case ast.Assign(targets, ast.Call(called)) if ast.unparse(called) in _OPENS:
            yield from (one.id for one in targets if isinstance(one, ast.Name))


def _called(node: ast.AST, names: Iterable[str]) -> list[str]:
    calls = [one.func for one in ast.walk(node) if isinstance(one, ast.Call)]
    return sorted({one.id for one in calls if isinstance(one, ast.Name) and one.id in names})


def _paths(node: ast.AST) -> list[str]:
    texts = (one.value for one in ast.walk(node) if isinstance(one, ast.Constant))
    return list(dict.fromkeys(one for one in texts if isinstance(one, str) and _is_path(one)))


def _is_path(text: str) -> bool:
    return "\n" not in text and _ABSOLUTE.fullmatch(text) is not None
