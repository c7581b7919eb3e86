"""graphnb's imports as those of Ray Serve, where both have the name."""

from __future__ import annotations

import ast
import io
from typing import TYPE_CHECKING

from graphnb.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["refuse_graphnb", "without_graphnb"]

_OWN = "graphnb"


def without_graphnb(text: str) -> str:
    """The source with `from ray import serve` for `from graphnb import serve`, and the like.

    Names that Ray Serve does not have stay: see `refuse_graphnb`.
    """
    lines = [line.encode() for line in io.StringIO(text)]
    tree = ast.walk(ast.parse(text))
    found = [one for one in tree if isinstance(one, ast.stmt) and _rayed(one)]
    for node in sorted(found, key=lambda one: -one.lineno):
        assert node.end_lineno is not None
        first, last = lines[node.lineno - 1], lines[node.end_lineno - 1]
        indent = first[: node.col_offset]
        said = ("; " if indent.strip() else "\n" + indent.decode()).join(_rayed(node))
        new = indent + said.encode() + last[node.end_col_offset :]
        lines[node.lineno - 1 : node.end_lineno] = [new]
    return b"".join(lines).decode()


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
