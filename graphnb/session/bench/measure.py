"""Runs a bench, from the warm-up to its result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphnb.engine.threads import on_engine_thread
from graphnb.errors import BenchError
from graphnb.session.bench.sender import PATIENCE_S, Sender

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphnb.session.bench.load import Load
    from graphnb.session.bench.result import BenchProgress, BenchResult
    from graphnb.session.running_graph import RunningGraph

__all__ = ["bench"]

_PROGRESS_PERIOD_S = 0.2


def bench(
    graph: RunningGraph, load: Load, progress: Callable[[BenchProgress], None] | None = None
) -> BenchResult:
    """Measures a graph under load.

    Args:
        graph: what to measure.
        load: what to send.
        progress: called a few times a second, on the thread that waits here.

    Returns:
        What was measured; up to that moment, when Ctrl-C ended it.

    Raises:
        BenchError: there is no input, the iterator of inputs raised, or the answers are streams.
        RuntimeError: called by an async method of a deployment.
    """
    if on_engine_thread():
        raise RuntimeError("a bench cannot be run inside a deployment: it would stop all nodes")
    if graph._stream:
        raise BenchError(
            "a bench measures answers, and those of options(stream=True) are streams",
            hint="leave stream out, or measure the nodes that feed it",
        )
    sender = Sender(graph, load)
    interrupted = False
    try:
        sender.start()
        _watch(sender, progress)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        _end(sender)
    if sender.failure is not None and not interrupted:
        raise sender.failure
    return sender.result(interrupted=interrupted)


def _watch(sender: Sender, progress: Callable[[BenchProgress], None] | None) -> None:
    ended = False
    while not ended:
        ended = sender.join(_PROGRESS_PERIOD_S)
        if progress is not None:
            progress(sender.progress())


def _end(sender: Sender) -> None:
    """Stops the sender; a second Ctrl-C ends the wait for what is under way, too."""
    try:
        sender.stop()
        sender.join(2 * PATIENCE_S)
    except KeyboardInterrupt:
        sender.stop(at_once=True)
        sender.join(PATIENCE_S)
