"""Threads and the engine's loop: who is on it, how others reach it, and how they wait.

Waiting is done in slices, so that Ctrl-C that another thread took is seen between two of them.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from concurrent.futures import Future

SLICE_S = 0.2


class EngineThread(threading.local):
    """What a thread knows of the engine: its loop, if the thread runs it."""

    loop: asyncio.AbstractEventLoop | None = None


engine_thread = EngineThread()


def mark_engine_thread(loop: asyncio.AbstractEventLoop) -> None:
    """Says that this thread runs the engine's loop, so that `.result()` on it is refused."""
    engine_thread.loop = loop


def on_engine_thread() -> bool:
    """Whether the calling thread runs the engine's loop."""
    return engine_thread.loop is not None


def refuse_engine_thread() -> None:
    """Refuses what would stop all nodes of the calling process until it is done.

    Raises:
        RuntimeError: the calling thread runs the engine's loop.
    """
    if on_engine_thread():
        raise RuntimeError("deploy and delete cannot be called from inside a deployment")


def call_soon(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    """Calls back on a loop of another thread; without effect when the loop is closed."""
    with contextlib.suppress(RuntimeError):  # that loop is closed: nobody waits any more
        loop.call_soon_threadsafe(callback)


def acquire(lock: threading.Lock, timeout_s: float | None) -> bool:
    """Waits for a lock, in slices; whether it was there in time."""
    if timeout_s is None:
        while not lock.acquire(timeout=SLICE_S):
            pass
        return True
    left = timeout_s
    while left > SLICE_S:
        if lock.acquire(timeout=SLICE_S):
            return True
        left -= SLICE_S
    return lock.acquire(timeout=max(0.0, left))


def wait_interruptibly(future: Future[Any]) -> Any:
    """The result of a future, waited for in slices."""
    while True:
        try:
            return future.result(SLICE_S)
        except TimeoutError:
            if future.done():  # the work's own TimeoutError
                raise
