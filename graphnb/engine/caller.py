"""Who calls deployments for the engine: the Protocols that an executor fulfils."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from graphnb.engine.arguments import Load
    from graphnb.engine.request import Request
    from graphnb.engine.schedule import Schedule
    from graphnb.engine.values import Packed


class Callee(Protocol):
    """A deployment, as the engine calls it; what an executor gives."""

    def call(
        self,
        method: str,
        load: Load,
        kept: Any,
        request: Request,
        parent: int | None,
        call: str | None,
        after: tuple[str, ...],
        model_id: str,
    ) -> Coroutine[Any, Any, Packed]:
        """Calls and returns the packed result; records a span.

        Args:
            method: the method to call.
            load: makes the arguments of `kept`.
            kept: slots of values, or packed arguments.
            request: the request that the call belongs to.
            parent: the span that makes the call, or None.
            call: the id of the call node, or None.
            after: the call ids that it waited for.
            model_id: which multiplexed model is asked for, or "".
        """

    def open_stream(
        self,
        method: str,
        load: Load,
        kept: Any,
        request: Request,
        parent: int | None,
        call: str | None,
        after: tuple[str, ...],
        model_id: str,
    ) -> Coroutine[Any, Any, Any]:
        """Calls a generator and returns an `ItemSource`; records a span when it ends."""


class Caller(Protocol):
    """Finds deployments by name."""

    def callee(self, deployment: str) -> Callee:
        """The deployment of that name."""

    def calls(self, schedule: Schedule) -> Sequence[Callable[..., Coroutine[Any, Any, Packed]]]:
        """`Callee.call` of each step's deployment, found once for many requests."""
