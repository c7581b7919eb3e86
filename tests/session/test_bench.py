"""`RunningGraph.bench`: many requests, measured."""

import itertools
import threading
import types

import pytest

import graphnb
from graphnb import InputNode, serve
from graphnb.errors import BenchError
from graphnb.session.bench import Load, measure, measured, sender


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
    assert result.digest.requests == 20
    assert result.digest.summary().p50_s == pytest.approx(result.nodes.p50_s, rel=0.02)


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
    """The callback gets how far it is, on the caller's thread, and at the end that it is done."""
    told = []

    def progress(one):
        if not told:
            signals.meet("go", 2)
        told.append((one, threading.current_thread()))

    result = noting.bench([("go", 2)], count=1, warmup=0, progress=progress)
    assert (result.count, result.errors) == (1, 0)
    assert {thread for _, thread in told} == {threading.main_thread()}
    first, last = told[0][0], told[-1][0]
    assert (first.phase, first.answered, first.part, first.left_s) == ("waiting", 0, 0.0, None)
    assert (first.under_way, first.throughput, first.p50_s) == (1, 0.0, 0.0)
    assert (last.answered, last.failed, last.part, last.under_way) == (1, 0, 1.0, 0)
    assert last.elapsed_s == pytest.approx(result.duration_s)
    assert last.p50_s == pytest.approx(result.p50_s, rel=0.01)


def test_progress_is_told_of_the_warm_up(gated, signals):
    """Nothing is measured then, and no time has passed."""
    graph = graphnb.deploy(gated, http=False)
    told = []

    def progress(one):
        told.append(one)
        signals.set("go")

    graph.bench("x", count=1, progress=progress)
    assert (told[0].phase, told[0].answered, told[0].elapsed_s) == ("warm-up", 0, 0.0)


def test_a_progress_that_fails_ends_the_bench(noting):
    """Its error is the caller's, and nothing is sent any more."""

    def progress(_one):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        noting.bench("x", duration_s=3600, progress=progress)
    assert bench_threads() == []


def test_a_generator_is_drawn_as_requests_are_sent(noting, signals):
    """One item for each request, and none more; the first is that of the warm-up, too."""
    numbers = itertools.count(1)
    assert noting.bench(numbers, count=3).count == 3
    assert signals.notes("seen") == [1, 1, 2, 3]
    assert next(numbers) == 4


def test_a_bench_ends_with_its_generator(noting, signals):
    """However many requests there were to be."""
    result = noting.bench((one for one in "abc"), count=50, concurrency=2, warmup=0)
    assert (result.count, result.interrupted) == (3, False)
    assert sorted(signals.notes("seen")) == ["a", "b", "c"]


def test_what_it_takes_to_draw_an_input_is_in_no_latency(noting, signals):
    """An answer that arrives meanwhile has arrived then, though the sender takes it later."""

    def inputs():
        yield "a"
        yield "b"  # drawn, and sent at once, while nobody has taken the answer to "a"
        signals.wait_for_notes("seen", 2)
        noting.bench("c", count=50)  # takes much longer than either request
        yield "d"

    result = noting.bench(inputs(), concurrency=3, count=3, warmup=0)
    drawing_s = result.duration_s - result.p99_s
    assert result.count == 3
    assert result.p99_s < drawing_s


@pytest.mark.parametrize("good", [0, 2])
def test_a_generator_that_fails_ends_the_bench(noting, signals, good):
    """The error says that it was the inputs, and keeps what they raised, from their frame on."""

    def inputs():
        yield from range(good)
        raise KeyError("no row")

    with pytest.raises(BenchError, match="the inputs raised KeyError: 'no row'") as caught:
        noting.bench(inputs(), count=10, warmup=0)
    assert set(signals.notes("seen")) <= set(range(good))
    assert caught.value.__cause__.__traceback__.tb_frame.f_code.co_name == "inputs"
    assert bench_threads() == []


def bench_threads():
    """The threads of benches that are alive."""
    return [one for one in threading.enumerate() if "bench" in one.name]


@pytest.mark.parametrize(
    ("inputs", "options", "says"),
    [
        (1, {"count": 0}, "1 or more"),
        (1, {"concurrency": 0}, "1 or more"),
        (1, {"duration_s": 0}, "above 0"),
        (1, {"duration_s": -1}, "above 0"),
        ([], {}, "the list of inputs is empty"),
        (iter(()), {}, "of inputs is empty"),
        (1, {"rps": 0}, "rps is 0, expected requests per second above 0"),
        (1, {"rps": float("nan")}, "above 0"),
        (1, {"duration_s": float("inf")}, "above 0"),
        (1, {"rps": 5, "concurrency": 2}, "rps and concurrency do not go together"),
        (1, {"seed": 5}, "hint: give rps, or leave the seed out"),
    ],
)
def test_numbers_that_do_not_do_are_refused(noting, signals, inputs, options, says):
    """Before anything is sent."""
    with pytest.raises(ValueError, match=says):
        noting.bench(inputs, **options)
    assert signals.notes("seen") == []


def test_the_result_says_how_it_was_measured(noting):
    """Which loop it was, and with how many clients."""
    one, four = noting.bench("x", count=4), noting.bench("x", count=8, concurrency=4)
    assert (four.loop, four.concurrency, four.rps) == ("closed", 4, None)
    assert (four.lag_p99_s, four.lag_max_s, four.overrun, four.unanswered) == (0, 0, False, 0)
    assert str(one).splitlines()[1:] == ["closed loop, 1 client"]
    assert str(four).splitlines()[1:] == ["closed loop, 4 clients"]


def test_streams_are_refused(noting, signals):
    """A bench measures answers: one line says so, and nothing is sent."""
    with pytest.raises(BenchError, match="are streams"):
        noting.options(stream=True).bench("x")
    assert signals.notes("seen") == []


def test_a_node_cannot_run_a_bench_on_the_loop_of_all_nodes(signals):
    """It would wait for ever for what it keeps from running; the error says so."""
    held = []

    @serve.deployment
    async def measure_itself(x):
        return str(held[0].bench(x, count=1))

    with InputNode() as request:
        node = measure_itself.bind(request)
    held.append(graphnb.deploy(node, http=False))
    with pytest.raises(RuntimeError, match="inside a deployment"):
        held[0].remote(1).result()


# --- Ctrl-C --------------------------------------------------------------------------------------


@pytest.fixture
def press_when(ctrl_c):
    """Presses Ctrl-C as soon as a function returns."""
    pressing = []

    def press(when):
        thread = threading.Thread(target=lambda: (when(), ctrl_c()), name="presser")
        pressing.append(thread)
        thread.start()

    yield press
    for one in pressing:
        one.join()


@pytest.mark.parametrize(
    ("options", "under_way"),
    [
        pytest.param({"count": 100, "concurrency": 2}, 2, id="closed loop"),
        pytest.param({"count": 10**9, "rps": 200}, 3, id="open loop, while it sends"),
        pytest.param({"count": 3, "rps": 1000}, 3, id="open loop, while it waits for the last"),
    ],
)
def test_an_interrupt_ends_it_with_what_was_measured(
    gated, signals, press_when, options, under_way
):
    """Requests under way are cancelled and in no figure; nothing is sent any more."""
    graph = graphnb.deploy(gated, http=False)
    press_when(lambda: signals.wait_for_notes("began", under_way))
    result = graph.bench("x", warmup=0, **options)
    assert result.interrupted
    assert (result.count, result.errors, result.nodes.requests) == (0, 0, 0)
    assert result.unanswered >= under_way
    assert f", {result.unanswered} given up, interrupted: " in str(result)
    assert bench_threads() == []
    assert set(signals.wait_for_notes("ended by", under_way)) == {"CancelledError"}
    assert len(signals.notes("began")) <= result.unanswered


def test_what_was_answered_before_an_interrupt_counts(noting, signals, press_when):
    """The figures are those of the requests that were answered."""
    stuck = [*range(5), ("never", 2)]
    press_when(lambda: signals.wait_for_notes("seen", 6))
    result = noting.bench(stuck, count=100, warmup=0)
    assert (result.interrupted, result.count, result.errors, result.unanswered) == (True, 5, 0, 1)
    assert (result.nodes.requests, result.p50_s > 0, result.throughput > 0) == (5, True, True)


def test_an_interrupt_by_the_progress_ends_it_too(gated, signals):
    """As one that is pressed at that moment."""
    graph = graphnb.deploy(gated, http=False)

    def progress(_one):
        signals.wait_for_notes("began", 2)
        raise KeyboardInterrupt

    result = graph.bench("x", count=100, concurrency=2, warmup=0, progress=progress)
    assert (result.interrupted, result.count, result.unanswered) == (True, 0, 2)
    assert signals.wait_for_notes("ended by", 2) == ["CancelledError"] * 2


@pytest.mark.parametrize("options", [{}, {"rps": 100}])
def test_an_interrupt_ends_the_warm_up(gated, signals, press_when, options):
    """Nothing is measured then; the result says so, and the request is cancelled."""
    graph = graphnb.deploy(gated, http=False)
    press_when(lambda: signals.wait_for_notes("began", 1))
    result = graph.bench("x", count=100, **options)
    assert result.interrupted
    assert (result.count, result.nodes.requests, result.throughput) == (0, 0, 0)
    assert (result.unanswered, result.duration_s) == (0, 0)
    assert signals.wait_for_notes("ended by", 1) == ["CancelledError"]
    assert len(signals.notes("began")) == 1
    assert bench_threads() == []


class Stuck:
    """A graph, and a response of it, that does not end when it is cancelled."""

    _stream = False
    request = types.SimpleNamespace(spans=None)

    def __init__(self, at_cancel):
        self.cancel = at_cancel
        self.sent = threading.Semaphore(0)

    def remote(self, _request):
        self.sent.release()
        return self

    def done(self):
        return False

    def _when_done(self, callback):
        pass


@pytest.mark.parametrize("options", [{"concurrency": 2}, {"rps": 1000}])
def test_a_second_interrupt_ends_the_wait_for_what_is_cancelled(
    monkeypatch, press_when, ctrl_c, options
):
    """The result is there at once, and no thread is left that could send on."""
    monkeypatch.setattr(sender, "PATIENCE_S", 3600)
    monkeypatch.setattr(measure, "PATIENCE_S", 3600)
    cancels = []
    graph = Stuck(at_cancel=lambda: cancels.append(ctrl_c() if not cancels else None))
    load = Load("x", count=2, warmup=0, **options)
    press_when(lambda: (graph.sent.acquire(), graph.sent.acquire()))
    result = measure.bench(graph, load)
    assert (result.interrupted, result.count, result.unanswered) == (True, 0, 2)
    assert len(cancels) == 2
    assert bench_threads() == []


# --- what may happen besides ---------------------------------------------------------------------


def test_a_graph_that_ends_meanwhile_ends_the_bench(noting):
    """Requests that find no graph fail as requests; no client's thread dies of it."""

    def progress(_one):
        noting.delete()

    result = noting.bench("x", count=10**9, duration_s=0.4, progress=progress)
    assert result.errors > 0
    assert "'noting'" in result.first_error


def test_an_input_that_cannot_travel_is_a_failure(noting):
    """It is counted and told, as any other failure."""
    result = noting.bench([threading.Lock()], count=2)
    assert (result.count, result.errors) == (2, 2)
    assert "cannot be serialized" in result.first_error


@pytest.mark.parametrize("options", [{}, {"rps": 10_000}])
def test_memory_is_bounded(noting, monkeypatch, options):
    """Only a sample of the traces is kept, however many requests there are, evenly of all."""
    monkeypatch.setattr(measured, "MAX_TRACES", 5)
    kept = []
    monkeypatch.setattr(measured, "summarize", kept.extend)
    result = noting.bench("x", count=200, **options)
    assert result.count == 200
    last = [one.request_id for one in noting.traces(200)]
    places = sorted(last.index(one.request_id) for one in kept)
    assert len(places) == 5
    assert places[-1] >= 50
