"""The local executor: one event loop and one HTTP server for all graphs of this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphnb.engine.loop import EngineLoop
from graphnb.executors.local.application import LocalApplication
from graphnb.executors.local.http import HttpServer

if TYPE_CHECKING:
    from collections.abc import Container


class LocalExecutor:
    """Runs graphs in this process, without Ray (an `Executor`)."""

    kind = "local"

    def __init__(self) -> None:
        self._engine = EngineLoop()
        self._server = HttpServer()

    def application(self, name: str) -> LocalApplication:
        """A new, empty application; `apply` fills it."""
        return LocalApplication(name, self._engine, self._server)

    def running(self, known: Container[str]) -> list[LocalApplication]:
        """None that the process does not know: graphs end with it."""
        return []

    def close(self) -> None:
        """Stops the server and the loop; applications are closed before."""
        self._engine.run(self._server.close())
        self._engine.close()
