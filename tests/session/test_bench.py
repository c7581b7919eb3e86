"""`RunningGraph.bench`: many requests, measured."""

import signal
import threading

import pytest

import graphnb
from graphnb import InputNode, serve


@pytest.fixture
def noting(signals):
    """A graph that notes each request, and fails for "bad"."""

    @serve.deployment(max_ongoing_requests=100)
    async def note(x):
        await signals.anote("seen", x)
        if x == "bad":
            raise ValueError("a bad one")
        if isinstance(x, tuple):
            await signals.ameet(*x)
        return x

    with InputNode() as request:
        noted = note.bind(request)
    return graphnb.deploy(noted, name="noting", http=False)


def test_a_bench_measures_what_was_asked_for(noting):
    """Count, errors, percentiles in order, and the same requests node by node."""
    result = noting.bench("x", count=20)
    assert (result.count, result.errors, result.first_error) == (20, 0, None)
    assert not result.interrupted
    assert 0 < result.p50_s <= result.p95_s <= result.p99_s
    assert result.throughput == pytest.approx(20 / result.duration_s)
    assert result.nodes.requests == 20
    assert {one.count for one in result.nodes.nodes.values()} == {20}


def test_the_warm_up_is_not_measured(noting, signals):
    """One request goes before, unless told otherwise; neither client nor nodes count it."""
    assert noting.bench("x", count=3).nodes.requests == 3
    assert len(signals.notes("seen")) == 4
    noting.bench("x", count=3, warmup=0)
    assert len(signals.notes("seen")) == 7


def test_a_hundred_requests_are_the_default(noting):
    """Neither count nor duration: 100."""
    assert noting.bench("x").count == 100


@pytest.mark.parametrize(
    ("inputs", "seen"),
    [
        pytest.param(["a", "b"], ["a", "b", "a", "b"], id="a list is many requests"),
        pytest.param("ab", ["ab"] * 4, id="a text is one"),
        pytest.param(("a", 1), [["a", 1]] * 4, id="a tuple is one"),
        pytest.param({"k": 1}, [{"k": 1}] * 4, id="a dict is one"),
    ],
)
def test_inputs_are_sent_in_turn(noting, signals, inputs, seen):
    """A list's items one after the other, and again from the beginning."""
    noting.bench(inputs, count=4, warmup=0)
    assert signals.notes("seen") == seen


def test_clients_work_at_the_same_time(noting):
    """Three clients meet in a node, again and again."""
    result = noting.bench([("three", 3)], count=9, concurrency=3, warmup=0)
    assert (result.count, result.errors) == (9, 0)


def test_failures_are_counted(noting):
    """The first one is kept in one line; the others are measured all the same."""
    result = noting.bench(["good", "bad", "good"], count=6, warmup=0)
    assert (result.count, result.errors) == (6, 2)
    assert "ValueError: a bad one" in result.first_error
    assert "\n" not in result.first_error
    assert result.nodes.errors == 2
    assert "2 failed" in str(result)


def test_a_warm_up_that_fails_does_not_end_it(noting):
    """It fails again when it is measured."""
    assert noting.bench("bad", count=2).errors == 2


@pytest.mark.parametrize("options", [{"duration_s": 0.02}, {"count": 10**9, "duration_s": 0.02}])
def test_a_bench_ends_when_its_time_is_up(noting, options):
    """With a count too, whichever comes first."""
    result = noting.bench("x", **options)
    assert 0 < result.count < 10**9
    assert result.duration_s >= 0.02


def test_progress_is_told(noting, signals):
    """The callback gets the requests answered and the part that is done, on the caller's thread."""
    told = []

    def progress(count, part):
        if not told:
            signals.meet("go", 2)
        told.append((count, part, threading.current_thread()))

    result = noting.bench([("go", 2)], count=1, warmup=0, progress=progress)
    assert (result.count, result.errors) == (1, 0)
    assert told[0] == (0, 0.0, threading.main_thread())
    assert all(0 <= part <= 1 for _, part, _ in told)


@pytest.mark.parametrize(
    ("inputs", "options", "says"),
    [
        (1, {"count": 0}, "1 or more"),
        (1, {"concurrency": 0}, "1 or more"),
        (1, {"duration_s": 0}, "above 0"),
        (1, {"duration_s": -1}, "above 0"),
        ([], {}, "empty"),
    ],
)
def test_numbers_that_do_not_do_are_refused(noting, signals, inputs, options, says):
    """Before anything is sent."""
    with pytest.raises(ValueError, match=says):
        noting.bench(inputs, **options)
    assert signals.notes("seen") == []


def test_an_interrupt_ends_it_with_what_was_measured(gated, signals):
    """Requests under way are cancelled; the result says that it was interrupted."""
    graph = graphnb.deploy(gated, http=False)

    def progress(_count, _part):
        signals.wait_for_notes("began", 2)
        raise KeyboardInterrupt

    result = graph.bench("x", count=100, concurrency=2, warmup=0, progress=progress)
    assert result.interrupted
    assert (result.count, result.errors) == (0, 0)
    assert ", interrupted: " in str(result)
    assert signals.wait_for_notes("ended by", 2) == ["CancelledError"] * 2
    assert [one for one in threading.enumerate() if "bench" in one.name] == []


def test_an_interrupt_ends_the_warm_up(gated, signals):
    """Nothing is measured then; the result says so, and the request is cancelled."""
    graph = graphnb.deploy(gated, http=False)
    main = threading.main_thread().ident

    def interrupt():
        signals.wait_for_notes("began", 1)
        signal.pthread_kill(main, signal.SIGINT)

    pressed = threading.Thread(target=interrupt)
    pressed.start()
    result = graph.bench("x", count=100)
    pressed.join()
    assert result.interrupted
    assert (result.count, result.nodes.requests, result.throughput) == (0, 0, 0)
    assert signals.wait_for_notes("ended by", 1) == ["CancelledError"]


def test_a_graph_that_ends_meanwhile_ends_the_bench(noting):
    """Requests that find no graph fail as requests; no client's thread dies of it."""

    def progress(_count, _part):
        noting.delete()

    result = noting.bench("x", count=10**9, duration_s=0.4, progress=progress)
    assert result.errors > 0
    assert "'noting'" in result.first_error


def test_an_input_that_cannot_travel_is_a_failure(noting):
    """It is counted and told, as any other failure."""
    result = noting.bench([threading.Lock()], count=2)
    assert (result.count, result.errors) == (2, 2)
    assert "cannot be serialized" in result.first_error


def test_memory_is_bounded(noting, monkeypatch):
    """Only a sample of the traces is kept, however many requests there are."""
    from graphnb.session import bench

    monkeypatch.setattr(bench, "_MAX_TRACES", 5)
    result = noting.bench("x", count=20)
    assert (result.count, result.nodes.requests) == (20, 5)
