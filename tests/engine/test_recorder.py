"""Traces are kept in bounded memory, and observers never hurt a run."""

import logging

from graphnb.telemetry import Recorder, Span, Trace


def span(number=0):
    """One call."""
    return Span(number, None, "f", "f", "__call__", "f#0", 0.0, 0.0, 0.0, 0.1, 0.0, "ok", 0)


def trace(name, outcome="ok", spans=1):
    """One request."""
    return Trace(name, 0.0, outcome, None, tuple(map(span, range(spans))))


def names(traces):
    """The ids of traces."""
    return [one.request_id for one in traces]


def test_the_last_traces_are_kept():
    """Of more traces than the limit the oldest are forgotten, and all are counted."""
    recorder = Recorder(max_traces=3)
    for number in range(5):
        recorder.record(trace(str(number)))
    assert names(recorder.traces()) == ["2", "3", "4"]
    assert names(recorder.traces(2)) == ["3", "4"]
    assert recorder.requests == 5
    assert recorder.find("0") is None
    assert recorder.find("3").request_id == "3"


def test_spans_are_bounded_too():
    """Traces with many spans leave room for fewer."""
    recorder = Recorder(max_traces=100, max_spans=10)
    for number in range(5):
        recorder.record(trace(str(number), spans=4))
    assert names(recorder.traces()) == ["3", "4"]


def test_one_trace_with_too_many_spans_is_no_harm():
    """A trace above the limit by itself does not stop the recorder."""
    recorder = Recorder(max_spans=10)
    recorder.record(trace("huge", spans=50))
    recorder.record(trace("small"))
    assert "small" in names(recorder.traces())


def test_failures_are_kept_longer():
    """The last failures stay when many good requests came after them."""
    recorder = Recorder(max_traces=2)
    recorder.record(trace("bad", "error"))
    for number in range(5):
        recorder.record(trace(str(number)))
    assert names(recorder.failures()) == ["bad"]
    assert recorder.find("bad").outcome == "error"
    assert recorder.failed == 1


def test_failures_are_bounded():
    """However many requests fail, a limited number of them is kept."""
    recorder = Recorder(max_traces=2)
    for number in range(1_000):
        recorder.record(trace(str(number), "error"))
    assert len(recorder.failures()) < 100
    assert recorder.failures()[-1].request_id == "999"


def test_observers_are_told_of_each_request():
    """Every observer sees every trace, until it is taken off."""
    recorder = Recorder()
    first, second = [], []
    recorder.subscribe(first.append)
    recorder.subscribe(second.append)
    recorder.record(trace("a"))
    recorder.unsubscribe(first.append)
    recorder.record(trace("b"))
    assert names(second) == ["a", "b"]
    assert names(first) == ["a"]


def test_an_observer_that_raises_is_logged_and_dropped(caplog):
    """A broken observer is told of once, and neither the run nor other observers notice."""
    recorder = Recorder()
    calls, good = [], []

    def broken(one):
        calls.append(one)
        raise RuntimeError("no disk")

    recorder.subscribe(broken)
    recorder.subscribe(good.append)
    with caplog.at_level(logging.ERROR, "graphnb"):
        recorder.record(trace("a"))
        recorder.record(trace("b"))
    assert names(good) == ["a", "b"]
    assert len(calls) == 1
    assert len(caplog.records) == 1
    assert "observer" in caplog.records[0].getMessage()


def test_unsubscribing_a_stranger_is_no_harm():
    """Taking off an observer that was never told has no effect."""
    Recorder().unsubscribe(print)


def test_clearing_forgets_traces_and_keeps_the_totals():
    """`clear` empties what is kept."""
    recorder = Recorder()
    recorder.record(trace("a"))
    recorder.record(trace("b", "error"))
    recorder.clear()
    assert recorder.traces() == recorder.failures() == []
    assert (recorder.requests, recorder.failed) == (2, 1)
