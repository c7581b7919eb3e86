"""Runs a coroutine inline: in a context of its own, or watched.

A call that is awaited in place costs less than a task, and would otherwise share the context
variables of whoever awaits it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator
    from contextvars import Context


class InContext:
    """`await InContext(coroutine, context)`: each of its steps runs in that context.

    Args:
        coroutine: what is run.
        context: where; nothing else runs in it meanwhile.
        waited: what the coroutine waits for, if its first step was made already.
    """

    __slots__ = ("_context", "_coroutine", "_waited")

    def __init__(
        self, coroutine: Coroutine[Any, Any, Any], context: Context, waited: Any = None
    ) -> None:
        self._coroutine = coroutine
        self._context = context
        self._waited = waited

    def __await__(self) -> Generator[Any, Any, Any]:
        coroutine, run, waited = self._coroutine, self._context.run, self._waited
        try:
            if waited is None:
                waited = run(coroutine.send, None)
            while True:
                try:
                    sent = yield waited
                except GeneratorExit:
                    run(coroutine.close)
                    raise
                except BaseException as error:  # noqa: BLE001  cancellation too belongs inside
                    waited = run(coroutine.throw, error)
                else:
                    waited = run(coroutine.send, sent)
        except StopIteration as stop:
            return stop.value


class Watched:
    """`await Watched(coroutine, waits)`: calls `waits` when the coroutine first has to wait."""

    __slots__ = ("_coroutine", "_waits")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], waits: Callable[[], None]) -> None:
        self._coroutine = coroutine
        self._waits = waits

    def __await__(self) -> Generator[Any, Any, Any]:
        coroutine = self._coroutine
        try:
            waited = coroutine.send(None)
            self._waits()
            while True:
                try:
                    sent = yield waited
                except GeneratorExit:
                    coroutine.close()
                    raise
                except BaseException as error:  # noqa: BLE001  cancellation too belongs inside
                    waited = coroutine.throw(error)
                else:
                    waited = coroutine.send(sent)
        except StopIteration as stop:
            return stop.value
