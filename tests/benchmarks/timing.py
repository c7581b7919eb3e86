"""Takes times of several sides in turn, so that a noisy moment of the machine hits all of them.

sides = {"ours": Side(ours, calls=300, expected=11), "theirs": Side(theirs, 60, expected=11)}
race = run_race(sides, rounds=15)
race.p50("ours"), race.ratio("theirs", "ours")
"""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

clock = time.perf_counter


@dataclass(frozen=True, slots=True)
class Side:
    """One way of doing the work.

    Attributes:
        call: does it once.
        calls: how many times it is done in each round.
        expected: what each call has to return.
    """

    call: Callable[[], Any]
    calls: int
    expected: Any


@dataclass(frozen=True, slots=True)
class Race:
    """The median time of each round, by side; the rounds of all sides belong together."""

    rounds: Mapping[str, list[float]]

    def p50(self, side: str) -> float:
        """The median over the rounds of a side, in seconds."""
        return statistics.median(self.rounds[side])

    def ratio(self, slower: str, faster: str) -> float:
        """How many times longer one side takes: the median of the ratios round by round."""
        pairs = zip(self.rounds[slower], self.rounds[faster], strict=True)
        return statistics.median(one / other for one, other in pairs)


def run_race(sides: Mapping[str, Side], *, rounds: int, warmup: int = 0) -> Race:
    """Lets the sides take turns; every other round in reverse order.

    Args:
        sides: what to compare, by name.
        rounds: how many turns each side has.
        warmup: calls of each side before the first round.
    """
    for side in sides.values():
        times(side, warmup)
    found: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds):
        order = list(sides) if number % 2 == 0 else list(sides)[::-1]
        for name in order:
            found[name].append(statistics.median(times(sides[name], sides[name].calls)))
    return Race(found)


def times(side: Side, calls: int) -> list[float]:
    """How long each of so many calls took, in seconds.

    Raises:
        AssertionError: an answer is wrong.
    """
    taken = []
    for _ in range(calls):
        began = clock()
        answer = side.call()
        taken.append(clock() - began)
        assert answer == side.expected, f"answered {answer!r}, expected {side.expected!r}"
    return taken
