"""What a bench sends: which requests, how many, and by which loop."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from graphnb.errors import BenchError

__all__ = ["DEFAULT_COUNT", "Load", "Loop"]

DEFAULT_COUNT = 100

Loop = Literal["closed", "open"]
"""When requests are sent.

- closed: each client sends its next one when it has the answer to the last
- open: at moments of their own, however many are under way
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What a bench sends.

    Attributes:
        inputs: a list: its items are the requests, sent in turn. An iterator or a generator: its
            items are the requests, drawn one by one as they are sent; the bench ends with it.
            Anything else, a tuple or an array among them, is one request.
        count: how many requests; 100 when neither this nor `duration_s` is given.
        duration_s: for how many seconds; with `count`, whichever ends first.
        concurrency: of a closed loop: how many clients there are.
        rps: of an open loop: how many requests there are per second on average; None for a closed
            one.
        seed: of an open loop: repeats the moments at which requests are sent.
        warmup: requests that are sent before, one after the other, and not measured.

    Raises:
        BenchError: a number does not do, or two do not go together.
    """

    inputs: Any
    count: int | None = None
    duration_s: float | None = None
    concurrency: int = 1
    rps: float | None = None
    seed: int | None = None
    warmup: int = 1

    def __post_init__(self) -> None:
        if self.concurrency < 1 or (self.count is not None and self.count < 1):
            raise BenchError("count and concurrency are 1 or more")
        _above_zero("duration_s", "seconds", self.duration_s)
        _above_zero("rps", "requests per second", self.rps)
        if self.rps is None:
            if self.seed is not None:
                raise BenchError(
                    "a seed repeats the moments of an open loop, and this is a closed one",
                    hint="give rps, or leave the seed out",
                )
        elif self.concurrency != 1:
            raise BenchError(
                "rps and concurrency do not go together: at a rate, requests are sent however "
                "many are under way",
                hint="leave one of them out",
            )

    @property
    def loop(self) -> Loop:
        """Which loop it is."""
        return "closed" if self.rps is None else "open"

    @property
    def most(self) -> int | None:
        """How many requests are sent at the most, or None."""
        if self.count is None and self.duration_s is None:
            return DEFAULT_COUNT
        return self.count

    def draw(self) -> tuple[Any, Iterator[Any]]:
        """The first request, and all that are to be sent, the first one among them.

        Raises:
            BenchError: there is none, or an iterator raised.
        """
        if isinstance(self.inputs, Iterator):
            drawn = _drawn(self.inputs)
        elif isinstance(self.inputs, list):
            drawn = itertools.cycle(list(self.inputs))
        else:
            drawn = itertools.repeat(self.inputs)
        try:
            first = next(drawn)
        except StopIteration:
            raise BenchError(f"the {type(self.inputs).__name__} of inputs is empty") from None
        return first, itertools.islice(itertools.chain([first], drawn), self.most)


def _drawn(inputs: Iterator[Any]) -> Iterator[Any]:
    """The items of somebody's iterator; an error of it says what it is an error of."""
    try:
        for one in inputs:  # noqa: UP028  `yield from` would close a generator that may go on
            yield one
    except Exception as error:  # noqa: BLE001  somebody's code may raise anything
        text = f"the inputs raised {type(error).__name__}: {error}"
        here = error.__traceback__
        raise BenchError(text) from error.with_traceback(here.tb_next if here else None)


def _above_zero(name: str, unit: str, value: float | None) -> None:
    if value is not None and not (value > 0 and math.isfinite(value)):
        raise BenchError(f"{name} is {value}, expected {unit} above 0")
