"""What is called, when, and how often."""

import asyncio
import contextvars

import pytest

from graphnb import InputNode, serve


@pytest.fixture
def noted(signals):
    """A deployment that notes its name and passes its first argument on."""

    def make(name):
        @serve.deployment(name=name)
        async def node(*values):
            await signals.anote("ran", name)
            return values[0] if values else None

        return node

    return make


def test_only_what_the_root_needs_is_called(deploy, signals, noted):
    """A node that was bound, and does not lead to the root, is not called."""
    with InputNode() as inp:
        first = noted("first").bind(inp)
        aside = noted("aside").bind(first)
        node = noted("last").bind(first)
    assert deploy(node).remote(1).result() == 1
    assert signals.notes("ran") == ["first", "last"]
    del aside


def test_a_call_that_many_use_runs_once(deploy, signals, noted):
    """A call runs once per request, however many edges leave it."""
    with InputNode() as inp:
        once = noted("once").bind(inp)
        left, right = noted("left").bind(once), noted("right").bind(once, [once, {"k": once}])
        node = noted("last").bind(left, right, once)
    graph = deploy(node)
    for _ in range(3):
        graph.remote(1).result()
    assert signals.notes("ran").count("once") == 3
    assert len(signals.notes("ran")) == 12


def test_a_call_whose_parts_are_used_runs_once(deploy, signals, noted):
    """Parts of one result come of one call."""
    with InputNode() as inp:
        once = noted("once").bind(inp)
        node = noted("last").bind(once["a"], once["b"], once["a"])
    deploy(node).remote({"a": 1, "b": 2}).result()
    assert signals.notes("ran") == ["once", "last"]


@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
def test_siblings_run_together(deploy, signals, is_async):
    """Calls whose inputs exist run at the same time: they meet at a barrier."""

    @serve.deployment
    async def meets(x):
        await signals.ameet("siblings", 4)
        return x

    @serve.deployment
    def meets_in_a_thread(x):
        signals.meet("siblings", 4)
        return x

    @serve.deployment
    def join(*xs):
        return list(xs)

    meet = meets if is_async else meets_in_a_thread
    with InputNode() as inp:
        node = join.bind(*(meet.bind(inp[number]) for number in range(4)))
    assert deploy(node).remote([1, 2, 3, 4]).result() == [1, 2, 3, 4]


def test_branches_do_not_wait_for_each_other(deploy, signals):
    """A call starts the moment its inputs exist, whatever the other branch is doing."""

    @serve.deployment
    async def slow(x):
        await signals.await_("the fast branch has ended")
        return x

    @serve.deployment
    async def fast(x):
        return x

    @serve.deployment
    async def fast_end(x):
        await signals.aset("the fast branch has ended")
        return x

    @serve.deployment
    def join(a, b):
        return a + b

    with InputNode() as inp:
        node = join.bind(slow.bind(inp), fast_end.bind(fast.bind(fast.bind(inp))))
    assert deploy(node).remote(1).result() == 2


def test_a_join_of_uneven_branches_starts_when_the_last_input_is_there(deploy, signals, noted):
    """Nothing runs before all its inputs exist."""
    with InputNode() as inp:
        long = noted("c").bind(noted("b").bind(noted("a").bind(inp)))
        short = noted("s").bind(inp)
        node = noted("join").bind(long, short)
    deploy(node).remote(1).result()
    ran = signals.notes("ran")
    assert ran[-1] == "join"
    assert [one for one in ran if one in "abc"] == ["a", "b", "c"]


def test_requests_run_together(deploy, signals):
    """One request does not wait for another."""

    @serve.deployment
    async def meets(x):
        await signals.ameet("requests", 5)
        return x

    with InputNode() as inp:
        node = meets.bind(inp)
    graph = deploy(node)
    responses = [graph.remote(number) for number in range(5)]
    assert [one.result() for one in responses] == [0, 1, 2, 3, 4]


def test_many_requests_at_once_are_all_answered(deploy):
    """A thousand requests at once: none is lost, and each answer is its own."""

    @serve.deployment(max_ongoing_requests=20)
    async def step(x):
        await asyncio.sleep(0)
        return x + 1

    @serve.deployment
    def join(a, b):
        return (a, b)

    with InputNode() as inp:
        first = step.bind(inp)
        node = join.bind(first, step.bind(first))
    graph = deploy(node)
    responses = [graph.remote(number) for number in range(1000)]
    assert [one.result() for one in responses] == [(n + 1, n + 2) for n in range(1000)]


trail: contextvars.ContextVar[tuple] = contextvars.ContextVar("trail", default=())


@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
def test_context_variables_of_a_node_are_its_own(deploy, is_async):
    """What a node sets in a context variable is seen by no other node, and by no other request."""

    @serve.deployment
    async def leaves_a_trace(x):
        found = trail.get()
        trail.set((*found, x))
        return [*found, x]

    @serve.deployment
    def leaves_a_trace_in_a_thread(x):
        found = trail.get()
        trail.set((*found, x))
        return [*found, x]

    @serve.deployment
    async def join(*found):
        return [*found, trail.get()]

    step = leaves_a_trace if is_async else leaves_a_trace_in_a_thread
    with InputNode() as inp:
        chain = step.bind(step.bind(inp)[0])
        node = join.bind(chain, step.bind(inp))
    graph = deploy(node)
    for request in (1, 2):
        assert graph.remote(request).result() == [[request], [request], ()]


def test_a_callers_context_is_not_changed(deploy):
    """A graph leaves the context variables of whoever calls it alone."""

    @serve.deployment
    async def sets(x):
        trail.set(("inside",))
        return x

    with InputNode() as inp:
        node = sets.bind(inp)
    graph = deploy(node)

    async def call():
        trail.set(("mine",))
        await graph.remote(1)
        return trail.get()

    assert asyncio.run(call()) == ("mine",)


@pytest.mark.parametrize("width", [1, 3])
def test_asyncio_works_inside_nodes(deploy, width):
    """Task groups, time-outs and shields of user code behave as anywhere."""

    @serve.deployment
    async def careful(x):
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(asyncio.sleep(0, result=x)) for _ in range(3)]
        try:
            async with asyncio.timeout(0.001):
                await asyncio.Event().wait()
        except TimeoutError:
            timed_out = True
        value = await asyncio.shield(asyncio.sleep(0, result=x))
        assert asyncio.current_task().cancelling() == 0
        return sum(one.result() for one in tasks) + value + timed_out

    @serve.deployment
    def join(*xs):
        return list(xs)

    with InputNode() as inp:
        node = join.bind(*(careful.bind(careful.bind(inp)) for _ in range(width)))
    assert deploy(node).remote(1).result() == [21] * width


def test_a_graph_may_be_called_from_a_task_of_a_node(deploy):
    """Tasks that a node starts may call handles as the node itself may."""

    @serve.deployment
    async def echo(x):
        return x

    @serve.deployment
    class Driver:
        def __init__(self, dag):
            self.dag = dag

        async def predict(self, xs):
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._one(x)) for x in xs]
            return [one.result() for one in tasks]

        async def _one(self, x):
            return await self.dag.remote(x)

    with InputNode() as inp:
        node = echo.bind(inp)
    assert deploy(Driver.bind(node)).remote([1, 2, 3]).result() == [1, 2, 3]
