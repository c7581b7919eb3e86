"""Where a replica keeps what is too large to come back with a call, until its caller takes it.

A message may not be of any size, and whoever calls cannot know how large the result will be. So a
large one stays, and the caller is given a `Ticket`. With it the replica's actor is asked, whose
answers travel through Ray's object store, whatever their size.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import Any, NamedTuple

MAX_MESSAGE = 1 << 20
"""Bytes that a call carries by value, each way; Ray Serve's own limit is four times as much."""

MAX_BY_LINE = 8 << 20
"""The same for calls by lines: for more, the object store is quicker."""

_KEPT_S = 60.0  # a caller that has not come by then will not come


class Ticket(NamedTuple):
    """Stands for something in a stash.

    Attributes:
        replica: Ray's name of the actor.
        number: of the thing.
        size: its bytes.
    """

    replica: str
    number: int
    size: int


class Stash:
    """What a replica keeps for its callers."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._kept: dict[int, Any] = {}
        self._replica: str | None = None

    def keep(self, thing: Any, size: int) -> Ticket:
        """Keeps a thing of that many bytes, for a minute; on the loop of the replica."""
        number = next(self._numbers)
        self._kept[number] = thing
        asyncio.get_running_loop().call_later(_KEPT_S, self._kept.pop, number, None)
        return Ticket(self._name(), number, size)

    def take(self, number: int) -> Any:
        """Gives a thing away.

        Raises:
            KeyError: it is not there any more.
        """
        return self._kept.pop(number)

    def _name(self) -> str:
        if self._replica is None:
            import ray

            self._replica = ray.get_runtime_context().get_actor_name() or ""
        return self._replica
