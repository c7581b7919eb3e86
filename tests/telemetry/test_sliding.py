"""Windows that slide: what they add up to at each moment."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphnb.telemetry.digest import TraceDigest
from graphnb.telemetry.sliding import STEP_S, SlidingWindows
from tests.telemetry.traces import chain, trace, traces

SPANS = (3.0, 10.0, None)


def digest(*requests):
    """The digest of these requests, without their parts."""
    made = TraceDigest(parts=False)
    for one in requests:
        made.add(one)
    return made


@st.composite
def histories(draw):
    """Requests with the moments at which they came, and moments at which somebody looks."""
    gaps = draw(st.lists(st.floats(0, 4), max_size=25))
    now, history = 100.0, []
    for gap in gaps:
        now += gap
        request = draw(st.none() | traces())
        history.append((now, request, draw(st.sampled_from(SPANS))))
    return history


@given(histories())
def test_a_window_is_what_its_requests_add_up_to(history):
    """At each moment a window is the digest of the requests of its steps, whatever was asked."""
    windows = SlidingWindows(longest_s=10.0)
    seen = []
    for now, request, span in history:
        if request is not None:
            windows.add(digest(request), now, requests=1)
            seen.append((now, request))
        first = -math.inf if span is None else math.floor(now / STEP_S) - round(span / STEP_S) + 1
        inside = [one for at, one in seen if math.floor(at / STEP_S) >= first]
        found, exact = windows.window(span, now), digest(*inside)
        assert found.requests == found.digest.requests == len(inside)
        summary, expected = found.digest.summary(), exact.summary()
        assert set(summary.nodes) == set(expected.nodes)
        for name, node in summary.nodes.items():
            other = expected.nodes[name]
            assert (node.count, node.errors) == (other.count, other.errors)
            assert (node.p50_s, node.p99_s) == (other.p50_s, other.p99_s)
            assert node.seconds == pytest.approx(other.seconds, abs=1e-6)
            assert node.share == pytest.approx(other.share, abs=1e-6)
        assert summary.handle_calls == expected.handle_calls


def test_a_window_that_nothing_happened_in_is_empty():
    """What was there slides out, all of it."""
    windows = SlidingWindows()
    windows.add(digest(chain()), 100.5, requests=1)
    assert windows.window(10.0, 109.9).requests == 1
    assert windows.window(10.0, 110.0).requests == 0
    assert windows.window(10.0, 110.0).digest.summary().nodes == {}
    assert windows.window(None, 1_000.0).requests == 1


def test_rates_speak_of_all_requests():
    """Requests that were counted and not looked into are in the rate, and the part says so."""
    windows = SlidingWindows()
    windows.add(digest(trace()), 100.0, requests=4)
    windows.add(digest(trace()), 102.0, requests=4)
    window = windows.window(10.0, 104.0)
    assert window.rate == pytest.approx(2.0)
    assert window.part == pytest.approx(0.25)


def test_a_rate_is_of_the_time_that_there_was():
    """Just begun, a window has not all its seconds; it never has less than a step."""
    windows = SlidingWindows()
    windows.add(digest(trace()), 100.0, requests=3)
    assert windows.window(10.0, 100.1).rate == pytest.approx(3.0)
    assert windows.window(60.0, 200.0).rate == 0.0


def test_a_window_longer_than_what_is_kept_is_refused():
    """It would be less than what was asked for."""
    with pytest.raises(ValueError, match="60"):
        SlidingWindows().window(120.0, 1.0)


def test_nothing_is_left_after_clearing():
    """As if nothing had come."""
    windows = SlidingWindows()
    windows.add(digest(chain()), 100.0, requests=1)
    windows.clear()
    assert windows.window(None, 101.0).requests == 0
    assert windows.window(10.0, 101.0).rate == 0.0
