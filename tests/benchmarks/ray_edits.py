"""One of ten deployments is edited: until the next answer comes, on the same Ray.

With graphnb the graph is deployed again. With plain Ray Serve `serve.run` is called again, under
the same name, with the same edit. Both have a chain of ten and a driver; replicas start from the
same warm processes on both sides. Each round edits the function of the fifth node once more, when
both sides have settled.
"""

import statistics
import time
from collections.abc import Sequence
from typing import Any

import graphnb
from graphnb import DAGDriver, InputNode
from tests.benchmarks.ray_sides import end_all
from tests.benchmarks.rows import Row, at_most_times, duration, factor
from tests.benchmarks.timing import clock

WIDTH = 10
ROUNDS = 5
BAR = 0.25


def measure() -> Sequence[Row]:
    """Deploys both sides, then lets them take turns."""
    _graphnb(0), _plain(0)
    ours, theirs = [], []
    for number in range(1, ROUNDS + 1):
        pair = [(_graphnb, ours), (_plain, theirs)]
        for side, taken in pair if number % 2 else pair[::-1]:
            _settle()
            began = clock()
            answer = side(number)
            taken.append(clock() - began)
            assert answer == WIDTH + number, answer
    end_all()
    ratio = statistics.median(one / other for one, other in zip(ours, theirs, strict=True))
    return [
        Row(
            "edit one of 10 on Ray, and ask",
            duration(statistics.median(ours)),
            f"{duration(statistics.median(theirs))} (plain serve.run again)",
            factor(ratio),
            (at_most_times(ratio, BAR),),
        )
    ]


def _settle() -> None:
    """Waits until nothing is left to do on either side: old replicas have ended."""
    from ray import serve

    until = clock() + 60
    while clock() < until:
        found = serve.status().applications.values()
        if all(
            one.status == "RUNNING"
            and len(one.deployments) == WIDTH + 1
            and all(
                part.status == "HEALTHY" and set(part.replica_states) == {"RUNNING"}
                for part in one.deployments.values()
            )
            for one in found
        ):
            return
        time.sleep(0.1)
    raise AssertionError("an application does not settle")


def _functions(edit: int) -> list[Any]:
    """What the nodes do; the fifth one adds the number of the edit as well."""

    async def predict(x: int) -> int:
        return x + 1

    async def edited(x: int) -> int:
        return x + 1 + edit

    return [edited if i == WIDTH // 2 else predict for i in range(WIDTH)]


def _graphnb(edit: int) -> int:
    with InputNode() as x:
        node: Any = x
        for number, function in enumerate(_functions(edit)):
            node = graphnb.serve.deployment(function).options(name=f"node_{number}").bind(node)
    graph = graphnb.deploy(DAGDriver.bind(node), name="edited", on="ray", http=False)
    answer: int = graph.remote(0).result()
    return answer


def _plain(edit: int) -> int:
    from ray import serve

    from tests.benchmarks.by_hand import Chain

    nodes = [
        serve.deployment(name=f"node_{number}")(function).bind()
        for number, function in enumerate(_functions(edit))
    ]
    application = serve.deployment(Chain).bind(False, *nodes)
    handle = serve.run(application, name="edited_hand", route_prefix=None)
    answer: int = handle.predict.remote(0).result()
    return answer
