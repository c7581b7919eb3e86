"""What a statement binds, what it needs, and whose objects it changes."""

from __future__ import annotations

import ast
import contextlib
import copy
import symtable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphnb.promote.extract.flow import flow_of

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["DEFINED_FUNCTIONS", "Names", "names_of"]

_COMPREHENSIONS = frozenset({"listcomp", "setcomp", "dictcomp", "genexpr"})

DEFINED_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
"""The statements that define a function."""

_LATER = (*DEFINED_FUNCTIONS, ast.Lambda)

# Methods that are known to change their object; of others nothing can be told from the source.
_CHANGING = frozenset(
    """
    add append appendleft clear discard eval extend extendleft fit insert load_state_dict
    load_weights partial_fit pop popitem popleft register remove requires_grad_ reverse seed
    setdefault sort train update
    """.split()  # noqa: SIM905  a list of one to a line hides what is in it
)


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a statement at the top of a cell.

    Attributes:
        binds: those that may mean something else after it.
        needs: those that must mean something when it runs.
        may_use: those whose meaning of before it may use, or leave as it is.
        needs_later: those that must mean something when what it defines is called.
        may_need: those that stand in annotations that nobody has looked into yet, and those that
            a function binds itself.
        changes: those whose objects it changes in place.
    """

    binds: frozenset[str]
    needs: frozenset[str]
    may_use: frozenset[str]
    needs_later: frozenset[str]
    may_need: frozenset[str]
    changes: frozenset[str]


def names_of(statement: ast.stmt, *, lazy_annotations: bool = False) -> Names:
    """Works out the names of a statement.

    Args:
        statement: from the top of a cell.
        lazy_annotations: whether annotations are not looked into while it runs, as after
            `from __future__ import annotations`.

    Raises:
        SyntaxError, RecursionError: Python could not run it either.
    """
    bare, annotated = _without_annotations(statement) if lazy_annotations else (statement, set())
    table = symtable.symtable(_source(bare), "<cell>", "exec")
    binds = {one.get_name() for one in table.get_symbols() if _is_bound(one)}
    binds |= {one.target.id for one in _at_once(statement) if isinstance(one, ast.NamedExpr)}
    binds -= _only_annotated(statement)
    later, own = _called_later(table)
    flow = flow_of(bare)
    return Names(
        frozenset(binds),
        frozenset(flow.needs),
        frozenset((flow.may_use | (binds - flow.bound)) - flow.needs),
        frozenset(later),
        frozenset((annotated | _quoted(statement) | own) - later),
        frozenset(_changed(statement, binds)),
    )


def _without_annotations(statement: ast.stmt) -> tuple[ast.stmt, set[str]]:
    """The statement with none, and the names in those that it had."""
    taken: list[ast.expr] = []
    bare = copy.deepcopy(statement)
    for node in ast.walk(bare):
        if isinstance(node, ast.arg) and node.annotation is not None:
            taken.append(node.annotation)
            node.annotation = None
        elif isinstance(node, DEFINED_FUNCTIONS) and node.returns is not None:
            taken.append(node.returns)
            node.returns = None
        elif isinstance(node, ast.AnnAssign):
            taken.append(node.annotation)
            node.annotation = ast.Constant(None)
    names = (one for each in taken for one in ast.walk(each) if isinstance(one, ast.Name))
    return bare, {one.id for one in names}


def _quoted(statement: ast.stmt) -> set[str]:
    """The names in annotations that are written as text."""
    found: set[str] = set()
    for node in ast.walk(statement):
        for field in ("annotation", "returns"):
            inner = getattr(node, field, None)
            texts = _texts(inner) if isinstance(inner, ast.expr) else ()
            for text in texts:
                with contextlib.suppress(SyntaxError, ValueError):
                    parsed = ast.parse(text, mode="eval")
                    found |= {one.id for one in ast.walk(parsed) if isinstance(one, ast.Name)}
    return found


def _texts(annotation: ast.expr) -> Iterator[str]:
    """The types in an annotation that are written as text: not what a literal may be."""
    match annotation:
        case ast.Constant(str(text)):
            yield text
        case ast.Subscript(ast.Name("Literal") | ast.Attribute(_, "Literal")):
            return
        case ast.Subscript(ast.Name("Annotated") | ast.Attribute(_, "Annotated"), ast.Tuple(parts)):
            yield from _texts(parts[0])
        case _:
            for child in ast.iter_child_nodes(annotation):
                if isinstance(child, ast.expr):
                    yield from _texts(child)


def _source(statement: ast.stmt) -> str:
    """Its source as the symbol table reads it: where it stands does not matter there."""
    return ast.unparse(ast.Module([statement], []))


def _is_bound(symbol: symtable.Symbol) -> bool:
    return symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()


def _called_later(table: symtable.SymbolTable) -> tuple[set[str], set[str]]:
    """The globals that functions within look up when they are called, and those that they bind."""
    looked_up: set[str] = set()
    bound: set[str] = set()
    waiting = [(child, False) for child in table.get_children()]
    while waiting:
        one, called = waiting.pop()
        is_function = one.get_type() == "function" and one.get_name() not in _COMPREHENSIONS
        called = called or is_function
        for symbol in one.get_symbols() if called else ():
            if symbol.is_global():
                own = symbol.is_declared_global() and symbol.is_assigned()
                (bound if own else looked_up).add(symbol.get_name())
        waiting.extend((child, called) for child in one.get_children())
    return looked_up - bound, bound


def _only_annotated(statement: ast.stmt) -> set[str]:
    """The name in `name: type`, which binds nothing."""
    match statement:
        case ast.AnnAssign(ast.Name(name), _, None):
            return {name}
    return set()


def _at_once(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run with the statement: not the bodies of functions."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, _LATER):
            yield from _at_once(child)


def _changed(statement: ast.stmt, binds: set[str]) -> set[str]:
    """The names whose objects it changes, but for objects that it made itself."""
    if isinstance(statement, _LATER):
        return set()
    names = {_root_name(one) for one in _changed_in(statement)} - {None}
    inner = set()
    if isinstance(statement, ast.ClassDef):  # what a class body changes is the class's own
        inner = {one for part in statement.body for one in names_of(part).binds}
    augmented = {
        one.target.id
        for one in _at_once(statement)
        if isinstance(one, ast.AugAssign) and isinstance(one.target, ast.Name)
    }
    made = binds - augmented if not isinstance(statement, ast.Expr) else set()
    return ({one for one in names if one is not None} - made - inner) | (augmented - inner)


def _changed_in(statement: ast.stmt) -> Iterator[ast.expr]:
    for node in _at_once(statement):
        match node:
            case ast.Attribute(value, _, ast.Store() | ast.Del()):
                yield value
            case ast.Subscript(value, _, ast.Store() | ast.Del()):
                yield value
            case ast.Call(ast.Attribute(value, name)) if name in _CHANGING:
                yield value
            case ast.Call(ast.Name("setattr" | "delattr"), [value, *_]):
                yield value


def _root_name(node: ast.expr) -> str | None:
    """The name at the beginning of `name.part[key]`; None of anything else."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None
