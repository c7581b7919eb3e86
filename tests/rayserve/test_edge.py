"""How results travel on: by reference until they prove small, and large ones without the driver."""

import asyncio

import numpy as np
import pytest

from graphnb.engine.values import Parcel, pack, unpack
from graphnb.rayserve import edge as edge_module
from graphnb.rayserve.edge import THRESHOLD, Edge, Held, pack_or_store
from graphnb.rayserve.wire import Stored

SMALL, LARGE = b"x", bytes(THRESHOLD + 1)


async def crossed(edge, results):
    """How each of these results was asked for."""
    for edge.result in results:
        await edge.call("predict", None, None, None, None, None, (), "")
    return edge.asked


@pytest.fixture
def edge():
    """An edge whose calls give `.result`, and are kept in `.asked`."""

    async def call(*_args, by_reference, hold):
        assert hold
        made.asked.append(by_reference)
        return made.result

    class Watched(Edge):
        result, asked = None, None

    made = Watched(call)
    made.asked = []
    return made


def test_an_edge_goes_over_to_values_when_two_in_a_row_were_small(edge):
    """It begins by reference; one small result proves nothing."""
    assert asyncio.run(crossed(edge, [1, 2, 3, 4])) == [True, True, False, False]


@pytest.mark.parametrize(
    "large",
    [LARGE, "x" * len(LARGE), (1, LARGE), pack(np.zeros(THRESHOLD)), Held(None, len(LARGE))],
    ids=["bytes", "text", "tuple", "array", "held"],
)
def test_one_large_result_takes_it_back(edge, large):
    """Whatever the large value is: also text and bytes, which travel as they are."""
    assert asyncio.run(crossed(edge, [1, 2, large, 3, 4, 5])) == [
        *(True, True, False),
        *(True, True, False),
    ]


@pytest.mark.parametrize("value", [LARGE, "x" * len(LARGE), (1, LARGE), np.ones(THRESHOLD)])
def test_a_large_result_is_stored(value, monkeypatch):
    """It stays in the object store, and what travels is a reference and the size."""
    kept = []

    class Ray:
        @staticmethod
        def put(packed):
            kept.append(packed)
            return "ref"

    monkeypatch.setitem(__import__("sys").modules, "ray", Ray)
    stored = pack_or_store(value)
    assert type(stored) is Stored
    assert stored.ref == "ref"
    assert THRESHOLD < stored.size < 10 * len(LARGE)
    found = unpack(kept[0])
    assert np.array_equal(found, value) if isinstance(value, np.ndarray) else found == value


def test_a_small_result_is_not_stored():
    """It comes back as it is, or packed with buffers of its own."""
    assert pack_or_store("text") == "text"
    array = np.ones(THRESHOLD // 8 - 1_000)
    packed = pack_or_store(array)
    assert type(packed) is Parcel
    array[:] = 2  # as the node's code may do when it has returned it
    assert unpack(packed)[0] == 1


def test_the_threshold_is_the_documented_one():
    """What docs/ray.md says."""
    assert edge_module.THRESHOLD == 640 * 1024
