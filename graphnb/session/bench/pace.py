"""When the next request is sent."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from graphnb.session.bench.load import Load

__all__ = ["ClosedLoop", "OpenLoop", "Pace", "pace_of"]


class Pace(Protocol):
    """Says when requests are due, one after the other."""

    def begin(self, now: float) -> None:
        """The bench begins."""

    def due(self, now: float, under_way: int) -> float:
        """When the next request is due; infinity: not before an answer is there."""

    def sent(self) -> None:
        """The request that was due is sent."""


class ClosedLoop:
    """So many clients, each of which waits for its answer before it sends again.

    A request is due the moment a client is free: while the graph stalls nothing is sent, and
    nobody measures what those would have waited who come all the same.
    """

    def __init__(self, clients: int) -> None:
        self._clients = clients

    def begin(self, now: float) -> None:
        """Nothing depends on when it begins."""

    def due(self, now: float, under_way: int) -> float:
        """Now, if a client is free."""
        return now if under_way < self._clients else math.inf

    def sent(self) -> None:
        """Nothing depends on what was sent."""


class OpenLoop:
    """A Poisson process: clients who know nothing of each other, so many per second on average.

    Gaps between arrivals are exponential. The moments are fixed from the beginning on: neither a
    graph nor a sender that falls behind moves them.
    """

    def __init__(self, rps: float, seed: int | None = None) -> None:
        self._rps = rps
        self._random = random.Random(seed)
        self._due = math.inf

    def begin(self, now: float) -> None:
        """The first request is due a gap after this."""
        self._due = now
        self.sent()

    def due(self, now: float, under_way: int) -> float:
        """The moment of the next arrival; it may have passed."""
        return self._due

    def sent(self) -> None:
        """Draws the next gap."""
        self._due += self._random.expovariate(self._rps)


def pace_of(load: Load) -> Pace:
    """The pace of a load."""
    return ClosedLoop(load.concurrency) if load.rps is None else OpenLoop(load.rps, load.seed)
