"""Makes a `%%deploy` cell an ordinary cell with a deploy at its end.

IPython hands the body of a cell magic to the magic as text. A body that is run from there can
neither await nor fail as a cell does. So the first line becomes a string, by which the cell is
known again when it is Python; the body stays what it was, line by line. Then the string becomes a
call of `begin`, and `end` is called with the value of the last expression.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from IPython.core.getipython import get_ipython
from IPython.core.inputtransformer2 import leading_indent

from graphnb.authoring.nodes import next_order
from graphnb.ipython.arguments import parser_of
from graphnb.session.target import is_application

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

_FIRST_LINE = re.compile(r"%%deploy(?:[ \t]+(?P<options>[^\n]*?))?[ \t]*\n?$")
_MARK = "%%deploy "
_CALL = f"__import__('{__name__}', fromlist=['begin'])"


@dataclass(frozen=True, slots=True)
class DeployCell:
    """A `%%deploy` cell that is running.

    Attributes:
        options: what its first line says.
        since: nodes of this order and later are the cell's.
        applications: those of plain Ray Serve that variables held before.
        deploy: called at its end with this cell and the last expression's value.
    """

    options: argparse.Namespace
    since: int
    applications: tuple[Any, ...]
    deploy: Callable[[DeployCell, Any], None]


_running: list[DeployCell] = []
_deploy: list[Callable[[DeployCell, Any], None]] = []


def begin(line: str) -> None:
    """Stands in the place of a cell's first line.

    Raises:
        UsageError: the line does not fit; the body does not run.
    """
    options = parser_of("%%deploy").parse_line(line)
    shell = get_ipython()
    assert shell is not None
    applications = tuple(one for one in shell.user_ns.values() if is_application(one))
    _running[:] = [DeployCell(options, next_order(), applications, _deploy[-1])]


def end(last: Any = None) -> None:
    """Stands at the end of the cell; deploys what the cell made."""
    cell = _running.pop()
    cell.deploy(cell, last)


def rewrite(lines: list[str]) -> list[str]:
    """The cell with a string in place of its first line; other cells as they are."""
    first = _FIRST_LINE.fullmatch(lines[0]) if lines else None
    if first is None:
        return lines
    options = first["options"] or ""
    if "--help" in options.split() or "-h" in options.split():
        return [f"get_ipython().run_cell_magic('deploy', {options!r}, 'pass')\n"]
    return [f"{_MARK + options!r}\n", *leading_indent(lines[1:])]


class BeginAndEnd(ast.NodeTransformer):
    """Puts the calls of `begin` and `end` into a cell that starts with the string."""

    def visit_Module(self, node: ast.Module) -> ast.Module:
        """Takes the last expression as the argument of `end`."""
        options = options_of(node.body[0]) if node.body else None
        if options is None:
            return node
        first, last = node.body[0], node.body[-1]
        value: list[ast.expr] = []
        if len(node.body) > 1 and isinstance(last, ast.Expr):
            value = [last.value]
            node.body.pop()
        node.body[0] = _call("begin", [ast.Constant(options)], first)
        node.body.append(_call("end", value, last))
        return ast.fix_missing_locations(node)


def options_of(statement: ast.stmt) -> str | None:
    """What stood on the first line of a `%%deploy` cell; None for other cells."""
    value = statement.value if isinstance(statement, ast.Expr) else None
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return value.value.removeprefix(_MARK) if value.value.startswith(_MARK) else None
    return None


def _call(name: str, args: list[ast.expr], place: ast.stmt) -> ast.stmt:
    function = ast.parse(f"{_CALL}.{name}", mode="eval").body
    return ast.copy_location(ast.Expr(ast.Call(function, args, [])), place)


_transformer = BeginAndEnd()


def install(shell: InteractiveShell, deploy: Callable[[DeployCell, Any], None]) -> None:
    """Lets a shell rewrite `%%deploy` cells."""
    _deploy[:] = [deploy]
    shell.input_transformers_cleanup.append(rewrite)
    shell.ast_transformers.append(_transformer)


def uninstall(shell: InteractiveShell) -> None:
    """Takes it back."""
    if rewrite in shell.input_transformers_cleanup:
        shell.input_transformers_cleanup.remove(rewrite)
    if _transformer in shell.ast_transformers:
        shell.ast_transformers.remove(_transformer)


def run_as_cell(line: str, body: str) -> None:
    """Runs `%%deploy` where it is no cell of its own, such as below `%%time`."""
    shell = get_ipython()
    assert shell is not None
    result = shell.run_cell(f"%%deploy {line}\n{body}", store_history=False)
    if result.error_before_exec is not None or result.error_in_exec is not None:
        raise CellFailedError


class CellFailedError(Exception):
    """The body failed, and has shown its error."""

    def _render_traceback_(self) -> list[str]:
        return ["the %%deploy cell failed: see above"]
