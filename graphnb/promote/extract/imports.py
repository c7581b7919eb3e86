"""The imports of a module: those that are needed, in the order that people are used to."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

__all__ = ["import_lines", "imported_modules", "origins"]

_WIDTH = 88


def import_lines(nodes: Iterable[ast.stmt], used: Collection[str]) -> list[str]:
    """Import statements as a block: the future, the standard library, all others.

    Args:
        nodes: `import` and `from` statements.
        used: the names that are needed of them.
    """
    plain: set[tuple[str, str]] = set()
    by_module: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for node in nodes:
        if isinstance(node, ast.Import):
            plain |= {(one.name, one.asname or "") for one in node.names if _bound(one) in used}
        elif isinstance(node, ast.ImportFrom):
            module = _module(node)
            needed = [one for one in node.names if module == "__future__" or _bound(one) in used]
            by_module[module] |= {(one.name, one.asname or "") for one in needed}
    sections: dict[int, list[str]] = defaultdict(list)
    for name, alias in sorted(plain):
        sections[_section(name)].append(f"import {name}" + (alias and f" as {alias}"))
    for module in sorted(by_module):
        if by_module[module]:
            sections[_section(module)].append(_from(module, sorted(by_module[module])))
    lines: list[str] = []
    for _, section in sorted(sections.items()):
        lines += ["", *section] if lines else section
    return lines


def _module(node: ast.ImportFrom) -> str:
    return "." * node.level + (node.module or "")


def imported_modules(nodes: Iterable[ast.AST]) -> frozenset[str]:
    """The modules that some code imports, wherever it does so; by their full names."""
    found: set[str] = set()
    for node in nodes:
        for one in ast.walk(node):
            if isinstance(one, ast.Import):
                found |= {alias.name for alias in one.names}
            elif isinstance(one, ast.ImportFrom) and one.module and not one.level:
                found.add(one.module)
    return frozenset(found)


def origins(node: ast.stmt) -> list[tuple[str, str]]:
    """The names that an import binds, each with what it then is: a module, or a part of one."""
    if isinstance(node, ast.Import):
        return [(_bound(one), one.name if one.asname else _bound(one)) for one in node.names]
    if isinstance(node, ast.ImportFrom):
        return [(_bound(one), f"{_module(node)}.{one.name}") for one in node.names]
    return []


def _bound(alias: ast.alias) -> str:
    return alias.asname or alias.name.partition(".")[0]


def _section(module: str) -> int:
    top = module.partition(".")[0]
    return 0 if top == "__future__" else 1 if top in sys.stdlib_module_names else 2


def _from(module: str, names: Sequence[tuple[str, str]]) -> str:
    said = [name + (alias and f" as {alias}") for name, alias in names]
    line = f"from {module} import {', '.join(said)}"
    if len(line) <= _WIDTH:
        return line
    return "\n".join([f"from {module} import (", *(f"    {one}," for one in said), ")"])
