"""Normal forms of source: what is left of code when lines, comments and layout are taken away.

The compiler lets the layout show through in bytecode (which instructions are joined, which jumps
are shortened), so code is compared by its syntax tree wherever the source can be had. The source
that linecache holds is believed only if compiling it gives the very code object that is asked for:
files are edited after they were imported, and other tools rewrite what they compile.
"""

from __future__ import annotations

import __future__
import ast
import inspect
import linecache
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, reduce
from hashlib import blake2b
from operator import or_
from types import CodeType
from typing import Any, TypeGuard

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

_SIZE = 16
_FUTURES = reduce(or_, (getattr(__future__, n).compiler_flag for n in __future__.all_feature_names))

# Follows from the grammar (ctx), or is a matter of spelling.
_IGNORED_FIELDS = frozenset({"ctx", "kind", "type_comment", "type_ignores"})


def source_digest(code: CodeType, namespace: dict[str, Any]) -> bytes | None:
    """The digest of a function's syntax tree without its decorators, if its source is at hand."""
    node = _find(code, namespace)
    if node is None:
        return None
    if isinstance(node, ast.Lambda):
        return tree_digest(node)
    return tree_digest(node, skip=frozenset({"decorator_list"}))


def tree_digest(root: ast.AST, *, skip: frozenset[str] = frozenset()) -> bytes:
    """The digest of a syntax tree without positions.

    Args:
        skip: fields of the root that do not count.
    """
    pieces: list[str] = []
    stack: list[object] = list(_open(root, pieces, skip))
    while stack:
        item = stack.pop()
        if isinstance(item, ast.AST):
            stack.extend(_open(item, pieces, frozenset()))
        elif isinstance(item, list):
            pieces.append("[")
            stack.append(_CLOSE)
            stack.extend(reversed(item))
        elif item is _CLOSE:
            pieces.append(")")
        else:
            pieces.append(repr(item))
    return blake2b("\x1f".join(pieces).encode("utf-8", "surrogatepass"), digest_size=_SIZE).digest()


_CLOSE = object()


def _open(node: ast.AST, pieces: list[str], skip: frozenset[str]) -> Iterator[object]:
    """Writes the node's name; gives what is to be popped next, last first."""
    pieces.append(type(node).__name__ + "(")
    yield _CLOSE
    for field in reversed(node._fields):
        if field in _IGNORED_FIELDS or field in skip:
            continue
        value = getattr(node, field, None)
        yield _clean_docstring(value) if field == "body" else value


def _clean_docstring(body: object) -> object:
    """The body with its docstring's indentation taken off, which formatters change."""
    match body:
        case [ast.Expr(value=ast.Constant(value=str(text))), *rest]:
            return [ast.Expr(ast.Constant(inspect.cleandoc(text))), *rest]
    return body


@dataclass(frozen=True, slots=True)
class _Text:
    """A text that was parsed and compiled.

    Attributes:
        codes: every code object in it.
        functions: by name and first line, which is that of the first decorator.
        lambdas: all of them, outer ones first.
    """

    codes: frozenset[CodeType]
    functions: Mapping[tuple[str, int], ast.FunctionDef | ast.AsyncFunctionDef]
    lambdas: tuple[ast.Lambda, ...]


def _find(code: CodeType, namespace: dict[str, Any]) -> Function | None:
    """The function that the code was compiled from."""
    text = _source_text(code, namespace)
    if text is None:
        return None
    if code.co_name != "<lambda>":
        return text.functions.get((code.co_name, code.co_firstlineno))
    around = [one for one in text.lambdas if _holds(one.body, code)]
    return around[-1] if around else None


def _source_text(code: CodeType, namespace: dict[str, Any]) -> _Text | None:
    """The text of the file or cell, if it still is what the code was compiled from."""
    for attempt in range(2):
        if attempt:  # linecache keeps the text of a file that was edited and loaded again
            linecache.checkcache(code.co_filename)
        lines = linecache.getlines(code.co_filename, namespace if attempt else None)
        text = _parse("".join(lines), code.co_flags & _FUTURES) if lines else None
        if text is not None and code in text.codes:
            return text
    return None


@lru_cache(maxsize=64)
def _parse(text: str, flags: int) -> _Text | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they were shown when the code was first compiled
            tree = ast.parse(text)
            flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT  # as cells are compiled
            code = compile(tree, "<digest>", "exec", flags=flags, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError):
        return None
    nodes = list(ast.walk(tree))
    functions = {(n.name, _first_line(n)): n for n in nodes if _is_def(n)}
    lambdas = tuple(n for n in nodes if isinstance(n, ast.Lambda))
    return _Text(frozenset(_nested(code)), functions, lambdas)


def _is_def(node: ast.AST) -> TypeGuard[ast.FunctionDef | ast.AsyncFunctionDef]:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def _first_line(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return min([node.lineno, *(one.lineno for one in node.decorator_list)])


def _nested(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _nested(constant)


def _holds(body: ast.expr, code: CodeType) -> bool:
    """Whether all of a lambda's code lies within the body; several may share a line."""
    found = False
    for line, end_line, column, end_column in code.co_positions():
        if line is None or end_line is None or column is None or end_column is None:
            continue
        if column == end_column:  # the instructions that enter a function lie nowhere
            continue
        assert body.end_lineno is not None
        assert body.end_col_offset is not None
        starts = (body.lineno, body.col_offset) <= (line, column)
        if not starts or (end_line, end_column) > (body.end_lineno, body.end_col_offset):
            return False
        found = True
    return found
