"""Large arrays on Ray: through three nodes, and how an edge is best crossed.

A node makes an array, another one changes it, a third one looks at it. By hand, two ways: responses
handed on without awaiting them, by reference, as Ray Serve does by default; and each node awaited,
by value, where the array goes back to the driver and out again with the next call. By value a
message of Ray Serve ends at 4 MB.
"""

from collections.abc import Callable, Sequence
from typing import Any

import graphnb
from graphnb import InputNode
from tests.benchmarks.ray_sides import end_all, graph_side, hand_side
from tests.benchmarks.rows import Row, at_most_times, duration, factor
from tests.benchmarks.timing import Race, Side, run_race

KB, MB = 1 << 10, 1 << 20
ROUNDS = 9
CALLS = 6
WARMUP = 6
MESSAGE = 4 * MB
LARGE = 50 * MB
SMALL = (KB, 16 * KB, 64 * KB, 128 * KB, 256 * KB, 512 * KB)
SIZES = (*SMALL, MB, 2 * MB, 3 * MB, 5 * MB, 10 * MB, LARGE)
BY_VALUE = "by hand, awaited, by value"
BY_REFERENCE = "by hand, handed on, by reference"
BAR = 1.1


def measure() -> Sequence[Row]:
    """Each size, small ones first."""
    from tests.benchmarks import by_hand

    ours = graph_side(_graph(), "array")
    reference = hand_side(by_hand.array_chain(), "array_r")
    value = hand_side(by_hand.array_chain(awaited=True), "array_v")
    rows = []
    for size in SIZES:
        sides = {"graphnb": ours, BY_REFERENCE: reference}
        if size < MESSAGE:
            sides[BY_VALUE] = value
        race = run_race(
            {name: _side(send, size) for name, send in sides.items()}, rounds=ROUNDS, warmup=WARMUP
        )
        rows.append(_row(size, race))
    end_all()
    return rows


def _row(size: int, race: Race) -> Row:
    ways = [one for one in (BY_VALUE, BY_REFERENCE) if one in race.rounds]
    best = min(ways, key=race.p50)
    ratio = race.ratio("graphnb", BY_REFERENCE if size == LARGE else best)
    return Row(
        f"{_said(size)} array through 3 nodes on Ray",
        duration(race.p50("graphnb")),
        "; ".join(f"{duration(race.p50(one))} ({one})" for one in ways),
        factor(ratio),
        (at_most_times(ratio, BAR),) if size == LARGE else (),
    )


def _side(send: Callable[[int], Any], size: int) -> Side:
    return Side(lambda: send(size).result(), CALLS, 4.0)


def _said(size: int) -> str:
    return f"{size // MB} MB" if size >= MB else f"{size // KB} KB"


def _graph() -> Any:
    from tests.benchmarks.by_hand import look_at_array, make_array, shift_array

    made = graphnb.serve.deployment
    with InputNode() as size:
        array = made(shift_array).bind(made(make_array).bind(size))
        return made(look_at_array).bind(array)
