"""The critical path of named example requests."""

from __future__ import annotations

import pytest

from graphnb.telemetry.critical_path import critical_path
from graphnb.telemetry.spans import Span, Trace


def call(number, name, start, end, *, after=(), parent=0, outcome="ok"):
    """A call node's span, all of its time in user code."""
    return Span(
        number, parent, name, name, "__call__", "", start, 0, 0, end - start, 0, outcome, 0, after
    )


def by_handle(number, name, start, end, *, parent, outcome="ok"):
    """A span of a call that user code made."""
    return Span(number, parent, name, None, "run", "", start, 0, 0, end - start, 0, outcome, 0)


def trace(*spans, end=1.0, outcome="ok"):
    """A request whose root takes from 0 to `end`."""
    root = Span(0, None, "driver", None, "predict", "", 0.0, 0, 0, end, 0, outcome, 0)
    return Trace("r", 0.0, outcome, None, (*spans, root))


def path(one):
    """The seconds of each node on the path."""
    return {step.node: pytest.approx(step.seconds) for step in critical_path(one)}


ROOT = "driver.predict"

CASES = {
    "no span": (Trace("r", 0.0, "ok", None, ()), []),
    "root alone": (trace(), [(ROOT, 1.0)]),
    "chain": (
        trace(call(1, "a", 0.1, 0.4), call(2, "b", 0.4, 0.9, after=("a",))),
        [(ROOT, 0.2), ("a", 0.3), ("b", 0.5)],
    ),
    "fan-out": (
        trace(
            call(1, "fast", 0.0, 0.2),
            call(2, "slow", 0.0, 0.7),
            call(3, "join", 0.7, 1.0, after=("fast", "slow")),
        ),
        [(ROOT, 0.0), ("slow", 0.7), ("join", 0.3)],
    ),
    "an input counts even where another call ended closer": (
        trace(
            call(1, "a", 0.0, 0.3),
            call(2, "unrelated", 0.0, 0.49),
            call(3, "b", 0.5, 1.0, after=("a",)),
        ),
        [(ROOT, 0.2), ("a", 0.3), ("b", 0.5)],
    ),
    "nested handles": (
        trace(
            call(1, "combine", 0.0, 1.0),
            by_handle(2, "first", 0.1, 0.4, parent=1),
            by_handle(3, "second", 0.4, 0.9, parent=1),
            by_handle(4, "inner", 0.5, 0.6, parent=3),
        ),
        [
            (ROOT, 0.0),
            ("combine", 0.2),
            ("first.run", 0.3),
            ("second.run", 0.4),
            ("inner.run", 0.1),
        ],
    ),
    "handles at the same time": (
        trace(
            call(1, "combine", 0.0, 1.0),
            by_handle(2, "short", 0.1, 0.4, parent=1),
            by_handle(3, "long", 0.1, 0.9, parent=1),
        ),
        [(ROOT, 0.0), ("combine", 0.2), ("long.run", 0.8)],
    ),
    "failed request": (
        trace(
            call(1, "bad", 0.0, 0.5, outcome="error"),
            call(2, "sibling", 0.0, 0.52, outcome="cancelled"),
            end=0.51,
            outcome="error",
        ),
        [(ROOT, 0.02), ("bad", 0.5)],
    ),
    "cancelled request": (
        trace(call(1, "a", 0.0, 0.5, outcome="cancelled"), end=0.5, outcome="cancelled"),
        [(ROOT, 0.0), ("a", 0.5)],
    ),
    "retries": (
        trace(
            call(1, "a", 0.0, 0.2),
            call(2, "flaky", 0.2, 0.4, after=("a",), outcome="error"),
            call(3, "flaky", 0.5, 1.0, after=("a",)),
        ),
        [(ROOT, 0.1), ("a", 0.2), ("flaky", 0.2), ("flaky", 0.5)],
    ),
    "a graph that user code runs twice, one after the other": (
        trace(
            call(1, "a", 0.0, 0.2),
            call(2, "b", 0.2, 0.5, after=("a",)),
            call(3, "a", 0.5, 0.6),
            call(4, "b", 0.6, 1.0, after=("a",)),
        ),
        [(ROOT, 0.0), ("a", 0.2), ("b", 0.3), ("a", 0.1), ("b", 0.4)],
    ),
    "a graph that user code runs twice, at the same time": (
        trace(
            call(1, "a", 0.0, 0.2),
            call(2, "b", 0.2, 1.0, after=("a",)),
            call(3, "a", 0.3, 0.5),
            call(4, "b", 0.5, 0.9, after=("a",)),
        ),
        [(ROOT, 0.0), ("a", 0.2), ("b", 0.8)],
    ),
    "a child that outlives its parent": (
        trace(call(1, "a", 0.0, 0.5), by_handle(2, "late", 0.1, 3.0, parent=1), end=0.5),
        [(ROOT, 2.5), ("a", 0.1), ("late.run", 0.4)],
    ),
    "a lost parent": (
        trace(by_handle(7, "orphan", 0.2, 0.6, parent=99)),
        [(ROOT, 0.6), ("orphan.run", 0.4)],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_steps_of_each_example(name):
    """The steps lead from the root to what the request waited for, in the order of time."""
    one, expected = CASES[name]
    found = [(step.node, pytest.approx(step.seconds, abs=1e-9)) for step in critical_path(one)]
    assert expected == found


@pytest.mark.parametrize("name", CASES)
def test_contributions_add_up(name):
    """The steps' seconds add up to the request's total."""
    one, _ = CASES[name]
    assert sum(step.seconds for step in critical_path(one)) == pytest.approx(one.total_s)


def test_clock_noise_does_not_break_the_chain():
    """An input whose measured end lies a little behind the start it caused is still its cause."""
    one = trace(call(1, "a", 0.0, 0.5005), call(2, "b", 0.5, 1.0, after=("a",)))
    assert path(one) == {ROOT: 0.0, "a": 0.5, "b": 0.5}


def test_calls_without_duration_end():
    """Calls of no duration at the same moment neither hang the walk nor count."""
    one = trace(*(call(number, f"c{number}", 0.5, 0.5) for number in range(1, 50)))
    assert sum(step.seconds for step in critical_path(one)) == pytest.approx(1.0)


def test_deeply_nested_handles():
    """The depth of nesting is not limited by Python's stack."""
    spans = [by_handle(one, f"d{one}", 0.0, 1.0, parent=one - 1) for one in range(1, 3000)]
    assert critical_path(trace(*spans))[-1].seconds == pytest.approx(1.0)


def test_a_call_that_is_its_own_caller_ends_the_walk():
    """As when two calls have been given the same id."""
    own = call(0, "a", 0.1, 0.4, parent=0)
    assert path(trace(own)) == {ROOT: 0.7, "a": 0.3}
