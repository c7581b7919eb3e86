"""The request, and parts of it, as a graph sees them."""

import dataclasses
from types import SimpleNamespace

import pytest

from graphnb import InputNode, serve
from graphnb.errors import InputError


@serve.deployment
def show(*args, **kwargs):
    """The repr of all that it gets."""
    return repr((args, kwargs))


@dataclasses.dataclass
class Order:
    user: str
    items: list


def ask(deploy, write, *args, **kwargs):
    """What a graph of `show` answers to one request."""
    with InputNode() as inp:
        node = show.bind(*write(inp))
    return deploy(node).remote(*args, **kwargs).result()


PARTS = {
    "all of it": (lambda i: [i], [5], (5,)),
    "an index": (lambda i: [i[1], i[0]], [["a", "b"]], ("b", "a")),
    "a negative index": (lambda i: [i[-1]], [["a", "b"]], ("b",)),
    "a key": (lambda i: [i["k"]], [{"k": 1}], (1,)),
    "an attribute of a dict": (lambda i: [i.k], [{"k": 1}], (1,)),
    "an attribute of an object": (lambda i: [i.user, i.items[0]], [Order("u", [7])], ("u", 7)),
    "parts of parts": (lambda i: [i["a"][0].b["c"]], [{"a": [{"b": {"c": 3}}]}], (3,)),
    "nested in a container": (lambda i: [[i["k"], {"x": i["k"]}]], [{"k": 1}], ([1, {"x": 1}],)),
    "a character": (lambda i: [i[0]], ["text"], ("t",)),
}


@pytest.mark.parametrize(("write", "args", "expected"), PARTS.values(), ids=PARTS)
def test_a_part_of_the_input_is_taken(deploy, write, args, expected):
    """`inp[0]`, `inp["k"]`, `inp.k`, and parts of those, of lists, dicts and objects."""
    assert ask(deploy, write, *args) == repr((expected, {}))


SEVERAL = {
    "by position": (lambda i: [i[0], i[1]], [1, 2], {}, (1, 2)),
    "by name": (lambda i: [i["k"], i.k], [], {"k": 3}, (3, 3)),
    "both": (lambda i: [i[0], i[1], i["k"], i.k], [1, 2], {"k": 3}, (1, 2, 3, 3)),
    "a part of one of them": (lambda i: [i[1]["x"], i.k[0]], [1, {"x": 5}], {"k": [6]}, (5, 6)),
    "one, and a name": (lambda i: [i[0], i["k"]], ["ab"], {"k": 1}, ("ab", 1)),
}


@pytest.mark.parametrize(("write", "args", "kwargs", "expected"), SEVERAL.values(), ids=SEVERAL)
def test_a_request_may_have_several_arguments(deploy, write, args, kwargs, expected):
    """`remote(a, b, k=1)` is reached by position and by name."""
    assert ask(deploy, write, *args, **kwargs) == repr((expected, {}))


MISSING = {
    "a key": (lambda i: [i["user"]], [{"name": 1}], {}, r"the input has no \['user'\]", "'name'"),
    "an index": (lambda i: [i[3]], [[1]], {}, r"the input has no \[3\]", "length 1"),
    "an attribute": (lambda i: [i.user], [SimpleNamespace(a=1)], {}, "the input has no .user", ""),
    "a part of a part": (lambda i: [i["a"]["b"]], [{"a": {}}], {}, r"\['a'\]\['b'\]", ""),
    "a part of a number": (lambda i: [i["a"]], [5], {}, r"the input has no \['a'\]", "int"),
    "a position": (lambda i: [i[2]], [1, 2], {}, r"the input has no \[2\]", "2 positional"),
    "a name": (lambda i: [i["k"]], [1], {"other": 1}, r"the input has no \['k'\]", "other"),
}


@pytest.mark.parametrize(
    ("write", "args", "kwargs", "message", "hint"), MISSING.values(), ids=MISSING
)
def test_a_part_that_is_missing_is_an_input_error(deploy, write, args, kwargs, message, hint):
    """The error names the part, and tells what the input has."""
    with pytest.raises(InputError, match=message) as caught:
        ask(deploy, write, *args, **kwargs)
    assert hint in caught.value.hint


def test_an_input_error_shows_no_values(deploy):
    """What the input holds may be somebody's secret: the error tells keys and types only."""
    with pytest.raises(InputError) as caught:
        ask(deploy, lambda i: [i["user"]], {"token": "s3cret"})
    assert "s3cret" not in str(caught.value)


def test_a_missing_part_calls_nobody(deploy, signals):
    """A request that does not fit ends before any node runs."""

    @serve.deployment
    def noted(x):
        signals.note("ran")

    with InputNode() as inp:
        node = show.bind(noted.bind(inp["here"]), inp["gone"])
    with pytest.raises(InputError):
        deploy(node).remote({"here": 1}).result()
    assert signals.notes("ran") == []


def test_the_whole_input_of_several_arguments_travels(deploy):
    """A node that takes the whole request of several arguments can reach each of them."""

    @serve.deployment
    def sums(request):
        return request[0] + request[1] + request["k"]

    with InputNode() as inp:
        node = sums.bind(inp)
    assert deploy(node).remote(1, 2, k=3).result() == 6


def test_none_is_an_input(deploy):
    """A request of None is that value."""
    assert ask(deploy, lambda i: [i], None) == repr(((None,), {}))


def test_requests_do_not_mix(deploy):
    """Many requests at once each see their own input."""
    with InputNode() as inp:
        node = show.bind(inp["a"], [inp["b"]])
    graph = deploy(node)
    responses = [graph.remote({"a": number, "b": -number}) for number in range(100)]
    assert [one.result() for one in responses] == [
        repr(((number, [-number]), {})) for number in range(100)
    ]
