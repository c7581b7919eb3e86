"""Generators: items arrive one by one, over handles and over HTTP."""

import asyncio
import json
import threading
import time

import httpx
import numpy as np
import pytest

from graphnb import InputNode, serve
from graphnb.errors import NodeError, NotSerializableError, RequestError, RequestTimeoutError
from tests.contract.waiting import eventually, status_of, trace_of


@pytest.fixture
def counter(signals):
    """A class whose generators count; from the second item on they wait for the gate "more"."""

    @serve.deployment
    class Counter:
        def sync_count(self, n):
            try:
                for number in range(n):
                    if number:
                        signals.wait("more")
                    yield number
            finally:
                signals.note("closed", "sync")

        async def async_count(self, n):
            try:
                for number in range(n):
                    if number:
                        await signals.await_("more")
                    yield number
            finally:
                await asyncio.sleep(0)
                signals.note("closed", "async")

    return Counter


KINDS = ["sync_count", "async_count"]


def stream_graph(deploy, counter, kind, **options):
    """Deploys one of the counter's generators."""
    with InputNode() as inp:
        node = getattr(counter.bind(), kind).bind(inp)
    return deploy(node, **options)


# --- over the handle -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_items_arrive_one_by_one(deploy, signals, counter, kind):
    """The first item is there before the second one is made."""
    graph = stream_graph(deploy, counter, kind)
    stream = graph.options(stream=True).remote(3)
    assert next(stream) == 0
    signals.set("more")
    assert list(stream) == [1, 2]
    assert signals.wait_for_notes("closed", 1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_is_an_async_iterator_too(deploy, signals, counter, kind):
    """`async for` reads a stream, from any loop."""
    signals.set("more")
    graph = stream_graph(deploy, counter, kind)

    async def read():
        return [item async for item in graph.options(stream=True).remote(4)]

    assert asyncio.run(read()) == [0, 1, 2, 3]


def test_an_empty_stream_ends(deploy, counter):
    """A generator that yields nothing gives an empty stream."""
    graph = stream_graph(deploy, counter, "async_count")
    assert list(graph.options(stream=True).remote(0)) == []


def test_an_ended_stream_stays_ended(deploy, signals, counter):
    """Asking again after the end gives nothing."""
    signals.set("more")
    stream = stream_graph(deploy, counter, "sync_count").options(stream=True).remote(2)
    assert list(stream) == [0, 1]
    assert list(stream) == []
    assert next(stream, "nothing") == "nothing"


@pytest.mark.parametrize("kind", KINDS)
def test_a_generator_without_stream_is_an_error(deploy, counter, kind):
    """Calling a generator without `stream=True` says what to write."""
    graph = stream_graph(deploy, counter, kind)
    with pytest.raises((TypeError, RequestError), match="stream=True"):
        graph.remote(3).result()
    with pytest.raises((TypeError, RequestError), match="stream=True"):
        getattr(graph.node("Counter"), kind).remote(3).result()


def test_stream_without_a_generator_is_an_error(deploy):
    """`stream=True` on what is no generator says so."""

    @serve.deployment
    def plain(x):
        return x

    with InputNode() as inp:
        node = plain.bind(inp)
    graph = deploy(node)
    with pytest.raises((TypeError, RequestError), match="not a generator"):
        list(graph.options(stream=True).remote(3))
    with pytest.raises((TypeError, RequestError), match="not a generator"):
        list(graph.node("plain").options(stream=True).remote(3))


@pytest.mark.parametrize("kind", KINDS)
def test_a_nodes_stream_is_read_by_another(deploy, signals, counter, kind):
    """A node may read the stream of a handle, and stream itself."""
    signals.set("more")

    @serve.deployment
    class Reader:
        def __init__(self, counter):
            self.counter = getattr(counter.options(stream=True), kind)

        async def total(self, n):
            return sum([item async for item in self.counter.remote(n)])

        async def doubled(self, n):
            async for item in self.counter.remote(n):
                yield 2 * item

        def total_in_a_thread(self, n):
            return sum(self.counter.remote(n))

    reader = Reader.bind(counter.bind())
    graph = deploy(reader)
    assert graph.handle.total.remote(4).result() == 6
    assert graph.handle.total_in_a_thread.remote(4).result() == 6
    assert list(graph.handle.options(stream=True).doubled.remote(4)) == [0, 2, 4, 6]


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_arguments_of_a_stream_are_told_by_name(deploy, counter, kind):
    """A generator that is called with what it does not take fails as a request, by its name."""
    method = getattr(deploy(counter.bind()).handle, kind).options(stream=True)
    for args in ((), (1, 2)):
        with pytest.raises(RequestError, match=kind):
            list(method.remote(*args))


def test_a_stream_has_inputs_that_are_nodes(deploy):
    """The nodes that a streaming root needs run first, and together."""

    @serve.deployment
    async def double(x):
        return 2 * x

    @serve.deployment
    async def spread(*xs):
        for x in xs:
            yield x

    with InputNode() as inp:
        node = spread.bind(double.bind(inp), double.bind(double.bind(inp)), inp)
    graph = deploy(node)
    assert list(graph.options(stream=True).remote(3)) == [6, 12, 3]


def test_items_are_isolated(deploy):
    """A generator that yields the same list again and again gives a copy each time."""

    @serve.deployment
    def grows(x):
        items = []
        array = np.zeros(2)
        for number in range(x):
            items.append(number)
            array[:] = number
            yield {"items": items, "array": array}

    with InputNode() as inp:
        node = grows.bind(inp)
    found = list(deploy(node).options(stream=True).remote(3))
    assert [one["items"] for one in found] == [[0], [0, 1], [0, 1, 2]]
    assert [one["array"].tolist() for one in found] == [[0, 0], [1, 1], [2, 2]]
    assert not any(one["array"].flags.writeable for one in found)


def test_an_item_that_cannot_be_pickled_fails_by_name(deploy):
    """The stream ends with an error that names the generator."""

    @serve.deployment
    def locks(x):
        yield 1
        yield threading.Lock()

    with InputNode() as inp:
        node = locks.bind(inp)
    stream = deploy(node).options(stream=True).remote(3)
    assert next(stream) == 1
    with pytest.raises(NotSerializableError, match="locks"):
        next(stream)
    assert list(stream) == []


@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
def test_an_error_ends_the_stream_as_the_error_of_its_node(deploy, is_async):
    """A generator that raises gives a NodeError of the original type, after the items before it."""

    @serve.deployment(name="faulty")
    def faulty(x):
        yield 1
        raise KeyError("gone")

    @serve.deployment(name="faulty")
    async def async_faulty(x):
        yield 1
        raise KeyError("gone")

    with InputNode() as inp:
        node = (async_faulty if is_async else faulty).bind(inp)
    graph = deploy(node)
    stream = graph.options(stream=True).remote(3)
    assert next(stream) == 1
    with pytest.raises(KeyError, match="gone") as caught:
        next(stream)
    assert isinstance(caught.value, NodeError)
    assert caught.value.node == "faulty"
    assert graph.trace("failed").outcome == "error"


def test_an_error_before_the_first_item(deploy):
    """A node that the stream needs fails when the first item is asked for."""

    @serve.deployment
    def fails(x):
        raise KeyError("gone")

    @serve.deployment
    def spread(x):
        yield x

    with InputNode() as inp:
        node = spread.bind(fails.bind(inp))
    stream = deploy(node).options(stream=True).remote(3)
    with pytest.raises(KeyError) as caught:
        next(stream)
    assert caught.value.node == "fails"


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_that_is_given_up_closes_its_generator(deploy, signals, counter, kind):
    """`cancel()` between two items runs the generator's `finally`, and frees its slot."""
    graph = stream_graph(deploy, counter, kind)
    stream = graph.options(stream=True).remote(3)
    assert next(stream) == 0
    assert status_of(graph, "Counter").ongoing == 1
    stream.cancel()
    assert signals.wait_for_notes("closed", 1) == [kind.removesuffix("_count")]
    eventually(lambda: status_of(graph, "Counter").ongoing == 0)
    assert list(stream) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_that_is_cancelled_while_it_makes_an_item_ends(deploy, signals, counter, kind):
    """A reader that waits for an item is released by `cancel()`; the generator is closed."""
    graph = stream_graph(deploy, counter, kind)
    stream = graph.options(stream=True).remote(3)
    assert next(stream) == 0
    ended = threading.Event()

    def read():
        try:
            for _item in stream:
                pass
        except Exception:
            pass
        ended.set()

    reader = threading.Thread(target=read)
    reader.start()
    stream.cancel()
    assert ended.wait(2)
    reader.join()
    signals.set("more")
    assert signals.wait_for_notes("closed", 1)
    eventually(lambda: status_of(graph, "Counter").ongoing == 0)


def test_a_thread_that_makes_an_item_keeps_its_slot(deploy, signals, counter, soon):
    """A sync generator that is cut off in the middle of an item holds its slot until it stops."""
    graph = stream_graph(deploy, counter.options(max_ongoing_requests=1), "sync_count")
    stream = graph.options(stream=True, timeout_s=soon).remote(2)
    assert next(stream) == 0
    with pytest.raises(RequestTimeoutError):
        next(stream)
    second = graph.options(stream=True).remote(1)
    found = []
    reader = threading.Thread(target=lambda: found.extend(second))
    reader.start()
    eventually(lambda: status_of(graph, "Counter").queued == 1)
    assert found == []
    signals.set("more")
    reader.join()
    assert found == [0]
    assert len(signals.notes("closed")) == 2


def test_a_task_that_reads_a_stream_may_be_cancelled(deploy, signals, counter):
    """Cancelling the task that reads ends the stream and closes the generator."""
    graph = stream_graph(deploy, counter, "async_count")

    async def read():
        stream = graph.options(stream=True).remote(3)
        assert await anext(stream) == 0
        task = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(read())
    assert signals.wait_for_notes("closed", 1) == ["async"]


def test_ctrl_c_while_reading_ends_the_stream(deploy, signals, counter, ctrl_c):
    """A KeyboardInterrupt while an item is waited for closes the generator."""
    graph = stream_graph(deploy, counter, "async_count")
    stream = graph.options(stream=True).remote(3)
    assert next(stream) == 0
    waiting = threading.Event()

    def interrupt():
        waiting.wait()
        time.sleep(0.02)  # until the main thread waits for the item
        ctrl_c()

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        waiting.set()
        next(stream)
    thread.join()
    assert signals.wait_for_notes("closed", 1)
    eventually(lambda: status_of(graph, "Counter").ongoing == 0)


def test_what_a_stream_needs_is_cancelled_when_part_of_it_fails(deploy, signals):
    """When one input of a streaming root raises, the others are cancelled and told of."""

    @serve.deployment
    async def waits(x):
        try:
            await signals.aset("waiting")
            await signals.await_("never")
        finally:
            signals.note("cancelled")

    @serve.deployment
    async def fails(x):
        await asyncio.to_thread(signals.wait, "waiting")
        raise ValueError("no")

    @serve.deployment
    async def spread(*xs):
        for x in xs:
            yield x

    with InputNode() as inp:
        node = spread.bind(waits.bind(inp), fails.bind(inp))
    graph = deploy(node)
    stream = graph.options(stream=True).remote(1)
    with pytest.raises(ValueError):
        next(stream)
    assert signals.wait_for_notes("cancelled", 1)
    outcomes = {one.node: one.outcome for one in graph.trace("failed").spans}
    assert outcomes["waits"] == "cancelled"
    assert outcomes["fails"] == "error"


def test_a_time_out_covers_the_whole_stream(deploy, signals, counter, soon):
    """A request's deadline ends its stream with a RequestTimeoutError that names the node."""
    graph = stream_graph(deploy, counter, "async_count")
    stream = graph.options(stream=True, timeout_s=soon).remote(3)
    assert next(stream) == 0
    with pytest.raises(RequestTimeoutError, match=f"its {soon:g} s") as caught:
        next(stream)
    assert caught.value.node == "Counter.async_count"
    assert signals.wait_for_notes("closed", 1)


def test_a_time_out_covers_what_a_stream_waits_for(deploy, signals, soon):
    """A node that the generator needs is cut off as well when the time is up."""

    @serve.deployment
    async def waits(x):
        try:
            await signals.await_("never")
        finally:
            signals.note("cancelled")

    @serve.deployment
    async def spread(x):
        yield x

    with InputNode() as inp:
        node = spread.bind(waits.bind(inp))
    graph = deploy(node)
    stream = graph.options(stream=True, timeout_s=soon).remote(3)
    with pytest.raises(RequestTimeoutError) as caught:
        next(stream)
    assert caught.value.node == "waits"
    assert signals.wait_for_notes("cancelled", 1)
    assert graph.trace(stream.request_id).outcome == "timeout"


def test_a_stream_keeps_its_slot_while_it_is_read(deploy, signals, counter):
    """A generator counts as one call under way until it ends."""
    graph = stream_graph(deploy, counter.options(max_ongoing_requests=1), "async_count")
    stream = graph.options(stream=True).remote(2)
    assert next(stream) == 0
    assert status_of(graph, "Counter").ongoing == 1
    signals.set("more")
    assert list(stream) == [1]
    eventually(lambda: status_of(graph, "Counter").ongoing == 0)


def test_a_stream_is_traced(deploy, signals, counter):
    """A stream's trace has a span for the generator, with its outcome."""
    signals.set("more")
    graph = stream_graph(deploy, counter, "async_count")
    stream = graph.options(stream=True).remote(3)
    assert list(stream) == [0, 1, 2]
    trace = eventually(lambda: next(iter(graph.traces(1)), None))
    assert trace.request_id == stream.request_id
    assert trace.outcome == "ok"
    (span,) = [one for one in trace.spans if one.call == "Counter.async_count"]
    assert span.outcome == "ok"
    assert span.executing_s > 0
    assert len({one.span_id for one in trace.spans}) == len(trace.spans)


def test_a_call_with_a_time_out_applies_to_a_generator(deploy, signals, counter, soon):
    """`node.options(timeout_s=...)` limits a streaming root as it does any other call."""
    with InputNode() as inp:
        node = counter.bind().async_count.bind(inp).options(timeout_s=soon)
    stream = deploy(node).options(stream=True).remote(3)
    assert next(stream) == 0
    with pytest.raises(RequestTimeoutError) as caught:
        next(stream)
    assert caught.value.node == "Counter.async_count"


def test_a_generators_own_time_out_is_its_own_error(deploy):
    """A TimeoutError that a generator raises is a NodeError, whatever time-out its call has."""

    @serve.deployment
    async def gives_up(x):
        yield 1
        async with asyncio.timeout(0.001):
            await asyncio.Event().wait()

    with InputNode() as inp:
        node = gives_up.bind(inp).options(timeout_s=30)
    stream = deploy(node).options(stream=True).remote(3)
    assert next(stream) == 1
    with pytest.raises(TimeoutError) as caught:
        next(stream)
    assert isinstance(caught.value, NodeError)
    assert not isinstance(caught.value, RequestTimeoutError)


# --- over HTTP -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_http_streams_newline_delimited_json(deploy, signals, counter, client, kind):
    """Each item is a line of JSON, sent before the next one is made."""
    graph = stream_graph(deploy, counter, kind, http=True)
    with client.stream("POST", graph.url, json=3) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("application/x-ndjson")
        lines = answer.iter_lines()
        assert next(lines) == "0"
        signals.set("more")
        assert list(lines) == ["1", "2"]


def test_one_of_several_routes_may_stream(deploy, client):
    """A driver serves generators and plain graphs side by side; a stream has its request's id."""

    @serve.deployment
    def count(n):
        yield from range(n)

    @serve.deployment
    def double(n):
        return 2 * n

    with InputNode() as inp:
        graph = deploy({"/count": count.bind(inp), "/double": double.bind(inp)}, http=True)
    streamed = client.post(graph.url + "count", json=2, headers={"x-request-id": "mine"})
    assert streamed.text == "0\n1\n"
    assert streamed.headers["x-request-id"] == "mine"
    assert trace_of(graph, "mine").outcome == "ok"
    assert client.post(graph.url + "double", json=2).json() == 4


def test_items_of_any_json_kind(deploy, client):
    """Dicts, arrays and texts with newlines are one line each."""

    @serve.deployment
    def mixed(x):
        yield {"text": "two\nlines", "ä": x}
        yield np.arange(2)
        yield None

    with InputNode() as inp:
        node = mixed.bind(inp)
    answer = client.post(deploy(node, http=True).url, json=1)
    assert [json.loads(line) for line in answer.text.splitlines()] == [
        {"text": "two\nlines", "ä": 1},
        [0, 1],
        None,
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_a_client_that_goes_away_closes_the_generator(deploy, signals, counter, client, kind):
    """When the client closes its connection, the generator is closed and its slot is free."""
    graph = stream_graph(deploy, counter, kind, http=True)
    with client.stream("POST", graph.url, json=3) as answer:
        assert next(answer.iter_lines()) == "0"
    signals.set("more")
    assert signals.wait_for_notes("closed", 1)
    eventually(lambda: status_of(graph, "Counter").ongoing == 0)
    eventually(lambda: status_of(graph, "DAGDriver").ongoing == 0)


def test_an_error_in_the_middle_breaks_the_answer_off(deploy, client):
    """A stream that fails after it began does not look complete, and shows no internals."""

    @serve.deployment
    def faulty(x):
        yield 1
        raise KeyError("secret")

    with InputNode() as inp:
        node = faulty.bind(inp)
    graph = deploy(node, http=True)
    received = []
    with (
        pytest.raises(httpx.RemoteProtocolError),
        client.stream("POST", graph.url, json=1) as answer,
    ):
        received.extend(answer.iter_lines())
    assert "secret" not in "".join(received)


def test_an_error_before_the_first_item_is_a_proper_answer(deploy, client):
    """A stream that fails before it begins is a 500 with the node's name."""

    @serve.deployment
    def fails(x):
        raise KeyError("secret")

    @serve.deployment
    def spread(x):
        yield x

    with InputNode() as inp:
        node = spread.bind(fails.bind(inp))
    answer = client.post(deploy(node, http=True).url, json=1)
    assert answer.status_code == 500
    assert answer.json()["node"] == "fails"
    assert "secret" not in answer.text


def test_the_time_out_header_ends_a_stream(deploy, signals, counter, client, soon):
    """A deadline that passes between items breaks the answer off and closes the generator."""
    graph = stream_graph(deploy, counter, "async_count", http=True)
    with (
        pytest.raises(httpx.RemoteProtocolError),
        client.stream(
            "POST", graph.url, json=3, headers={"x-request-timeout-seconds": str(soon)}
        ) as answer,
    ):
        list(answer.iter_lines())
    assert signals.wait_for_notes("closed", 1)


def test_a_root_class_may_stream_over_http(deploy, client):
    """A plain class whose `__call__` returns or is a generator streams lines of JSON."""

    @serve.deployment
    class Returns:
        def __call__(self, request):
            return (number for number in range(3))

    @serve.deployment
    class Is:
        async def __call__(self, request):
            for number in range(3):
                yield {"n": number}

    answer = client.post(deploy(Returns.bind(), name="returns", http=True).url)
    assert answer.text == "0\n1\n2\n"
    answer = client.post(deploy(Is.bind(), name="is", http=True).url)
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert answer.text == '{"n":0}\n{"n":1}\n{"n":2}\n'
