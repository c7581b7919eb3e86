"""1,000 requests of the walk-through at once, all different, by handle.

Each deployment takes 1,000 at a time, so the least that it can take is 0.45 s. A request counts
when its answer is right and its trace says so. Beside it: the same requests in Ray Serve's local
testing mode, in turns.
"""

import statistics
from collections.abc import Callable, Sequence
from typing import Any

import graphnb
from tests.benchmarks import ray_local, walkthrough_graph
from tests.benchmarks.rows import Row, all_of, duration, factor
from tests.benchmarks.timing import clock

REQUESTS = 1_000
ROUNDS = 3


def measure() -> Sequence[Row]:
    """One row: how many were right, and the median time until the last one was."""
    graph = graphnb.deploy(
        walkthrough_graph.graph(max_ongoing_requests=REQUESTS), name="crowd", http=False
    )
    ray_handle = ray_local.run(
        lambda serve: walkthrough_graph.application(serve, max_ongoing_requests=REQUESTS), "crowd"
    )
    ours, theirs, right = [], [], REQUESTS
    for _ in range(ROUNDS):
        seconds, answered = _send_all(graph.remote)
        traced = sum(one.outcome == "ok" for one in graph.traces(REQUESTS))
        right = min(right, answered, traced)
        ours.append(seconds)
        theirs.append(_send_all(ray_handle.predict.remote)[0])
    return [
        Row(
            "1,000 walk-throughs at once, until the last answer",
            f"{duration(statistics.median(ours))}, {right:,} right",
            f"{duration(statistics.median(theirs))} (Ray's local testing mode)",
            factor(statistics.median(b / a for a, b in zip(ours, theirs, strict=True))),
            (all_of(right, REQUESTS),),
        )
    ]


def _send_all(remote: Callable[[Any], Any]) -> tuple[float, int]:
    """Seconds until all have answered, and how many answers are right."""
    requests = [
        [str(number), [number, number + 3], "sum" if number % 2 else "max"]
        for number in range(REQUESTS)
    ]
    began = clock()
    responses = [remote(one) for one in requests]
    answers = [_answer(one) for one in responses]
    seconds = clock() - began
    expected = map(walkthrough_graph.answer, requests)
    return seconds, sum(one == other for one, other in zip(answers, expected, strict=True))


def _answer(response: Any) -> Any:
    """The answer; None for a request that was lost, which is what is counted here."""
    try:
        return response.result(timeout_s=30)
    except Exception as error:
        print(f"lost: {type(error).__name__}: {error}")
        return None
