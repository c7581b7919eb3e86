"""Spans of calls in other processes, worked out where the request began."""

import pickle

import pytest

from graphnb.rayserve.remote_spans import RemoteSpan, Transport, root_last, said_of, weight
from graphnb.telemetry.spans import Span


def own(span_id=0, start=0.0, *, waiting=0.0, executing=0.5, size=0, replica="r-1"):
    """A call as its own process knows it."""
    times = start, 0.0, waiting, executing, 0.0
    return Span(span_id, None, "scorer", "score", "run", replica, *times, "ok", size, ())


def noted(said=(), *, start=0.0, total=1.0, outcome="ok", size=0, name="scorer", span_id=1):
    """A call as its caller knows it."""
    what = name, name, "run", start, total, outcome, size, ("before",)
    return RemoteSpan(span_id, 0, *what, said)


def test_a_call_has_its_caller_s_times_and_its_replica_s():
    """What is left of the caller's time is transport."""
    said = said_of([own(waiting=0.1, executing=0.5, size=7)])
    (span,) = Transport().spans([noted(said, start=2.0)])
    assert span == Span(
        1, 0, "scorer", "scorer", "run", "r-1", 2.0, 0.0, 0.1, 0.5, 0.4, "ok", 7, ("before",)
    )


def test_what_a_call_needs_more_than_at_best_is_a_queue():
    """Calls of the same two deployments are compared, and no others."""
    transport = Transport()
    said = said_of([own(executing=0.5)])
    quick, slow, other = transport.spans(
        [noted(said, total=0.7), noted(said, total=1.0), noted(said, total=1.0, name="other")]
    )
    assert (quick.queued_s, quick.transport_s) == (0.0, pytest.approx(0.2))
    assert (slow.queued_s, slow.transport_s) == (pytest.approx(0.3), pytest.approx(0.2))
    assert (other.queued_s, other.transport_s) == (0.0, pytest.approx(0.5))
    transport.clear()
    (again,) = transport.spans([noted(said, total=1.0)])
    assert (again.queued_s, again.transport_s) == (0.0, pytest.approx(0.5))


def test_calls_that_a_call_made_come_before_it_and_know_it():
    """They start when it does, as far as its caller can tell, and later by their own start."""
    inner = noted(said_of([own(executing=0.1)]), start=0.2, total=0.2, name="inner", span_id=77)
    said = said_of([inner._replace(parent_id=5), own(5, executing=0.6)])
    first, last = Transport().spans([noted(said, start=3.0, total=1.0)])
    assert (first.deployment, first.parent_id) == ("inner", 5)
    assert (last.deployment, last.span_id) == ("scorer", 5)
    assert last.start_s == 3.0
    assert first.start_s == pytest.approx(3.0 + 0.4 / 2 + 0.2)
    assert first.executing_s == 0.1


def test_a_call_of_which_nobody_says_more_took_what_its_caller_waited():
    """Of one that was cancelled, less what the way takes; of one that failed, nothing is known."""
    transport = Transport()
    transport.spans([noted(said_of([own(executing=0.5)]), total=0.7)])
    *given_up, failed = transport.spans(
        [noted(total=1.0, outcome=one) for one in ("cancelled", "timeout", "error")]
    )
    for one in given_up:
        assert one.executing_s == pytest.approx(0.8)
        assert one.transport_s == pytest.approx(0.2)
    assert failed.executing_s == 0.0
    assert failed.total_s == pytest.approx(1.0)


def test_where_a_process_knows_its_calls_but_not_itself_they_are_kept():
    """It was cut off before its own span ended."""
    inner = noted(said_of([own()]), name="inner", span_id=77)
    first, last = Transport().spans([noted(said_of([inner]), outcome="timeout")])
    assert (first.deployment, last.deployment) == ("inner", "scorer")
    assert (last.replica, last.outcome, last.span_id) == ("", "timeout", 1)


def test_what_travels_is_plain_data():
    """And little of it, for a call that made none itself."""
    assert said_of([]) == ()
    assert said_of([own(size=3)]) == ("r-1", 0.0, 0.5, 3)
    entries = pickle.loads(said_of([noted(), own()]))
    assert [type(one) for one in entries] == [tuple, tuple]


def test_spans_of_this_process_stay_as_they_are():
    """Those that a deployment makes of itself."""
    assert Transport().spans([own(4, 1.5)]) == [own(4, 1.5)]


def test_a_call_s_own_span_is_the_last_whatever_ended_after_it():
    """A stream that nobody read to its end, or a call that nobody awaited."""
    left = noted(name="left", span_id=77, outcome="cancelled")._replace(parent_id=5)
    said = said_of([own(5)._replace(parent_id=None), left])
    first, last = Transport().spans([noted(said)])
    assert (first.deployment, last.deployment) == ("left", "scorer")
    assert (last.replica, last.executing_s, last.span_id) == ("r-1", 0.5, 5)
    root = own(0)._replace(parent_id=None)
    assert root_last([root, left]) == [left, root]
    assert root_last([left, root]) == [left, root]
    assert list(root_last([])) == []


def test_calls_may_be_deeper_than_the_stack():
    """Each of them was made by the one before."""
    said = said_of([own()._replace(parent_id=None)])
    for number in range(1, 1_500):
        inner = noted(said, span_id=number)
        said = said_of([inner, own(number)._replace(parent_id=None)])
    spans = Transport().spans([noted(said)])
    assert len(spans) == 1_500
    assert spans[-1].span_id == 1_499


def test_spans_are_weighed_with_those_that_they_hold():
    """About: what is kept until somebody has time is bounded by it."""
    many = said_of([*(noted(span_id=number) for number in range(1, 100)), own()])
    assert weight([own(), noted()]) == 2
    assert 50 < weight([noted(many)]) < 200
