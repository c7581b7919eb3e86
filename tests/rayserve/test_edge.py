"""How results travel on: by reference until they prove small, and large ones without the driver."""

import asyncio

import numpy as np
import pytest

from graphnb.engine.values import Parcel, pack, unpack
from graphnb.rayserve.edge import BY_LINE, BY_SERVE, Edge, Held, pack_or_store
from graphnb.rayserve.wire import Stored

SMALL, LARGE = b"x", bytes(BY_LINE + 1)


class Callee:
    """Gives `.result`; how it was asked for is in `.asked`, and what may be held in `.held`."""

    def __init__(self):
        self.by_line, self.result = True, None
        self.asked, self.held = [], []

    async def call(self, *_args, by_reference, hold):
        """What the test says."""
        self.asked.append(by_reference)
        self.held.append(hold)
        return self.result


@pytest.fixture
def callee():
    """Whom the edge calls."""
    return Callee()


async def crossed(callee, results):
    """How each of these results was asked for."""
    edge = Edge(callee)
    for callee.result in results:
        await edge.call("predict", None, None, None, None, None, (), "")
    return callee.asked


def test_an_edge_goes_over_to_values_when_two_in_a_row_were_small(callee):
    """It begins by reference; one small result proves nothing."""
    assert asyncio.run(crossed(callee, [1, 2, 3, 4])) == [True, True, False, False]


@pytest.mark.parametrize(
    "large",
    [LARGE, "x" * len(LARGE), (1, LARGE), pack(np.zeros(BY_LINE)), Held(None, len(LARGE))],
    ids=["bytes", "text", "tuple", "array", "held"],
)
def test_one_large_result_takes_it_back(callee, large):
    """Whatever the large value is: also text and bytes, which travel as they are."""
    assert asyncio.run(crossed(callee, [1, 2, large, 3, 4, 5])) == [
        *(True, True, False),
        *(True, True, False),
    ]


@pytest.mark.parametrize("value", [LARGE, "x" * len(LARGE), (1, LARGE), np.ones(BY_LINE)])
def test_a_large_result_is_stored(value, monkeypatch):
    """It stays in the object store, and what travels is a reference and the size."""
    kept = []

    class Ray:
        @staticmethod
        def put(packed):
            kept.append(packed)
            return "ref"

    monkeypatch.setitem(__import__("sys").modules, "ray", Ray)
    stored = pack_or_store(value, over=BY_LINE)
    assert type(stored) is Stored
    assert stored.ref == "ref"
    assert BY_LINE < stored.size < 10 * len(LARGE)
    found = unpack(kept[0])
    assert np.array_equal(found, value) if isinstance(value, np.ndarray) else found == value


def test_a_small_result_is_not_stored():
    """It comes back as it is, or packed with buffers of its own."""
    assert pack_or_store("text", over=BY_SERVE) == "text"
    array = np.ones(BY_SERVE // 8 - 1_000)
    packed = pack_or_store(array, over=BY_SERVE)
    assert type(packed) is Parcel
    array[:] = 2  # as the node's code may do when it has returned it
    assert unpack(packed)[0] == 1


def test_what_is_large_depends_on_how_calls_go(callee):
    """Lines carry more than Ray Serve's handles."""
    middling = bytes(BY_SERVE + 1)
    assert asyncio.run(crossed(callee, [middling] * 3)) == [True, True, False]
    assert callee.held == [BY_LINE] * 3
    callee = Callee()
    callee.by_line = False
    assert asyncio.run(crossed(callee, [middling] * 3)) == [True, True, True]
    assert callee.held == [BY_SERVE] * 3


def test_the_thresholds_are_the_documented_ones():
    """What docs/ray.md says."""
    assert (BY_LINE, BY_SERVE) == (4 * 1024 * 1024, 640 * 1024)
