"""Sync code runs in threads, and stops nobody else."""

import threading

import pytest

from graphnb import InputNode, serve


@serve.deployment
def join(*xs):
    """A list of all that it gets."""
    return list(xs)


@serve.deployment
async def async_thread(x):
    """The thread that an async function runs in."""
    return threading.get_ident()


@serve.deployment
def sync_thread(x):
    """The thread that a sync function runs in."""
    return threading.get_ident()


@serve.deployment
class Methods:
    async def in_loop(self, x):
        return threading.get_ident()

    def in_thread(self, x):
        return threading.get_ident()


def test_sync_functions_and_methods_run_off_the_loop(deploy):
    """A sync node runs in another thread than async nodes of its process do."""
    methods = Methods.bind()
    with InputNode() as inp:
        node = join.bind(methods.in_loop.bind(inp), methods.in_thread.bind(inp))
        functions = join.bind(async_thread.bind(inp), sync_thread.bind(inp))
    in_loop, in_thread = deploy(node).remote(1).result()
    assert in_loop != in_thread
    first, second = deploy(functions).remote(1).result()
    assert first != second


def test_five_sync_calls_run_at_once(deploy, signals):
    """As many threads as `max_ongoing_requests` allows (5 by default) meet at a barrier."""

    @serve.deployment
    def meets(x):
        signals.meet("five", 5)
        return x

    with InputNode() as inp:
        node = meets.bind(inp)
    graph = deploy(node)
    responses = [graph.remote(number) for number in range(5)]
    assert [one.result() for one in responses] == [0, 1, 2, 3, 4]


def test_many_threads_are_allowed(deploy, signals):
    """A deployment that takes forty requests at a time runs forty sync calls at once."""

    @serve.deployment(max_ongoing_requests=40)
    class Meets:
        def run(self, x):
            signals.meet("forty", 40)
            return x

    with InputNode() as inp:
        node = Meets.bind().run.bind(inp)
    graph = deploy(node)
    responses = [graph.remote(number) for number in range(40)]
    assert sorted(one.result() for one in responses) == list(range(40))


def test_a_blocked_thread_stops_no_async_node(deploy, signals):
    """While sync code blocks, async nodes of the same graph go on."""

    @serve.deployment
    def blocks(x):
        signals.wait("an async node has run")
        return x

    @serve.deployment
    async def runs(x):
        await signals.aset("an async node has run")
        return x

    with InputNode() as inp:
        node = join.bind(blocks.bind(inp), runs.bind(inp))
    assert deploy(node).remote(1).result() == [1, 1]


def test_a_slow_constructor_stops_no_other_graph(deploy, signals):
    """A sync `__init__` runs in a thread: graphs that serve go on serving."""

    @serve.deployment
    class Slow:
        def __init__(self):
            signals.note("constructing")
            signals.wait("the other graph has answered")

        def __call__(self, x):
            return x

    with InputNode() as inp:
        node = join.bind(inp)
    other = deploy(node, name="other")
    made = []
    thread = threading.Thread(target=lambda: made.append(deploy(Slow.bind(), name="slow")))
    thread.start()
    signals.wait_for_notes("constructing", 1)
    assert other.remote(1).result() == [1]
    signals.set("the other graph has answered")
    thread.join()
    assert made[0].remote(5).result() == 5


def test_an_async_constructor_is_awaited(deploy):
    """`async def __init__` is awaited before the first request."""

    @serve.deployment
    class Made:
        async def __init__(self, n):
            import asyncio

            await asyncio.sleep(0)
            self.n = n

        async def __call__(self, x):
            return self.n + x

    assert deploy(Made.bind(5)).remote(1).result() == 6


def test_a_sync_function_may_return_an_awaitable(deploy):
    """A sync method that returns a coroutine is awaited, as in `return self.other(x)`."""

    @serve.deployment
    class Passes:
        async def _work(self, x):
            return x + 1

        def run(self, x):
            return self._work(x)

    with InputNode() as inp:
        node = Passes.bind().run.bind(inp)
    assert deploy(node).remote(1).result() == 2


def test_more_requests_at_a_time_come_with_threads(deploy, signals):
    """Raising `max_ongoing_requests` of a live deployment lets as many sync calls run at once."""

    def graph_with(limit):
        @serve.deployment(max_ongoing_requests=limit)
        class Meets:
            def __init__(self):
                signals.note("made")

            def run(self, x):
                signals.meet("six", 6)
                return x

        with InputNode() as inp:
            return deploy(Meets.bind().run.bind(inp))

    graph_with(1)
    graph = graph_with(6)
    assert len(signals.notes("made")) == 1
    responses = [graph.remote(number) for number in range(6)]
    assert [one.result() for one in responses] == [0, 1, 2, 3, 4, 5]


def test_a_check_of_health_runs_off_the_loop_too(deploy, signals):
    """A sync `check_health` that takes long stops no request."""

    @serve.deployment(health_check_period_s=0.01)
    class Watched:
        def check_health(self):
            if signals.notes("block"):
                signals.note("blocked")
                signals.wait("answered")

        async def __call__(self, x):
            return x

    graph = deploy(Watched.bind())
    signals.note("block")
    signals.wait_for_notes("blocked", 1)
    assert graph.remote(3).result() == 3
    signals.set("answered")


# Ray Serve sends a replica no requests while it is reconfigured; they wait.
@pytest.mark.parametrize("executor", ["local"])
def test_a_reconfigure_runs_off_the_loop_too(deploy, signals, executor):
    """A sync `reconfigure` that takes long stops no request."""

    @serve.deployment(user_config=1)
    class Watched:
        def reconfigure(self, config):
            if config == 2:
                signals.note("blocked")
                signals.wait("answered")

        async def __call__(self, x):
            return x

    graph = deploy(Watched.bind())
    changed = Watched.options(user_config=2).bind()
    thread = threading.Thread(target=lambda: deploy(changed))
    thread.start()
    signals.wait_for_notes("blocked", 1)
    assert graph.remote(3).result() == 3
    signals.set("answered")
    thread.join()
