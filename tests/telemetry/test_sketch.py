"""Durations in buckets of 1 %."""

from __future__ import annotations

import itertools

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


@given(lists)
def test_the_interval_of_the_median_lies_around_it(values):
    """Whatever the values, the median is within."""
    counted = of(values)
    low, high = sketch.median_interval(counted)
    assert low <= sketch.percentiles(counted)[0] <= high


def test_more_values_make_the_interval_narrower():
    """A hundred times as many, a tenth as wide."""
    few, many = (of([1 + one / count for one in range(count)]) for count in (20, 2_000))
    widths = [high - low for low, high in map(sketch.median_interval, (few, many))]
    assert widths[1] < widths[0] / 5


@given(st.lists(durations, max_size=60), st.integers(1, 30))
def test_a_histogram_has_each_value_once(values, bins):
    """In no more bins than asked, one after the other without a gap."""
    found = sketch.histogram(of(values), bins)
    assert sum(count for _, _, count in found) == len(values)
    assert len(found) <= bins
    assert all(before[1] == after[0] for before, after in itertools.pairwise(found))
    assert all(low < high for low, high, _ in found)


@given(st.lists(durations, max_size=20), st.lists(durations, max_size=20))
def test_what_was_merged_can_be_taken_off(kept, gone):
    """What is left is the sketch of the values that stay."""
    both = of([*kept, *gone])
    sketch.subtract(both, of(gone))
    assert both == of(kept)
