"""What a process tells of its requests, and that none is left out."""

import asyncio
import threading
from types import SimpleNamespace

import pytest

from graphnb.engine.request import Request
from graphnb.rayserve import reporting
from graphnb.rayserve.reporting import Reporter
from graphnb.telemetry.spans import Span
from tests.contract.waiting import eventually


def end(reporter, number):
    """Has a request of one call end."""
    request = Request(None, request_id=f"r-{number}")
    request.spans.append(
        Span(0, None, "node", None, "run", "r", 0.0, 0.0, 0.0, 0.1, 0.0, "ok", 0, ())
    )
    reporter.ended(request, "ok", None)


@pytest.fixture
def reporter(monkeypatch):
    """One whose batches are kept in `.sent`; it ends with the test."""
    made = Reporter("collector")
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
    reporter.recorder.subscribe(lambda _trace: threads.append(threading.current_thread()))
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
        asked.append(len(reporter.recorder.traces()))

    reporter.recorder.subscribe(ask)
    end(reporter, 1)
    reporter.flush()
    assert asked == [1]


def test_a_request_that_cannot_be_worked_out_costs_no_other(reporter, caplog):
    """It is said in the log, and the next one counts."""
    reporter.ended(SimpleNamespace(request_id="r-0"), "ok", None)
    reporter.flush()
    assert "what is known of a request is lost: r-0" in caplog.text
    caplog.clear()
    end(reporter, 1)
    reporter.flush()
    assert requests(reporter) == 1


def test_where_nobody_listens_nothing_is_noted():
    """Of an application that plain Ray Serve runs."""
    assert not Reporter(None).listens
