"""What a process tells of its requests, and that none is left out."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from graphnb.engine.request import Request
from graphnb.executors.ray import recorder as recorder_module
from graphnb.executors.ray.recorder import RayRecorder
from graphnb.rayserve import reporting
from graphnb.rayserve.remote_spans import RemoteSpan
from graphnb.rayserve.reporting import Reporter
from graphnb.telemetry import Recorder, Span
from tests.contract.waiting import eventually

SPAN = Span(0, None, "node", None, "run", "r", 0.0, 0.0, 0.0, 0.1, 0.0, "ok", 0, ())
BROKEN = RemoteSpan(0, None, "node", None, "run", 0.0, 0.1, "ok", 0, (), b"no pickle")


def end(reporter, number):
    """Has a request of one call end."""
    request = Request(None, request_id=f"r-{number}")
    request.spans.append(SPAN)
    reporter.ended(request, "ok", None)


@pytest.fixture
def reporter(monkeypatch):
    """One whose batches are kept in `.sent`; it ends with the test."""
    made = Reporter("collector", Recorder())
    made.sent = []
    monkeypatch.setattr(made, "_send", lambda batch: made.sent.append(batch) or True)
    yield made
    made.close()


def requests(reporter):
    """How many have been sent."""
    return sum(one.digest.requests for one in reporter.sent)


def test_requests_are_worked_out_by_a_thread(reporter):
    """Not on the way of those that come next."""
    threads = []
    reporter._recorder.subscribe(lambda _trace: threads.append(threading.current_thread()))
    for number in range(3):
        end(reporter, number)
    eventually(lambda: requests(reporter) == 3)
    assert {one.name for one in threads} == {"graphnb-report"}


def test_a_flush_has_those_that_have_just_ended(reporter):
    """Figures that are asked for at once are complete."""

    async def scene():
        end(reporter, 1)
        await asyncio.to_thread(reporter.flush)
        assert requests(reporter) == 1

    asyncio.run(scene())


def test_the_end_of_a_process_leaves_no_request_out(reporter):
    """Also of one whose only request has just ended."""

    async def scene():
        end(reporter, 1)
        await asyncio.to_thread(reporter.close)

    asyncio.run(scene())
    assert requests(reporter) == 1


def test_more_requests_than_can_be_kept_are_counted(reporter, monkeypatch):
    """The oldest go."""
    monkeypatch.setattr(reporting, "MAX_ENDED", 2)
    with reporter._settling:  # the thread cannot
        for number in range(5):
            end(reporter, number)
    reporter.flush()
    (batch,) = reporter.sent
    assert (batch.digest.requests, batch.lost) == (2, 3)


def test_whoever_is_told_of_requests_may_ask_for_all(reporter):
    """While the last ones are worked out, too."""
    asked = []

    def ask(_trace):
        reporter.settle()
        asked.append(len(reporter._recorder.traces()))

    reporter._recorder.subscribe(ask)
    end(reporter, 1)
    reporter.flush()
    assert asked == [1]


def test_a_request_that_cannot_be_worked_out_costs_no_other(reporter, caplog):
    """It is counted as lost, said in the log the first time, and the next one counts."""
    for _ in range(2):
        reporter.ended(
            SimpleNamespace(error=None, request_id="r", started_at=0, spans=[BROKEN]), "ok", None
        )
    reporter.flush()
    assert caplog.text.count("a request is lost") == 1
    caplog.clear()
    end(reporter, 1)
    reporter.flush()
    assert requests(reporter) == 1
    assert sum(one.lost for one in reporter.sent) == 2


def test_spans_of_requests_that_wait_are_bounded(reporter, monkeypatch):
    """However many each of them has."""
    monkeypatch.setattr(reporting, "MAX_SPANS", 3)
    with reporter._settling:
        for number in range(5):
            end(reporter, number)
        assert len(reporter._ended) == 3
    reporter.flush()
    end(reporter, 6)
    reporter.flush()
    assert requests(reporter) == 4


def test_what_ends_after_its_request_is_no_part_of_it(reporter):
    """A call that the node left behind."""
    request = Request(None, request_id="r-1")
    request.spans.append(SPAN)
    with reporter._settling:
        reporter.ended(request, "ok", None)
        request.spans.append(SPAN)
    reporter.flush()
    (trace,) = reporter._recorder.traces()
    assert trace.spans == (SPAN,)


def test_a_flush_ends_while_requests_go_on_ending(reporter, monkeypatch):
    """It has those that were there when it was asked for."""
    record = reporter._recorder.record

    def busy(trace):
        end(reporter, int(trace.request_id.removeprefix("r-")) + 1)
        record(trace)

    with monkeypatch.context() as patch:
        patch.setattr(reporter._recorder, "record", busy)
        end(reporter, 1)
        reporter.flush()
        reporter.flush()
    assert requests(reporter) >= 1


def test_observers_may_ask_a_recorder_on_ray(monkeypatch):
    """While others do, on other threads."""
    monkeypatch.setattr(recorder_module, "ask", lambda *_args: None)
    recorder = RayRecorder("collector", lambda: None)
    monkeypatch.setattr(recorder.reporter, "_send", lambda _batch: True)
    counts = []
    recorder.subscribe(lambda _trace: counts.append(len(recorder.traces())))
    for number in range(20):
        end(recorder.reporter, number)
    threads = [
        threading.Thread(target=one, daemon=True)
        for one in (recorder.traces, lambda: recorder.find("r-3"), recorder.failures)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join(20)
        assert not one.is_alive()
    recorder.close()
    assert len(counts) == 20


def test_a_process_without_another_thread_answers(reporter, monkeypatch):
    """What cannot be told is not told; the next request tries again."""

    def start(_thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        end(reporter, 1)
    assert reporter._thread is None
    end(reporter, 2)
    eventually(lambda: requests(reporter) == 2)


def test_all_has_arrived_when_nothing_is_worked_out_or_sent(reporter):
    """Whoever asks meanwhile is told that it has not."""
    assert reporter.hurry()
    with reporter._settling:
        end(reporter, 1)
        assert not asked_elsewhere(reporter)
    eventually(reporter.hurry)
    with reporter._sending:
        assert not asked_elsewhere(reporter)


def asked_elsewhere(reporter):
    """What another thread is told."""
    with ThreadPoolExecutor() as pool:
        return pool.submit(reporter.hurry).result()


def test_where_nobody_listens_nothing_is_noted():
    """Of an application that plain Ray Serve runs."""
    assert not Reporter(None).listens
