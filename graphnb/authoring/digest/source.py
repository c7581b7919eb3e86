"""Normal forms of source: what is left of code when lines, comments and layout are taken away.

The compiler lets the layout show through in bytecode (which instructions are joined, which jumps
are shortened), so code is compared by its syntax tree wherever the source can be had. The source
that linecache holds is believed only if compiling it gives the very code object that is asked for:
files are edited after they were imported, and other tools rewrite what they compile.
"""

from __future__ import annotations
import __future__

import ast
import contextlib
import inspect
import linecache
import warnings
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, reduce
from hashlib import blake2b
from operator import or_
from types import CodeType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_Def = ast.FunctionDef | ast.AsyncFunctionDef
_DOCUMENTED = (_Def, ast.ClassDef, ast.Module)

_SIZE = 16
_FUTURES: int = reduce(
    or_, (getattr(__future__, n).compiler_flag for n in __future__.all_feature_names)
)

# Follows from the grammar (ctx), or is a matter of spelling.
_IGNORED_FIELDS = frozenset({"ctx", "kind", "type_comment", "type_ignores"})


def source_digest(code: CodeType, namespace: dict[str, Any]) -> bytes | None:
    """The digest of a function's syntax tree without its decorators, if its source is at hand."""
    text = _source_text(code, namespace)
    node = None if text is None else text.find(code)
    if text is None or node is None:
        return None
    if node not in text.digests:
        text.digests[node] = tree_digest(node, skip=frozenset({"decorator_list"}))
    # Imports from __future__ change what the same tree means.
    return text.digests[node] + (code.co_flags & _FUTURES).to_bytes(4, "big")


def tree_digest(root: ast.AST, *, skip: frozenset[str] = frozenset()) -> bytes:
    """The digest of a syntax tree without positions.

    Args:
        skip: fields of the root that do not count.
    """
    pieces = [type(root).__name__]
    stack = _fields(root, _IGNORED_FIELDS | skip)
    while stack:
        item = stack.pop()
        if isinstance(item, ast.AST):
            # Each node writes all of its fields, and each list its length: nothing need be closed.
            pieces.append(type(item).__name__)
            stack.extend(_fields(item, _IGNORED_FIELDS))
        elif isinstance(item, list):
            pieces.append(f"[{len(item)}")
            stack.extend(reversed(item))
        else:
            pieces.append(repr(item))
    return blake2b("\x1f".join(pieces).encode("utf-8", "surrogatepass"), digest_size=_SIZE).digest()


def _fields(node: ast.AST, skip: frozenset[str]) -> list[object]:
    """The fields of a node that count, last first."""
    fields = [getattr(node, name, None) for name in reversed(node._fields) if name not in skip]
    return list(map(_clean_docstring, fields)) if isinstance(node, _DOCUMENTED) else fields


def _clean_docstring(field: object) -> object:
    """A body with its docstring's indentation taken off, which formatters change."""
    match field:
        case [ast.Expr(value=ast.Constant(value=str(text))), *rest]:
            return [ast.Expr(ast.Constant(inspect.cleandoc(text))), *rest]
    return field


@dataclass(frozen=True)
class _Text:
    """A text that was parsed.

    Attributes:
        flags: of the compiler.
        digests: of its functions, as far as they were asked for.
    """

    tree: ast.Module
    flags: int
    digests: dict[ast.AST, bytes] = field(default_factory=dict)

    def made(self, code: CodeType) -> bool:
        """Whether the code object is one of this text, compiled as a file or as a cell is."""
        return code in self._as_file or code in self._as_cell

    @cached_property
    def _as_file(self) -> frozenset[CodeType]:
        """Every code object in it."""
        return self._compiled([self.tree])

    @cached_property
    def _as_cell(self) -> frozenset[CodeType]:
        """Likewise, each statement compiled by itself, as IPython does.

        Python 3.11 makes other code of calls into a module that the same text imports.
        """
        return self._compiled(ast.Module([one], []) for one in self.tree.body)

    def _compiled(self, trees: Iterable[ast.Module]) -> frozenset[CodeType]:
        found: set[CodeType] = set()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for tree in trees:
                with contextlib.suppress(SyntaxError, ValueError, RecursionError):
                    code = compile(tree, "<digest>", "exec", flags=self.flags, dont_inherit=True)
                    found.update(_nested(code))
        return frozenset(found)

    def find(self, code: CodeType) -> _Def | ast.Lambda | None:
        """The function that the code was compiled from."""
        if code.co_name != "<lambda>":
            return self.functions.get((code.co_name, code.co_firstlineno))
        around = [one for one in self.lambdas if _holds(one.body, code)]
        return around[-1] if around else None

    @cached_property
    def functions(self) -> Mapping[tuple[str, int], _Def]:
        """By name and first line, which is that of the first decorator."""
        return {
            (one.name, min([one.lineno, *(each.lineno for each in one.decorator_list)])): one
            for one in _defs(self.tree.body)
        }

    @cached_property
    def lambdas(self) -> tuple[ast.Lambda, ...]:
        """All of them, outer ones first."""
        return tuple(one for one in ast.walk(self.tree) if isinstance(one, ast.Lambda))


def _source_text(code: CodeType, namespace: dict[str, Any]) -> _Text | None:
    """The text of the file or cell, if it still is what the code was compiled from."""
    for attempt in range(2):
        if attempt:  # linecache keeps the text of a file that was edited and loaded again
            linecache.checkcache(code.co_filename)
        lines = linecache.getlines(code.co_filename, namespace if attempt else None)
        text = _parse("".join(lines), code.co_flags & _FUTURES) if lines else None
        if text is not None and text.made(code):
            return text
    return None


@lru_cache(maxsize=64)
def syntax_tree(text: str) -> ast.Module | None:
    """The syntax tree of a file or cell, if it can be parsed; it is shared, so only to be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they were shown when the code was first compiled
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None


@lru_cache(maxsize=64)
def _parse(text: str, flags: int) -> _Text | None:
    tree = syntax_tree(text)
    if tree is None:
        return None
    return _Text(tree, flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)  # as cells are compiled


def _nested(code: CodeType) -> Iterator[CodeType]:
    """The code objects in a code object, and in those."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _nested(constant)


def _defs(statements: Iterable[ast.AST]) -> Iterator[_Def]:
    """The functions in a block, and in the blocks within; expressions hold none."""
    for statement in statements:
        if isinstance(statement, _Def):
            yield statement
        for block in ("body", "orelse", "finalbody", "handlers", "cases"):
            yield from _defs(getattr(statement, block, ()))


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
