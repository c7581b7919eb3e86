"""The walk-through on Ray, by handle and over HTTP, beside the same program on plain Ray Serve.

The functions and classes of the walk-through on one machine; by hand under a driver that gathers
the preprocessors and awaits the combiner. Over HTTP a client that stays connected posts JSON to
Ray Serve's own proxy on both sides; by hand the driver reads it with `await request.json()`.
"""

from collections.abc import Sequence
from typing import Any

import httpx

import graphnb
from tests.benchmarks import walkthrough_graph
from tests.benchmarks.ray_sides import end_all
from tests.benchmarks.rows import Row, at_most_times, duration, factor
from tests.benchmarks.timing import Race, Side, run_race

ROUNDS = 15
WARMUP = 3
BAR = 1.02
REQUEST = ["5", [1, 2], "sum"]


def measure() -> Sequence[Row]:
    """Four sides, in turn."""
    from ray import serve

    expected = walkthrough_graph.answer(REQUEST)
    graph = graphnb.deploy(walkthrough_graph.graph(), name="walk", on="ray", route_prefix="/walk")
    by_hand = walkthrough_graph.application(serve, HttpDriver)
    handle = serve.run(by_hand, name="walk_hand", route_prefix="/walk_hand")
    handle = handle.options(_by_reference=False)  # as graphnb sends its requests
    with httpx.Client(trust_env=False, timeout=30) as client:
        race = run_race(
            {
                "handle": Side(lambda: graph.remote(REQUEST).result(), 1, expected),
                "handle, by hand": Side(
                    lambda: handle.predict.remote(REQUEST).result(), 1, expected
                ),
                "HTTP": Side(lambda: _post(client, graph.url), 1, expected),
                "HTTP, by hand": Side(lambda: _post(client, f"{graph.url}_hand"), 1, expected),
            },
            rounds=ROUNDS,
            warmup=WARMUP,
        )
    end_all()
    return [_row(race, "handle"), _row(race, "HTTP")]


class HttpDriver(walkthrough_graph.Driver):
    """Answers HTTP as well, as Ray Serve's documentation does it."""

    async def __call__(self, request: Any) -> float:
        return await self.predict(await request.json())


def _row(race: Race, way: str) -> Row:
    ratio = race.ratio(way, f"{way}, by hand")
    return Row(
        f"walk-through on Ray by {way}, p50",
        duration(race.p50(way)),
        f"{duration(race.p50(f'{way}, by hand'))} (plain Ray Serve)",
        factor(ratio),
        (at_most_times(ratio, BAR),),
    )


def _post(client: httpx.Client, url: str | None) -> float:
    assert url is not None
    answer: float = client.post(url, json=REQUEST).raise_for_status().json()
    return answer
