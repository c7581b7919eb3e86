"""`bench(rps=...)`: requests that come at moments of their own."""

import itertools
import math
import queue
import statistics
import threading

import pytest

import graphnb
from graphnb import InputNode, serve
from graphnb.session.bench import sender
from graphnb.session.bench.pace import OpenLoop
from graphnb.telemetry.summary import percentile


class SkippingClock:
    """A clock that stands still while somebody works, and skips what the sender would sleep."""

    def __init__(self):
        self.time = 1000.0

    def now(self):
        return self.time

    def take(self, answers, until):
        if until == math.inf:
            return answers.get()
        try:
            return answers.get_nowait()
        except queue.Empty:
            self.time = max(self.time, until)
            return None


@pytest.fixture
def clock(monkeypatch):
    """The sender's clock, in the test's hands; a bench begins at 1000."""
    made = SkippingClock()
    monkeypatch.setattr(sender, "CLOCK", made)
    return made


def arrivals(rps, seed, count):
    """The moments, after the beginning, at which requests are due."""
    pace = OpenLoop(rps, seed)
    pace.begin(0.0)
    due = []
    for _ in range(count):
        due.append(pace.due(0.0, 0))
        pace.sent()
    return due


# --- arrivals ------------------------------------------------------------------------------------


def test_arrivals_are_a_poisson_process():
    """Gaps are exponential: their mean is that of the rate, and so is their deviation."""
    due = arrivals(50, seed=1, count=20_000)
    gaps = [later - earlier for earlier, later in itertools.pairwise([0.0, *due])]
    assert min(gaps) > 0
    # Four deviations of the mean and of the deviation of so many gaps.
    assert statistics.mean(gaps) == pytest.approx(0.02, rel=4 / math.sqrt(20_000))
    assert statistics.stdev(gaps) == pytest.approx(0.02, rel=8 / math.sqrt(20_000))
    # A gap that is longer than the mean is as frequent as e says.
    assert sum(one > 0.02 for one in gaps) / len(gaps) == pytest.approx(math.exp(-1), abs=0.015)


def test_a_seed_repeats_the_arrivals():
    """The same moments with the same seed; others with another one, and without one."""
    first = arrivals(5, seed=7, count=10)
    assert arrivals(5, seed=7, count=10) == first
    assert arrivals(5, seed=8, count=10) != first
    assert arrivals(5, seed=None, count=10) != arrivals(5, seed=None, count=10)


def test_arrivals_come_for_as_long_as_was_asked_for(clock, double):
    """As many as the process has in that time; the bench lasts until its end."""
    graph = graphnb.deploy(double, http=False)
    result = graph.bench(1, rps=3, seed=5, duration_s=20, warmup=0)
    expected = sum(one < 20 for one in arrivals(3, seed=5, count=200))
    assert (result.count, result.errors) == (expected, 0)
    assert 40 < expected < 80
    assert result.duration_s == pytest.approx(20)
    assert result.throughput == pytest.approx(expected / 20)


def test_a_count_ends_it_too(clock, double):
    """Whichever of count and duration comes first."""
    graph = graphnb.deploy(double, http=False)
    assert graph.bench(1, rps=3, count=4, duration_s=1e6).count == 4
    assert graph.bench(1, rps=3, seed=5, count=10**9, duration_s=1).count < 20


def test_inputs_are_sent_in_turn(signals):
    """As in a closed loop; the answers of early ones are not waited for."""

    @serve.deployment(max_ongoing_requests=100)
    async def note(x):
        await signals.anote("seen", x)

    with InputNode() as request:
        node = note.bind(request)
    graph = graphnb.deploy(node, http=False)
    assert graph.bench(["a", "b"], rps=1000, count=5, warmup=0).count == 5
    assert sorted(signals.notes("seen")) == ["a", "a", "a", "b", "b"]


# --- no coordinated omission ---------------------------------------------------------------------


def test_requests_are_sent_while_earlier_ones_are_stuck(gated, signals):
    """Twenty are under way at a time before the first is answered."""
    graph = graphnb.deploy(gated, http=False)

    def open_the_gate():
        signals.wait_for_notes("began", 20)
        signals.set("go")

    opener = threading.Thread(target=open_the_gate)
    opener.start()
    result = graph.bench("x", rps=2000, count=20, warmup=0)
    opener.join()
    assert (result.count, result.errors, result.unanswered) == (20, 0, 0)
    assert (result.loop, result.rps, result.concurrency) == ("open", 2000, None)


def test_a_latency_counts_from_when_its_request_was_due(clock, gated, signals):
    """A node that is stuck until a moment has each request wait from its own moment until then."""
    graph = graphnb.deploy(gated, http=False)

    def open_the_gate():
        signals.wait_for_notes("began", 50)
        clock.time = 1600.0
        signals.set("go")

    opener = threading.Thread(target=open_the_gate)
    opener.start()
    result = graph.bench("x", rps=0.1, seed=3, count=50, warmup=0)
    opener.join()
    due = arrivals(0.1, seed=3, count=50)
    waited = [max(600, due[-1]) - one for one in due]
    assert result.p50_s == pytest.approx(percentile(waited, 50))
    assert result.p99_s == pytest.approx(percentile(waited, 99))
    assert result.p50_s > 100
    assert (result.lag_p99_s, result.lag_max_s, result.lagged) == (0, 0, False)
    assert str(result).splitlines()[1:] == [
        "open loop, Poisson arrivals at 0.1/s, latency from when each request was due"
    ]


def test_a_sender_that_falls_behind_is_seen_in_the_latencies(clock, double):
    """Drawing each input takes ten seconds, where one is due each second: it says how late it was.

    No request is left out, none is sent before it is due, and each waits from when it was due.
    """
    graph = graphnb.deploy(double, http=False)

    def slow_inputs():
        for number in range(30):
            clock.time += 10
            yield number

    result = graph.bench(slow_inputs(), rps=1, seed=2, count=30, warmup=0)
    due = arrivals(1, seed=2, count=30)
    lags, now = [], 0.0  # the first is drawn before the bench begins
    for one in due:
        now = max(now, one)
        lags.append(now - one)
        now += 10
    assert result.count == 30
    assert result.lag_max_s == pytest.approx(max(lags))
    assert result.lag_p99_s == pytest.approx(percentile(lags, 99))
    assert result.p50_s >= percentile(lags, 50)
    assert result.lagged
    assert f"the sender was up to {1000 * result.lag_max_s:.2f} ms late" in str(result)
    assert "ask for less, or send from several processes" in str(result)


def test_requests_that_are_overdue_are_sent_while_answers_are_taken(clock, monkeypatch, double):
    """A sender that is behind is no graph that does not keep up: no answer is left lying."""
    monkeypatch.setattr(sender, "MAX_UNDER_WAY", 20)
    graph = graphnb.deploy(double, http=False)

    def inputs():
        for number in range(200):
            if number == 1:
                clock.time += 1e6  # all others are overdue
            graph.remote(number).result()  # the one before is answered meanwhile
            yield number

    result = graph.bench(inputs(), rps=1, count=200, warmup=0)
    assert (result.count, result.overrun) == (200, False)


# --- the bound -----------------------------------------------------------------------------------


def test_a_graph_that_does_not_keep_up_ends_the_bench(monkeypatch, gated, signals):
    """When too many requests are under way; they are given up, and it says so."""
    monkeypatch.setattr(sender, "MAX_UNDER_WAY", 5)
    graph = graphnb.deploy(gated, http=False)
    result = graph.bench("x", rps=500, count=1000, warmup=0)
    assert (result.overrun, result.interrupted, result.count, result.unanswered) == (
        True,
        False,
        0,
        5,
    )
    assert "ended early: 5 requests were under way at once" in str(result)
    assert "does not keep up with 500/s" in str(result)
    began = len(signals.notes("began"))
    assert began <= 5
    assert set(signals.wait_for_notes("ended by", began)) <= {"CancelledError"}


def test_a_closed_loop_has_no_bound(monkeypatch, signals):
    """There are as many under way as there are clients."""
    monkeypatch.setattr(sender, "MAX_UNDER_WAY", 2)

    @serve.deployment(max_ongoing_requests=100)
    async def meet(x):
        await signals.ameet("all", 4)

    with InputNode() as request:
        node = meet.bind(request)
    result = graphnb.deploy(node, http=False).bench("x", count=8, concurrency=4, warmup=0)
    assert (result.count, result.errors, result.overrun) == (8, 0, False)


def test_failures_are_measured(double):
    """A request that fails is answered, also one that cannot be sent."""
    graph = graphnb.deploy(double, http=False)
    result = graph.bench([1, None, threading.Lock()], rps=2000, count=9)
    assert (result.count, result.errors, result.unanswered) == (9, 6, 0)
    assert result.nodes.errors == 3  # what cannot be sent is no request of the graph's
