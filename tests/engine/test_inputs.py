"""The request as a graph sees it, and parts of values."""

import pickle
from types import SimpleNamespace

import pytest

from graphnb.engine.inputs import pick
from graphnb.engine.request_input import request_input
from graphnb.errors import InputError
from graphnb.graph import Key


def item(key):
    """One step by index or key."""
    return Key("item", key)


def attr(name):
    """One step by attribute."""
    return Key("attr", name)


def test_one_argument_is_the_input_itself():
    """A request of one positional argument is that argument."""
    value = object()
    assert request_input((value,), {}) is value


def test_several_arguments_are_found_by_position_and_name():
    """Parts go by index, by key and by attribute."""
    found = request_input((1, 2), {"k": 3})
    assert pick(found, (item(1),), of="the input") == 2
    assert pick(found, (item("k"),), of="the input") == 3
    assert pick(found, (attr("k"),), of="the input") == 3
    assert repr(found) == "RequestInput(1, 2, k=3)"


def test_a_name_of_the_input_does_not_hide_what_is_named_like_it():
    """A request with arguments called `args` or `kwargs` is reached by them."""
    found = request_input((), {"args": 1, "kwargs": 2})
    assert pick(found, (attr("args"),), of="the input") == 1
    assert pick(found, (attr("kwargs"),), of="the input") == 2


def test_a_key_of_a_dict_comes_before_its_methods():
    """`inp.items` of a dict is its key, never its method."""
    assert pick({"items": 5}, (attr("items"),), of="the input") == 5
    with pytest.raises(InputError, match=r"the input has no \.items"):
        pick({}, (attr("items"),), of="the input")


def test_an_attribute_of_an_object():
    """Objects are reached by attribute, and their parts in turn."""
    value = SimpleNamespace(box=SimpleNamespace(x=[7]))
    assert pick(value, (attr("box"), attr("x"), item(0)), of="the input") == 7


def test_no_path_is_the_value():
    """An empty path takes all of it."""
    value = object()
    assert pick(value, (), of="the input") is value


def test_a_missing_part_names_the_way_to_it():
    """The error shows the path up to what is missing, and what there is instead."""
    with pytest.raises(InputError, match=r"the result of f has no \['a'\]\['b'\]") as caught:
        pick({"a": {"x": 1, "y": 2}}, (item("a"), item("b"), item(0)), of="the result of f")
    assert caught.value.hint == "it has the keys 'x', 'y'"


def test_several_arguments_travel():
    """The input of several arguments can be pickled and compared."""
    found = request_input((1, [2]), {"k": 3})
    assert pickle.loads(pickle.dumps(found)) == found
    assert request_input((1,), {"k": 2}) != found
