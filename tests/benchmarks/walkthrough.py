"""The walk-through: two preprocessors side by side, then two models that a combiner calls.

Preprocessing takes 0.1 and 0.15 s, the models 0.3 s; the critical path is 0.45 s. By handle the
main thread waits with `.result()`; over HTTP a client that stays connected posts JSON to a real
socket. Beside it: the same functions and classes under a driver written by hand, in Ray Serve's
local testing mode, by handle; that mode has no HTTP.
"""

from collections.abc import Sequence

import httpx

import graphnb
from tests.benchmarks import ray_local, walkthrough_graph
from tests.benchmarks.rows import Row, at_most, duration, factor
from tests.benchmarks.timing import Race, Side, run_race

ROUNDS = 21
WARMUP = 2
HANDLE_BAR = 0.460
HTTP_BAR = 0.465
REQUEST = ["5", [1, 2], "sum"]


def measure() -> Sequence[Row]:
    """By handle, then over HTTP."""
    expected = walkthrough_graph.answer(REQUEST)
    graph = graphnb.deploy(walkthrough_graph.graph(), name="walkthrough")
    ray_handle = ray_local.run(walkthrough_graph.application, "walkthrough")
    with httpx.Client(trust_env=False) as client:
        sides = {
            "handle": Side(lambda: graph.remote(REQUEST).result(), 1, expected),
            "http": Side(lambda: _post(client, graph.url), 1, expected),
            "ray": Side(lambda: ray_handle.predict.remote(REQUEST).result(), 1, expected),
        }
        race = run_race(sides, rounds=ROUNDS, warmup=WARMUP)
    return [
        _row("walk-through by handle, p50", race, "handle", HANDLE_BAR),
        _row("walk-through over HTTP, p50", race, "http", HTTP_BAR),
    ]


def _row(work: str, race: Race, side: str, limit: float) -> Row:
    ours = race.p50(side)
    return Row(
        work,
        duration(ours),
        f"{duration(race.p50('ray'))} (Ray's local testing mode, by handle)",
        factor(race.ratio("ray", side)),
        (at_most(ours, limit),),
    )


def _post(client: httpx.Client, url: str | None) -> float:
    assert url is not None
    answer: float = client.post(url, json=REQUEST).raise_for_status().json()
    return answer
