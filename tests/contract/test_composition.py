"""Graphs of every shape that can be written answer what their Python says."""

import asyncio
import dataclasses
from collections import OrderedDict
from typing import Any, NamedTuple

import pytest

from graphnb import DAGDriver, InputNode, serve


class Point(NamedTuple):
    x: Any
    y: Any


@dataclasses.dataclass
class Pair:
    left: Any
    right: Any = None


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    value: Any


@serve.deployment
async def increment(x):
    """One more."""
    return x + 1


@serve.deployment
def double(x):
    """Twice as much."""
    return 2 * x


@serve.deployment
def show(*args, **kwargs):
    """The repr of all that it gets."""
    return repr((args, kwargs))


@serve.deployment
class Scaler:
    def __init__(self, factor, offset=0):
        self.factor, self.offset = factor, offset

    async def scale(self, x):
        return self.factor * x + self.offset

    def scale_in_a_thread(self, x):
        return self.factor * x + self.offset

    def __call__(self, x):
        return -self.factor * x


@serve.deployment
class Sum:
    """Adds what all the handles that it holds answer, wherever they stand."""

    def __init__(self, *held, **named):
        self.held = held
        self.named = named

    async def run(self, x):
        handles = [*_handles(self.held), *_handles(self.named)]
        return sum(await asyncio.gather(*(one.scale.remote(x) for one in handles)))


def _handles(value):
    if isinstance(value, Pair):
        return [*_handles(value.left), *_handles(value.right)]
    if isinstance(value, Frozen):
        return _handles(value.value)
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return [found for one in value for found in _handles(one)]
    return [] if value is None else [value]


def answer(deploy, node, request):
    """What a graph answers to one request."""
    return deploy(node).remote(request).result()


# --- values nested in arguments ------------------------------------------------------------------

NESTED = {
    "list": (lambda a, b: [a, [b, 0]], [2, [10, 0]]),
    "tuple": (lambda a, b: (a, (b, 0)), (2, (10, 0))),
    "dict": (lambda a, b: {"a": a, "deep": {"b": b}}, {"a": 2, "deep": {"b": 10}}),
    "set": (lambda a, b: [{a}, frozenset({b})], [{2}, frozenset({10})]),
    "dataclass": (lambda a, b: Pair(a, Pair(b)), Pair(2, Pair(10))),
    "frozen dataclass": (lambda a, b: Frozen([a, Frozen(b)]), Frozen([2, Frozen(10)])),
    "named tuple": (lambda a, b: Point(a, Point(b, 0)), Point(2, Point(10, 0))),
    "ordered dict": (lambda a, b: OrderedDict(b=b, a=a), OrderedDict(b=10, a=2)),
    "all of them": (
        lambda a, b: [{"x": (Pair(a, {"y": [Frozen(b)]}), 0)}, {b}],
        [{"x": (Pair(2, {"y": [Frozen(10)]}), 0)}, {10}],
    ),
}


@pytest.mark.parametrize(("write", "expected"), NESTED.values(), ids=NESTED)
def test_results_nested_in_an_argument_arrive_as_values(deploy, write, expected):
    """Nodes in lists, tuples, dicts, sets and dataclasses become the values they stand for."""
    with InputNode() as inp:
        node = show.bind(write(increment.bind(inp), double.bind(5)), named=write(inp, 10))
    two = write(1, 10)
    assert answer(deploy, node, 1) == repr(((expected,), {"named": two}))


def test_nodes_are_found_at_any_depth(deploy):
    """Sixty containers within each other are no obstacle."""
    with InputNode() as inp:
        value: Any = increment.bind(inp)
        expected: Any = 2
        for _ in range(20):
            value, expected = [{"v": (value,)}], [{"v": (expected,)}]
        node = show.bind(value)
    assert answer(deploy, node, 1) == repr(((expected,), {}))


def test_parts_of_results_go_where_they_are_named(deploy):
    """`node[key]` is evaluated on the result, at any depth and in any container."""

    @serve.deployment
    def boxes(x):
        return {"boxes": [x, {"score": x * 10}], "n": 2}

    with InputNode() as inp:
        found = boxes.bind(inp)
        node = show.bind(found["n"], [found["boxes"][0]], best=found["boxes"][1]["score"])
    assert answer(deploy, node, 7) == repr(((2, [7]), {"best": 70}))


def test_a_part_that_is_not_there_fails_by_name(deploy):
    """A missing part of a result tells of which result, and what there is."""
    from graphnb.errors import RequestError

    @serve.deployment
    def boxes(x):
        return {"boxes": x}

    with InputNode() as inp:
        node = show.bind(boxes.bind(inp)["scores"])
    with pytest.raises(RequestError, match=r"the result of boxes has no \['scores'\]") as caught:
        answer(deploy, node, 7)
    assert "'boxes'" in caught.value.hint


# --- classes -------------------------------------------------------------------------------------


def test_methods_of_one_instance_are_calls_of_their_own(deploy):
    """Async, sync and default methods of a bound class may all be nodes of a graph."""
    scaler = Scaler.bind(3, offset=1)
    with InputNode() as inp:
        node = show.bind(
            scaler.scale.bind(inp), scaler.scale_in_a_thread.bind(inp), scaler.__call__.bind(inp)
        )
    assert answer(deploy, node, 2) == repr(((7, 7, -6), {}))


def test_a_class_that_is_bound_twice_has_two_instances(deploy):
    """Two binds of a class are two deployments, each with its own init args."""
    small, large = Scaler.bind(2), Scaler.bind(100)
    with InputNode() as inp:
        node = large.scale.bind(small.scale.bind(inp))
    graph = deploy(node)
    assert graph.remote(1).result() == 200
    assert [one.name for one in graph.status()] == ["Scaler", "Scaler_1", "DAGDriver"]


def test_static_and_class_methods_are_called(deploy):
    """A static method and a class method can be nodes as well."""

    @serve.deployment
    class Tools:
        unit = 10

        @staticmethod
        def half(x):
            return x / 2

        @classmethod
        def in_units(cls, x):
            return x * cls.unit

    tools = Tools.bind()
    with InputNode() as inp:
        node = tools.in_units.bind(tools.half.bind(inp))
    assert answer(deploy, node, 3) == 15


def test_an_inherited_method_is_called(deploy):
    """Methods of base classes bind and run."""

    class Base:
        def __init__(self, n):
            self.n = n

        async def add(self, x):
            return self.n + x

    @serve.deployment
    class Child(Base):
        pass

    with InputNode() as inp:
        node = Child.bind(5).add.bind(inp)
    assert answer(deploy, node, 1) == 6


HOLDING = {
    "one": lambda m: Sum.bind(m[0]),
    "several": lambda m: Sum.bind(m[0], m[1], more=m[2]),
    "a list": lambda m: Sum.bind([m[0], (m[1], m[2])]),
    "a dict": lambda m: Sum.bind({"a": m[0], "b": {"c": m[1]}}, d={"e": m[2]}),
    "a set": lambda m: Sum.bind({m[0], m[1]}, frozenset({m[2]})),
    "dataclasses": lambda m: Sum.bind(Pair(m[0], Frozen(m[1])), Frozen([m[2]])),
    "the same one twice": lambda m: Sum.bind(m[0], [m[0]]),
}


@pytest.mark.parametrize("bind", HOLDING.values(), ids=HOLDING)
def test_a_bound_class_in_init_args_is_a_handle(deploy, bind):
    """Handles arrive where the bound classes stood, in any container of the init args."""
    models = [Scaler.bind(1), Scaler.bind(10), Scaler.bind(100)]
    with InputNode() as inp:
        node = bind(models).run.bind(inp)
    held = {"one": 1, "the same one twice": 2}
    name = next(name for name, one in HOLDING.items() if one is bind)
    assert answer(deploy, node, 3) == 3 * held.get(name, 111)


def test_a_bound_class_may_be_shared_by_several(deploy, signals):
    """A class that two parents hold, and that is a node besides, has one instance."""

    @serve.deployment
    class Shared:
        def __init__(self):
            signals.note("made")

        async def scale(self, x):
            return x

    shared = Shared.bind()
    with InputNode() as inp:
        node = show.bind(
            Sum.bind(shared).run.bind(inp),
            Sum.bind({"s": shared}).run.bind(inp),
            shared.scale.bind(inp),
        )
    assert answer(deploy, node, 4) == repr(((4, 4, 4), {}))
    assert len(signals.notes("made")) == 1


def test_handles_go_through_several_levels(deploy):
    """A deployment may hold one that holds another."""

    @serve.deployment
    class Outer:
        def __init__(self, inner):
            self.inner = inner

        async def scale(self, x):
            return 1 + await self.inner.scale.remote(x)

    with InputNode() as inp:
        node = Outer.bind(Outer.bind(Scaler.bind(10))).scale.bind(inp)
    assert answer(deploy, node, 2) == 22


def test_a_handle_calls_the_default_method(deploy):
    """`handle.remote(x)` calls `__call__`, `handle.method.remote(x)` that method."""

    @serve.deployment
    class Caller:
        def __init__(self, scaler):
            self.scaler = scaler

        async def run(self, x):
            by_name = self.scaler.options(method_name="scale")
            return await self.scaler.remote(x), await by_name.remote(x)

    with InputNode() as inp:
        node = Caller.bind(Scaler.bind(5)).run.bind(inp)
    assert answer(deploy, node, 2) == (-10, 10)


def test_a_sync_method_calls_handles(deploy):
    """In a sync method, `.result()` waits for a handle's answer."""

    @serve.deployment
    class Caller:
        def __init__(self, scaler):
            self.scaler = scaler

        def run(self, x):
            return self.scaler.scale.remote(x).result() + 1

    with InputNode() as inp:
        node = Caller.bind(Scaler.bind(5)).run.bind(inp)
    assert answer(deploy, node, 2) == 11


# --- graphs in init args -------------------------------------------------------------------------


def test_a_drivers_own_class_runs_its_graph(deploy):
    """A class of the user's that gets a call in its init args runs that graph by its handle."""

    @serve.deployment
    class Driver:
        def __init__(self, dag):
            self.dag = dag

        async def predict(self, x):
            return {"answer": await self.dag.remote(x)}

    with InputNode() as inp:
        node = double.bind(increment.bind(inp))
    assert answer(deploy, Driver.bind(node), 4) == {"answer": 10}


def test_graphs_may_stand_anywhere_in_init_args(deploy):
    """Several graphs in a dict, a list or by name are told apart."""

    @serve.deployment
    class Driver:
        def __init__(self, graphs, *, other):
            self.graphs, self.other = graphs, other

        async def predict(self, name, x):
            graph = self.other if name == "other" else self.graphs[name][0]
            return await graph.remote(x)

    with InputNode() as inp:
        first, second = increment.bind(inp), double.bind(inp)
        third = double.bind(first)
    graph = deploy(Driver.bind({"a": [first], "b": [second]}, other=third))
    answers = [graph.remote(name, 5).result() for name in ("a", "b", "other")]
    assert answers == [6, 10, 12]


def test_each_call_of_a_graph_runs_it_anew(deploy, signals):
    """What runs once per call of a graph handle runs again at the next call."""

    @serve.deployment
    def counted(x):
        signals.note("ran", x)
        return x

    @serve.deployment
    class Driver:
        def __init__(self, dag):
            self.dag = dag

        async def predict(self, x):
            return [await self.dag.remote(x), await self.dag.remote(x + 1)]

    with InputNode() as inp:
        once = counted.bind(inp)
        node = show.bind(once, once)
    answer(deploy, Driver.bind(node), 1)
    assert signals.notes("ran") == [1, 2]


def test_a_deployment_may_hold_a_graph_and_a_handle(deploy):
    """Dynamic control flow: a node below the root chooses between a graph and a class."""

    @serve.deployment
    class Switch:
        def __init__(self, dag, scaler):
            self.dag, self.scaler = dag, scaler

        async def run(self, x):
            return await (self.dag.remote(x) if x < 10 else self.scaler.scale.remote(x))

    with InputNode() as inner:
        small = increment.bind(inner)
    with InputNode() as inp:
        node = Switch.bind(small, Scaler.bind(0, offset=99)).run.bind(inp)
    graph = deploy(node)
    assert [graph.remote(x).result() for x in (1, 50)] == [2, 99]


# --- shapes --------------------------------------------------------------------------------------


def test_a_diamond_joins_what_it_forks(deploy):
    """A result that two branches use arrives in both, and both in their join."""
    with InputNode() as inp:
        top = increment.bind(inp)
        node = show.bind(double.bind(top), increment.bind(top), top)
    assert answer(deploy, node, 1) == repr(((4, 3, 2), {}))


def test_a_long_chain_and_a_wide_fan_work(deploy, executor):
    """A hundred nodes in a row, and a hundred side by side; on Ray each has a process, so eight."""
    size = 100 if executor == "local" else 8
    with InputNode() as inp:
        chain = inp
        for _ in range(size):
            chain = increment.bind(chain)
        node = show.bind(chain, [increment.bind(inp[number]) for number in range(size)])

    @serve.deployment
    class First:
        def __init__(self, dag):
            self.dag = dag

        async def predict(self, xs):
            return await self.dag.remote(xs)

    with InputNode() as inp:
        fan = show.bind([increment.bind(inp[number]) for number in range(size)])
    assert answer(deploy, First.bind(fan), list(range(size))) == repr(
        ((list(range(1, size + 1)),), {})
    )
    del node
    with InputNode() as inp:
        chain = inp
        for _ in range(size):
            chain = increment.bind(chain)
    assert answer(deploy, chain, 0) == size


def test_a_graph_needs_no_input(deploy):
    """A graph of constants is called with nothing."""
    with InputNode():
        node = double.bind(increment.bind(20))
    assert deploy(node).remote().result() == 42


def test_a_factory_makes_nodes_that_keep_their_closures(deploy):
    """Functions and classes made by a function remember what they closed over."""

    def make(weight):
        @serve.deployment
        def weighted(x):
            return weight * x

        @serve.deployment
        class Weighted:
            def run(self, x):
                return x + weight

        return weighted, Weighted

    (first, First), (second, Second) = make(2), make(5)
    with InputNode() as inp:
        node = show.bind(
            first.bind(inp),
            second.bind(inp),
            First.bind().run.bind(inp),
            Second.bind().run.bind(inp),
        )
    assert answer(deploy, node, 10) == repr(((20, 50, 12, 15), {}))


def test_defaults_and_keywords_are_kept(deploy):
    """A node that leaves out a parameter gets its default; keywords go by name."""

    @serve.deployment
    def described(a, b=2, *rest, c, d=4, **more):
        return (a, b, rest, c, d, more)

    with InputNode() as inp:
        node = show.bind(described.bind(inp, c=3), described.bind(1, inp, 3, c=inp, d=inp, e=inp))
    assert answer(deploy, node, 9) == repr(
        (((9, 2, (), 3, 4, {}), (1, 9, (3,), 9, 9, {"e": 9})), {})
    )


def test_a_dict_of_routes_is_a_graph(deploy):
    """`deploy({"/a": node, ...})` makes a driver of these routes."""
    with InputNode() as inp:
        routes = {"/more": increment.bind(inp), "/twice": double.bind(inp)}
    graph = deploy(routes)
    handle = graph.handle.predict_with_route
    assert handle.remote("/more", 5).result() == 6
    assert handle.remote("/twice", 5).result() == 10


def test_a_bound_class_alone_is_a_graph(deploy):
    """A class without nodes around it can be deployed, and its methods called."""
    graph = deploy(Scaler.bind(3))
    assert graph.remote(2).result() == -6
    assert graph.handle.scale.remote(2).result() == 6


def test_two_routes_may_share_nodes(deploy, signals):
    """Graphs of one driver share instances, and each runs only what it needs."""

    @serve.deployment
    def shared(x):
        signals.note("shared")
        return x

    @serve.deployment
    def aside(x):
        signals.note("aside")
        return -x

    with InputNode() as inp:
        common = shared.bind(inp)
        routes = DAGDriver.bind({"/a": double.bind(common), "/b": aside.bind(common)})
    graph = deploy(routes)
    assert graph.handle.predict_with_route.remote("/a", 4).result() == 8
    assert signals.notes("aside") == []
    assert graph.handle.predict_with_route.remote("/b", 4).result() == -4
    assert len(signals.notes("shared")) == 2
