"""The figures of a bench, and how they are said."""

from dataclasses import replace

import pytest

from graphnb.session.bench import BenchResult, Load, latencies
from graphnb.session.bench.latencies import Latencies
from graphnb.session.bench.measured import Measured
from graphnb.telemetry.digest import TraceDigest
from graphnb.telemetry.summary import GraphSummary, percentile

CLOSED = BenchResult(
    count=200,
    errors=0,
    duration_s=4.0,
    throughput=50.0,
    p50_s=0.1,
    p95_s=0.2,
    p99_s=0.3,
    nodes=GraphSummary(),
    first_error=None,
    interrupted=False,
    loop="closed",
    concurrency=5,
    rps=None,
    lag_p99_s=0.0,
    lag_max_s=0.0,
    overrun=False,
    unanswered=0,
    started_at=0.0,
    digest=TraceDigest(),
)
OPEN = replace(CLOSED, loop="open", concurrency=None, rps=50.0)


@pytest.mark.parametrize(
    ("result", "text"),
    [
        pytest.param(
            CLOSED,
            "200 requests in 4.00 s: 50.0/s, p50 100.00 ms, p95 200.00 ms, p99 300.00 ms\n"
            "closed loop, 5 clients",
            id="closed loop",
        ),
        pytest.param(
            replace(CLOSED, errors=3, interrupted=True, unanswered=5, concurrency=1),
            "200 requests in 4.00 s, 3 failed, 5 given up, interrupted: 50.0/s, p50 100.00 ms, "
            "p95 200.00 ms, p99 300.00 ms\n"
            "closed loop, 1 client",
            id="all that may befall it",
        ),
        pytest.param(
            OPEN,
            "200 requests in 4.00 s: 50.0/s, p50 100.00 ms, p95 200.00 ms, p99 300.00 ms\n"
            "open loop, Poisson arrivals at 50/s, latency from when each request was due",
            id="open loop",
        ),
        pytest.param(
            replace(OPEN, overrun=True, unanswered=10_000, lag_p99_s=0.012, lag_max_s=0.04),
            "200 requests in 4.00 s, 10000 given up: 50.0/s, p50 100.00 ms, p95 200.00 ms, "
            "p99 300.00 ms\n"
            "open loop, Poisson arrivals at 50/s, latency from when each request was due\n"
            "ended early: 10000 requests were under way at once, and what they waited is in no "
            "figure; the graph does not keep up with 50/s\n"
            "the sender was up to 40.00 ms late (p99 12.00 ms), which latencies include: "
            "ask for less, or send from several processes",
            id="neither graph nor sender kept up",
        ),
    ],
)
def test_a_result_says_what_was_measured_and_how(result, text):
    """The figures in a line, the loop in the next, then what to know of them."""
    assert str(result) == text


@pytest.mark.parametrize(
    ("p50_s", "lag_s", "lagged"),
    [
        pytest.param(0.010, 0.0009, False, id="below a tenth of the median"),
        pytest.param(0.010, 0.0011, True, id="above a tenth of the median"),
        pytest.param(1.0, 0.0049, False, id="below five milliseconds"),
        pytest.param(1.0, 0.0051, True, id="above five milliseconds"),
        pytest.param(0.0002, 0.0004, False, id="what it takes to wake up"),
        pytest.param(0.0002, 0.0006, True, id="more than that"),
    ],
)
def test_a_late_sender_is_told_when_it_matters(p50_s, lag_s, lagged):
    """By its 99th percentile: one pause in a long bench is nobody's concern."""
    result = replace(OPEN, p50_s=p50_s, lag_p99_s=lag_s, lag_max_s=1.0)
    assert result.lagged is lagged
    assert ("the sender was" in str(result)) is lagged


def test_percentiles_are_exact_up_to_a_bound(monkeypatch):
    """Of more they lie within 1 %, and the memory of the exact ones is given back."""
    monkeypatch.setattr(latencies, "MAX_EXACT", 100)
    taken, seconds = Latencies(), [0.001 * one**2 for one in range(1, 102)]
    assert taken.percentiles() == (0.0, 0.0, 0.0)
    for one in seconds[:100]:
        taken.add(one)
    exact = tuple(percentile(seconds[:100], part) for part in (50, 95, 99))
    assert taken.percentiles() == exact
    assert taken.about() == pytest.approx(exact, rel=0.01)
    taken.add(seconds[100])
    assert taken.percentiles() == pytest.approx(
        [percentile(seconds, part) for part in (50, 95, 99)], rel=0.01
    )
    assert len(taken._exact) == 0
    assert (taken.count, taken.longest) == (101, seconds[100])


@pytest.mark.parametrize(
    ("load", "part", "left_s"),
    [
        pytest.param(Load("x", count=20), 0.25, 6.0, id="count"),
        pytest.param(Load("x"), 0.05, 38.0, id="the count that nobody gave"),
        pytest.param(Load("x", duration_s=8), 0.25, 6.0, id="duration"),
        pytest.param(Load("x", count=10, duration_s=100), 0.5, 2.0, id="the count ends first"),
        pytest.param(Load("x", count=100, duration_s=4), 0.5, 2.0, id="the time ends first"),
        pytest.param(Load("x", duration_s=1), 1.0, 0.0, id="the last ones take longer"),
    ],
)
def test_progress_says_what_is_done_and_left(load, part, left_s):
    """By what will end the bench first: five answers in two seconds, one of them a failure."""
    measured = Measured(load)
    measured.begin(100.0)
    for _ in range(4):
        measured.answered(0.5, None, None)
    measured.answered(0.5, None, "it failed")
    told = measured.progress(102.0, "sending", 3)
    assert (told.answered, told.failed, told.under_way, told.elapsed_s) == (5, 1, 3, 2.0)
    assert (told.part, told.left_s) == (pytest.approx(part), pytest.approx(left_s))
    assert (told.throughput, told.p50_s) == (2.5, pytest.approx(0.5, rel=0.01))
