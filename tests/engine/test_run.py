"""One request through a schedule, with a caller that is nobody's executor."""

import asyncio

import pytest

from graphnb import InputNode, serve
from graphnb.engine import Request, compile_schedule, run_schedule
from graphnb.engine.node_errors import node_error
from graphnb.engine.values import pack, unpack
from graphnb.session.target import graph_of


class FakeCaller:
    """Calls the functions of a graph in place, and notes what is called when (a `Caller`)."""

    def __init__(self, graph):
        self._graph = graph
        self.noted = []

    def callee(self, deployment):
        return FakeCallee(self._graph.deployments[deployment].func_or_class, self.noted)

    def calls(self, schedule):
        return [self.callee(one.deployment).call for one in schedule.steps]


class FakeCallee:
    """One function of a graph (a `Callee`)."""

    def __init__(self, function, noted):
        self._function = function
        self._noted = noted

    async def call(self, method, load, kept, request, parent, call, after, model_id):
        self._noted.append((call, after))
        args, kwargs = load(kept)
        try:
            result = self._function(*args, **kwargs)
            if asyncio.iscoroutine(result):
                result = await result
        except Exception as error:
            raise node_error(error, node=call) from error
        return pack(result)


def run(node, value):
    """The answer of a graph, and the calls that were made for it."""
    graph = graph_of(node)
    (root,) = [edge.call for one in graph.spec.deployments for edge in one.graphs]
    caller = FakeCaller(graph)

    async def ask():
        request = Request(None)
        return await run_schedule(compile_schedule(graph, root), caller, request, None, pack(value))

    return unpack(asyncio.run(ask())), caller.noted


@serve.deployment
def add(x, y=1):
    """A sum."""
    return x + y


@serve.deployment
async def swap(pair):
    """A list the other way round."""
    await asyncio.sleep(0)
    return pair[::-1]


@serve.deployment
def fails(x):
    """Always raises."""
    raise ValueError("no")


def test_a_schedule_runs_over_any_caller():
    """Steps are called by what they need, each with the calls that it waited for."""
    with InputNode() as inp:
        first = add.bind(inp["x"])
        node = add.bind(first, add.bind(first, y=inp["y"]))
    answer, calls = run(node, {"x": 1, "y": 10})
    assert answer == 14
    assert calls == [("add", ()), ("add_1", ("add",)), ("add_2", ("add", "add_1"))]


def test_steps_of_other_graphs_are_not_in_a_schedule():
    """A schedule has the steps of its root, and those of fallbacks behind them."""
    with InputNode() as inp:
        spare = add.bind(inp, 5)
        first = swap.bind([inp, inp])
        node = add.bind(first[0]).options(fallback=spare)
        graph = graph_of({"/a": node, "/b": swap.bind([inp])})
    (first_graph, _second_graph) = graph.spec.deployment("DAGDriver").graphs
    schedule = compile_schedule(graph, first_graph.call)
    assert [one.call for one in schedule.steps] == ["swap", "add_1", "add"]
    assert schedule.always == 2


def test_a_schedule_does_not_depend_on_code():
    """Editing a function changes its digest, and no step."""

    def spec_and_steps(version):
        if version == 1:

            @serve.deployment
            def step(x):
                return x
        else:

            @serve.deployment
            def step(x):
                return -x

        with InputNode() as inp:
            graph = graph_of(step.bind(add.bind(inp)))
        steps = compile_schedule(graph, "step").steps
        plain = [
            (one.index, one.call, one.deployment, one.method, one.outputs, one.after)
            for one in steps
        ]
        return graph.spec, plain

    (first_spec, first), (second_spec, second) = spec_and_steps(1), spec_and_steps(2)
    assert first_spec != second_spec
    assert first == second


def test_an_error_ends_the_run():
    """The first error comes out, and what depends on it is not called."""
    with InputNode() as inp:
        node = add.bind(fails.bind(inp), swap.bind([inp]))
    graph = graph_of(node)
    caller = FakeCaller(graph)

    async def ask():
        with pytest.raises(ValueError, match="no"):
            await run_schedule(compile_schedule(graph, "add"), caller, Request(None), None, pack(1))

    asyncio.run(ask())
    assert "add" not in [call for call, _after in caller.noted]


def test_a_cancelled_run_leaves_no_task():
    """Cancelling whoever awaits a run ends all its steps."""
    began, ended, both = [], [], asyncio.Event()

    @serve.deployment
    async def waits(x):
        began.append(x)
        if len(began) == 2:
            both.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(x)

    with InputNode() as inp:
        node = swap.bind([waits.bind(1), waits.bind(2), inp])
    graph = graph_of(node)

    async def ask():
        work = asyncio.ensure_future(
            run_schedule(
                compile_schedule(graph, "swap"), FakeCaller(graph), Request(None), None, pack(1)
            )
        )
        await both.wait()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        left = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.wait_for(asyncio.gather(*left, return_exceptions=True), 2)

    asyncio.run(ask())
    assert sorted(ended) == [1, 2]
