"""How a value travels: serialized once, loaded by each consumer for itself."""

import collections
import datetime as dt
import decimal
import enum
import pathlib
import pickle
import subprocess
import sys
import threading
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphnb.engine.travel import pack_to_travel
from graphnb.engine.values import pack, packed_size, unpack
from graphnb.errors import NotSerializableError


class Color(enum.Enum):
    RED = 1


class Count(int):
    pass


class Name(str):
    __slots__ = ()


class Point(NamedTuple):
    x: int
    y: list


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.sets(scalars, max_size=3)
    ),
    max_leaves=12,
)
dtypes = st.sampled_from(
    ["u1", "i8", "f4", "f8", "c16", "?", "S3", "U2", "M8[s]", "m8[ns]", "O", "i4,f8"]
)


@given(values)
def test_a_value_arrives_equal_and_of_its_types(value):
    """What is unpacked equals what was packed, all the way down."""
    found = unpack(pack(value))
    assert found == value
    assert types(found) == types(value)


def types(value):
    """The type of a value, and of what it holds."""
    held = value.values() if isinstance(value, dict) else value
    if isinstance(value, list | tuple | dict):
        return [type(value), *map(types, held)]
    return type(value)


@given(st.lists(values, min_size=1, max_size=3))
def test_every_consumer_gets_its_own(value):
    """Two consumers share no container."""
    packed = pack(value)
    first, second = unpack(packed), unpack(packed)
    assert first is not second
    assert first is not value
    first.append("mine")
    assert second == value


@given(scalars)
def test_scalars_travel_as_they_are(value):
    """Immutable scalars need no copy; of those only text and bytes have a size."""
    packed = pack(value)
    assert unpack(packed) is value
    assert packed_size(packed) == (len(value) if isinstance(value, str | bytes) else 0)


@st.composite
def arrays(draw):
    """Arrays of any kind, contiguous or not."""
    shape = draw(st.lists(st.integers(0, 4), max_size=3).map(tuple))
    array = np.zeros(shape, dtype=draw(dtypes))
    for axis in range(array.ndim):
        if draw(st.booleans()):
            array = np.flip(array, axis)
        array = np.take(array, range(array.shape[axis]), axis) if draw(st.booleans()) else array
    if array.ndim and draw(st.booleans()):
        array = array[:: draw(st.sampled_from([1, 2, -1]))]
    return array.T if draw(st.booleans()) else array


@given(arrays())
def test_an_array_arrives_equal_and_read_only(array):
    """Dtype, shape and values are kept; nobody may write; the original stays writeable."""
    writeable = array.flags.writeable
    found = unpack(pack([array]))[0]
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    assert found.tobytes() == array.tobytes() or array.dtype.hasobject
    assert found.flags.writeable is False
    assert array.flags.writeable is writeable
    assert not np.shares_memory(found, array)


def test_consumers_share_the_buffers_of_large_arrays():
    """A large array is copied once, however many load it."""
    packed = pack(np.zeros(1_000_000))
    assert np.shares_memory(unpack(packed), unpack(packed))
    assert 8_000_000 <= packed_size(packed) < 8_001_000


def test_a_writeable_view_of_a_read_only_array_cannot_be_had():
    """A consumer cannot turn writing on again."""
    found = unpack(pack(np.zeros(3)))
    with pytest.raises(ValueError, match="WRITEABLE"):
        found.flags.writeable = True


def test_what_was_packed_is_what_it_was():
    """Changing a value after it was packed changes nothing that arrives."""
    value = {"items": [1], "array": np.zeros(2)}
    packed = pack(value)
    value["items"].append(2)
    value["array"][0] = 9
    found = unpack(packed)
    assert found["items"] == [1]
    assert found["array"].tolist() == [0, 0]


@pytest.mark.parametrize("way", [pack, pack_to_travel])
def test_arrays_beside_what_pickle_does_not_take_are_read_only(way):
    """Whichever pickler has the last word, all arrays arrive the same way."""
    rows = [np.arange(6)[::2], np.arange(3), np.array([1, "a"], dtype=object)]
    found = unpack(way([lambda: 1, *rows]))
    assert found[0]() == 1
    assert [one.flags.writeable for one in found[1:]] == [False] * 3
    assert [one.tolist() for one in found[1:]] == [one.tolist() for one in rows]


def test_arrays_arrive_in_a_process_that_has_not_packed_any(tmp_path):
    """What stands for arrays of objects and of dates is found there, too."""
    days = np.array(["2020-01-01"], dtype="M8[D]")
    data = pickle.dumps(pack_to_travel([np.array([1, "a"], dtype=object), days]))
    program = (
        "import pickle, sys\n"
        "found = pickle.load(sys.stdin.buffer).load()\n"
        "print([one.tolist() for one in found], [one.flags.writeable for one in found])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=data, capture_output=True, cwd=tmp_path, check=True
    )
    assert done.stdout.decode() == ("[[1, 'a'], [datetime.date(2020, 1, 1)]] [False, False]\n")


def test_functions_and_local_classes_travel():
    """What pickle does not take, cloudpickle does."""
    factor = 3

    class Local:
        def times(self, x):
            return x * factor

    assert unpack(pack(lambda x: x + factor))(1) == 4
    assert unpack(pack(Local())).times(2) == 6


@pytest.mark.parametrize(
    "value",
    [threading.Lock(), [threading.Lock()], (n for n in range(2))],
    ids=["a lock", "a lock in a list", "a generator"],
)
def test_what_cannot_travel_is_named(value):
    """The error tells what it was, of which node, and keeps the cause."""
    with pytest.raises(NotSerializableError, match="the result of scorer cannot") as caught:
        pack(value, what="the result", node="scorer")
    assert caught.value.node == "scorer"
    assert caught.value.__cause__ is not None
    assert caught.value.hint


def test_a_value_that_refuses_is_named():
    """An error of a value's own `__reduce__` is told as what cannot travel."""

    class Refuses:
        def __reduce__(self):
            raise RuntimeError("not me")

    with pytest.raises(NotSerializableError, match="not me"):
        pack(Refuses())


def test_a_value_nested_too_deeply_is_refused():
    """What no pickler can follow is an error like another."""
    value = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(NotSerializableError):
        pack(value)


VALUES = {
    "an enum": Color.RED,
    "a date": dt.datetime(2024, 1, 2, tzinfo=dt.UTC),
    "a decimal": decimal.Decimal("1.5"),
    "a path": pathlib.PurePosixPath("/a/b"),
    "a subclass of int": Count(5),
    "a subclass of str": Name("x"),
    "a named tuple": Point(1, [2]),
    "a type": int,
    "an exception": KeyError("k"),
    "a bool of numpy": np.bool_(True),
    "a float of numpy": np.float32(0.5),
    "a default dict": collections.defaultdict(list, a=[1]),
    "an ordered dict": collections.OrderedDict(b=1, a=2),
    "a range": range(3),
    "ellipsis": ...,
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_values_of_other_types_keep_them(value):
    """Whatever Python can pickle arrives as what it was."""
    found = unpack(pack([value]))[0]
    assert type(found) is type(value)
    assert repr(found) == repr(value)


def test_tuples_of_scalars_travel_as_they_are():
    """A short tuple of scalars is immutable, and needs no copy."""
    value = (1, "a", None, 2.5)
    assert unpack(pack(value)) == value
    nested = ([1], 2)
    assert unpack(pack(nested))[0] is not nested[0]
