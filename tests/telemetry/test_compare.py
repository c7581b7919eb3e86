"""Faster, slower, or noise."""

from __future__ import annotations

import random

import pytest

from graphnb.telemetry import sketch
from graphnb.telemetry.compare import compare


def of(count, median_s, *, spread=0.2, seed=1):
    """So many durations around a median."""
    chance = random.Random(seed)
    made = sketch.new_sketch()
    for _ in range(count):
        sketch.add([made], [median_s * chance.lognormvariate(0, spread)])
    return made


def test_half_the_time_is_faster():
    """And the other way round slower, with both medians and counts."""
    found = compare(of(100, 0.02), of(200, 0.01))
    assert found.trend == "faster"
    assert found.ratio == pytest.approx(0.5, rel=0.1)
    assert (found.before, found.after) == (100, 200)
    assert compare(of(100, 0.01), of(100, 0.02)).trend == "slower"


def test_the_same_distribution_is_the_same():
    """Whatever the draw: of a hundred pairs at most a few seem to differ."""
    seem = [
        compare(of(200, 0.01, seed=one), of(200, 0.01, seed=one + 1_000)).trend
        for one in range(100)
    ]
    assert seem.count("same") >= 97


def test_few_samples_show_no_trend():
    """Nineteen of them say nothing, however far apart."""
    assert compare(of(19, 0.01), of(500, 1.0)).trend == "same"


def test_nothing_compares_with_nothing():
    """Without samples there is no change to speak of."""
    assert compare(of(0, 1.0), of(10, 1.0)) is None
    assert compare(of(10, 1.0), of(0, 1.0)) is None


def test_what_the_buckets_cannot_tell_apart_is_the_same():
    """One percent is no change, of however many samples."""
    assert compare(of(50_000, 0.01, spread=0), of(50_000, 0.0101, spread=0)).trend == "same"
