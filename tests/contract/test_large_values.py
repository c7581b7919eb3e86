"""Values of many megabytes go everywhere that small ones go."""

import numpy as np
import pytest

from graphnb import InputNode, serve

MB = 1 << 20
LARGE = 9 * MB  # more than a message of Ray Serve may have, and of gRPC

pytestmark = pytest.mark.timeout(120)

LARGE_VALUES = [
    pytest.param("b'x' * LARGE", id="bytes"),
    pytest.param("'x' * LARGE", id="str"),
    pytest.param("('x' * LARGE, 1)", id="tuple"),
    pytest.param("['x' * LARGE, {'y': 'y' * LARGE}]", id="nested"),
    pytest.param("np.ones(LARGE // 8)", id="array"),
]


def made(text):
    """The value that stands for it in a test's id."""
    return eval(text, {"LARGE": LARGE, "np": np})


def same(one, other):
    """Whether they are equal, and of one kind."""
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and np.array_equal(one, other)
    return type(one) is type(other) and one == other


@serve.deployment
async def echo(value):
    """What it was given."""
    return value


@serve.deployment
class Echo:
    """The same, as a class."""

    async def __call__(self, value):
        """What it was given."""
        return value


@serve.deployment
async def make(megabytes):
    """An array of so many megabytes."""
    return np.ones(megabytes * MB // 8)


@serve.deployment
async def add(*arrays):
    """One number of each."""
    return [float(one[0] + one[-1]) for one in arrays]


@serve.deployment
class Items:
    """Streams large items."""

    async def items(self, count):
        """So many."""
        for number in range(count):
            yield np.full(LARGE // 8, number)


@serve.deployment
class Parts:
    """Streams what it finds in an array."""

    async def parts(self, array):
        """Its first number, and its last."""
        yield float(array[0])
        yield float(array[-1])


@serve.deployment
class Caller:
    """Calls by handle."""

    def __init__(self, node, items):
        self.node, self.items = node, items

    async def __call__(self, value):
        """What the other one answers."""
        return await self.node.remote(value)

    async def total(self, count):
        """Of a stream's items."""
        stream = self.items.items.options(stream=True).remote(count)
        return [float(one[-1]) async for one in stream]


def test_requests_and_answers_are_as_large_as_they_are(deploy):
    """As arguments, as keyword arguments, and as results."""
    with InputNode() as request:
        graph = deploy(echo.bind(request))
    for one in LARGE_VALUES:
        value = made(one.values[0])
        assert same(graph.remote(value).result(), value), one.id
        assert same(graph.node("echo").remote(value=value).result(), value), one.id


def test_large_and_small_results_take_turns_on_an_edge(deploy):
    """Each arrives, whatever the ones before it were like."""
    with InputNode() as megabytes:
        arrays = [make.bind(megabytes), make.bind(megabytes)]
        graph = deploy(add.bind(*arrays, arrays[0]))
    for megabytes in (1, 1, 1, 9, 1, 9, 9, 1, 1, 1, 9):
        assert graph.remote(megabytes).result() == [2.0, 2.0, 2.0]


def test_handles_in_user_code_carry_large_values(deploy):
    """There and back, and item by item."""
    graph = deploy(Caller.bind(Echo.bind(), Items.bind()))
    value = np.ones(LARGE // 8)
    assert same(graph.remote(value).result(), value)
    assert graph.node("Caller").total.remote(3).result() == [0.0, 1.0, 2.0]


def test_streams_of_large_items_arrive(deploy):
    """Item by item, in order."""
    with InputNode() as request:
        graph = deploy(Items.bind().items.bind(request))
    stream = graph.options(stream=True).remote(3)
    assert [float(one[0]) for one in stream] == [0.0, 1.0, 2.0]


def test_a_large_value_feeds_a_stream(deploy):
    """From one node straight to the generator at the root."""
    with InputNode() as megabytes:
        graph = deploy(Parts.bind().parts.bind(make.bind(megabytes)))
    for _ in range(2):
        stream = graph.options(stream=True).remote(9)
        assert list(stream) == [1.0, 1.0]


def test_large_bodies_and_answers_go_over_http(deploy, client):
    """A body of many megabytes comes in, and goes out."""
    with InputNode() as request:
        graph = deploy(echo.bind(request["text"]), http=True)
    text = "x" * LARGE
    answer = client.post(graph.url, json={"text": text})
    assert answer.status_code == 200
    assert answer.json() == text


def test_values_kept_for_a_look_are_as_large_as_they_are(deploy):
    """What goes into and comes out of each node can be asked for, whatever its size."""
    with InputNode() as request:
        graph = deploy(echo.bind(request))
    value = b"x" * LARGE
    response = graph.entry(values=True).remote(value)
    assert response.result() == value
    assert [one.result for one in response.request.values if one.node == "echo"] == [value]
