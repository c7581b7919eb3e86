"""What a summary says of many requests."""

from __future__ import annotations

import pickle

import pytest

from graphnb.telemetry.spans import Span, Trace
from graphnb.telemetry.summary import GraphSummary, percentile, summarize


def span(number, name, start, seconds, **changes):
    """A call node's span, all of its time in user code."""
    one = Span(number, 0, name, name, "__call__", "", start, 0, 0, seconds, 0, "ok", 0)
    return one._replace(**changes)


def trace(*spans, end=1.0, outcome="ok"):
    """A request whose root takes from 0 to `end`."""
    root = Span(0, None, "driver", None, "predict", "", 0.0, 0, 0, end, 0, outcome, 0)
    return Trace("r", 0.0, outcome, None, (*spans, root))


def test_no_traces_give_zeros():
    """A summary of nothing is a summary of zeros."""
    assert summarize([]) == GraphSummary()
    assert summarize([Trace("r", 0.0, "ok", None, ())]).p50_s == 0.0


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([], 50, 0.0),
        ([7.0], 99, 7.0),
        ([1.0, 2.0], 50, 1.5),
        ([3.0, 1.0, 2.0], 50, 2.0),
        ([float(one) for one in range(101)], 95, 95.0),
        ([0.0, 10.0], 99, 9.9),
        ([1.0, 2.0, 3.0], 0, 1.0),
        ([1.0, 2.0, 3.0], 100, 3.0),
    ],
)
def test_percentile_interpolates_between_ranks(values, percent, expected):
    """A percentile lies on the line between its two nearest ranks, as numpy's does."""
    assert percentile(values, percent) == pytest.approx(expected)


def test_requests_and_errors_are_counted():
    """Errors, time-outs and rejections count as errors; cancelled requests do not."""
    outcomes = ("ok", "ok", "error", "timeout", "rejected", "cancelled")
    summary = summarize(trace(outcome=one) for one in outcomes)
    assert (summary.requests, summary.errors) == (6, 3)


def test_cancelled_attempts_count_but_are_not_timed():
    """A cancelled call is counted, and leaves the percentiles alone."""
    summary = summarize([trace(span(1, "a", 0, 0.4), span(2, "a", 0, 0.1, outcome="cancelled"))])
    node = summary.nodes["a"]
    assert (node.count, node.cancelled, node.errors) == (2, 1, 0)
    assert node.p50_s == pytest.approx(0.4)


def test_every_attempt_of_a_retried_call_counts():
    """Three attempts of one call are three calls, two of them errors, and one path."""
    attempts = (
        span(1, "a", 0.0, 0.1, outcome="error"),
        span(2, "a", 0.2, 0.1, outcome="error"),
        span(3, "a", 0.4, 0.6),
    )
    summary = summarize([trace(*attempts)])
    assert (summary.nodes["a"].count, summary.nodes["a"].errors) == (3, 2)
    assert summary.critical_path == ("driver.predict", "a")
    assert summary.nodes["a"].share == pytest.approx(0.8)


def test_each_part_of_a_call_has_its_own_percentiles():
    """Queued, waiting, executing and transport are summed up one by one."""
    times = {"queued_s": 0.01, "waiting_s": 0.02, "executing_s": 0.03, "transport_s": 0.04}
    node = summarize([trace(span(1, "a", 0.0, 0.0, **times))]).nodes["a"]
    found = (node.queued_p50_s, node.waiting_p95_s, node.executing_p99_s, node.transport_p50_s)
    assert found == pytest.approx((0.01, 0.02, 0.03, 0.04))
    assert node.p99_s == pytest.approx(0.1)


def test_shares_are_of_the_critical_path_and_add_up_to_one():
    """A call beside the critical path has no share; the others share all of the time."""
    slow, fast = span(1, "slow", 0.0, 0.8), span(2, "fast", 0.0, 0.2)
    summary = summarize([trace(slow, fast), trace(slow, fast)])
    assert summary.nodes["fast"].share == 0.0
    assert summary.nodes["slow"].share == pytest.approx(0.8)
    assert sum(one.share for one in summary.nodes.values()) == pytest.approx(1.0)


def test_the_most_frequent_path_wins():
    """Of different critical paths the one that most requests took is shown."""
    a, b = trace(span(1, "a", 0, 0.9)), trace(span(1, "b", 0, 0.9))
    assert summarize([b, a, a]).critical_path == ("driver.predict", "a")


def test_handle_calls_are_counted_by_caller_and_deployment():
    """Calls by user code are edges that were observed; calls of a graph are not."""
    inner = span(2, "Model", 0.1, 0.1, parent_id=1, call=None, method="score")
    other = span(3, "Model", 0.2, 0.1, parent_id=1, call=None, method="other")
    summary = summarize([trace(span(1, "combine", 0, 0.5), inner, other)])
    assert summary.handle_calls == {("combine", "Model"): 2}
    assert set(summary.nodes) == {"driver.predict", "combine", "Model.score", "Model.other"}
    assert summary.nodes["Model.score"].deployment == "Model"


def test_nodes_come_in_the_order_of_their_calls():
    """The root comes first, then nodes as they were called, however they ended."""
    late, early = span(1, "early", 0, 0.9), span(2, "late", 0, 0.1)
    assert list(summarize([trace(early, late)]).nodes) == ["driver.predict", "early", "late"]


def test_a_summary_travels():
    """A summary can be pickled and compares by value."""
    summary = summarize([trace(span(1, "a", 0, 0.5))])
    assert pickle.loads(pickle.dumps(summary)) == summary
