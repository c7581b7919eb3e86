"""graphnb's imports as those of Ray Serve, where both have the name."""

from __future__ import annotations

import ast
import io
from typing import TYPE_CHECKING, TypeGuard

from graphnb.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["refuse_graphnb", "without_graphnb"]

_OWN = "graphnb"


def without_graphnb(text: str) -> str:
    """The source with `from ray import serve` for `from graphnb import serve`, and the like.

    Ray Serve's deployments have no `route_prefix`: it is left out, `serve.yaml` says it. Names that
    Ray Serve does not have stay: see `refuse_graphnb`.
    """
    lines = [line.encode() for line in io.StringIO(text)]
    tree = list(ast.walk(ast.parse(text)))
    edits: list[tuple[ast.stmt | ast.expr, list[str]]] = [
        (one, _rayed(one)) for one in tree if isinstance(one, ast.stmt) and _rayed(one)
    ]
    edits += [(one, [_unprefixed(one)]) for one in tree if _is_prefixed(one)]
    for node, said in sorted(edits, key=lambda one: (-one[0].lineno, -one[0].col_offset)):
        assert node.end_lineno is not None
        first, last = lines[node.lineno - 1], lines[node.end_lineno - 1]
        indent = first[: node.col_offset]
        joined = ("; " if indent.strip() else "\n" + indent.decode()).join(said)
        new = indent + joined.encode() + last[node.end_col_offset :]
        lines[node.lineno - 1 : node.end_lineno] = [new]
    return b"".join(lines).decode()


def _is_prefixed(node: ast.AST) -> TypeGuard[ast.Call]:
    """Whether it gives a deployment a route prefix."""
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    keywords = {one.arg for one in node.keywords}
    return name in {"deployment", "options"} and "route_prefix" in keywords


def _unprefixed(node: ast.Call) -> str:
    kept = [one for one in node.keywords if one.arg != "route_prefix"]
    return ast.unparse(ast.Call(node.func, node.args, kept))


def _rayed(node: ast.AST) -> list[str]:
    """The statements to write instead of an import; none if it may stay."""
    if isinstance(node, ast.Import):
        names = [one for one in node.names if one.name == f"{_OWN}.serve" and one.asname]
        if len(names) != len(node.names):
            return []
        return [f"from ray import serve as {one.asname}" for one in names]
    if not isinstance(node, ast.ImportFrom) or node.level:
        return []
    if node.module == f"{_OWN}.serve":
        return ["from ray.serve import " + ", ".join(map(ast.unparse, node.names))]
    if node.module != _OWN:
        return []
    serve = [one for one in node.names if one.name == "serve"]
    others = [one for one in node.names if one.name != "serve"]
    said = ["from ray import " + ", ".join(map(ast.unparse, serve))] if serve else []
    if serve and others:
        said.append(f"from {_OWN} import " + ", ".join(map(ast.unparse, others)))
    return said


def refuse_graphnb(text: str, file: str) -> None:
    """Raises ExportError if source imports anything of graphnb."""
    for node in ast.walk(ast.parse(text)):
        for module, name in _imported(node):
            if module.partition(".")[0] == _OWN:
                what = f"{name} of {module}" if name else module
                raise ExportError(
                    f"plain code has no {what}, which {file} imports: {_line(text, node)}",
                    hint="take it out of the classes and functions of the graph; of graphnb,"
                    " `from graphnb import serve` alone becomes Ray's",
                )


def _imported(node: ast.AST) -> Iterator[tuple[str, str | None]]:
    if isinstance(node, ast.Import):
        yield from ((one.name, None) for one in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield from ((node.module, one.name) for one in node.names)


def _line(text: str, node: ast.AST) -> str:
    at: int = getattr(node, "lineno", 1)
    return text.splitlines()[at - 1].strip()
