"""Giving up: a request that nobody waits for ends, and all that it started."""

import asyncio
import json
import socket
import threading
import time

import pytest

from graphnb import InputNode, serve
from graphnb.errors import RequestCancelledError
from tests.contract.waiting import eventually, status_of


@pytest.fixture
def waiter(signals):
    """A class whose calls wait for the gate "go", and note how they ended."""

    @serve.deployment
    class Waiter:
        async def run(self, x):
            try:  # the note is there for the test before it is for this coroutine
                await signals.anote("began", x)
                await signals.await_("go")
            except asyncio.CancelledError:
                signals.note("cancelled", x)
                raise
            await signals.anote("ended", x)
            return x

        def run_in_a_thread(self, x):
            signals.note("began", x)
            signals.wait("go")
            signals.note("ended", x)
            return x

    return Waiter


def waiting_graph(deploy, waiter, method="run", **options):
    """Deploys a graph of one of the waiter's methods."""
    with InputNode() as inp:
        node = getattr(waiter.bind(), method).bind(inp)
    return deploy(node, **options)


def test_a_cancelled_request_ends_its_node(deploy, signals, waiter):
    """`response.cancel()` cancels the node at work; the caller gets a RequestCancelledError."""
    graph = waiting_graph(deploy, waiter)
    response = graph.remote(1)
    signals.wait_for_notes("began", 1)
    response.cancel()
    with pytest.raises(RequestCancelledError) as caught:
        response.result()
    assert caught.value.request_id == response.request_id
    assert signals.wait_for_notes("cancelled", 1) == [1]
    eventually(lambda: status_of(graph, "Waiter").ongoing == 0)
    assert graph.trace(response.request_id).outcome == "cancelled"


def test_a_request_may_be_cancelled_at_once(deploy, signals, waiter):
    """Cancelling before the request has begun ends it all the same."""
    graph = waiting_graph(deploy, waiter)
    responses = [graph.remote(number) for number in range(20)]
    for one in responses:
        one.cancel()
    for one in responses:
        with pytest.raises(RequestCancelledError):
            one.result(timeout_s=3)
    eventually(lambda: status_of(graph, "Waiter").ongoing == 0)


def test_cancelling_what_is_done_has_no_effect(deploy, signals, waiter):
    """An answer that is there stays."""
    signals.set("go")
    response = waiting_graph(deploy, waiter).remote(1)
    assert response.result() == 1
    response.cancel()
    assert response.result() == 1


def test_cancelling_twice_is_cancelling_once(deploy, signals, waiter):
    """A second `cancel()` does no harm."""
    graph = waiting_graph(deploy, waiter)
    response = graph.remote(1)
    signals.wait_for_notes("began", 1)
    response.cancel()
    response.cancel()
    with pytest.raises(RequestCancelledError):
        response.result()
    response.cancel()


def test_all_branches_are_cancelled(deploy, signals, waiter):
    """Every node at work for the request is cancelled, and the next ones never begin."""

    @serve.deployment
    def join(*xs):
        signals.note("joined")

    with InputNode() as inp:
        node = join.bind(*(waiter.bind().run.bind(inp[number]) for number in range(3)))
    graph = deploy(node)
    response = graph.remote(["a", "b", "c"])
    signals.wait_for_notes("began", 3)
    response.cancel()
    assert sorted(signals.wait_for_notes("cancelled", 3)) == ["a", "b", "c"]
    with pytest.raises(RequestCancelledError):
        response.result()
    assert signals.notes("joined") == []


def test_cancelling_reaches_through_handles(deploy, signals, waiter):
    """A node that a node called is cancelled too."""

    @serve.deployment
    class Outer:
        def __init__(self, waiter):
            self.waiter = waiter

        async def run(self, x):
            return await asyncio.gather(*(self.waiter.run.remote(n) for n in range(2)))

    graph = deploy(Outer.bind(waiter.bind()))
    response = graph.handle.run.remote(1)
    signals.wait_for_notes("began", 2)
    response.cancel()
    assert sorted(signals.wait_for_notes("cancelled", 2)) == [0, 1]
    eventually(lambda: status_of(graph, "Waiter").ongoing == 0)
    eventually(lambda: status_of(graph, "Outer").ongoing == 0)


def test_a_sync_method_that_waits_for_a_handle_lets_go(deploy, signals, waiter):
    """A thread that waits in `.result()` for another node ends when the request is cancelled."""

    @serve.deployment
    class Outer:
        def __init__(self, waiter):
            self.waiter = waiter

        def run(self, x):
            try:
                return self.waiter.run.remote(x).result()
            finally:
                signals.note("let go")

    graph = deploy(Outer.bind(waiter.bind()))
    response = graph.handle.run.remote(1)
    signals.wait_for_notes("began", 1)
    response.cancel()
    assert signals.wait_for_notes("cancelled", 1) == [1]
    assert signals.wait_for_notes("let go", 1)
    eventually(lambda: status_of(graph, "Outer").ongoing == 0)


def test_a_node_may_give_up_on_a_call_of_its_own(deploy, signals, waiter):
    """A response that a node cancels ends that call only; the request goes on."""

    @serve.deployment
    class Outer:
        def __init__(self, waiter):
            self.waiter = waiter

        async def run(self, x):
            slow, quick = self.waiter.run.remote("slow"), self.waiter.run.remote("quick")
            await asyncio.to_thread(signals.wait_for_notes, "began", 2)
            slow.cancel()
            try:
                await slow
            except RequestCancelledError:
                await asyncio.to_thread(signals.wait_for_notes, "cancelled", 1)
            await signals.aset("go")
            return await quick

    graph = deploy(Outer.bind(waiter.bind()))
    assert graph.handle.run.remote(1).result() == "quick"
    assert signals.notes("cancelled") == ["slow"]
    assert graph.trace("last").outcome == "ok"


def test_a_call_that_a_node_gave_up_on_and_awaits_fails_its_request(deploy, signals, waiter):
    """A node that awaits a call which it has cancelled itself ends with that error."""

    @serve.deployment
    class Outer:
        def __init__(self, waiter):
            self.waiter = waiter

        async def run(self, x):
            response = self.waiter.run.remote(x)
            await asyncio.to_thread(signals.wait_for_notes, "began", 1)
            response.cancel()
            return await response

    graph = deploy(Outer.bind(waiter.bind()))
    with pytest.raises(RequestCancelledError):
        graph.handle.run.remote(1).result(timeout_s=3)
    eventually(lambda: status_of(graph, "Outer").ongoing == 0)


def test_a_task_that_is_cancelled_cancels_its_request(deploy, signals, waiter):
    """Cancelling the task that awaits a response cancels the request."""
    graph = waiting_graph(deploy, waiter)

    async def ask():
        async def waits():
            return await graph.remote(1)

        task = asyncio.ensure_future(waits())
        await asyncio.to_thread(signals.wait_for_notes, "began", 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(ask())
    assert signals.wait_for_notes("cancelled", 1) == [1]


def test_wait_for_gives_up_on_the_request(deploy, signals, waiter, soon):
    """`asyncio.wait_for(response, ...)` ends the request when its time is up."""
    graph = waiting_graph(deploy, waiter)

    async def ask():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(graph.remote(1), soon)

    asyncio.run(ask())
    assert signals.wait_for_notes("cancelled", 1) == [1]


def test_a_loop_that_ends_gives_up_on_its_requests(deploy, signals, waiter):
    """What `asyncio.run` cancels at its end is cancelled here too."""
    graph = waiting_graph(deploy, waiter)

    async def ask():
        task = asyncio.ensure_future(_await(graph.remote(1)))
        await asyncio.to_thread(signals.wait_for_notes, "began", 1)
        return task

    asyncio.run(ask())
    assert signals.wait_for_notes("cancelled", 1) == [1]


async def _await(response):
    return await response


def test_a_client_that_goes_away_cancels_its_request(deploy, signals, waiter):
    """When an HTTP client closes its connection, the node at work is cancelled."""
    graph = waiting_graph(deploy, waiter, http=True)
    host, _, port = graph.url.removeprefix("http://").partition("/")[0].partition(":")
    body = json.dumps("http").encode()
    with socket.create_connection((host, int(port))) as sock:
        sock.sendall(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        signals.wait_for_notes("began", 1)
    assert signals.wait_for_notes("cancelled", 1) == ["http"]
    eventually(lambda: status_of(graph, "DAGDriver").ongoing == 0)
    assert eventually(lambda: graph.traces(1))[0].outcome == "cancelled"


# --- threads -------------------------------------------------------------------------------------


def test_a_cancelled_thread_keeps_its_slot(deploy, signals, waiter):
    """A thread cannot be stopped: its caller is let go at once, its slot when it ends."""
    graph = waiting_graph(deploy, waiter.options(max_ongoing_requests=1), method="run_in_a_thread")
    first = graph.remote(1)
    signals.wait_for_notes("began", 1)
    first.cancel()
    with pytest.raises(RequestCancelledError):
        first.result(timeout_s=3)
    assert signals.notes("ended") == []
    second = graph.remote(2)
    eventually(lambda: status_of(graph, "Waiter").queued == 1)
    assert status_of(graph, "Waiter").ongoing == 1
    assert signals.notes("began") == [1]
    signals.set("go")
    assert second.result() == 2
    assert signals.notes("began") == [1, 2]
    assert signals.notes("ended") == [1, 2]
    eventually(lambda: status_of(graph, "Waiter").ongoing == 0)


def test_slots_of_cancelled_threads_come_back(deploy, signals, waiter):
    """After many cancelled sync calls a deployment takes as many as before."""
    graph = waiting_graph(deploy, waiter.options(max_ongoing_requests=4), method="run_in_a_thread")
    responses = [graph.remote(number) for number in range(10)]
    signals.wait_for_notes("began", 4)
    for one in responses:
        one.cancel()
    signals.set("go")
    for one in responses:
        with pytest.raises(RequestCancelledError):
            one.result(timeout_s=3)
    eventually(lambda: status_of(graph, "Waiter").ongoing == 0)
    assert [one.result() for one in [graph.remote(n) for n in range(4)]] == [0, 1, 2, 3]


def test_a_thread_that_fails_after_it_was_cancelled_is_forgotten(deploy, signals):
    """What a cancelled thread raises in the end concerns nobody, and gives the slot back."""

    @serve.deployment(max_ongoing_requests=1)
    def fails_late(x):
        signals.note("began")
        signals.wait("go")
        if x == 1:
            raise ValueError("late")
        return x

    with InputNode() as inp:
        node = fails_late.bind(inp)
    graph = deploy(node)
    first = graph.remote(1)
    signals.wait_for_notes("began", 1)
    first.cancel()
    with pytest.raises(RequestCancelledError):
        first.result()
    signals.set("go")
    assert graph.remote(2).result() == 2


# --- waiting without giving up -------------------------------------------------------------------


def test_a_result_that_is_not_waited_for_goes_on(deploy, signals, waiter):
    """`.result(timeout_s=...)` gives up waiting; the request goes on, and can be asked again."""
    graph = waiting_graph(deploy, waiter)
    response = graph.remote(1)
    with pytest.raises(TimeoutError, match="no answer within") as caught:
        response.result(timeout_s=0.01)
    assert "cancel" in caught.value.hint
    assert not response.done()
    signals.set("go")
    assert response.result() == 1
    assert signals.notes("cancelled") == []


def test_a_response_that_nobody_asks_for_runs_to_its_end(deploy, signals, waiter):
    """A request whose response is dropped is not cancelled."""
    graph = waiting_graph(deploy, waiter)
    graph.remote(1)
    signals.wait_for_notes("began", 1)
    signals.set("go")
    assert signals.wait_for_notes("ended", 1) == [1]


def test_ctrl_c_while_waiting_cancels_the_request(deploy, signals, waiter, ctrl_c):
    """A KeyboardInterrupt in `.result()` ends the request as well as the wait."""
    graph = waiting_graph(deploy, waiter)
    response = graph.remote(1)

    waiting = threading.Event()

    def interrupt():
        signals.wait_for_notes("began", 1)
        waiting.wait()
        time.sleep(0.02)  # until the main thread waits for its lock
        ctrl_c()

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        waiting.set()
        response.result()
    thread.join()
    assert signals.wait_for_notes("cancelled", 1) == [1]
