"""Durations in buckets of 1 %."""

from __future__ import annotations

import ddsketch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphnb.telemetry import sketch
from graphnb.telemetry.summary import percentile

durations = st.floats(sketch.SHORTEST_S * 1.1, sketch.LONGEST_S * 0.9)
lists = st.lists(durations, min_size=1, max_size=60)
WITHIN = sketch.ACCURACY * 1.000001


def of(values):
    """A sketch of these durations."""
    made = sketch.new_sketch()
    for one in values:
        sketch.add([made], [one])
    return made


@given(lists)
def test_percentiles_lie_within_the_accuracy(values):
    """Each percentile lies within 1 % of the exact one, however few or far apart the values."""
    exact = [percentile(values, one) for one in (50, 95, 99)]
    assert sketch.percentiles(of(values)) == pytest.approx(exact, rel=WITHIN)


@given(lists)
def test_the_buckets_are_those_of_the_library(values):
    """Where there is nothing between two ranks, a percentile is the library's own."""
    library = ddsketch.DDSketch(sketch.ACCURACY)
    for one in values:
        library.add(one)
    odd = values if len(values) % 2 else [*values, values[0]]
    if odd is not values:
        library.add(values[0])
    assert sketch.percentiles(of(odd))[0] == pytest.approx(library.get_quantile_value(0.5))


@given(lists, lists, lists)
def test_sums_are_exact_in_any_order(first, second, third):
    """Merged sketches count as one sketch of everything does, whoever is merged first."""
    left = of(first)
    sketch.merge(left, of(second))
    sketch.merge(left, of(third))
    right = of(third)
    sketch.merge(right, of(second))
    sketch.merge(right, of(first))
    assert left == right == of([*first, *second, *third])


@pytest.mark.parametrize("value", [0.0, -1.0, sketch.SHORTEST_S / 2, float("nan")])
def test_no_time_is_zero(value):
    """What took no time, or less than any clock tells, is 0."""
    assert sketch.percentiles(of([value])) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("value", [sketch.LONGEST_S, 1e300, float("inf")])
def test_very_long_times_have_one_bucket(value):
    """What took longer than eleven days counts as that long."""
    assert sketch.percentiles(of([value]))[0] == pytest.approx(sketch.LONGEST_S, rel=WITHIN)


@given(st.lists(st.floats(), max_size=50))
def test_memory_is_bounded(values):
    """No key lies outside the buckets that there are."""
    assert all(0 <= key < sketch.BUCKETS for key in of(values))


def test_nothing_counted_gives_zeros():
    """A sketch of nothing has percentiles of 0."""
    assert sketch.percentiles(sketch.new_sketch()) == (0.0, 0.0, 0.0)
