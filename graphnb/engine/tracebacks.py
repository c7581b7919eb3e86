"""Tracebacks that start in user code."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

# The machinery between whoever asks and user code: ours, and what it stands on.
_MACHINERY = ("graphnb.", "asyncio.", "concurrent.", "threading", "contextvars", "uvloop")


def user_traceback(error: BaseException) -> TracebackType | None:
    """The traceback from the first frame of user code on; None, if there is no such frame."""
    traceback = error.__traceback__
    while traceback is not None:
        module = traceback.tb_frame.f_globals.get("__name__", "")
        if not module.startswith(_MACHINERY):
            return traceback
        traceback = traceback.tb_next
    return None
