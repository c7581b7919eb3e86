"""Time-outs of a request, of a call in a graph, and of a handle's call; retries and fallbacks."""

import asyncio

import pytest

from graphnb import InputNode, serve
from graphnb.errors import BackPressureError, NodeError, RequestError, RequestTimeoutError
from tests.contract.waiting import eventually, status_of


@pytest.fixture
def slow(signals):
    """A class whose calls wait for the gate "go"."""

    @serve.deployment
    class Slow:
        async def run(self, x):
            try:  # the note is there for the test before it is for this coroutine
                await signals.anote("began", x)
                await signals.await_("go")
            except asyncio.CancelledError:
                signals.note("cancelled", x)
                raise
            return x

        def run_in_a_thread(self, x):
            signals.note("began", x)
            signals.wait("go")
            return x

    return Slow


@serve.deployment
async def echo(x):
    """Gives back what it gets."""
    return x


@serve.deployment
def join(*xs):
    """A list of all that it gets."""
    return list(xs)


METHODS = pytest.mark.parametrize("method", ["run", "run_in_a_thread"])


# --- per request ---------------------------------------------------------------------------------


@METHODS
def test_a_request_that_takes_too_long_names_the_node_at_work(deploy, signals, slow, method, soon):
    """A RequestTimeoutError, which is a TimeoutError, says which node was at work."""
    with InputNode() as inp:
        node = join.bind(echo.bind(inp), getattr(slow.bind(), method).bind(inp))
    graph = deploy(node)
    response = graph.options(timeout_s=soon).remote(1)
    with pytest.raises(RequestTimeoutError) as caught:
        response.result()
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.node == f"Slow.{method}"
    assert f"Slow.{method}" in caught.value.message
    assert f"{soon:g} s" in caught.value.message
    assert caught.value.request_id == response.request_id
    assert graph.trace(response.request_id).outcome == "timeout"


def test_a_request_that_timed_out_is_cancelled(deploy, signals, slow, soon):
    """The node at work is cancelled, and its slot is free."""
    with InputNode() as inp:
        node = slow.bind().run.bind(inp)
    graph = deploy(node)
    with pytest.raises(RequestTimeoutError):
        graph.options(timeout_s=soon).remote(1).result()
    assert signals.wait_for_notes("cancelled", 1) == [1]
    eventually(lambda: status_of(graph, "Slow").ongoing == 0)


def test_a_time_out_in_a_handles_call_names_the_innermost_node(deploy, signals, slow, soon):
    """Of nodes that wait for each other, the one that was really at work is named."""

    @serve.deployment
    class Outer:
        def __init__(self, slow):
            self.slow = slow

        async def run(self, x):
            return await self.slow.run.remote(x)

    with InputNode() as inp:
        node = Outer.bind(slow.bind()).run.bind(inp)
    with pytest.raises(RequestTimeoutError) as caught:
        deploy(node).options(timeout_s=soon).remote(1).result()
    assert caught.value.node == "Slow.run"


def test_a_request_that_waits_in_a_queue_times_out_too(deploy, signals, slow, soon):
    """Time in the queue counts, and the deployment that was busy is named."""
    with InputNode() as inp:
        node = slow.options(max_ongoing_requests=1).bind().run.bind(inp)
    graph = deploy(node)
    first = graph.remote(1)
    signals.wait_for_notes("began", 1)
    with pytest.raises(RequestTimeoutError) as caught:
        graph.options(timeout_s=soon).remote(2).result()
    assert caught.value.node == "Slow.run"
    signals.set("go")
    assert first.result() == 1
    assert signals.notes("began") == [1]
    assert status_of(graph, "Slow").queued == 0


def test_a_request_in_time_is_answered(deploy):
    """A time-out that does not pass changes nothing."""
    with InputNode() as inp:
        node = echo.bind(inp)
    assert deploy(node).options(timeout_s=30).remote(1).result() == 1


def test_options_leave_the_graph_as_it_was(deploy):
    """`graph.options` gives another view of the same running graph."""
    with InputNode() as inp:
        node = echo.bind(inp)
    graph = deploy(node)
    hurried = graph.options(timeout_s=5)
    assert hurried.name == graph.name
    assert hurried.spec == graph.spec
    assert hurried.options(stream=False).remote(1).result() == 1
    assert graph.remote(2).result() == 2
    assert graph.trace("last") == hurried.trace("last")


def test_a_nodes_own_time_out_is_its_own_error(deploy):
    """A TimeoutError that user code raises is a NodeError, not the request's time-out."""

    @serve.deployment
    async def gives_up(x):
        async with asyncio.timeout(0.001):
            await asyncio.Event().wait()

    with InputNode() as inp:
        node = gives_up.bind(inp).options(timeout_s=30)
    with pytest.raises(TimeoutError) as caught:
        deploy(node).options(timeout_s=30).remote(1).result()
    assert isinstance(caught.value, NodeError)
    assert not isinstance(caught.value, RequestTimeoutError)
    assert caught.value.node == "gives_up"


@METHODS
def test_the_header_sets_a_requests_time_out(deploy, signals, slow, client, method, soon):
    """`x-request-timeout-seconds` is answered with 504 and the node's name when it passes."""
    with InputNode() as inp:
        node = getattr(slow.bind(), method).bind(inp)
    graph = deploy(node, http=True)
    answer = client.post(graph.url, json=1, headers={"x-request-timeout-seconds": str(2 * soon)})
    assert answer.status_code == 504
    assert answer.json()["node"] == f"Slow.{method}"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    signals.set("go")
    answer = client.post(graph.url, json=1, headers={"x-request-timeout-seconds": "30"})
    assert (answer.status_code, answer.json()) == (200, 1)


@pytest.mark.parametrize("wrong", ["soon", "0", "-1", "nan", "inf", ""])
def test_a_time_out_header_that_is_no_number_is_refused(deploy, client, wrong):
    """Nonsense in the header is 400 with the reason, and calls nobody."""
    with InputNode() as inp:
        node = echo.bind(inp)
    graph = deploy(node, http=True)
    answer = client.post(graph.url, json=1, headers={"x-request-timeout-seconds": wrong})
    assert answer.status_code == 400
    assert "x-request-timeout-seconds" in answer.json()["error"]
    assert graph.traces(1) == []


# --- per handle call -----------------------------------------------------------------------------


def test_a_handles_call_may_have_a_time_out(deploy, signals, slow, soon):
    """A node can limit a call of its own, catch the error, and go on."""

    @serve.deployment
    class Outer:
        def __init__(self, slow):
            self.slow = slow.options(timeout_s=soon)

        async def run(self, x):
            try:
                return await self.slow.run.remote(x)
            except RequestTimeoutError as error:
                return ["gave up", error.node]

        def run_in_a_thread(self, x):
            try:
                return self.slow.run.remote(x).result()
            except TimeoutError as error:
                return ["gave up", error.node]

    graph = deploy(Outer.bind(slow.bind()))
    assert graph.handle.run.remote(1).result() == ["gave up", "Slow.run"]
    assert graph.handle.run_in_a_thread.remote(1).result() == ["gave up", "Slow.run"]
    assert signals.wait_for_notes("cancelled", 2)


def test_the_requests_time_out_holds_for_its_calls(deploy, signals, slow, soon):
    """A call that may take longer than its request ends with the request."""

    @serve.deployment
    class Outer:
        def __init__(self, slow):
            self.slow = slow.options(timeout_s=60)

        async def run(self, x):
            return await self.slow.run.remote(x)

    graph = deploy(Outer.bind(slow.bind()))
    with pytest.raises(RequestTimeoutError):
        graph.handle.run.options(timeout_s=soon).remote(1).result()
    assert signals.wait_for_notes("cancelled", 1)


# --- per call in a graph -------------------------------------------------------------------------


@METHODS
def test_a_call_that_takes_too_long_is_named(deploy, signals, slow, method, soon):
    """`node.options(timeout_s=...)` limits one call: its error says which one and how long."""
    with InputNode() as inp:
        node = join.bind(getattr(slow.bind(), method).bind(inp).options(timeout_s=soon))
    with pytest.raises(RequestTimeoutError, match=rf"Slow\.{method}.*{soon:g} s") as caught:
        deploy(node).remote(1).result()
    assert caught.value.node == f"Slow.{method}"
    assert caught.value.hint


def test_a_timed_out_thread_keeps_its_slot(deploy, signals, slow, soon):
    """A sync call that timed out counts as under way until its thread ends."""
    with InputNode() as inp:
        node = slow.bind().run_in_a_thread.bind(inp).options(timeout_s=soon)
    graph = deploy(node)
    with pytest.raises(RequestTimeoutError):
        graph.remote(1).result()
    assert status_of(graph, "Slow").ongoing == 1
    signals.set("go")
    eventually(lambda: status_of(graph, "Slow").ongoing == 0)


# --- retries -------------------------------------------------------------------------------------


@pytest.fixture
def flaky(signals):
    """A class that fails until it was called as often as it was told."""

    @serve.deployment
    class Flaky:
        def __init__(self, succeeds_at):
            self.succeeds_at = succeeds_at

        async def run(self, x):
            count = await signals.anote("called", x)
            if count < self.succeeds_at:
                raise ConnectionError(f"attempt {count}")
            return [x, count]

        def run_in_a_thread(self, x):
            count = signals.note("called", x)
            if count < self.succeeds_at:
                raise ConnectionError(f"attempt {count}")
            return [x, count]

    return Flaky


@METHODS
def test_a_failed_call_is_tried_again(deploy, signals, flaky, method):
    """With `retries=2` the third attempt counts; the next nodes see its result only."""
    with InputNode() as inp:
        node = join.bind(getattr(flaky.bind(3), method).bind(inp).options(retries=2), inp)
    assert deploy(node).remote("x").result() == [["x", 3], "x"]
    assert signals.notes("called") == ["x"] * 3


def test_after_the_last_attempt_the_error_is_the_last_one(deploy, signals, flaky):
    """When every attempt failed, the error of the last one ends the request."""
    with InputNode() as inp:
        node = flaky.bind(9).run.bind(inp).options(retries=2)
    with pytest.raises(ConnectionError, match="attempt 3"):
        deploy(node).remote("x").result()
    assert len(signals.notes("called")) == 3


def test_a_call_without_retries_is_tried_once(deploy, signals, flaky):
    """Nothing is called twice unless it was asked for."""
    with InputNode() as inp:
        node = flaky.bind(2).run.bind(inp)
    with pytest.raises(ConnectionError):
        deploy(node).remote("x").result()
    assert len(signals.notes("called")) == 1


def test_each_attempt_has_a_span(deploy, flaky):
    """A trace tells of every attempt and how it ended."""
    with InputNode() as inp:
        node = flaky.bind(3).run.bind(inp).options(retries=5)
    graph = deploy(node)
    response = graph.remote("x")
    response.result()
    spans = [one for one in response.request.trace("ok", None).spans if one.call == "Flaky.run"]
    assert [one.outcome for one in spans] == ["error", "error", "ok"]
    assert len({one.span_id for one in spans}) == 3
    assert graph.trace("last").outcome == "ok"


def test_a_slow_attempt_is_tried_again(deploy, signals, soon):
    """`timeout_s` is for each attempt: a call that hangs once succeeds when tried again."""

    @serve.deployment
    async def hangs_once(x):
        if await signals.anote("called") == 1:
            await signals.await_("never")
        return x

    with InputNode() as inp:
        node = hangs_once.bind(inp).options(timeout_s=soon, retries=1)
    assert deploy(node).remote(5).result() == 5
    assert len(signals.notes("called")) == 2


def test_each_attempt_gets_fresh_arguments(deploy, signals):
    """An attempt that spoiled its arguments does not spoil the next one's."""

    @serve.deployment
    def spoils(xs):
        xs.append("spoiled")
        if signals.note("called") == 1:
            raise ValueError("no")
        return xs

    with InputNode() as inp:
        node = spoils.bind(inp).options(retries=1)
    assert deploy(node).remote([1]).result() == [1, "spoiled"]


def test_a_cancelled_call_is_not_tried_again(deploy, signals, slow):
    """Giving up on a request ends it, whatever retries its nodes have."""
    with InputNode() as inp:
        node = slow.bind().run.bind(inp).options(retries=5, fallback="fallback")
    response = deploy(node).remote(1)
    signals.wait_for_notes("began", 1)
    response.cancel()
    with pytest.raises(RequestError, match="cancelled"):
        response.result()
    assert signals.notes("began") == [1]


def test_the_requests_time_out_is_above_retries(deploy, signals, slow, soon):
    """When the request's own time is up, no attempt and no fallback follows."""
    with InputNode() as inp:
        node = slow.bind().run.bind(inp).options(retries=5, fallback="fallback")
    with pytest.raises(RequestTimeoutError):
        deploy(node).options(timeout_s=soon).remote(1).result()
    assert signals.notes("began") == [1]


# --- fallbacks -----------------------------------------------------------------------------------


@serve.deployment
async def fails(x):
    """Always raises."""
    raise ValueError("no")


@pytest.mark.parametrize("value", [None, 0, "text", [1], {"a": (1,)}], ids=repr)
def test_a_value_stands_in_for_a_failure(deploy, value):
    """A plain value, None included, is the result when the call fails."""
    with InputNode() as inp:
        node = join.bind(fails.bind(inp).options(fallback=value), inp)
    assert deploy(node).remote(1).result() == [value, 1]


def test_a_node_stands_in_for_a_failure(deploy, signals):
    """A fallback node, and all that it needs, runs when the call fails, and only then."""

    @serve.deployment
    def spare(x):
        signals.note("spare", x)
        return ["spare", x]

    @serve.deployment
    async def picky(x):
        if x < 0:
            raise ValueError("no")
        return x

    with InputNode() as inp:
        node = join.bind(picky.bind(inp).options(fallback=spare.bind(spare.bind(inp))))
    graph = deploy(node)
    assert graph.remote(1).result() == [1]
    assert signals.notes("spare") == []
    assert graph.remote(-1).result() == [["spare", ["spare", -1]]]
    assert signals.notes("spare") == [-1, ["spare", -1]]


def test_a_fallback_comes_after_the_retries(deploy, signals, flaky):
    """First all attempts, then what stands in."""
    with InputNode() as inp:
        node = flaky.bind(9).run.bind(inp).options(retries=1, fallback="instead")
    assert deploy(node).remote("x").result() == "instead"
    assert len(signals.notes("called")) == 2


def test_a_fallback_stands_in_for_a_slow_call(deploy, signals, slow, soon):
    """A call whose time is up may be stood in for."""
    with InputNode() as inp:
        node = join.bind(slow.bind().run.bind(inp).options(timeout_s=soon, fallback="late"))
    assert deploy(node).remote(1).result() == ["late"]
    assert signals.wait_for_notes("cancelled", 1)


def test_a_fallback_stands_in_for_a_busy_node(deploy, signals, slow):
    """A call that back pressure refuses may be stood in for."""
    busy = slow.options(max_ongoing_requests=1, max_queued_requests=1).bind()
    with InputNode() as inp:
        node = busy.run.bind(inp).options(fallback="busy")
    graph = deploy(node)
    first = graph.remote(1)
    signals.wait_for_notes("began", 1)
    second = graph.remote(2)
    eventually(lambda: status_of(graph, "Slow").queued == 1)
    assert graph.remote(3).result() == "busy"
    signals.set("go")
    assert [first.result(), second.result()] == [1, 2]


def test_a_fallback_that_fails_is_the_error(deploy):
    """When the fallback raises, the request ends with its error."""

    @serve.deployment
    def fails_too(x):
        raise KeyError("neither")

    with InputNode() as inp:
        node = fails.bind(inp).options(fallback=fails_too.bind(inp))
    with pytest.raises(KeyError) as caught:
        deploy(node).remote(1).result()
    assert caught.value.node == "fails_too"


def test_a_fallback_may_have_a_fallback(deploy):
    """Fallbacks form a chain."""
    with InputNode() as inp:
        second = fails.bind(inp).options(fallback=echo.bind(inp))
        node = fails.bind(inp).options(fallback=second)
    assert deploy(node).remote(7).result() == 7


def test_a_part_of_a_result_may_stand_in(deploy):
    """A fallback may be a part of another call's result."""

    @serve.deployment
    def boxes(x):
        return {"boxes": [x, x + 1]}

    with InputNode() as inp:
        node = join.bind(fails.bind(inp).options(fallback=boxes.bind(inp)["boxes"][1]))
    assert deploy(node).remote(1).result() == [2]


@pytest.mark.parametrize("whole", [True, False], ids=["the input", "a part of it"])
def test_the_input_may_stand_in(deploy, whole):
    """A fallback may be the request itself, or a part of it."""
    with InputNode() as inp:
        node = join.bind(fails.bind(inp).options(fallback=inp if whole else inp["x"]))
    assert deploy(node).remote({"x": 5}).result() == [{"x": 5} if whole else 5]


@pytest.mark.parametrize("direct", [True, False])
def test_a_fallback_that_others_use_too_runs_once(deploy, signals, direct):
    """A call that stands in for one and feeds another runs once per request."""

    @serve.deployment
    async def shared(x):
        await signals.anote("shared")
        return x * 10

    with InputNode() as inp:
        common = shared.bind(inp)
        spare = common if direct else echo.bind(common)
        first = fails.bind(inp).options(fallback=spare)
        second = fails.bind(inp).options(fallback=spare)
        node = join.bind(first, second, common)
    assert deploy(node).remote(1).result() == [10, 10, 10]
    assert signals.notes("shared") == [None]


def test_parts_of_a_call_with_a_fallback_are_parts_of_what_stands_in(deploy):
    """`node[key]` of a failed call is taken from its fallback."""
    with InputNode() as inp:
        node = join.bind(fails.bind(inp).options(fallback={"a": 1})["a"])
    assert deploy(node).remote(1).result() == [1]


def test_a_fallback_does_not_hide_a_mistake_of_the_caller(deploy):
    """A request that does not fit its graph fails, whatever fallbacks there are."""
    from graphnb.errors import InputError

    with InputNode() as inp:
        node = join.bind(echo.bind(inp["k"]).options(fallback=0))
    with pytest.raises(InputError):
        deploy(node).remote({}).result()


def test_a_fallback_is_seen_in_the_trace(deploy):
    """The failed call and the one that stood in are both told of."""
    with InputNode() as inp:
        node = join.bind(fails.bind(inp).options(fallback=echo.bind(inp)))
    response = deploy(node).remote(1)
    response.result()
    outcomes = {
        one.call: one.outcome for one in response.request.trace("ok", None).spans if one.call
    }
    assert outcomes == {"fails": "error", "echo": "ok", "join": "ok"}


def test_back_pressure_of_a_call_without_fallback_is_the_requests(deploy, signals, slow):
    """A refused call ends its request as BackPressureError, retries included."""
    busy = slow.options(max_ongoing_requests=1, max_queued_requests=1).bind()
    with InputNode() as inp:
        node = busy.run.bind(inp).options(retries=2)
    graph = deploy(node)
    first = graph.remote(1)
    signals.wait_for_notes("began", 1)
    second = graph.remote(2)
    eventually(lambda: status_of(graph, "Slow").queued == 1)
    with pytest.raises(BackPressureError):
        graph.remote(3).result()
    signals.set("go")
    assert [first.result(), second.result()] == [1, 2]
