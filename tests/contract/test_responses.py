"""What `.remote()` returns: an answer to come, for any thread and any event loop."""

import asyncio
import concurrent.futures
import threading

import pytest

import graphnb
from graphnb import InputNode, serve
from graphnb.errors import NotRunningError, NotSerializableError, RequestError
from tests.contract.waiting import eventually


@serve.deployment
async def increment(x):
    """One more."""
    return x + 1


@serve.deployment
class Model:
    async def add(self, x, y=0):
        return x + y

    def add_in_a_thread(self, x, y=0):
        return x + y

    async def fail(self, x):
        raise KeyError("gone")


@pytest.fixture
def graph(deploy):
    """A graph that adds one."""
    with InputNode() as inp:
        return deploy(increment.bind(inp))


# --- waiting -------------------------------------------------------------------------------------


def test_a_result_may_be_asked_for_from_any_thread(graph):
    """Eight threads at once each get their own answers."""

    def ask(thread):
        return [graph.remote(thread * 100 + n).result() for n in range(50)]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(8)))
    assert found == [[thread * 100 + n + 1 for n in range(50)] for thread in range(8)]


def test_a_response_is_awaitable_from_any_loop(graph):
    """A response that one loop made may be awaited in another, and more than once."""

    async def ask():
        return await graph.remote(1)

    assert asyncio.run(ask()) == 2
    assert asyncio.run(ask()) == 2
    response = graph.remote(5)

    async def twice():
        return [await response, await response]

    assert asyncio.run(twice()) == [6, 6]
    assert asyncio.run(twice()) == [6, 6]
    assert response.result() == 6


def test_many_may_wait_for_one_response(deploy, signals):
    """Threads and loops that wait for the same response all get the answer."""

    @serve.deployment
    async def waits(x):
        await signals.anote("began")
        await signals.await_("go")
        return x

    with InputNode() as inp:
        node = waits.bind(inp)
    response = deploy(node).remote(7)

    async def gather():
        return await asyncio.gather(*(_await(response) for _ in range(3)))

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        waiting = [pool.submit(response.result) for _ in range(3)]
        waiting += [pool.submit(asyncio.run, gather()) for _ in range(3)]
        signals.wait_for_notes("began", 1)
        signals.set("go")
        found = [one.result(5) for one in waiting]
    assert found == [7, 7, 7, [7] * 3, [7] * 3, [7] * 3]


async def _await(response):
    return await response


def test_responses_are_gathered(graph):
    """`asyncio.gather`, `wait` and `as_completed` take what awaits a response."""

    async def ask():
        gathered = await asyncio.gather(*(graph.remote(n) for n in range(10)))
        async with asyncio.TaskGroup() as tasks:
            made = [tasks.create_task(_await(graph.remote(n))) for n in range(10)]
        return gathered, [one.result() for one in made]

    gathered, grouped = asyncio.run(ask())
    assert gathered == grouped == list(range(1, 11))


def test_a_failed_response_is_gathered_as_an_exception(deploy):
    """`return_exceptions=True` gives the NodeError."""
    handle = deploy(Model.bind()).handle

    async def ask():
        return await asyncio.gather(
            handle.add.remote(1), handle.fail.remote(1), return_exceptions=True
        )

    good, bad = asyncio.run(ask())
    assert good == 1
    assert isinstance(bad, KeyError)


def test_result_works_where_a_loop_runs(graph):
    """`.result()` in a coroutine of the caller's own loop, as in a notebook cell, answers."""

    async def cell():
        return graph.remote(1).result()

    assert asyncio.run(cell()) == 2


def test_result_in_an_async_node_is_refused(deploy):
    """An async node that calls `.result()` would stop all nodes: the error says to await."""

    @serve.deployment
    class Blocks:
        def __init__(self, model):
            self.model = model

        async def run(self, x):
            return self.model.add.remote(x).result()

        async def stream(self, x):
            return list(self.model.options(stream=True).add.remote(x))

    handle = deploy(Blocks.bind(Model.bind())).handle
    with pytest.raises(RuntimeError, match="await"):
        handle.run.remote(1).result()
    with pytest.raises(RuntimeError, match="async for"):
        handle.stream.remote(1).result()


def test_done_says_whether_the_answer_is_there(deploy, signals):
    """`done()` and the repr tell, without waiting."""

    @serve.deployment
    async def waits(x):
        await signals.await_("go")
        return x

    with InputNode() as inp:
        node = waits.bind(inp)
    response = deploy(node).remote(1)
    assert not response.done()
    assert repr(response) == "<Response pending>"
    signals.set("go")
    response.result()
    assert response.done()
    assert repr(response) == "<Response done>"


def test_each_response_has_a_request_id(graph):
    """Ids are unique, and find the trace."""
    responses = [graph.remote(n) for n in range(20)]
    ids = {one.request_id for one in responses}
    assert len(ids) == 20
    for one in responses:
        one.result()
        assert graph.trace(one.request_id).request_id == one.request_id


# --- responses as arguments ----------------------------------------------------------------------


def test_a_response_may_be_an_argument(deploy):
    """A response that is passed on is waited for, by position and by name."""
    handle = deploy(Model.bind()).handle
    first = handle.add.remote(1, y=1)
    assert handle.add.remote(first, y=10).result() == 12
    assert handle.add_in_a_thread.remote(5, y=first).result() == 7
    assert handle.add.remote(first, first).result() == 4


def test_a_node_passes_responses_on(deploy):
    """In a node, `b.remote(a.remote(x))` is a chain."""

    @serve.deployment
    class Chain:
        def __init__(self, model):
            self.model = model

        async def run(self, x):
            response = self.model.add.remote(x, 1)
            for _ in range(5):
                response = self.model.add.remote(response, 1)
            return await response

        def run_in_a_thread(self, x):
            first = self.model.add_in_a_thread.remote(x, 1)
            return self.model.add_in_a_thread.remote(first, y=first).result()

    handle = deploy(Chain.bind(Model.bind())).handle
    assert handle.run.remote(0).result() == 6
    assert handle.run_in_a_thread.remote(1).result() == 4


def test_a_response_may_be_the_input_of_a_graph(deploy, graph):
    """A graph's request may be another graph's response."""
    with InputNode() as inp:
        other = deploy(increment.bind(inp["x"]), name="other")
    assert graph.remote(graph.remote(1)).result() == 3
    assert other.remote(x=graph.remote(5)).result() == 7


def test_a_response_may_be_the_argument_of_a_stream(deploy, graph):
    """A stream waits for the responses among its arguments, and fails as they do."""

    @serve.deployment
    class Counter:
        async def count(self, start, stop=0):
            for number in range(start, stop):
                yield number

        async def fail(self):
            raise KeyError("gone")

    handle = deploy(Counter.bind(), name="counter").handle
    streaming = handle.count.options(stream=True)
    assert list(streaming.remote(graph.remote(0), stop=graph.remote(3))) == [1, 2, 3]
    with pytest.raises(KeyError):
        list(streaming.remote(0, handle.fail.remote()))


def test_a_response_that_failed_fails_what_it_was_passed_to(deploy):
    """The error is the one of the node that failed first."""
    handle = deploy(Model.bind()).handle
    with pytest.raises(KeyError) as caught:
        handle.add.remote(handle.fail.remote(1)).result()
    assert caught.value.node == "Model.fail"


def test_a_response_inside_a_container_is_refused(deploy):
    """Only arguments themselves are waited for: a response in a list is refused at once."""
    handle = deploy(Model.bind()).handle
    with pytest.raises(NotSerializableError, match=r"(?i)response"):
        handle.add.remote([handle.add.remote(1)])


# --- handles -------------------------------------------------------------------------------------


def test_a_call_that_nobody_awaits_runs(deploy, signals):
    """A node may start a call and not wait for it; it runs to its end."""

    @serve.deployment
    class Notes:
        async def run(self, x):
            await signals.await_("the request has ended")
            await signals.anote("ran", x)

    @serve.deployment
    class Outer:
        def __init__(self, notes):
            self.notes = notes

        async def run(self, x):
            self.notes.run.remote(x)
            return "answered"

        def run_in_a_thread(self, x):
            self.notes.run.remote(x)
            return "answered"

    handle = deploy(Outer.bind(Notes.bind())).handle
    assert handle.run.remote(1).result() == "answered"
    assert handle.run_in_a_thread.remote(2).result() == "answered"
    signals.set("the request has ended")
    assert sorted(signals.wait_for_notes("ran", 2)) == [1, 2]


def test_a_task_of_a_node_may_call_after_its_request(deploy, signals):
    """A background task that a node left behind can still use its handles."""

    @serve.deployment
    class Outer:
        def __init__(self, model):
            self.model = model

        async def run(self, x):
            self.task = asyncio.ensure_future(self.later(x))
            return "answered"

        async def later(self, x):
            await signals.await_("go")
            await signals.anote("answer", await self.model.add.remote(x, 1))

    handle = deploy(Outer.bind(Model.bind())).handle
    assert handle.run.remote(1).result() == "answered"
    signals.set("go")
    assert signals.wait_for_notes("answer", 1) == [2]


def test_a_task_that_outlives_an_update_is_answered(deploy, signals):
    """A background task of an old version may call a deployment that was replaced meanwhile."""

    def graph_of(n):
        @serve.deployment
        class Number:
            async def get(self):
                return n

        @serve.deployment
        class Outer:
            def __init__(self, number):
                self.number = number

            async def run(self, x):
                self.task = asyncio.ensure_future(self.later())
                return "answered"

            async def later(self):
                await signals.await_("go")
                try:
                    await signals.anote("answer", await self.number.get.remote())
                except RequestError as error:
                    await signals.anote("answer", type(error).__name__)

        return deploy(Outer.bind(Number.bind()))

    assert graph_of(1).handle.run.remote(1).result() == "answered"
    graph_of(2)
    signals.set("go")
    assert signals.wait_for_notes("answer", 1)[0] in (1, 2, "RequestCancelledError")


def test_a_handle_is_kept_by_its_name(deploy):
    """A handle that was taken before an update answers with the new version."""

    def graph_of(n):
        @serve.deployment
        class Number:
            def __call__(self, x):
                return n

        return deploy(Number.bind())

    handle = graph_of(1).handle
    assert handle.remote(0).result() == 1
    graph_of(2)
    assert handle.remote(0).result() == 2


def test_a_handle_has_options(deploy, signals):
    """`options` gives another handle; the first one stays as it is."""
    handle = deploy(Model.bind()).handle
    named = handle.options(method_name="add", request_id="mine", timeout_s=30)
    assert named.remote(1).result() == 1
    assert named.remote(1).request_id == "mine"
    assert repr(handle) == "Handle(Model)"
    assert repr(named) == "Handle(Model.add)"
    assert repr(handle.add) == "Handle(Model.add)"


def test_a_handle_is_not_called_directly(deploy):
    """`handle(...)` and `handle.method(...)` say to write `.remote(...)`."""
    handle = deploy(Model.bind()).handle
    with pytest.raises(TypeError, match=r"\.remote"):
        handle(1)
    with pytest.raises(TypeError, match=r"\.remote"):
        handle.add(1)


def test_probes_find_nothing_on_a_handle(deploy):
    """`hasattr` for special names is False on handles of deployments and graphs."""
    graph = deploy(Model.bind())
    for name in ("_repr_html_", "__deepcopy__", "__wrapped__", "_ipython_display_"):
        assert not hasattr(graph.handle, name)


def test_a_handle_of_a_graph_that_ended_says_so(deploy):
    """Calls after the end are a NotRunningError with the graph's name."""
    graph = deploy(Model.bind(), name="gone")
    handle = graph.handle
    graph.delete()
    for ask in (lambda: handle.add.remote(1).result(), lambda: graph.remote(1).result()):
        with pytest.raises(NotRunningError, match="'gone'"):
            ask()


# --- one node alone ------------------------------------------------------------------------------


@pytest.fixture
def scored(deploy):
    """A graph of a function and a method."""
    model = Model.bind()
    with InputNode() as inp:
        bigger = increment.bind(inp)
        score = model.add.bind(bigger, y=inp)
    return deploy(score)


@pytest.mark.parametrize("name", ["increment", "bigger"])
def test_a_function_node_is_called_alone(scored, name):
    """`graph.node(name)` calls one node, by its deployment or its variable."""
    assert scored.node(name).remote(4).result() == 5


@pytest.mark.parametrize("name", ["Model.add", "score"])
def test_a_method_node_is_called_alone(scored, name):
    """A call's id and its variable give its method; arguments are the node's own."""
    assert scored.node(name).remote(1, y=2).result() == 3


def test_a_deployment_is_called_by_method(scored):
    """A class deployment's handle has all its methods, not only those in the graph."""
    assert scored.node("Model").add_in_a_thread.remote(1, 2).result() == 3


def test_one_node_alone_is_traced_alone(scored):
    """A call of one node is a request with one span."""
    response = scored.node("bigger").remote(4)
    response.result()
    assert [one.deployment for one in response.request.trace("ok", None).spans] == ["increment"]
    assert [one.parent_id for one in response.request.trace("ok", None).spans] == [None]


def test_an_unknown_node_lists_the_known(scored):
    """The error lists what there is."""
    with pytest.raises(NotRunningError, match="'nobody'") as caught:
        scored.node("nobody")
    assert "increment" in caught.value.hint
    assert isinstance(caught.value, LookupError)


# --- values of one request -----------------------------------------------------------------------


@serve.deployment
def join(*xs):
    """A list of all that it gets."""
    return list(xs)


def test_values_of_a_request_can_be_kept(scored):
    """`entry(values=True)` keeps what went into and came out of each node, for that request."""
    response = scored.entry(values=True).remote(1)
    assert response.result() == 3
    values = {one.node: one for one in response.request.values}
    assert (values["increment"].args, values["increment"].result) == ((1,), 2)
    assert (values["Model.add"].args, values["Model.add"].kwargs) == ((2,), {"y": 1})
    assert values["Model.add"].result == 3
    assert scored.remote(1).request.values is None


def test_values_tell_which_node_failed(deploy, signals):
    """Of nodes that run together, the one that raised has the error, and no other."""

    @serve.deployment
    async def fails(x):
        await asyncio.to_thread(signals.wait, "the other has begun")
        raise KeyError("gone")

    @serve.deployment
    async def waits(x):
        await signals.aset("the other has begun")
        await signals.await_("never")

    with InputNode() as inp:
        node = join.bind(fails.bind(inp), waits.bind(inp))
    response = deploy(node).entry(values=True).remote(1)
    with pytest.raises(KeyError):
        response.result()
    values = {one.node: one for one in response.request.values}
    assert isinstance(values["fails"].error, KeyError)
    assert values["waits"].error is None


def test_values_stand_in_the_order_in_which_calls_began(deploy, signals):
    """Whichever of nodes that run together answers first."""

    @serve.deployment
    async def slow(x):
        await signals.await_("the other has answered")
        return x

    @serve.deployment
    async def quick(x):
        await signals.aset("the other has answered")
        return x

    with InputNode() as inp:
        node = join.bind(slow.bind(inp), quick.bind(inp))
    response = deploy(node).entry(values=True).remote(1)
    assert response.result() == [1, 1]
    nodes = [one.node for one in response.request.values]
    assert nodes == ["DAGDriver.predict", "slow", "quick", "join"]


def test_values_are_as_they_were(deploy):
    """A node that changes its argument after it came in does not change what is shown of it."""

    @serve.deployment
    def sorts(xs):
        xs.sort()
        return xs

    with InputNode() as inp:
        node = sorts.bind(inp)
    response = deploy(node).entry(values=True).remote([3, 1, 2])
    assert response.result() == [1, 2, 3]
    values = {one.node: one for one in response.request.values}
    assert values["sorts"].args == ([3, 1, 2],)
    assert values["sorts"].result == [1, 2, 3]


# --- calling from inside -------------------------------------------------------------------------


def test_deploying_from_an_async_node_is_refused(deploy, executor):
    """A deployment cannot deploy from the engine's own thread: it would wait for itself."""

    @serve.deployment
    async def deploys(x):
        graphnb.deploy(Model.bind(), name="inner", on=executor, http=False)

    with InputNode() as inp:
        node = deploys.bind(inp)
    with pytest.raises(RuntimeError, match="inside a deployment"):
        deploy(node).remote(1).result(timeout_s=5)


def test_a_graph_may_call_another_graph(deploy, graph):
    """Code of one graph may call another by name; each has its own trace."""

    @serve.deployment
    async def outer(x):
        return await graphnb.get("inner").remote(x)

    @serve.deployment
    def outer_in_a_thread(x):
        return graphnb.get("inner").remote(x).result()

    with InputNode() as inp:
        inner = deploy(increment.bind(inp), name="inner")
    with InputNode() as inp:
        caller = deploy(join.bind(outer.bind(inp), outer_in_a_thread.bind(inp)), name="outer")
    assert caller.remote(1).result() == [2, 2]
    eventually(lambda: len(inner.traces(10)) == 2)  # on Ray, other processes tell a moment later
    assert all(one.deployment != "increment" for one in caller.traces(1)[0].spans)


def test_results_are_asked_for_while_others_are_made(graph):
    """Threads that call and threads that wait do not block each other."""
    responses: list = []
    made = threading.Event()

    def produce():
        responses.extend(graph.remote(n) for n in range(200))
        made.set()

    thread = threading.Thread(target=produce)
    thread.start()
    made.wait()
    assert [one.result() for one in responses] == list(range(1, 201))
    thread.join()
