"""Runs the body of a `%%deploy` cell as if it were the cell, and keeps the value of its end."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_LAST = "__graphnb_last__"


@dataclass(frozen=True, slots=True)
class BodyRun:
    """How it went.

    Attributes:
        success: no error; one that there was is shown already.
        last: the value of the body's last expression, or None.
    """

    success: bool
    last: Any


class _KeepLast(ast.NodeTransformer):
    """Assigns the last expression instead of displaying it: the picture is displayed once."""

    def visit_Module(self, node: ast.Module) -> ast.Module:
        if node.body and isinstance(node.body[-1], ast.Expr):
            last = node.body[-1]
            keep = ast.Assign([ast.Name(_LAST, ast.Store())], last.value)
            node.body[-1] = ast.copy_location(keep, last)
            ast.fix_missing_locations(node)
        return node


def run_body(shell: InteractiveShell, cell: str) -> BodyRun:
    """Runs the body with the shell's own machinery: magics, `await`, errors, history of cells."""
    transformer = _KeepLast()
    shell.ast_transformers.append(transformer)
    try:
        result = shell.run_cell(cell, store_history=False)
    finally:
        if transformer in shell.ast_transformers:  # IPython drops one that failed
            shell.ast_transformers.remove(transformer)
    return BodyRun(bool(result.success), shell.user_ns.pop(_LAST, None))
