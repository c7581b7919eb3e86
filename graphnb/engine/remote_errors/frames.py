"""Tracebacks as plain data: files, lines and columns, never what variables held.

Where they arrive they are tracebacks again, which can be raised and printed. Readers find the lines
of files and cells by `linecache`: a kernel has the text of its own cells.
"""

from __future__ import annotations

import ast
import itertools
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from graphnb.engine.tracebacks import user_traceback

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Of a longer traceback the ends are sent: a recursion that never ended has a thousand frames.
_MOST_FIRST, _MOST_LAST = 30, 70

Place = tuple[int | None, int | None, int | None, int | None]
"""First line, last line, first column, last column; None where Python does not know."""


class FrameFacts(NamedTuple):
    """One frame of a traceback.

    Attributes:
        file, function, module: where it is.
        line: the line that was running.
        place: what was running on it.
    """

    file: str
    function: str
    module: str
    line: int
    place: Place


def frames_of(error: BaseException) -> list[FrameFacts]:
    """The frames of an error's traceback from user code on, without graphnb's own.

    An error that no user code took part in has all of its frames, unless graphnb raised it for the
    user to see.
    """
    from graphnb.errors import GraphnbError

    start = user_traceback(error)
    hide = start is not None
    if start is None and not isinstance(error, GraphnbError):
        start = error.__traceback__
    found = [_facts(one) for one in _links(start) if not (hide and _is_hidden(one))]
    left_out = len(found) - _MOST_FIRST - _MOST_LAST
    if left_out > 0:
        gap = FrameFacts(f"<{left_out} frames left out>", "...", "", 1, (None,) * 4)
        found = [*found[:_MOST_FIRST], gap, *found[-_MOST_LAST:]]
    return found


def _links(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _is_hidden(traceback: TracebackType) -> bool:
    return _module(traceback).startswith("graphnb.")


def _module(traceback: TracebackType) -> str:
    return str(traceback.tb_frame.f_globals.get("__name__", ""))


def _facts(traceback: TracebackType) -> FrameFacts:
    code = traceback.tb_frame.f_code
    place: Place | None = None
    if traceback.tb_lasti >= 0:
        place = next(itertools.islice(code.co_positions(), traceback.tb_lasti // 2, None), None)
    line = traceback.tb_lineno or code.co_firstlineno
    return FrameFacts(
        code.co_filename, code.co_name, _module(traceback), line, place or (None,) * 4
    )


# --- where they arrive ---------------------------------------------------------------------------


def traceback_from(frames: Sequence[FrameFacts]) -> TracebackType | None:
    """The traceback that has these frames."""
    traceback: TracebackType | None = None
    for facts in reversed(frames):
        found = _raised_at(facts)
        traceback = TracebackType(traceback, found.tb_frame, found.tb_lasti, facts.line)
    return traceback


def _raised_at(facts: FrameFacts) -> TracebackType:
    """The traceback of code that fails at that very place."""
    # A frame comes of running code only, and columns are part of the code.
    name = ast.Name("_", ast.Load(), **_location(facts))
    module = ast.Module([ast.Expr(name, **_location(facts))], [])
    code = compile(module, facts.file, "exec", dont_inherit=True)
    code = code.replace(co_name=facts.function, co_qualname=facts.function)
    try:
        exec(code, {"__name__": facts.module, "__file__": facts.file, "__builtins__": {}})  # noqa: S102
    except NameError as error:
        here = error.__traceback__
    assert here is not None
    assert here.tb_next is not None
    return here.tb_next


def _location(facts: FrameFacts) -> dict[str, Any]:
    line, end_line, column, end_column = facts.place
    if line is None or end_line is None or column is None or end_column is None:
        line, end_line, column, end_column = facts.line, facts.line, -1, -1
    return {
        "lineno": line,
        "end_lineno": end_line,
        "col_offset": column,
        "end_col_offset": end_column,
    }
