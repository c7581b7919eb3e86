"""The event loop that all local graphs share, in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from graphnb.engine.threads import mark_engine_thread, wait_interruptibly

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")

logger = logging.getLogger("graphnb")


class EngineLoop:
    """A running event loop, and how other threads use it."""

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop = _new_loop()
        self._closing = False
        started = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(started,), name="graphnb-engine", daemon=True
        )
        self._thread.start()
        started.wait()

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self.loop)
        mark_engine_thread(self.loop)
        self.loop.call_soon(started.set)
        while not self._closing:
            try:
                self.loop.run_forever()
            except (SystemExit, KeyboardInterrupt):
                # asyncio lets these out of a task that user code started. They would end all
                # graphs of this process.
                logger.exception("a task of a node tried to end the process")

    @property
    def here(self) -> bool:
        """Whether the calling thread is the loop's own."""
        return threading.get_ident() == self._thread.ident

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Runs it to its end and returns the result; Ctrl-C cancels it.

        Raises:
            RuntimeError: called on the loop's own thread.
        """
        if self.here:
            coroutine.close()
            raise RuntimeError("deploy and delete cannot be called from inside a deployment")
        future = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        try:
            result: T = wait_interruptibly(future)
            return result
        except KeyboardInterrupt:
            future.cancel()
            raise

    def close(self) -> None:
        """Stops the loop and waits for its thread."""
        self._closing = True
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


def _new_loop() -> asyncio.AbstractEventLoop:
    """Uvloop where it is installed (Ray Serve's replicas use it too), else asyncio's own."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop
