"""Variables that cannot go along in plain code, since nodes are bound where they are."""

from __future__ import annotations

import ast

from graphnb.promote.extract.names import names_of

__all__ = ["unfit_names"]


def unfit_names(text: str) -> frozenset[str]:
    """What statements at the top of a module bind that bind nodes too, such as loops over them.

    Args:
        text: the module's source.
    """
    found: set[str] = set()
    fit: set[str] = set()
    for one in ast.parse(text).body:
        (found if _binds_nodes(one) else fit).update(names_of(one).binds)
    return frozenset(found - fit)


def _binds_nodes(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return False
    return any(
        (isinstance(one, ast.Attribute) and one.attr == "bind")
        or (isinstance(one, ast.Name) and one.id == "InputNode")
        for one in ast.walk(statement)
    )
