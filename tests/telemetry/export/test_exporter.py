"""Traces that are sent in the background."""

from __future__ import annotations

import threading

import pytest

from graphnb.errors import ExportError
from graphnb.telemetry import Recorder
from graphnb.telemetry.export import Exporter, from_json_lines
from tests.telemetry.traces import chain, trace

SECRET = "the customer's name"


def test_a_recorder_s_requests_arrive(receiver):
    """An exporter that observes a recorder sends each request, all of them by its end."""
    recorder = Recorder()
    with Exporter(receiver.url, graph="scores") as exporter:
        recorder.subscribe(exporter)
        for number in range(500):
            recorder.record(chain(1, request=f"r{number}"))
    assert (exporter.sent, exporter.dropped, exporter.failed) == (500, 0, 0)
    assert len(receiver.resources()["n1"]) == 500


def test_requests_arrive_without_an_end(receiver):
    """What was seen is sent after a while, not only at the end."""
    exporter = Exporter(receiver.url, every_s=0.01)
    exporter(trace())
    assert receiver.arrived.wait(20)
    exporter.close()
    assert exporter.sent == 1


def test_a_file_is_appended_to(tmp_path):
    """Two exporters one after the other fill one file of JSON lines."""
    path = tmp_path / "traces.jsonl"
    for name in ("first", "second"):
        with Exporter(path) as exporter:
            exporter(trace(request=name))
    with path.open() as file:
        assert [one.request_id for one in from_json_lines(file)] == ["first", "second"]


def test_a_slow_destination_holds_nobody_up(receiver):
    """While an endpoint does not answer, requests are noted at once; too many are dropped."""
    receiver.let_go.clear()
    exporter = Exporter(receiver.url, every_s=0.0, max_traces=10)
    exporter(trace())
    assert receiver.arrived.wait(20)
    for _ in range(50):
        exporter(trace())
    assert (exporter.dropped, exporter.sent) == (40, 0)
    receiver.let_go.set()
    exporter.close(20)
    assert (exporter.dropped, exporter.sent) == (40, 11)


def test_spans_that_wait_are_bounded(receiver):
    """A few requests of very many spans are as many as many of few."""
    receiver.let_go.clear()
    exporter = Exporter(receiver.url, every_s=0.0, max_spans=30)
    exporter(trace())
    assert receiver.arrived.wait(20)
    for _ in range(5):
        exporter(chain(10))
    assert exporter.dropped == 3
    receiver.let_go.set()
    exporter.close(20)
    assert exporter.sent == 3


def test_a_destination_that_refuses_is_counted_and_told_once(receiver, caplog):
    """What is not taken is counted; the log says so once, and requests go on."""
    receiver.status = 400
    exporter = Exporter(receiver.url, every_s=0.0)
    for _ in range(3):
        exporter(trace())
        assert receiver.arrived.wait(20)
        receiver.arrived.clear()
    exporter.close()
    assert (exporter.sent, exporter.failed) == (0, 3)
    told = [one.getMessage() for one in caplog.records if one.name == "graphnb"]
    assert len(told) == 1
    assert receiver.url in told[0]


def test_the_end_does_not_wait_for_a_destination_that_is_not_there(receiver):
    """An exporter whose endpoint is gone ends when asked to, and counts what it could not send."""
    receiver.stop()
    exporter = Exporter(receiver.url, every_s=0.0, timeout_s=60)
    for _ in range(3):
        exporter(trace())
    exporter.close(0.2)
    assert exporter.sent == 0
    assert exporter.dropped + exporter.failed == 3
    assert not [one for one in threading.enumerate() if one.name == "graphnb-export"]


def test_after_the_end_requests_are_dropped(tmp_path):
    """An exporter that was closed, even twice, may still be told of requests."""
    exporter = Exporter(tmp_path / "traces.jsonl")
    exporter.close()
    exporter.close()
    exporter(trace())
    assert exporter.dropped == 1


def test_messages_of_errors_are_left_out(tmp_path):
    """A message may quote a value of the request, and is written only when asked for."""
    for messages in (False, True):
        path = tmp_path / f"{messages}.jsonl"
        with Exporter(path, messages=messages) as exporter:
            exporter(trace(outcome="error", error=SECRET))
        assert (SECRET in path.read_text()) is messages


@pytest.mark.parametrize("to", ["trace.json", "trace.perfetto.json", "trace.txt"])
def test_what_cannot_take_traces_as_they_come_is_refused(to):
    """A document that is written in one piece is nothing to append to."""
    with pytest.raises(ExportError, match="cannot take traces as they come"):
        Exporter(to)
