"""Runs a coroutine inline, in a context of its own.

A call that is awaited in place costs less than a task, and would otherwise share the context
variables of whoever awaits it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator
    from contextvars import Context


class InContext:
    """`await InContext(coroutine, context)`: each of its steps runs in that context."""

    __slots__ = ("_context", "_coroutine")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], context: Context) -> None:
        self._coroutine = coroutine
        self._context = context

    def __await__(self) -> Generator[Any, Any, Any]:
        coroutine, run = self._coroutine, self._context.run
        try:
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
