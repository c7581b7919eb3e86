"""Who may change a graph on a cluster: one process at a time, whichever kernel it is.

What runs is read, changed and remembered in several steps. Were two processes to do so at once,
what the slower one tells Ray Serve would undo what the faster one has deployed.
"""

from __future__ import annotations

import threading
import time
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

from graphnb.rayserve.collector import ask, collector_name, tell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["turn"]

GRANTED_S = 15.0
"""How long a turn lasts that nobody prolongs: that of a process that was killed."""

_PROLONG_S = 4.0
_POLL_S = 0.05  # asked again: the collector does one thing at a time, and must not wait itself
_SAY_AFTER_S = 1.0


@contextmanager
def turn(app_name: str, progress: Callable[[str], None] | None = None) -> Iterator[None]:
    """Waits until no other process changes the graph, and keeps them away while it is held.

    Not for use within itself. Without effect for a graph that nobody has deployed yet.

    Args:
        app_name: the application's.
        progress: is told when there is somebody to wait for.
    """
    collector, owner = collector_name(app_name), uuid.uuid4().hex
    began, said = time.monotonic(), progress is None
    while ask(collector, "take_turn", owner, GRANTED_S) is False:
        if not said and time.monotonic() - began > _SAY_AFTER_S and progress is not None:
            progress(f"another process changes {app_name!r}: waiting for it")
            said = True
        time.sleep(_POLL_S)
    ended, order = threading.Event(), threading.Lock()

    def prolong() -> None:
        while not ended.wait(_PROLONG_S):
            with order:  # never after its end
                if not ended.is_set():
                    tell(collector, "take_turn", owner, GRANTED_S)

    threading.Thread(target=prolong, name="graphnb-turn", daemon=True).start()
    try:
        yield
    finally:
        with order:
            ended.set()
            tell(collector, "end_turn", owner)
