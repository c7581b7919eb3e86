"""`driving.calls`: the calls of one request, as plain code makes them."""

import asyncio

import pytest

from graphnb.engine.request_input import request_input
from graphnb.promote.plain.driving.calls import Calls, CallTimeoutError, attribute


class Service:
    """What a handle's `remote` is: each call is a response, which may be cancelled."""

    def __init__(self, work):
        self.work = work
        self.began = []
        self.cancelled = []

    def __call__(self, *args, **kwargs):
        self.began.append(args)
        return Response(self, args, kwargs)


class Response:
    """What a call gives at once."""

    def __init__(self, service, args, kwargs):
        self.service = service
        self.made = asyncio.ensure_future(service.work(*args, **kwargs))
        self.args = args

    def __await__(self):
        return self.made.__await__()

    def cancel(self):
        self.service.cancelled.append(self.args)
        self.made.cancel()


def service(function):
    """A service that computes at once."""

    async def work(*args, **kwargs):
        return function(*args, **kwargs)

    return Service(work)


async def forever(*_args):
    """Never answers."""
    await asyncio.Event().wait()


def fails(*_args):
    """Always raises."""
    raise ValueError("no")


def run(work):
    """Runs a coroutine function, which must not hang."""

    async def bounded():
        async with asyncio.timeout(10):
            return await work()

    return asyncio.run(bounded())


def test_results_arrive_in_arguments_wherever_they_are_nested():
    """As a whole, as a part, in lists and dicts, by position and by name."""

    async def graph():
        split = service(str.split)
        join = service(lambda one, *, parts: (one, parts))
        async with Calls() as calls:
            words = calls.start(split, "a b c")
            return await calls.start(join, words[1], parts={"all": [words], "last": words[-1]})

    assert run(graph) == ("b", {"all": [["a", "b", "c"]], "last": "c"})


def test_a_call_is_made_once_for_all_that_take_its_result():
    """However many they are."""

    async def graph():
        one = service(lambda: 1)
        add = service(lambda *numbers: sum(numbers))
        async with Calls() as calls:
            made = calls.start(one)
            both = [calls.start(add, made, made), calls.start(add, made)]
            return await calls.start(add, *both), len(one.began)

    assert run(graph) == (3, 1)


def test_calls_that_need_nothing_of_each_other_run_side_by_side():
    """Each waits for the other to have begun."""

    async def graph():
        begun = asyncio.Barrier(2)

        async def meet():
            await begun.wait()
            return 1

        async with Calls() as calls:
            one, other = calls.start(Service(meet)), calls.start(Service(meet))
            return await one + await other

    assert run(graph) == 2


def test_the_first_failure_ends_the_request():
    """The others are cancelled, where they run too."""

    async def graph():
        slow = Service(forever)
        both = service(lambda *_: None)
        with pytest.raises(ValueError, match="no"):
            async with Calls() as calls:
                await calls.start(both, calls.start(slow, 1), calls.start(service(fails)))
        return slow.cancelled

    assert run(graph) == [(1,)]


@pytest.mark.parametrize("fallback", [0, None, [1]])
def test_a_value_stands_in_for_a_call_that_fails(fallback):
    """After as many attempts as it is given; None is a value too."""

    async def graph():
        flaky = service(fails)
        async with Calls() as calls:
            found = await calls.options(retries=2, fallback=fallback).start(flaky)
            return found, len(flaky.began)

    assert run(graph) == (fallback, 3)


def test_a_fallback_that_is_a_call_is_made_when_it_is_needed():
    """And not before."""

    async def graph():
        cheap, rich = service(lambda: "cheap"), service(lambda: "rich")
        async with Calls() as calls:
            later = calls.later(cheap)
            first = await calls.options(fallback=later).start(rich)
            unused = len(cheap.began)
            second = await calls.options(fallback=later).start(service(fails))
            return first, unused, second, len(cheap.began)

    assert run(graph) == ("rich", 0, "cheap", 1)


def test_a_call_that_takes_too_long_is_cancelled():
    """And its fallback stands in."""

    async def graph():
        slow = Service(forever)
        async with Calls() as calls:
            found = await calls.options(timeout_s=0.01, fallback="late").start(slow)
            return found, slow.cancelled

    assert run(graph) == ("late", [()])


def test_a_time_out_of_the_call_is_told_from_one_of_the_deployment():
    """The first is the graph's, the second is an error as any other."""

    async def own():
        raise TimeoutError("mine")

    async def graph(service, **options):
        async with Calls() as calls:
            return await calls.options(**options).start(service)

    with pytest.raises(CallTimeoutError, match=r"longer than its 0\.01 s"):
        run(lambda: graph(Service(forever), timeout_s=0.01))
    with pytest.raises(TimeoutError, match="mine") as raised:
        run(lambda: graph(Service(own), timeout_s=5))
    assert type(raised.value) is TimeoutError


def test_items_of_a_generator_come_one_by_one():
    """Once what it takes is there."""

    async def graph():
        async def count(until):
            for one in range(until):
                yield one

        async with Calls() as calls:
            until = calls.start(service(lambda: 3))
            return [item async for item in calls.stream(count, until)]

    assert run(graph) == [0, 1, 2]


def test_an_attribute_of_a_mapping_is_its_item():
    """As graphs read requests; of several arguments too."""
    assert attribute({"k": 1}, "k") == 1
    assert attribute(request_input((1,), {"k": 2}), "k") == 2
    assert attribute(1j, "imag") == 1
