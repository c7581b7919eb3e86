"""Whatever happens to a call, it gives its slot back, once."""

import asyncio
import random
import threading

import pytest

from graphnb import InputNode, serve
from graphnb.errors import RequestError
from tests.contract.waiting import eventually


class Steps:
    """One method for each way in which a call can end."""

    async def fine(self, x):
        return x

    def fine_in_a_thread(self, x):
        return x

    async def fails(self, x):
        raise ValueError("no")

    def fails_in_a_thread(self, x):
        raise ValueError("no")

    async def unpicklable(self, x):
        return threading.Lock()

    def unpicklable_in_a_thread(self, x):
        return threading.Lock()

    async def exits(self, x):
        raise SystemExit(3)

    def exits_in_a_thread(self, x):
        raise SystemExit(3)

    async def cancels_itself(self, x):
        asyncio.current_task().cancel()
        await asyncio.sleep(0)

    def streams(self, x):
        yield x
        raise ValueError("no")

    async def streams_async(self, x):
        yield x
        raise ValueError("no")

    def streams_locks(self, x):
        yield threading.Lock()


def idle(graph):
    """Whether no call of any deployment is under way or waits."""
    return all(one.ongoing == one.queued == 0 for one in graph.status())


CALLS = [name for name in vars(Steps) if not name.startswith("_")]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("method", [*CALLS, "unknown"])
def test_a_call_gives_its_slot_back(deploy, method, stream):
    """After an answer, an error, or a call that cannot be made, the slot is free."""
    steps = serve.deployment(max_ongoing_requests=1)(Steps)
    graph = deploy(steps.bind())
    handle = graph.handle.options(stream=stream, method_name=method)
    for args in ((1,), (), (1, 2)):
        for _ in range(2):
            try:
                answer = handle.remote(*args)
                list(answer) if stream else answer.result(timeout_s=3)
            except TimeoutError:
                pytest.fail("the slot is lost")
            except (RequestError, ValueError, TypeError, AttributeError):
                pass
    eventually(lambda: idle(graph))
    assert graph.handle.fine.remote(5).result(timeout_s=3) == 5


@pytest.mark.parametrize("method", ["fine", "fine_in_a_thread"])
def test_a_missing_part_of_a_result_gives_the_slot_back(deploy, method):
    """A call whose arguments cannot be had leaves nothing behind."""
    steps = serve.deployment(max_ongoing_requests=1)(Steps).bind()
    with InputNode() as inp:
        first = steps.fine.bind(inp)
        node = getattr(steps, method).bind(first["gone"])
    graph = deploy(node)
    for _ in range(3):
        with pytest.raises(RequestError):
            graph.remote({"here": 1}).result(timeout_s=3)
    assert graph.remote({"gone": 1}).result(timeout_s=3) == 1
    eventually(lambda: idle(graph))


def test_a_storm_of_requests_leaves_nothing_behind(deploy):
    """Of requests that are answered, cancelled, timed out and failed, no slot and no call stays."""
    chance = random.Random(5)

    @serve.deployment(max_ongoing_requests=3)
    class Busy:
        async def run(self, x):
            await asyncio.sleep(0.001 * (x % 3))
            if x % 11 == 0:
                raise ValueError("no")
            return x

        def run_in_a_thread(self, x):
            if x % 13 == 0:
                raise ValueError("no")
            return x

    @serve.deployment
    class Outer:
        def __init__(self, busy):
            self.busy = busy

        async def run(self, x, y):
            calls = [self.busy.run.remote(x), self.busy.run_in_a_thread.remote(y)]
            return sum(await asyncio.gather(*calls))

    busy = Busy.options(num_replicas=2).bind()
    with InputNode() as inp:
        first, second = busy.run.bind(inp), busy.run_in_a_thread.bind(inp)
        node = Outer.bind(busy).run.bind(first, second)
    graph = deploy(node)
    responses = []
    for number in range(300):
        hurried = graph.options(timeout_s=chance.choice([0.001, 0.01, 30]))
        responses.append(hurried.remote(number))
        if chance.random() < 0.3:
            chance.choice(responses).cancel()
    outcomes = set()
    for number, one in enumerate(responses):
        try:
            assert one.result(timeout_s=10) == 2 * number
            outcomes.add("ok")
        except RequestError as error:
            outcomes.add(type(error).__name__)
    assert "ok" in outcomes
    assert "RequestCancelledError" in outcomes
    eventually(lambda: idle(graph))
    again = [graph.remote(number) for number in (1, 2, 3, 4, 5, 6)]
    assert [one.result(timeout_s=5) for one in again] == [2, 4, 6, 8, 10, 12]


def test_a_storm_of_streams_leaves_nothing_behind(deploy):
    """Streams that are read to the end, cancelled, or dropped half read free their slots."""
    chance = random.Random(5)

    @serve.deployment(max_ongoing_requests=4)
    class Counter:
        async def count(self, n):
            for number in range(n):
                await asyncio.sleep(0)
                yield number

        def count_in_a_thread(self, n):
            yield from range(n)

    graph = deploy(Counter.bind())
    handle = graph.handle.options(stream=True)
    for number in range(80):
        method = chance.choice([handle.count, handle.count_in_a_thread])
        stream = method.remote(5)
        for _ in range(chance.randrange(7)):
            next(stream, None)
        if number % 2:
            stream.cancel()
        else:
            assert list(stream)[-1:] in ([4], [])
    eventually(lambda: idle(graph))
    assert list(handle.count.remote(3)) == [0, 1, 2]
