"""Graphs on Ray Serve beside the same programs written by hand, on the same Ray, at the same time.

A chain of ten calls and a fan-out of ten of `async def predict(x): return x + 1`. The drivers take
as many requests at a time on both sides, and all deployments have one replica. One request at a
time for p50, twenty in flight for throughput; each round lets all sides take turns. By hand, four
ways are tried for the chain (awaiting each handle by value or by reference, handing responses on,
each deployment holding the next one's handle) and two for the fan-out; the table names the fastest
of them in this run. graphnb's spans are on unless it says otherwise. With spans and without is a
race of its own, of many short rounds: from second to second a machine's own pace may change by more
than they cost.
"""

import statistics
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import graphnb
from graphnb import InputNode
from tests.benchmarks.ray_sides import end_all, graph_side, hand_side
from tests.benchmarks.rows import Row, at_least_times, at_most_times, duration, factor
from tests.benchmarks.timing import Race, Side, clock, run_race

WIDTH = 10
ROUNDS = 9
CALLS = 40
CALLS_OF_GRAPHS = 400  # they take a tenth of the time, and single milliseconds are noisy
WARMUP = 60
SPANS_ROUNDS = 100
IN_FLIGHT = 20
REQUESTS = 200

P50_BAR = 1.05
THROUGHPUT_BAR = 0.95
SPANS_BAR = 1.05


@dataclass(frozen=True, slots=True)
class Program:
    """One side: how a request is sent, and what it must answer."""

    send: Callable[..., Any]
    expected: Any


def measure() -> Sequence[Row]:
    """The chain, then the fan-out."""
    rows = []
    # One group after the other: each has a process for each of its deployments.
    for work, programs in (("10-call chain", _chains), ("10-wide fan-out", _fan_outs)):
        rows += _small(work, programs())
        end_all()
    return rows


def _small(work: str, programs: Mapping[str, Program]) -> list[Row]:
    sides = {
        name: Side(
            lambda one=one: one.send(1).result(),
            CALLS_OF_GRAPHS if name.startswith("graphnb") else CALLS,
            one.expected,
        )
        for name, one in programs.items()
    }
    race = run_race(sides, rounds=ROUNDS, warmup=WARMUP)
    by_hand = [name for name in programs if not name.startswith("graphnb")]
    best = min(by_hand, key=race.p50)
    through = _throughput(programs)
    fastest = max(by_hand, key=lambda name: statistics.median(through[name]))
    ratio = race.ratio("graphnb", best)
    rate = statistics.median(
        ours / theirs for ours, theirs in zip(through["graphnb"], through[fastest], strict=True)
    )
    with_spans = _spans_race(programs)
    spans = with_spans.ratio("graphnb", "graphnb, spans off")
    return [
        Row(
            f"{work} on Ray, p50",
            duration(race.p50("graphnb")),
            f"{duration(race.p50(best))} ({best})",
            factor(ratio),
            (at_most_times(ratio, P50_BAR),),
        ),
        Row(
            f"{work} on Ray, {IN_FLIGHT} in flight",
            f"{statistics.median(through['graphnb']):.0f} /s",
            f"{statistics.median(through[fastest]):.0f} /s ({fastest})",
            factor(rate),
            (at_least_times(rate, THROUGHPUT_BAR),),
        ),
        Row(
            f"{work} on Ray, spans on",
            duration(with_spans.p50("graphnb")),
            f"{duration(with_spans.p50('graphnb, spans off'))} (spans off)",
            factor(spans),
            (at_most_times(spans, SPANS_BAR),),
        ),
        *_others(work, race, [name for name in by_hand if name != best]),
    ]


def _spans_race(programs: Mapping[str, Program]) -> Race:
    sides = {
        name: Side(lambda one=one: one.send(1).result(), CALLS, one.expected)
        for name, one in programs.items()
        if name.startswith("graphnb")
    }
    return run_race(sides, rounds=SPANS_ROUNDS, warmup=CALLS_OF_GRAPHS)


def _others(work: str, race: Race, names: Sequence[str]) -> list[Row]:
    return [
        Row(
            f"{work} on Ray, p50",
            duration(race.p50("graphnb")),
            f"{duration(race.p50(name))} ({name})",
            factor(race.ratio("graphnb", name)),
        )
        for name in names
    ]


def _throughput(programs: Mapping[str, Program]) -> dict[str, list[float]]:
    """Requests a second of each side, round by round, with many in flight."""
    found: dict[str, list[float]] = {name: [] for name in programs}
    for number in range(max(3, ROUNDS // 2)):
        order = list(programs) if number % 2 == 0 else list(programs)[::-1]
        for name in order:
            found[name].append(_rate(programs[name]))
    return found


def _rate(program: Program) -> float:
    waiting: deque[Any] = deque()
    began = clock()
    for _ in range(REQUESTS):
        if len(waiting) == IN_FLIGHT:
            assert waiting.popleft().result() == program.expected
        waiting.append(program.send(1))
    while waiting:
        assert waiting.popleft().result() == program.expected
    return REQUESTS / (clock() - began)


def chain_graph() -> Any:
    """Ten calls, one after the other."""
    from tests.benchmarks.by_hand import predict

    with InputNode() as x:
        node: Any = x
        for _ in range(WIDTH):
            node = graphnb.serve.deployment(predict).bind(node)
    return node


def _fan_out_graph() -> Any:
    from tests.benchmarks.by_hand import aggregate, predict

    with InputNode() as x:
        parts = [graphnb.serve.deployment(predict).bind(x) for _ in range(WIDTH)]
        return graphnb.serve.deployment(aggregate).bind(*parts)


def _both(node: Any, name: str, expected: int) -> dict[str, Program]:
    send = graph_side(node, name)
    silent = graphnb.get(f"bench_{name}").options(record=False)
    return {
        "graphnb": Program(send, expected),
        "graphnb, spans off": Program(silent.remote, expected),
    }


def _chains() -> dict[str, Program]:
    from tests.benchmarks import by_hand

    ours = _both(chain_graph(), "chain", 1 + WIDTH)
    return ours | {
        "each awaited, by value": Program(
            hand_side(by_hand.chain(by_reference=False), "chain_v"), 1 + WIDTH
        ),
        "each awaited, by reference": Program(
            hand_side(by_hand.chain(by_reference=True), "chain_r"), 1 + WIDTH
        ),
        "responses handed on": Program(hand_side(by_hand.passing(), "chain_p"), 1 + WIDTH),
        "each holds the next, by value": Program(
            hand_side(by_hand.holding(), "chain_h"), 1 + WIDTH
        ),
    }


def _fan_outs() -> dict[str, Program]:
    from tests.benchmarks import by_hand

    ours = _both(_fan_out_graph(), "fan", 2 * WIDTH)
    return ours | {
        "gathered, by value": Program(
            hand_side(by_hand.fan_out(by_reference=False), "fan_v"), 2 * WIDTH
        ),
        "gathered, by reference": Program(
            hand_side(by_hand.fan_out(by_reference=True), "fan_r"), 2 * WIDTH
        ),
    }
