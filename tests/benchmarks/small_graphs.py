"""A chain of ten calls, and a fan-out of ten, of `async def predict(x): return x + 1`.

Behind the fan-out stands an aggregate; each graph has a driver; spans and isolation are on, as
they are by default; the main thread waits with `.result()`. Beside it: an equivalent application
in Ray Serve's local testing mode, whose driver awaits each handle (the chain) or gathers them
(the fan-out), called the same way; and the floor: the same coroutines without any framework, on
an event loop in a thread. graphnb uses uvloop where it is installed, as Ray Serve's replicas do,
so the floor is given for asyncio's own loop and for uvloop's. All take turns in one process, in
which Ray is therefore loaded. Idle cores are kept awake where the machine allows it (as root, by
`/dev/cpu_dma_latency`), for all sides: waking one costs a virtual machine 20 to 50 µs for each
hand-over between threads. The rows "cores asleep" are the same without that.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import uvloop

import graphnb
from graphnb import InputNode
from tests.benchmarks import ray_local
from tests.benchmarks.cores import kept_awake
from tests.benchmarks.rows import Row, at_most, duration, factor, times_faster
from tests.benchmarks.timing import Race, Side, run_race

WIDTH = 10
ROUNDS = 25
WARMUP = 100
CALLS = 300
RAY_CALLS = 60
P50_BAR = 0.000_20
RAY_BAR = 12

Graph = Callable[[int], Coroutine[Any, Any, int]]


def measure() -> Sequence[Row]:
    """The chain, then the fan-out; with cores that stay awake, then as the machine is."""
    chain = {
        "graphnb": _graphnb_side(_chain(), 1 + WIDTH),
        "ray": _ray_side(_ray_chain, 1 + WIDTH),
        **_floors(_bare_chain, 1 + WIDTH),
    }
    fan_out = {
        "graphnb": _graphnb_side(_fan_out(), 2 * WIDTH),
        "ray": _ray_side(_ray_fan_out, 2 * WIDTH),
        **_floors(_bare_fan_out, 2 * WIDTH),
    }
    works = {"10-call chain": chain, "10-wide fan-out": fan_out}
    rows = []
    with kept_awake() as awake:
        for work, sides in works.items():
            race = run_race(sides, rounds=ROUNDS, warmup=WARMUP)
            rows += _rows(f"{work}, p50", race, bars=True)
    if awake:
        for work, sides in works.items():
            race = run_race(sides, rounds=ROUNDS, warmup=WARMUP)
            rows += _rows(f"{work}, p50, cores asleep", race, bars=False)
    return rows


def _rows(work: str, race: Race, *, bars: bool) -> list[Row]:
    ours = race.p50("graphnb")
    ratio = race.ratio("ray", "graphnb")
    return [
        Row(
            work,
            duration(ours),
            f"{duration(race.p50('ray'))} (Ray's local testing mode)",
            factor(ratio),
            (at_most(ours, P50_BAR), times_faster(ratio, RAY_BAR)) if bars else (),
        ),
        *(
            Row(
                work,
                duration(ours),
                f"{duration(race.p50(loop))} (bare coroutines on {loop}: the floor)",
                factor(race.ratio(loop, "graphnb")),
            )
            for loop in ("asyncio", "uvloop")
        ),
    ]


# The nodes, the same for all.


async def predict(x: int) -> int:
    """What every node does."""
    return x + 1


async def aggregate(*parts: int) -> int:
    """What stands behind the fan-out."""
    return sum(parts)


# graphnb.


def _graphnb_side(target: Any, expected: int) -> Side:
    graph = graphnb.deploy(target, name=f"graph_{expected}", http=False)
    return Side(lambda: graph.remote(1).result(), CALLS, expected)


def _chain() -> Any:
    with InputNode() as x:
        node: Any = x
        for _ in range(WIDTH):
            node = graphnb.serve.deployment(predict).bind(node)
    return node


def _fan_out() -> Any:
    with InputNode() as x:
        parts = [graphnb.serve.deployment(predict).bind(x) for _ in range(WIDTH)]
        return graphnb.serve.deployment(aggregate).bind(*parts)


# Ray Serve's local testing mode, written by hand.


class ChainDriver:
    def __init__(self, *nodes: Any) -> None:
        self.nodes = nodes

    async def predict(self, x: int) -> int:
        for node in self.nodes:
            x = await node.remote(x)
        return x


class FanOutDriver:
    def __init__(self, last: Any, *nodes: Any) -> None:
        self.last = last
        self.nodes = nodes

    async def predict(self, x: int) -> int:
        parts = await asyncio.gather(*(node.remote(x) for node in self.nodes))
        return await self.last.remote(*parts)


def _ray_side(build: Callable[[Any], Any], expected: int) -> Side:
    handle = ray_local.run(build, f"app_{expected}")
    return Side(lambda: handle.predict.remote(1).result(), RAY_CALLS, expected)


def _ray_chain(serve: Any) -> Any:
    return serve.deployment(ChainDriver).bind(*_ray_nodes(serve))


def _ray_fan_out(serve: Any) -> Any:
    last = serve.deployment(aggregate).bind()
    return serve.deployment(FanOutDriver).bind(last, *_ray_nodes(serve))


def _ray_nodes(serve: Any) -> list[Any]:
    return [serve.deployment(name=f"node_{i}")(predict).bind() for i in range(WIDTH)]


# The floor.


async def _bare_chain(x: int) -> int:
    for _ in range(WIDTH):
        x = await predict(x)
    return x


async def _bare_fan_out(x: int) -> int:
    return await aggregate(*await asyncio.gather(*(predict(x) for _ in range(WIDTH))))


def _floors(graph: Graph, expected: int) -> dict[str, Side]:
    return {
        "asyncio": _floor(graph, expected, asyncio.new_event_loop()),
        "uvloop": _floor(graph, expected, uvloop.new_event_loop()),
    }


def _floor(graph: Graph, expected: int, loop: asyncio.AbstractEventLoop) -> Side:
    threading.Thread(target=loop.run_forever, daemon=True).start()
    return Side(lambda: asyncio.run_coroutine_threadsafe(graph(1), loop).result(), CALLS, expected)
