"""Every call is timed: what traces and metrics tell of requests."""

import asyncio
import gc
import time

import numpy as np
import pytest

from graphnb import InputNode, serve
from graphnb.errors import NotRunningError
from tests.contract.waiting import eventually, trace_of


@serve.deployment
async def increment(x):
    """One more."""
    return x + 1


@serve.deployment
def double(x):
    """Twice as much."""
    return 2 * x


@serve.deployment
async def fails(x):
    """Always raises."""
    raise ValueError("secret\nsecond line")


@serve.deployment
class Model:
    async def score(self, x):
        return x


@serve.deployment
class Combiner:
    def __init__(self, first, second):
        self.models = [first, second]

    async def run(self, a, b):
        return sum(await asyncio.gather(*(one.score.remote(a + b) for one in self.models)))


@pytest.fixture
def graph(deploy):
    """A diamond whose join calls two models by handle."""
    with InputNode() as inp:
        top = increment.bind(inp)
        left, right = double.bind(top), increment.bind(top)
        node = Combiner.bind(Model.bind(), Model.bind()).run.bind(left, right)
    return deploy(node)


def spans_of(response):
    """The spans of an answered request, by node."""
    response.result()
    return {one.node: one for one in response.request.trace("ok", None).spans}


def test_each_call_has_a_span(graph):
    """The root, each call node and each call by handle have one span, the root's last."""
    response = graph.remote(1)
    spans = spans_of(response)
    assert sorted(spans) == [
        "Combiner.run",
        "DAGDriver.predict",
        "Model.score",
        "Model_1.score",
        "double",
        "increment",
        "increment_1",
    ]
    assert response.request.trace("ok", None).spans[-1].node == "DAGDriver.predict"


def test_a_span_says_what_was_called(graph):
    """Deployment, call, method and replica are told; a handle's call has no call id."""
    spans = spans_of(graph.remote(1))
    combiner = spans["Combiner.run"]
    assert (combiner.deployment, combiner.call, combiner.method) == (
        "Combiner",
        "Combiner.run",
        "run",
    )
    assert combiner.replica
    assert combiner.replica != spans["double"].replica
    model = spans["Model_1.score"]
    assert (model.deployment, model.call, model.method) == ("Model_1", None, "score")
    assert spans["double"].method == "__call__"


def test_parents_are_the_callers(graph):
    """The root has no parent; nodes are the root's children, and a handle's call its caller's."""
    spans = spans_of(graph.remote(1))
    root = spans["DAGDriver.predict"]
    assert root.parent_id is None
    for name in ("increment", "increment_1", "double", "Combiner.run"):
        assert spans[name].parent_id == root.span_id
    for name in ("Model.score", "Model_1.score"):
        assert spans[name].parent_id == spans["Combiner.run"].span_id
    assert len({one.span_id for one in spans.values()}) == len(spans)


def test_parents_in_tasks_and_threads_are_right(deploy):
    """A call from a task, a thread or a generator of a node belongs to that node."""

    @serve.deployment
    class Caller:
        def __init__(self, model):
            self.model = model

        async def in_a_task(self, x):
            return await asyncio.create_task(self._ask(x))

        async def _ask(self, x):
            return await self.model.score.remote(x)

        def in_a_thread(self, x):
            return self.model.score.remote(x).result()

        async def in_another_thread(self, x):
            return await asyncio.to_thread(self.in_a_thread, x)

        async def in_a_generator(self, x):
            yield await self.model.score.remote(x)

    handle = deploy(Caller.bind(Model.bind())).handle
    for method in ("in_a_task", "in_a_thread", "in_another_thread"):
        spans = spans_of(getattr(handle, method).remote(1))
        assert spans["Model.score"].parent_id == spans[f"Caller.{method}"].span_id
    stream = handle.in_a_generator.options(stream=True).remote(1)
    assert list(stream) == [1]
    spans = {one.node: one for one in stream.request.trace("ok", None).spans}
    assert spans["Model.score"].parent_id == spans["Caller.in_a_generator"].span_id


def test_after_says_what_a_call_waited_for(graph):
    """`after` has the calls whose results a call took, each once."""
    spans = spans_of(graph.remote(1))
    assert spans["increment"].after == ()
    assert spans["double"].after == ("increment",)
    assert spans["increment_1"].after == ("increment",)
    assert spans["Combiner.run"].after == ("double", "increment_1")
    assert spans["Model.score"].after == ()


def test_the_parts_of_a_span_add_up(graph):
    """Queued, waiting, executing and transport are the caller's wait; none is negative."""
    for _ in range(20):
        spans = spans_of(graph.remote(1))
        root = spans["DAGDriver.predict"]
        for one in spans.values():
            parts = [one.queued_s, one.waiting_s, one.executing_s, one.transport_s]
            assert all(part >= 0 for part in parts)
            assert sum(parts) == pytest.approx(one.total_s)
            assert one.executing_s > 0
            assert root.start_s <= one.start_s
            assert one.end_s <= root.end_s + 1e-3
            for source in one.after:
                assert spans[source].end_s <= one.start_s + 1e-3


def test_the_time_of_user_code_is_executing(deploy, signals):
    """A span's executing time is at least what the node's code took."""

    @serve.deployment
    async def works(x):
        await asyncio.sleep(0.02)

    @serve.deployment
    def works_in_a_thread(x):
        time.sleep(0.02)

    @serve.deployment
    def join(*xs):
        return 0

    with InputNode() as inp:
        node = join.bind(works.bind(inp), works_in_a_thread.bind(inp))
    spans = spans_of(deploy(node).remote(1))
    for name in ("works", "works_in_a_thread"):
        assert spans[name].executing_s > 0.9 * 0.02


def test_time_before_the_thread_begins_is_waiting(deploy, signals):
    """A sync call that finds its replica free and its thread busy has waited in the replica."""
    with InputNode() as inp:
        node = double.bind(inp)
    spans = spans_of(deploy(node).remote(1))
    assert spans["double"].waiting_s > 0
    assert spans["DAGDriver.predict"].waiting_s == 0


def test_sizes_of_results_are_told(deploy):
    """Scalars travel as they are; all else has the size of its bytes."""

    @serve.deployment
    def makes(n):
        return np.zeros(n, dtype=np.uint8) if n else 0

    with InputNode() as inp:
        node = makes.bind(inp)
    graph = deploy(node)
    assert spans_of(graph.remote(0))["makes"].size == 0
    assert 10_000 <= spans_of(graph.remote(10_000))["makes"].size < 11_000


def test_a_request_that_ends_well_is_ok(graph):
    """A trace has the request's id, its outcome and its start."""
    before = time.time()
    response = graph.remote(1)
    response.result()
    trace = graph.trace("last")
    assert trace.request_id == response.request_id
    assert (trace.outcome, trace.error) == ("ok", None)
    assert before - 1 < trace.started_at < time.time() + 1
    assert trace.spans == response.request.trace("ok", None).spans
    assert trace.total_s == max(one.end_s for one in trace.spans)
    assert {one.outcome for one in trace.spans} == {"ok"}


def test_a_failed_request_says_what_failed(deploy):
    """The failed node's span is an error, and the trace has the error in one line."""
    with InputNode() as inp:
        node = increment.bind(fails.bind(increment.bind(inp)))
    graph = deploy(node)
    response = graph.remote(1)
    with pytest.raises(ValueError):
        response.result()
    trace = graph.trace("failed")
    assert trace.request_id == response.request_id
    assert trace.outcome == "error"
    assert trace.error.startswith("fails raised ValueError")
    assert "\n" not in trace.error
    outcomes = {one.node: one.outcome for one in trace.spans}
    assert outcomes == {"increment": "ok", "fails": "error", "DAGDriver.predict": "error"}


def test_siblings_of_a_failed_node_are_told_as_cancelled(deploy, signals):
    """The trace of a failed request is complete: cancelled calls are in it."""

    @serve.deployment
    async def waits(x):
        await signals.aset("waiting")
        await signals.await_("never")

    @serve.deployment
    async def fails_then(x):
        await asyncio.to_thread(signals.wait, "waiting")
        raise ValueError("no")

    @serve.deployment
    def join(*xs):
        return 0

    with InputNode() as inp:
        node = join.bind(waits.bind(inp), fails_then.bind(inp))
    graph = deploy(node)
    with pytest.raises(ValueError):
        graph.remote(1).result()
    outcomes = {one.node: one.outcome for one in graph.trace("failed").spans}
    assert outcomes == {
        "waits": "cancelled",
        "fails_then": "error",
        "DAGDriver.predict": "error",
    }


def test_a_request_that_timed_out_is_told_completely(deploy, signals, soon):
    """The trace of a time-out has the call that was at work."""

    @serve.deployment
    async def waits(x):
        await signals.await_("never")

    @serve.deployment
    def join(*xs):
        return 0

    with InputNode() as inp:
        node = join.bind(waits.bind(inp), increment.bind(inp))
    graph = deploy(node)
    with pytest.raises(TimeoutError):
        graph.options(timeout_s=soon).remote(1).result()
    trace = graph.trace("failed")
    assert trace.outcome == "timeout"
    assert {one.node for one in trace.spans} == {"waits", "increment", "DAGDriver.predict"}


def test_traces_come_oldest_first(graph):
    """`traces(n)` gives the last n requests in their order."""
    ids = []
    for number in range(5):
        response = graph.remote(number)
        response.result()
        ids.append(response.request_id)
    assert [one.request_id for one in graph.traces(3)] == ids[-3:]
    assert [one.request_id for one in graph.traces(100)] == ids
    assert graph.traces(0) == []


def test_a_trace_is_found(deploy, soon):
    """By id, the slowest, the last that failed; an unknown one is a NotRunningError."""

    @serve.deployment
    async def varies(x):
        if x == "slow":
            await asyncio.sleep(soon)
        if x == "bad":
            raise ValueError("no")
        return x

    with InputNode() as inp:
        node = varies.bind(inp)
    graph = deploy(node)
    with pytest.raises(NotRunningError):
        graph.trace("last")
    found = {}
    for request in ("quick", "slow", "bad", "quick again"):
        response = graph.remote(request)
        found[request] = response.request_id
        if request == "bad":
            with pytest.raises(ValueError):
                response.result()
        else:
            response.result()
    assert graph.trace("slowest").request_id == found["slow"]
    assert graph.trace("failed").request_id == found["bad"]
    assert graph.trace("last").request_id == found["quick again"]
    assert graph.trace(found["quick"]).request_id == found["quick"]
    with pytest.raises(NotRunningError):
        graph.trace("unknown-id")


def test_old_traces_are_forgotten(deploy):
    """However many requests there are, a bounded number of traces is kept."""
    with InputNode() as inp:
        node = increment.bind(inp)
    graph = deploy(node)

    async def ask(count):
        for start in range(0, count, 100):
            await asyncio.gather(*(graph.remote(start + n) for n in range(100)))

    asyncio.run(ask(2_300))
    assert len(graph.traces(1_000_000)) == 2_000
    assert graph.metrics().requests >= 2_000
    assert graph.metrics(100).requests == 100


@pytest.mark.parametrize("executor", ["local"])
def test_requests_that_ended_are_let_go(deploy, signals, executor):
    """Nothing of a request stays in memory but its trace: no input, no answer, no request."""

    class Noted:
        def __reduce__(self):
            return Noted, ()

    @serve.deployment
    async def passes(x):
        return x

    @serve.deployment
    def passes_in_a_thread(x):
        return x

    @serve.deployment
    def breaks(x):
        raise ValueError(x)

    @serve.deployment
    def join(*xs):
        return list(xs)

    with InputNode() as inp:
        first = passes.bind(inp)
        routes = {
            "/good": join.bind(first, passes_in_a_thread.bind(first)),
            "/bad": breaks.bind(first),
        }
    predict = deploy(routes).handle.predict_with_route
    for _ in range(20):
        predict.remote("/good", Noted()).result()
        with pytest.raises(ValueError):
            predict.remote("/bad", Noted()).result()
        predict.remote("/good", Noted()).cancel()

    def left():
        gc.collect()
        return sum(type(one) is Noted for one in gc.get_objects())

    eventually(lambda: left() <= 2)


def test_metrics_sum_requests_up(graph):
    """Metrics count requests and calls per node, and name the critical path."""
    for number in range(4):
        graph.remote(number).result()
    metrics = graph.metrics()
    assert (metrics.requests, metrics.errors) == (4, 0)
    assert metrics.nodes["increment"].count == 4
    assert metrics.nodes["Model.score"].count == 4
    assert metrics.handle_calls["Combiner.run", "Model"] == 4
    assert metrics.critical_path[0] == "DAGDriver.predict"
    assert 0 < metrics.p50_s <= metrics.p99_s


def test_traces_survive_an_update(deploy):
    """A redeploy keeps what was recorded before it."""

    def graph_of(n):
        @serve.deployment
        def add(x):
            return x + n

        with InputNode() as inp:
            return deploy(add.bind(inp))

    graph_of(1).remote(1).result()
    graph = graph_of(2)
    graph.remote(1).result()
    assert len(graph.traces(10)) == 2


def test_http_requests_are_traced_too(deploy, client):
    """A request over HTTP has a trace with the id that the client gave."""
    with InputNode() as inp:
        node = increment.bind(inp)
    graph = deploy(node, http=True)
    client.post(graph.url, json=1, headers={"x-request-id": "from-the-client"})
    trace = trace_of(graph, "from-the-client")
    assert trace.outcome == "ok"
    spans = {one.deployment: one for one in trace.spans}
    assert spans["increment"].parent_id == spans["DAGDriver"].span_id
    assert spans["DAGDriver"].parent_id is None
