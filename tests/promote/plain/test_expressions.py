"""Values as source."""

import datetime as dt
import decimal
import enum
import fractions
import functools
import math
import pathlib
import uuid
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given

from graphnb.errors import ExportError
from graphnb.promote.plain.expressions import Expressions
from graphnb.promote.plain.names import FreeNames, words
from tests import strategies


class Color(enum.Enum):
    """A choice."""

    RED = 1


class Point(NamedTuple):
    """A pair."""

    x: int
    y: int


@given(strategies.json_values)
def test_plain_data_is_written_as_it_is(value):
    """Evaluated, it is the same."""
    assert eval(Expressions({}).of(value, "it")) == value


@pytest.mark.parametrize(
    "value",
    [(), (1,), {1, 2}, set(), frozenset(), frozenset({3}), b"x", 1j, ..., {(1, "a"): [None]}],
    ids=repr,
)
def test_all_kinds_of_displays(value):
    """With their types."""
    found = eval(Expressions({}).of(value, "it"))
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "value",
    [
        range(3), range(1, 9, 2), slice(1, None), dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
        dt.timedelta(days=1.5), decimal.Decimal("1.10"), fractions.Fraction(1, 3),
        pathlib.Path("a/b"), pathlib.PurePosixPath("/x"), uuid.UUID(int=7),
        np.dtype("float32"), np.float32(0.1), np.int64(3), np.arange(6.0).reshape(2, 3) / 7,
        np.array([True, False]), np.arange(3, dtype=">i2"),
    ],
    ids=repr,
)  # fmt: skip
def test_common_types_are_made_again(value):
    """With their types, and imported by their modules' names."""
    expressions = Expressions({})
    text = expressions.of([value], "it")
    scope = {}
    exec("\n".join(expressions.imports), scope)
    (found,) = eval(text, scope)
    assert type(found) is type(value)
    assert getattr(found, "dtype", None) == getattr(value, "dtype", None)
    assert np.array_equal(found, value)


def test_what_is_long_has_to_have_a_name():
    """Nobody reads a table of numbers in the middle of code."""
    with pytest.raises(ExportError, match="a part of it: a ndarray"):
        Expressions({}).of([np.zeros(1000)], "it")


def test_numbers_that_have_no_literal():
    """NaN and the infinities."""
    assert math.isnan(eval(Expressions({}).of(math.nan, "it")))
    assert eval(Expressions({}).of([-math.inf], "it")) == [-math.inf]


def test_what_a_variable_holds_is_named():
    """As a whole, or as a part of what one holds."""
    models = {"a": [np.zeros(2)], "b": object()}
    expressions = Expressions({"models": models, "other": 1})
    assert expressions.of([models["b"], models["a"][0]], "it") == "[models['b'], models['a'][0]]"
    assert expressions.needs == {"models"}


def test_equal_numbers_are_no_variables():
    """One that happens to be equal means something else."""
    assert Expressions({"weight": 0.5, "name": "x"}).of([0.5, "x"], "it") == "[0.5, 'x']"


def test_instances_are_made_by_their_classes():
    """Enums, named tuples, dataclasses; and the classes are imported, if no variable holds them."""
    expressions = Expressions({"Color": Color, "Point": Point})
    assert expressions.of((Color.RED, Point(1, 2)), "it") == "(Color.RED, Point(x=1, y=2))"
    expressions = Expressions({})
    assert expressions.of(strategies.Record(1, [math.sqrt]), "it") == (
        "tests.strategies.Record(left=1, right=[math.sqrt])"
    )
    assert expressions.imports == {"import math", "import tests.strategies"}


def test_a_value_without_a_name_is_refused():
    """By what it is for, with the fix."""
    with pytest.raises(ExportError, match="the init argument 0 of Scorer: a partial") as raised:
        Expressions({}).of(functools.partial(print), "the init argument 0 of Scorer")
    assert "bind it to a variable" in str(raised.value.hint)
    loop = []
    loop.append(loop)
    with pytest.raises(ExportError, match="a part of it"):
        Expressions({}).of(loop, "it")


def test_a_module_that_another_variable_hides_is_not_imported():
    """The name means something else there."""
    with pytest.raises(ExportError):
        Expressions({"math": 3}).of([math.sqrt], "it")


def test_names_are_free_words():
    """None is handed out twice, and none means something to Python."""
    names = FreeNames(["taken"])
    assert [names.of(one) for one in ("taken", "taken", "free", "class", "print")] == [
        "taken_1", "taken_2", "free", "class_1", "print_1",
    ]  # fmt: skip
    assert [words(one) for one in ("TextModel.run#1", "/a/b-c", "1st", "")] == [
        "text_model_run_1", "a_b_c", "n1st", "n",
    ]  # fmt: skip
