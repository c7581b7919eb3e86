"""Tracebacks that start in user code, and what is kept of a request that failed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from graphnb.errors import GraphnbError
from graphnb.telemetry.failures import Failure

if TYPE_CHECKING:
    from types import TracebackType

    from graphnb.engine.request import Request
    from graphnb.telemetry.failures import Failures


def keep_failure(failures: Failures, request: Request) -> None:
    """Keeps what a request failed with, for whoever looks at the node; never raises."""
    error = request.error
    node = getattr(error, "node", None)
    if not isinstance(error, GraphnbError) or not node or not failures.wants(node):
        return
    try:
        traceback = "\n".join(error._render_traceback_())
    except Exception:  # noqa: BLE001  whatever a user's exception does when it is shown
        traceback = ""
    message = error.message.partition("\n")[0][:_LONGEST_MESSAGE]
    # From the end: there it says what was raised.
    traceback = traceback[-_LONGEST_TRACEBACK:]
    failures.keep(Failure(node, message, traceback, request.request_id, time.time()))


_LONGEST_MESSAGE, _LONGEST_TRACEBACK = 2_000, 20_000

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
