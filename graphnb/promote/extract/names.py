"""What a statement binds, what it needs, and whose objects it changes."""

from __future__ import annotations

import ast
import copy
import symtable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphnb.promote.extract.flow import used_before_bound

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Names", "names_of", "root_name"]

_COMPREHENSIONS = frozenset({"listcomp", "setcomp", "dictcomp", "genexpr"})
_LATER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)

# Methods that are known to change their object; of others nothing can be told from the source.
_CHANGING = frozenset(
    [
        "add",
        "append",
        "appendleft",
        "clear",
        "discard",
        "extend",
        "extendleft",
        "fit",
        "insert",
        "load_state_dict",
        "partial_fit",
        "pop",
        "popitem",
        "popleft",
        "remove",
        "reverse",
        "setdefault",
        "sort",
        "update",
    ]
)


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a statement at the top of a cell.

    Attributes:
        binds: those that mean something else after it.
        needs: those that must mean something when it runs.
        needs_later: those that must when what it defines is called.
        changes: those whose objects it changes in place.
    """

    binds: frozenset[str]
    needs: frozenset[str]
    needs_later: frozenset[str]
    changes: frozenset[str]


def names_of(statement: ast.stmt, *, lazy_annotations: bool = False) -> Names:
    """Works out the names of a statement.

    Args:
        statement: from the top of a cell.
        lazy_annotations: whether annotations are not looked into while it runs, as after
            `from __future__ import annotations`.
    """
    bare, annotated = _without_annotations(statement) if lazy_annotations else (statement, set())
    table = symtable.symtable(_source(bare), "<cell>", "exec")
    binds = {one.get_name() for one in table.get_symbols() if _is_bound(one)}
    needs = {one.get_name() for one in table.get_symbols() if one.is_referenced()}
    later: set[str] = annotated
    for child in table.get_children():
        _collect(child, needs, later, now=True)
    used = used_before_bound(bare)
    plain, augmented = set(_stored(statement)), set(_augmented(statement))
    needs = (needs - (binds - used)) | (augmented & used)
    changes = {*_changed(statement), *(augmented - plain)} - (binds - augmented)
    return Names(
        frozenset(binds),
        frozenset(needs),
        frozenset(later),
        frozenset(changes),
    )


def root_name(node: ast.expr) -> str | None:
    """The name at the beginning of `name.part[key]`; None of anything else."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _without_annotations(statement: ast.stmt) -> tuple[ast.stmt, set[str]]:
    """The statement with none, and the names in those that it had."""
    taken: list[ast.expr] = []
    bare = copy.deepcopy(statement)
    for node in ast.walk(bare):
        if isinstance(node, ast.arg) and node.annotation is not None:
            taken.append(node.annotation)
            node.annotation = None
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None:
            taken.append(node.returns)
            node.returns = None
        elif isinstance(node, ast.AnnAssign):
            taken.append(node.annotation)
            node.annotation = ast.Constant(None)
    names = (one for each in taken for one in ast.walk(each) if isinstance(one, ast.Name))
    return bare, {one.id for one in names}


def _source(statement: ast.stmt) -> str:
    """Its source as the symbol table reads it: where it stands does not matter there."""
    return ast.unparse(ast.Module([statement], []))


def _is_bound(symbol: symtable.Symbol) -> bool:
    return symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()


def _collect(table: symtable.SymbolTable, needs: set[str], later: set[str], *, now: bool) -> None:
    """Adds what a scope within the statement takes from the module."""
    is_function = table.get_type() == "function" and table.get_name() not in _COMPREHENSIONS
    now = now and not is_function
    for symbol in table.get_symbols():
        if symbol.is_global():
            (needs if now else later).add(symbol.get_name())
    for child in table.get_children():
        _collect(child, needs, later, now=now)


def _at_once(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run with the statement: not the bodies of functions."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, _LATER):
            yield from _at_once(child)


def _stored(statement: ast.stmt) -> Iterator[str]:
    augmented = {id(one.target) for one in _at_once(statement) if isinstance(one, ast.AugAssign)}
    for node in _at_once(statement):
        is_stored = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        if is_stored and id(node) not in augmented:
            yield node.id  # type: ignore[attr-defined]


def _augmented(statement: ast.stmt) -> Iterator[str]:
    for node in _at_once(statement):
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def _changed(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, _LATER):
        return
    for node in _at_once(statement):
        changed: ast.expr | None = None
        if isinstance(node, ast.Attribute | ast.Subscript):
            changed = None if isinstance(node.ctx, ast.Load) else node.value
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            called = node.value.func
            if isinstance(called, ast.Attribute) and called.attr in _CHANGING:
                changed = called.value
        name = None if changed is None else root_name(changed)
        if name is not None:
            yield name
