"""What plain code takes along instead of graphnb: a few of its files, as they are."""

from __future__ import annotations

import ast
import re
from importlib.resources import files
from typing import TYPE_CHECKING

from graphnb.promote.bundle.bundle import DRIVING
from graphnb.promote.bundle.form import Form
from graphnb.promote.extract.imports import imported_modules

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["driving_files", "driving_modules", "plain_form"]

_FILES = {
    "graphnb.promote.plain.driving": "__init__",
    "graphnb.promote.plain.driving.api": "api",
    "graphnb.promote.plain.driving.calls": "calls",
    "graphnb.authoring.walk": "walk",
    "graphnb.engine.http_response": "http_response",
    "graphnb.engine.request_input": "request_input",
    "graphnb.http_adapters": "http_adapters",
}
_IMPORT = re.compile(r"^from (graphnb[\w.]*) import", re.MULTILINE)


def plain_form() -> Form:
    """What a bundle of plain code brings along."""
    return Form(
        files={path: text.encode() for path, text in driving_files().items()},
        requirements=(),
        start="start_plain.txt",
        where="Here it runs on a Ray that is started for it.",
        more="It is plain Ray Serve: graphnb made it, and is not needed to run it.",
    )


def driving_files() -> Mapping[str, str]:
    """The files of the package `driving`, by their paths."""
    return {f"{DRIVING}/{name}.py": _text(module) for module, name in _FILES.items()}


def driving_modules(text: str) -> frozenset[str]:
    """The modules that plain code needs for what it takes from `driving`.

    An adapter for images imports what reads them only when it is called.

    Args:
        text: the source of the graph's module.
    """
    trees = {path: ast.parse(one) for path, one in driving_files().items()}
    adapters = trees.pop(f"{DRIVING}/http_adapters.py")
    used = set(_imported_from(ast.parse(text), f"{DRIVING}.http_adapters"))
    kept: list[ast.AST] = [
        one for one in adapters.body if not isinstance(one, _FUNCTIONS) or one.name in used
    ]
    found = imported_modules([*trees.values(), *kept])
    return frozenset(one for one in found if one.partition(".")[0] != DRIVING)


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _imported_from(tree: ast.AST, module: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == module:
            yield from (one.name for one in node.names)


def _text(module: str) -> str:
    """The source of a module, importing from `driving` what it imports from graphnb."""
    package, _, name = module.rpartition(".")
    if _FILES[module] == "__init__":
        package, name = module, "__init__"
    text = files(package).joinpath(f"{name}.py").read_text("utf-8")
    return _IMPORT.sub(lambda found: f"from {DRIVING}.{_FILES[found[1]]} import", text)
