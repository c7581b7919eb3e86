"""Graphs on Ray Serve beside the same programs written by hand, on the same Ray, at the same time.

A chain of ten calls and a fan-out of ten of `async def predict(x): return x + 1`; a chain of three
nodes that pass a 50 MB array. The drivers take as many requests at a time on both sides, and all
deployments have one replica. One request at a time for p50, twenty in flight for throughput; each
round lets all sides take turns. By hand, three ways are tried for the chain (awaiting each handle
by value or by reference, handing responses on) and two for the fan-out; the table names the fastest
of them in this run. graphnb's spans are on unless it says otherwise.
"""

import statistics
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import graphnb
from graphnb import DAGDriver, InputNode
from tests.benchmarks.rows import Bar, Row, at_most_times, duration, factor
from tests.benchmarks.timing import Race, Side, clock, run_race

WIDTH = 10
ROUNDS = 9
CALLS = 40
WARMUP = 60
IN_FLIGHT = 20
REQUESTS = 200
MEGABYTES = 50
ARRAY_CALLS = 6
MAX_ONGOING = 1_000

P50_BAR = 1.05
THROUGHPUT_BAR = 0.95
SPANS_BAR = 1.05
ARRAY_BAR = 1.1


@dataclass(frozen=True, slots=True)
class Program:
    """One side: how a request is sent, and what it must answer."""

    send: Callable[[], Any]
    expected: Any


def measure() -> Sequence[Row]:
    """The chain, the fan-out, then the array."""
    rows = []
    # One group after the other: each has a process for each of its deployments.
    for work, programs in (("10-call chain", _chains), ("10-wide fan-out", _fan_outs)):
        rows += _small(work, programs())
        _end_all()
    rows += _array()
    _end_all()
    return rows


def _small(work: str, programs: Mapping[str, Program]) -> list[Row]:
    sides = {
        name: Side(lambda one=one: one.send().result(), CALLS, one.expected)
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
    spans = race.ratio("graphnb", "graphnb, spans off")
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
            (_at_least_times(rate, THROUGHPUT_BAR),),
        ),
        Row(
            f"{work} on Ray, spans on",
            duration(race.p50("graphnb")),
            f"{duration(race.p50('graphnb, spans off'))} (spans off)",
            factor(spans),
            (at_most_times(spans, SPANS_BAR),),
        ),
        *_others(work, race, [name for name in by_hand if name != best]),
    ]


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
        waiting.append(program.send())
    while waiting:
        assert waiting.popleft().result() == program.expected
    return REQUESTS / (clock() - began)


def _array() -> list[Row]:
    ours, theirs = _graphnb(_array_graph(), "array", (MEGABYTES,)), _plain_array()
    sides = {
        "graphnb": Side(lambda: ours().result(), ARRAY_CALLS, 4.0),
        "by hand": Side(lambda: theirs().result(), ARRAY_CALLS, 4.0),
    }
    race = run_race(sides, rounds=ROUNDS, warmup=4)
    ratio = race.ratio("graphnb", "by hand")
    return [
        Row(
            f"{MEGABYTES} MB array through 3 nodes on Ray",
            duration(race.p50("graphnb")),
            f"{duration(race.p50('by hand'))} (responses handed on, by reference)",
            factor(ratio),
            (at_most_times(ratio, ARRAY_BAR),),
        )
    ]


def _at_least_times(ratio: float, limit: float) -> Bar:
    missed = f"missed by {limit - ratio:.2f}×" if ratio < limit else ""
    return Bar(f"≥ {limit:g}×", missed)


# graphnb.


def _graphnb(node: Any, name: str, args: tuple[Any, ...], **options: Any) -> Callable[[], Any]:
    target = DAGDriver.options(max_ongoing_requests=MAX_ONGOING).bind(node)
    graph = graphnb.deploy(target, name=f"bench_{name}", on="ray", http=False)
    graph = graph.options(**options) if options else graph
    return lambda: graph.remote(*args)


def _chain_graph() -> Any:
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


def _array_graph() -> Any:
    from tests.benchmarks.by_hand import look_at_array, make_array, shift_array

    made = graphnb.serve.deployment
    with InputNode() as megabytes:
        array = made(shift_array).bind(made(make_array).bind(megabytes))
        return made(look_at_array).bind(array)


def _both(node: Any, name: str, expected: int) -> dict[str, Program]:
    send = _graphnb(node, name, (1,))
    silent = graphnb.get(f"bench_{name}").options(record=False)
    return {
        "graphnb": Program(send, expected),
        "graphnb, spans off": Program(lambda: silent.remote(1), expected),
    }


def _chains() -> dict[str, Program]:
    from tests.benchmarks import by_hand

    ours = _both(_chain_graph(), "chain", 1 + WIDTH)
    return ours | {
        "each awaited, by value": _plain(by_hand.chain(by_reference=False), "chain_v", 1 + WIDTH),
        "each awaited, by reference": _plain(
            by_hand.chain(by_reference=True), "chain_r", 1 + WIDTH
        ),
        "responses handed on": _plain(by_hand.passing(), "chain_p", 1 + WIDTH),
    }


def _fan_outs() -> dict[str, Program]:
    from tests.benchmarks import by_hand

    ours = _both(_fan_out_graph(), "fan", 2 * WIDTH)
    return ours | {
        "gathered, by value": _plain(by_hand.fan_out(by_reference=False), "fan_v", 2 * WIDTH),
        "gathered, by reference": _plain(by_hand.fan_out(by_reference=True), "fan_r", 2 * WIDTH),
    }


# By hand.


def _plain(application: Any, name: str, expected: Any) -> Program:
    from ray import serve

    root = application._bound_deployment
    root._deployment_config.max_ongoing_requests = MAX_ONGOING
    # By value from here as well, as graphnb sends its requests.
    handle = serve.run(application, name=name, route_prefix=None).options(_by_reference=False)
    return Program(lambda: handle.predict.remote(1), expected)


def _plain_array() -> Callable[[], Any]:
    from ray import serve

    from tests.benchmarks import by_hand

    handle = serve.run(by_hand.array_chain(), name="array_hand", route_prefix=None)
    handle = handle.options(_by_reference=False)
    return lambda: handle.predict.remote(MEGABYTES)


def _end_all() -> None:
    from ray import serve

    graphnb.serve.shutdown()
    for name in list(serve.status().applications):
        serve.delete(name)
