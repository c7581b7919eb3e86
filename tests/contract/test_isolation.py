"""No node sees what another does to a value."""

import dataclasses
import threading

import numpy as np
import pandas as pd
import pytest

from graphnb import InputNode, serve
from graphnb.errors import NotSerializableError, RequestError


@dataclasses.dataclass
class Box:
    content: list


@serve.deployment
def same(x):
    """Gives back what it gets."""
    return x


@serve.deployment
def join(*xs):
    """A list of all that it gets."""
    return list(xs)


@serve.deployment
class Spoiler:
    """Changes what it gets, by a key, an attribute or a method, and passes it on."""

    async def run(self, x):
        _spoil(x)
        return x


@serve.deployment
class SyncSpoiler:
    def run(self, x):
        _spoil(x)
        return x


def _spoil(x):
    if isinstance(x, Box):
        x.content.append("spoiled")
    elif isinstance(x, dict):
        x["spoiled"] = True
        for one in x.values():
            if isinstance(one, list):
                one.append("spoiled")
    elif isinstance(x, set):
        x.add("spoiled")
    elif isinstance(x, bytearray):
        x.extend(b"spoiled")
    else:
        x.append("spoiled")


VALUES = {
    "a list": lambda: [1, 2],
    "a dict": lambda: {"a": [1]},
    "a set": lambda: {1},
    "a bytearray": lambda: bytearray(b"x"),
    "an object": lambda: Box([1]),
}


@pytest.mark.parametrize("spoiler", [Spoiler, SyncSpoiler], ids=["async", "sync"])
@pytest.mark.parametrize("make", VALUES.values(), ids=VALUES)
def test_a_consumer_cannot_spoil_a_value_for_another(deploy, make, spoiler):
    """Each consumer of a result has its own copy."""
    with InputNode() as inp:
        made = same.bind(inp)
        spoiled = spoiler.bind().run.bind(made)
        node = join.bind(spoiled, made, same.bind(made))
    spoiled_value, first, second = deploy(node).remote(make()).result()
    assert spoiled_value != make()
    assert first == make()
    assert second == make()


@pytest.mark.parametrize("make", VALUES.values(), ids=VALUES)
def test_a_node_cannot_spoil_the_callers_input(deploy, make):
    """What a caller passes stays as it is, and may be changed by the caller at once."""
    with InputNode() as inp:
        node = Spoiler.bind().run.bind(inp)
    graph = deploy(node)
    mine = make()
    graph.remote(mine).result()
    assert mine == make()


def test_a_caller_may_change_its_input_after_the_call(deploy, signals):
    """The input is what it was when `remote` was called."""

    @serve.deployment
    async def waits(x):
        await signals.await_("changed")
        return x

    with InputNode() as inp:
        node = join.bind(waits.bind(inp), inp)
    graph = deploy(node)
    mine = [1]
    response = graph.remote(mine)
    mine.append(2)
    signals.set("changed")
    assert response.result() == [[1], [1]]


def test_a_producers_own_copy_is_its_own(deploy):
    """A node may keep and change what it has returned; nobody else sees it."""

    @serve.deployment
    class Keeper:
        def __init__(self):
            self.kept = []

        async def run(self, x):
            self.kept.append(x)
            return self.kept

    with InputNode() as inp:
        node = Spoiler.bind().run.bind(Keeper.bind().run.bind(inp))
    graph = deploy(node)
    assert graph.remote(1).result() == [1, "spoiled"]
    assert graph.remote(2).result() == [1, 2, "spoiled"]


def test_each_result_of_a_response_is_the_callers_own(deploy):
    """Asking a response twice gives two values."""
    with InputNode() as inp:
        node = same.bind(inp)
    response = deploy(node).remote([1])
    first, second = response.result(), response.result()
    first.append(2)
    assert second == [1]
    assert response.result() == [1]


def test_a_constant_is_new_in_each_call(deploy):
    """A list that is bound as an argument is not a default that calls share."""
    with InputNode() as inp:
        node = join.bind(inp, Spoiler.bind().run.bind([0]), Spoiler.bind().run.bind({"k": [inp]}))
    graph = deploy(node)
    for request in (1, 2):
        assert graph.remote(request).result() == [
            request,
            [0, "spoiled"],
            {"k": [request, "spoiled"], "spoiled": True},
        ]


def test_a_bound_constant_is_what_it_was_at_deploy(deploy):
    """Changing an object after it was bound and deployed changes no graph."""
    constant = [1]
    with InputNode() as inp:
        node = join.bind(inp, constant)
    graph = deploy(node)
    constant.append(2)
    assert graph.remote(0).result() == [0, [1]]


def test_init_args_are_the_instances_own(deploy):
    """Instances of one deployment, and of two, do not share what they were made with."""

    @serve.deployment
    class Holder:
        def __init__(self, items):
            self.items = items

        def run(self, x):
            self.items.append(x)
            return self.items

    items = [0]
    with InputNode() as inp:
        node = join.bind(Holder.bind(items).run.bind(inp), Holder.bind(items).run.bind(inp))
    assert deploy(node).remote(1).result() == [[0, 1], [0, 1]]
    assert items == [0]


def test_values_through_handles_are_isolated(deploy):
    """What goes through a handle, in both directions, is a copy."""

    @serve.deployment
    class Caller:
        def __init__(self, spoiler):
            self.spoiler = spoiler

        async def run(self, x):
            answer = await self.spoiler.run.remote(x)
            return [x, answer]

    with InputNode() as inp:
        node = Caller.bind(Spoiler.bind()).run.bind(inp)
    assert deploy(node).remote([1]).result() == [[1], [1, "spoiled"]]


def test_a_fallbacks_value_is_new_each_time(deploy):
    """A fallback that is a list is no list that requests share."""

    @serve.deployment
    def fails(x):
        raise ValueError("no")

    with InputNode() as inp:
        node = Spoiler.bind().run.bind(fails.bind(inp).options(fallback=[0]))
    graph = deploy(node)
    assert [graph.remote(1).result() for _ in range(2)] == [[0, "spoiled"]] * 2


def test_identity_within_a_value_is_kept(deploy):
    """One object that stands twice within a value stands twice within its copy."""
    with InputNode() as inp:
        node = same.bind(inp)
    shared = [1]
    first, second = deploy(node).remote([shared, shared]).result()
    assert first is second


def test_any_value_that_cloudpickle_takes_travels(deploy):
    """Lambdas, local classes and their instances are values as well."""

    class Local:
        def __init__(self, n):
            self.n = n

    @serve.deployment
    def applied(function, thing):
        return function(thing.n)

    with InputNode() as inp:
        node = applied.bind(inp["f"], inp["x"])
    assert deploy(node).remote({"f": lambda n: n * 2, "x": Local(4)}).result() == 8


# --- arrays --------------------------------------------------------------------------------------

ARRAYS = {
    "contiguous": lambda: np.arange(6.0).reshape(2, 3),
    "transposed": lambda: np.arange(6.0).reshape(2, 3).T,
    "strided": lambda: np.arange(20)[::3],
    "reversed": lambda: np.arange(5)[::-1],
    "of objects": lambda: np.array([{"a": 1}, None, "x"], dtype=object),
    "of strings": lambda: np.array(["a", "bcd"]),
    "structured": lambda: np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
    "of booleans": lambda: np.array([True, False]),
    "of dates": lambda: np.array(["2024-01-01"], dtype="datetime64[D]"),
    "empty": lambda: np.empty((0, 3)),
    "a scalar": lambda: np.array(3.5),
    "fortran": lambda: np.asfortranarray(np.arange(6).reshape(2, 3)),
    "large": lambda: np.zeros((300, 300), dtype=np.uint8),
}


@serve.deployment
def inspect_array(x):
    """What an array looks like where it arrives."""
    return {"writeable": x.flags.writeable, "dtype": str(x.dtype), "shape": x.shape, "value": x}


@pytest.mark.parametrize("make", ARRAYS.values(), ids=ARRAYS)
def test_an_array_arrives_as_it_was_and_read_only(deploy, make):
    """Whatever its memory looks like, an array keeps dtype, shape and values; nobody may write."""
    with InputNode() as inp:
        node = inspect_array.bind(same.bind(inp))
    found = deploy(node).remote(make()).result()
    assert found["writeable"] is False
    assert found["dtype"] == str(make().dtype)
    assert found["shape"] == make().shape
    assert np.array_equal(found["value"], make())


WRAPPED = {
    "a dict": lambda a: {"deep": [a]},
    "a dataclass": lambda a: Box([a]),
    "a tuple": lambda a: (1, (a,)),
}


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
@pytest.mark.parametrize("make", [ARRAYS["contiguous"], ARRAYS["strided"], ARRAYS["of objects"]])
def test_an_array_inside_a_value_is_read_only(deploy, wrap, make):
    """Arrays are read-only wherever in a value they stand."""

    @serve.deployment
    def tries(x):
        array = x
        while not isinstance(array, np.ndarray):
            parts = x.content if isinstance(array, Box) else array
            array = next(iter(parts.values())) if isinstance(parts, dict) else parts[-1]
        array[0] = array[0]

    with InputNode() as inp:
        node = tries.bind(inp)
    with pytest.raises(ValueError, match="read-only"):
        deploy(node).remote(wrap(make())).result()


def test_an_array_that_a_node_made_is_read_only_for_its_consumer(deploy):
    """The producer may write to its array, also after it was returned; consumers see none of it."""

    @serve.deployment
    class Producer:
        def __init__(self):
            self.buffer = np.zeros(3)

        async def run(self, x):
            self.buffer += x
            return self.buffer

    @serve.deployment
    def writes(x):
        x += 1

    producer = Producer.bind()
    with InputNode() as inp:
        plain = producer.run.bind(inp)
    graph = deploy(plain)
    first = graph.remote(1).result()
    second = graph.remote(1).result()
    assert first.tolist() == [1, 1, 1]
    assert second.tolist() == [2, 2, 2]
    with InputNode() as inp:
        node = writes.bind(producer.run.bind(inp))
    with pytest.raises(ValueError, match="read-only"):
        deploy(node).remote(1).result()


def test_a_copy_of_an_array_may_be_written(deploy):
    """`array.copy()` is the way to change one."""

    @serve.deployment
    def writes(x):
        mine = x.copy()
        mine[0] = 9
        return mine

    with InputNode() as inp:
        node = join.bind(writes.bind(inp), inp)
    changed, kept = deploy(node).remote(np.zeros(2)).result()
    assert (changed.tolist(), kept.tolist()) == ([9, 0], [0, 0])


def test_the_callers_array_is_not_frozen(deploy):
    """What the caller passed stays writeable, and is not shared."""
    with InputNode() as inp:
        node = same.bind(inp)
    mine = np.zeros(3)
    response = deploy(node).remote(mine)
    mine[0] = 5
    assert response.result().tolist() == [0, 0, 0]


def test_a_data_frame_travels(deploy):
    """A consumer that changes its frame changes nobody else's."""

    @serve.deployment
    def adds_a_column(frame):
        frame["b"] = frame["a"] * 2
        return frame

    with InputNode() as inp:
        node = join.bind(adds_a_column.bind(inp), inp)
    frame = pd.DataFrame({"a": [1, 2], "name": ["x", "y"]})
    changed, kept = deploy(node).remote(frame).result()
    assert list(changed.columns) == ["a", "name", "b"]
    assert list(kept.columns) == ["a", "name"]
    assert list(frame.columns) == ["a", "name"]


def test_the_numbers_of_a_data_frame_cannot_be_written_in_place(deploy):
    """A frame's buffers are shared read-only like any array's."""

    @serve.deployment
    def writes(frame):
        frame["a"].to_numpy()[0] = 99

    with InputNode() as inp:
        node = writes.bind(inp)
    with pytest.raises(ValueError, match="read-only"):
        deploy(node).remote(pd.DataFrame({"a": [1.0, 2.0]})).result()


def test_a_subclass_of_array_keeps_its_type(deploy):
    """Masked arrays and matrices are not turned into plain arrays."""
    with InputNode() as inp:
        node = same.bind(inp)
    masked = np.ma.masked_array([1, 2, 3], mask=[0, 1, 0])
    found = deploy(node).remote(masked).result()
    assert isinstance(found, np.ma.MaskedArray)
    assert found.tolist() == [1, None, 3]


# --- what cannot travel --------------------------------------------------------------------------


def test_an_input_that_cannot_be_pickled_fails_at_once(deploy):
    """The error names the argument, before the request begins."""
    with InputNode() as inp:
        node = same.bind(inp)
    graph = deploy(node)
    with pytest.raises(NotSerializableError, match="lock"):
        graph.remote(threading.Lock())
    with pytest.raises(NotSerializableError, match="'k'"):
        graph.remote(k=[threading.Lock()])


@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
def test_a_result_that_cannot_be_pickled_fails_by_name(deploy, signals, is_async):
    """The error names the node whose result cannot travel; no consumer is called."""

    @serve.deployment
    async def makes_a_lock(x):
        return {"lock": threading.Lock()}

    @serve.deployment
    def makes_a_lock_in_a_thread(x):
        return {"lock": threading.Lock()}

    @serve.deployment
    def consumer(x):
        signals.note("called")

    make = (makes_a_lock if is_async else makes_a_lock_in_a_thread).options(name="maker")
    with InputNode() as inp:
        node = consumer.bind(make.bind(inp))
    with pytest.raises(NotSerializableError, match=r"result of maker.*lock") as caught:
        deploy(node).remote(1).result()
    assert caught.value.node == "maker"
    assert isinstance(caught.value, RequestError)
    assert isinstance(caught.value, TypeError)
    assert signals.notes("called") == []


def test_the_roots_result_must_be_picklable_too(deploy):
    """What passes here passes where the caller is another process."""

    @serve.deployment
    def makes_a_lock(x):
        return threading.Lock()

    with InputNode() as inp:
        node = makes_a_lock.bind(inp)
    with pytest.raises(NotSerializableError, match="makes_a_lock"):
        deploy(node).remote(1).result()


def test_a_generator_that_is_returned_cannot_travel(deploy):
    """A node that returns a generator, instead of being one, is told so by name."""

    @serve.deployment
    def lazy(x):
        return (number for number in range(x))

    with InputNode() as inp:
        node = same.bind(lazy.bind(inp))
    with pytest.raises(NotSerializableError, match=r"lazy.*generator"):
        deploy(node).remote(1).result()


class Noted:
    """A value that notes when it is serialized."""

    def __init__(self, signals):
        self.signals = signals

    def __reduce__(self):
        self.signals.note("pickled")
        return Noted, (self.signals,)


def test_a_large_value_that_many_use_is_serialized_once(deploy, signals):
    """A value that ten consumers load was pickled once."""

    @serve.deployment
    def makes(x):
        return Noted(signals)

    @serve.deployment
    def uses(x):
        return 1

    with InputNode() as inp:
        made = makes.bind(inp)
        node = join.bind(*(uses.bind(made) for _ in range(10)))
    assert deploy(node).remote(1).result() == [1] * 10
    assert len(signals.notes("pickled")) == 1
