"""Where a replica keeps what is too large to come back with a call, until its caller takes it.

A message between replicas may have 4 MB, and whoever calls cannot know how large the result will
be. So a large one stays, and the caller is given a `Ticket`. With it the replica's actor is asked,
whose answers travel through Ray's object store, whatever their size.
"""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from graphnb.engine.values import Parcel

if TYPE_CHECKING:
    from graphnb.engine.values import Packed

MAX_MESSAGE = 1 << 20
"""Bytes that a call carries by value, each way; Ray Serve's own limit is four times as much."""

_KEPT_S = 60.0  # a caller that has not come by then will not come


def travel_size(packed: Packed) -> int:
    """About as many bytes as a value adds to a message."""
    kind = type(packed)
    if kind is Parcel:
        size: int = packed.size
        return size
    if kind is str or kind is bytes:
        return len(packed)
    return sum(map(travel_size, packed)) if kind is tuple else 0


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
        self._kept: dict[int, tuple[float, Any]] = {}
        self._replica: str | None = None

    def keep(self, thing: Any, size: int) -> Ticket:
        """Keeps a thing of that many bytes; lets go of what nobody came for."""
        now = time.monotonic()
        for number, (since, _) in list(self._kept.items()):
            if now - since < _KEPT_S:
                break
            self._kept.pop(number, None)
        number = next(self._numbers)
        self._kept[number] = (now, thing)
        return Ticket(self._name(), number, size)

    def take(self, number: int) -> Any:
        """Gives a thing away.

        Raises:
            KeyError: it is not there any more.
        """
        return self._kept.pop(number)[1]

    def _name(self) -> str:
        if self._replica is None:
            import ray

            self._replica = ray.get_runtime_context().get_actor_name() or ""
        return self._replica
