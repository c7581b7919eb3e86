"""The environment variables that code reads, by name."""

from __future__ import annotations

import ast

__all__ = ["variables_in"]


def variables_in(text: str) -> frozenset[str]:
    """The names in `os.environ["NAME"]`, `os.environ.get("NAME")` and `os.getenv("NAME")`."""
    return frozenset(name for node in ast.walk(ast.parse(text)) if (name := _name(node)))


def _name(node: ast.AST) -> str | None:
    match node:
        case ast.Subscript(value, ast.Constant(str(name))) if _is_environment(value):
            return name
        case ast.Call(
            ast.Attribute(value, "get" | "pop" | "setdefault"), [ast.Constant(str(name)), *_]
        ):
            return name if _is_environment(value) else None
        case ast.Call(
            ast.Attribute(_, "getenv") | ast.Name("getenv"), [ast.Constant(str(name)), *_]
        ):
            return name
    return None


def _is_environment(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute | ast.Name) and ast.unparse(node).endswith("environ")
