"""Resident memory of a process that serves a graph of two nodes and a driver.

Looked at after 10,000 and after 100,000 requests, which come by handle in batches of 100 at once.
Garbage is collected before each look. What a graph remembers of its requests (the last 2,000
traces) is full long before the first look.
"""

import gc
from collections.abc import Sequence
from typing import Any

import psutil

import graphnb
from graphnb import InputNode
from tests.benchmarks.rows import Row, growth_below

BATCH = 100
FIRST = 10_000
LAST = 100_000
GROWTH_BAR_MB = 5


def measure() -> Sequence[Row]:
    """One row: megabytes at both counts."""
    graph = graphnb.deploy(_graph(), name="memory", http=False)
    _send(graph, FIRST)
    before = _resident_mb()
    _send(graph, LAST - FIRST)
    after = _resident_mb()
    return [
        Row(
            "resident memory after 10,000 requests → after 100,000",
            f"{before:.1f} MB → {after:.1f} MB",
            bars=(growth_below(after - before, GROWTH_BAR_MB),),
        )
    ]


async def double(x: int) -> dict[str, int]:
    """The first node; what it returns is no scalar, so it travels as a parcel."""
    return {"doubled": 2 * x}


async def increment(x: int) -> int:
    """The second node."""
    return x + 1


def _graph() -> Any:
    deployment = graphnb.serve.deployment(max_ongoing_requests=BATCH)
    with InputNode() as x:
        return deployment(increment).bind(deployment(double).bind(x)["doubled"])


def _send(graph: graphnb.RunningGraph, count: int) -> None:
    for start in range(0, count, BATCH):
        numbers = range(start, start + BATCH)
        responses = [graph.remote(number) for number in numbers]
        answers = [one.result() for one in responses]
        assert answers == [2 * number + 1 for number in numbers]


def _resident_mb() -> float:
    gc.collect()
    return float(psutil.Process().memory_info().rss) / 1e6
