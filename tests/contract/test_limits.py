"""How many calls a deployment takes at a time, how many wait, and how many instances answer."""

import collections

import pytest

from graphnb import InputNode, serve
from graphnb.errors import BackPressureError, RequestError
from tests.contract.waiting import eventually, status_of


@pytest.fixture
def gated(signals):
    """A deployment whose calls wait for the gate "go", and note that they began."""

    def make(*, is_async=True, **options):
        if is_async:

            @serve.deployment(name="gated", **options)
            async def gated(x):
                await signals.anote("began", x)
                await signals.await_("go")
                return x

        else:

            @serve.deployment(name="gated", **options)
            def gated(x):
                signals.note("began", x)
                signals.wait("go")
                return x

        with InputNode() as inp:
            return gated.bind(inp)

    return make


@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
def test_no_more_calls_run_than_max_ongoing_requests(deploy, signals, is_async):
    """Of six calls at once, two run at a time, and never three."""

    @serve.deployment(max_ongoing_requests=2)
    class Limited:
        async def run(self, x):
            async with signals.ainside("work"):
                await signals.ameet("pair", 2)
            return x

        def run_in_a_thread(self, x):
            with signals.inside("work"):
                signals.meet("pair", 2)
            return x

    limited = Limited.bind()
    with InputNode() as inp:
        method = limited.run if is_async else limited.run_in_a_thread
        node = method.bind(inp)
    graph = deploy(node)
    responses = [graph.remote(number) for number in range(6)]
    assert [one.result() for one in responses] == [0, 1, 2, 3, 4, 5]
    assert signals.peak("work") == 2


def test_calls_of_several_methods_share_the_limit(deploy, signals):
    """The limit is the instance's, whichever of its methods is called, by node or by handle."""

    @serve.deployment(max_ongoing_requests=1)
    class Alone:
        async def first(self, x):
            async with signals.ainside("work"):
                return x

        def second(self, x):
            with signals.inside("work"):
                return x

    @serve.deployment
    class Caller:
        def __init__(self, alone):
            self.alone = alone

        async def run(self, x):
            return await self.alone.first.remote(x)

    @serve.deployment
    def join(*xs):
        return list(xs)

    alone = Alone.bind()
    with InputNode() as inp:
        node = join.bind(
            alone.first.bind(inp), alone.second.bind(inp), Caller.bind(alone).run.bind(inp)
        )
    graph = deploy(node)
    assert [one.result() for one in [graph.remote(n) for n in range(5)]] == [
        [n] * 3 for n in range(5)
    ]
    assert signals.peak("work") == 1


def test_time_in_the_queue_is_measured(deploy, signals, gated):
    """A call that waits for a slot says so in its span."""
    graph = deploy(gated(max_ongoing_requests=1))
    first = graph.remote(1)
    signals.wait_for_notes("began", 1)
    second = graph.remote(2)
    eventually(lambda: status_of(graph, "gated").queued == 1)
    assert signals.notes("began") == [1]
    signals.set("go")
    first.result()
    second.result()
    spans = [
        next(span for span in one.request.trace("ok", None).spans if span.call == "gated")
        for one in (first, second)
    ]
    assert spans[1].queued_s > spans[0].queued_s
    assert spans[1].queued_s <= spans[1].total_s


@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
def test_the_status_tells_of_calls_under_way_and_waiting(deploy, signals, gated, is_async):
    """`status()` counts the calls that are worked on and those in the queue."""
    graph = deploy(gated(is_async=is_async, max_ongoing_requests=2))
    responses = [graph.remote(number) for number in range(5)]
    signals.wait_for_notes("began", 2)
    found = eventually(lambda: (one := status_of(graph, "gated")) and one.queued == 3 and one)
    assert (found.ongoing, found.queued, found.running, found.replicas) == (2, 3, 1, 1)
    signals.set("go")
    for one in responses:
        one.result()
    idle = eventually(lambda: (one := status_of(graph, "gated")) and one.ongoing == 0 and one)
    assert idle.queued == 0


# Ray Serve's routers send a call that a full replica turned away again, and another may be first.
@pytest.mark.parametrize("executor", ["local"])
def test_the_queue_is_served_in_order(deploy, signals, gated, executor):
    """The call that has waited longest is next."""
    graph = deploy(gated(max_ongoing_requests=1))
    responses = []
    for number in range(6):
        responses.append(graph.remote(number))
        eventually(lambda n=number: status_of(graph, "gated").queued == n)
    signals.set("go")
    for one in responses:
        one.result()
    assert signals.notes("began") == [0, 1, 2, 3, 4, 5]


def filled(graph, signals, name, waiting):
    """Requests on their way to a deployment of one slot: one under way, and so many that wait."""
    responses = [graph.remote(0)]
    signals.wait_for_notes("began", 1)
    responses += [graph.remote(number + 1) for number in range(waiting)]
    eventually(lambda: status_of(graph, name).queued == waiting)
    return responses


def test_a_call_too_many_is_refused(deploy, signals, gated):
    """With `max_queued_requests` calls waiting, the next one is a BackPressureError by name."""
    graph = deploy(gated(max_ongoing_requests=1, max_queued_requests=2))
    responses = filled(graph, signals, "gated", 2)
    with pytest.raises(BackPressureError, match="gated has 2 requests waiting") as caught:
        graph.remote(3).result()
    assert caught.value.node == "gated"
    assert isinstance(caught.value, RequestError)
    assert "max_queued_requests" in caught.value.hint
    assert graph.trace("failed").outcome == "rejected"
    signals.set("go")
    assert [one.result() for one in responses] == [0, 1, 2]
    assert graph.remote(4).result() == 4


# Ray Serve has no deployment whose queue is always full.
@pytest.mark.parametrize("executor", ["local"])
def test_a_deployment_may_have_no_queue(deploy, signals, gated, executor):
    """With `max_queued_requests=0` a call that finds no free slot is refused."""
    graph = deploy(gated(max_ongoing_requests=1, max_queued_requests=0))
    (first,) = filled(graph, signals, "gated", 0)
    with pytest.raises(BackPressureError, match="gated"):
        graph.remote(1).result()
    signals.set("go")
    assert first.result() == 0


def test_a_full_queue_is_http_503(deploy, signals, gated, client):
    """Over HTTP a call too many is 503, with the node's name."""
    graph = deploy(gated(max_ongoing_requests=1, max_queued_requests=1), http=True)
    responses = filled(graph, signals, "gated", 1)
    answer = client.post(graph.url, json=2)
    assert answer.status_code == 503
    assert answer.json()["node"] == "gated"
    signals.set("go")
    assert [one.result() for one in responses] == [0, 1]


def test_a_caller_may_catch_back_pressure(deploy, signals, gated):
    """A node that calls through a handle sees the BackPressureError, and may do otherwise."""

    @serve.deployment(max_ongoing_requests=1, max_queued_requests=1)
    class Busy:
        async def run(self, x):
            await signals.anote("began", x)
            await signals.await_("go")
            return x

    @serve.deployment
    class Caller:
        def __init__(self, busy):
            self.busy = busy

        async def run(self, x):
            try:
                return await self.busy.run.remote(x)
            except BackPressureError:
                return "busy"

    with InputNode() as inp:
        node = Caller.bind(Busy.bind()).run.bind(inp)
    graph = deploy(node)
    responses = filled(graph, signals, "Busy", 1)
    assert graph.remote(2).result() == "busy"
    signals.set("go")
    assert [one.result() for one in responses] == [0, 1]


def test_a_cancelled_call_leaves_the_queue(deploy, signals, gated):
    """A call that is given up while it waits never runs, and makes room for another."""
    graph = deploy(gated(max_ongoing_requests=1, max_queued_requests=1))
    first = graph.remote(1)
    signals.wait_for_notes("began", 1)
    second = graph.remote(2)
    eventually(lambda: status_of(graph, "gated").queued == 1)
    second.cancel()
    eventually(lambda: status_of(graph, "gated").queued == 0)
    third = graph.remote(3)
    eventually(lambda: status_of(graph, "gated").queued == 1)
    signals.set("go")
    assert (first.result(), third.result()) == (1, 3)
    assert signals.notes("began") == [1, 3]


# --- replicas ------------------------------------------------------------------------------------


@pytest.fixture
def replicated(signals):
    """A class that notes each instance, and whose calls meet in threes."""

    @serve.deployment(num_replicas=3, max_ongoing_requests=1)
    class Replicated:
        def __init__(self):
            self.tag = serve.get_replica_context().replica_tag
            signals.note("made", self.tag)

        async def run(self, x):
            await signals.ameet("three", 3)
            return self.tag

    with InputNode() as inp:
        return Replicated.bind().run.bind(inp)


def test_num_replicas_are_instances_of_their_own(deploy, signals, replicated):
    """Three replicas of one call each work at the same time, each with its own instance."""
    graph = deploy(replicated)
    assert len(set(signals.notes("made"))) == 3
    found = {one.result() for one in [graph.remote(n) for n in range(3)]}
    assert found == set(signals.notes("made"))
    assert status_of(graph, "Replicated").running == 3


def test_replicas_share_one_queue(deploy, signals, replicated):
    """Nine calls on three replicas go three by three, and spread evenly."""
    graph = deploy(replicated)
    found = collections.Counter(one.result() for one in [graph.remote(n) for n in range(9)])
    assert sorted(found.values()) == [3, 3, 3]


def test_instances_keep_their_own_state(deploy, signals):
    """What one replica remembers, the others do not."""

    @serve.deployment(num_replicas=2, max_ongoing_requests=1)
    class Counter:
        def __init__(self):
            self.calls = 0

        async def run(self, x):
            self.calls += 1
            await signals.ameet(f"round {x}", 2)
            return self.calls

    with InputNode() as inp:
        node = Counter.bind().run.bind(inp)
    graph = deploy(node)
    for number in range(3):
        pair = [graph.remote(number), graph.remote(number)]
        assert [one.result() for one in pair] == [number + 1] * 2


def test_replicas_of_a_function_share_its_limit(deploy, signals):
    """A function has replicas as well: each takes its own `max_ongoing_requests`."""

    @serve.deployment(num_replicas=2, max_ongoing_requests=2)
    async def work(x):
        async with signals.ainside("work"):
            await signals.ameet("four", 4)
        return x

    with InputNode() as inp:
        node = work.bind(inp)
    graph = deploy(node)
    responses = [graph.remote(n) for n in range(8)]
    assert [one.result() for one in responses] == list(range(8))
    assert signals.peak("work") == 4
