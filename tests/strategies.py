"""Hypothesis strategies: specs as values, and programs, which can be bound and also just computed.

A `Program` describes a graph of pure steps. `program.bind()` writes it with graphnb, and
`program.evaluate(request)` computes it in plain Python: the two must agree.
"""

import dataclasses
from typing import Any

from hypothesis import strategies as st

from graphnb import InputNode, serve
from graphnb.graph.spec import (
    CallSpec,
    DataEdge,
    DeploymentSpec,
    GraphEdge,
    GraphSpec,
    HandleEdge,
    InputSpec,
    Key,
    Options,
)

# --- specs ---------------------------------------------------------------------------------------

names = st.text("abcxyz_", min_size=1, max_size=6)
labels = st.none() | names
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
options = st.dictionaries(names, json_values, max_size=3).map(Options)
keys = st.builds(Key, st.just("item"), st.integers() | st.text(max_size=4)) | st.builds(
    Key, st.just("attr"), names
)
paths = st.lists(keys, max_size=3).map(tuple)


@st.composite
def specs(draw):
    """A spec of deployments, calls and inputs whose edges point to what came before."""
    deployment_names = draw(st.lists(names, min_size=1, max_size=5, unique=True))
    inputs = tuple(
        InputSpec(f"input_{index}", draw(names)) for index in range(draw(st.integers(0, 2)))
    )
    calls: list[CallSpec] = []
    for index in range(draw(st.integers(0, 6))):
        sources = [one.id for one in (*inputs, *calls)]
        edges = st.builds(DataEdge, st.sampled_from(sources or ["x"]), paths, st.text(max_size=5))
        calls.append(
            CallSpec(
                id=f"call_{index}",
                deployment=draw(st.sampled_from(deployment_names)),
                method=draw(names),
                label=draw(labels),
                edges=tuple(draw(st.lists(edges, max_size=3 if sources else 0))),
                arguments=draw(st.text(max_size=4)),
                timeout_s=draw(st.none() | st.floats(0.001, 100)),
                retries=draw(st.integers(0, 3)),
                fallback=draw(st.none() | st.just("value")),
                streams=draw(st.booleans()),
            )
        )
    deployments = [
        _deployment(draw, name, deployment_names[:index], calls)
        for index, name in enumerate(deployment_names)
    ]
    return GraphSpec(
        root=deployment_names[-1],
        deployments=tuple(deployments),
        calls=tuple(calls),
        inputs=inputs,
        route_prefix=draw(st.none() | st.just("/x")),
    )


def _deployment(draw, name, others, calls):
    held = draw(st.lists(st.sampled_from(others), max_size=2)) if others else []
    run = draw(st.lists(st.sampled_from(calls), max_size=2)) if calls else []
    return DeploymentSpec(
        name=name,
        kind=draw(st.sampled_from(["class", "function"])),
        definition=draw(names),
        options=draw(options),
        digest=draw(st.text("0123456789abcdef", max_size=8)),
        handles=tuple(HandleEdge(one, f"args[{at}]") for at, one in enumerate(held)),
        graphs=tuple(GraphEdge(one.id, f"dags[{at}]") for at, one in enumerate(run)),
        max_batch_size=draw(st.none() | st.integers(1, 64)),
    )


# --- programs ------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Record:
    """A dataclass that arguments are nested in."""

    left: Any
    right: Any


@dataclasses.dataclass(frozen=True)
class Const:
    value: Any


@dataclasses.dataclass(frozen=True)
class Request:
    """The input, or a part of it."""

    path: tuple[Any, ...] = ()


@dataclasses.dataclass(frozen=True)
class Result:
    """The result of an earlier step, or a part of it."""

    step: int
    path: tuple[Any, ...] = ()


@dataclasses.dataclass(frozen=True)
class Step:
    """One call: a function's, or with `holder` a method's of one of the program's instances."""

    salt: int
    holder: int | None
    is_async: bool
    args: tuple[Any, ...]
    kwargs: tuple[tuple[str, Any], ...]


@dataclasses.dataclass(frozen=True)
class Program:
    """Steps, each of which may use earlier ones; the last one is the root."""

    weights: tuple[int, ...]
    steps: tuple[Step, ...]

    def bind(self, ran=lambda _index: None):
        """Writes it with graphnb; `ran` is told of each step that runs. Returns the root node."""
        holders = [_holder(weight, ran) for weight in self.weights]
        nodes = []
        with InputNode() as request:
            for index, step in enumerate(self.steps):
                args = [_bound(one, request, nodes) for one in step.args]
                kwargs = {name: _bound(one, request, nodes) for name, one in step.kwargs}
                if step.holder is None:
                    bind = _function(index, step, ran).bind
                else:
                    method = "acall" if step.is_async else "call"
                    bind = getattr(holders[step.holder], method).bind
                    args = [index, step.salt, *args]
                nodes.append(bind(*args, **kwargs))
        return nodes[-1]

    def evaluate(self, request):
        """What it answers, in plain Python."""
        return self._result(len(self.steps) - 1, request, {})

    def needed(self):
        """The steps that the root needs, itself included."""
        found, waiting = set(), [len(self.steps) - 1]
        while waiting:
            index = waiting.pop()
            if index not in found:
                found.add(index)
                step = self.steps[index]
                waiting += _sources((step.args, step.kwargs))
        return found

    def _result(self, index, request, known):
        if index not in known:
            step = self.steps[index]
            args = [self._value(one, request, known) for one in step.args]
            kwargs = {name: self._value(one, request, known) for name, one in step.kwargs}
            weight = 1 if step.holder is None else self.weights[step.holder]
            known[index] = combine(weight, step.salt, args, kwargs)
        return known[index]

    def _value(self, expression, request, known):
        return _mapped(
            expression,
            {
                Const: lambda one: one.value,
                Request: lambda one: _picked(request, one.path),
                Result: lambda one: _picked(self._result(one.step, request, known), one.path),
            },
        )


def combine(weight, salt, args, kwargs):
    """What every step computes: a number that depends on all it gets, and parts to pick."""
    total = weight * (_number(list(args)) + 31 * _number(dict(kwargs)) + salt) % 1_000_003
    return {"total": total, "items": [total % 7, (total % 11, salt)]}


def _number(value):
    """A number that tells nested values apart, by type and order."""
    if isinstance(value, Record):
        return 7 + _number([value.left, value.right])
    if isinstance(value, dict):
        return 3 + _number(sorted(value.items()))
    if isinstance(value, list | tuple):
        start = 11 if isinstance(value, list) else 13
        for one in value:
            start = (start * 33 + _number(one)) % 1_000_003
        return start
    return sum(map(ord, value)) if isinstance(value, str) else value


def _function(index, step, ran):
    if step.is_async:

        @serve.deployment
        async def compute(*args, **kwargs):
            ran(index)
            return combine(1, step.salt, args, kwargs)
    else:

        @serve.deployment
        def compute(*args, **kwargs):
            ran(index)
            return combine(1, step.salt, args, kwargs)

    return compute


def _holder(weight, ran):
    @serve.deployment
    class Holder:
        def __init__(self, weight):
            self.weight = weight

        def call(self, index, salt, *args, **kwargs):
            ran(index)
            return combine(self.weight, salt, args, kwargs)

        async def acall(self, index, salt, *args, **kwargs):
            return self.call(index, salt, *args, **kwargs)

    return Holder.bind(weight)


def _bound(expression, request, nodes):
    return _mapped(
        expression,
        {
            Const: lambda one: one.value,
            Request: lambda one: _picked(request, one.path),
            Result: lambda one: _picked(nodes[one.step], one.path),
        },
    )


def _picked(value, path):
    for key in path:
        value = value[key]
    return value


def _mapped(expression, kinds):
    """The expression with each leaf replaced by what its kind makes of it."""
    make = kinds.get(type(expression))
    if make is not None:
        return make(expression)
    if isinstance(expression, Record):
        return Record(_mapped(expression.left, kinds), _mapped(expression.right, kinds))
    if isinstance(expression, dict):
        return {key: _mapped(one, kinds) for key, one in expression.items()}
    return type(expression)(_mapped(one, kinds) for one in expression)


def _sources(expression):
    if isinstance(expression, Result):
        return [expression.step]
    if isinstance(expression, Const | Request | str):
        return []
    if isinstance(expression, Record):
        parts = [expression.left, expression.right]
    else:
        parts = expression.values() if isinstance(expression, dict) else expression
    return [found for one in parts for found in _sources(one)]


requests = st.fixed_dictionaries(
    {"x": st.integers(0, 99), "xs": st.tuples(st.integers(0, 99), st.integers(0, 99)).map(list)}
)
_request_parts = st.sampled_from(["x", "xs", ("xs", 0), ("xs", 1), ()]).map(
    lambda at: Request(at if isinstance(at, tuple) else (at,))
)
_result_parts = st.sampled_from([(), ("total",), ("items",), ("items", 1), ("items", 1, 0)])


def _expressions(earlier):
    leaf = st.integers(0, 50).map(Const) | _request_parts
    if earlier:
        step = st.integers(0, earlier - 1)
        leaf = leaf | st.builds(Result, step, _result_parts) | st.builds(Result, step)
    return st.recursive(
        leaf,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.lists(inner, max_size=2).map(tuple)
            | st.dictionaries(names, inner, max_size=2)
            | st.builds(Record, inner, inner)
        ),
        max_leaves=5,
    )


@st.composite
def programs(draw, max_steps=7):
    """A program of at most `max_steps` steps."""
    weights = tuple(draw(st.lists(st.integers(1, 5), max_size=2)))
    holders = st.none() | st.integers(0, len(weights) - 1) if weights else st.none()
    steps = []
    for index in range(draw(st.integers(1, max_steps))):
        expression = _expressions(index)
        named = st.dictionaries(st.sampled_from(["p", "q"]), expression, max_size=2)
        steps.append(
            Step(
                salt=draw(st.integers(0, 99)),
                holder=draw(holders),
                is_async=draw(st.booleans()),
                args=tuple(draw(st.lists(expression, max_size=3))),
                kwargs=tuple(draw(named).items()),
            )
        )
    return Program(weights, tuple(steps))
