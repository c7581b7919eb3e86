"""What a process tells of its requests, and that none is left out."""

import asyncio
from types import SimpleNamespace

import pytest

from graphnb.engine.request import Request
from graphnb.rayserve import reporting
from graphnb.rayserve.reporting import Reporter
from graphnb.telemetry.spans import Span


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


def test_requests_are_counted_after_their_answers(reporter):
    """Those of a moment together."""

    async def scene():
        for number in range(3):
            end(reporter, number)
        assert reporter._buffer.empty
        counted = asyncio.Event()
        asyncio.get_running_loop().call_later(reporting.SETTLE_S * 2, counted.set)
        await counted.wait()
        assert not reporter._ended

    asyncio.run(scene())
    reporter.flush()
    assert requests(reporter) == 3


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


def test_a_request_that_ends_off_a_loop_counts(reporter):
    """And the next one does."""
    end(reporter, 1)
    end(reporter, 2)
    reporter.flush()
    assert requests(reporter) == 2


def test_whoever_is_told_of_requests_may_ask_for_all(reporter):
    """While the last ones are worked out, too."""
    asked = []

    def ask(_trace):
        reporter.settle()
        asked.append(len(reporter.recorder.traces()))

    reporter.recorder.subscribe(ask)
    end(reporter, 1)
    end(reporter, 2)
    assert asked == [1, 2]


def test_a_request_that_cannot_be_worked_out_costs_no_other(reporter, caplog):
    """It is said in the log, and the next one counts."""
    reporter.ended(SimpleNamespace(request_id="r-0"), "ok", None)
    assert "what is known of a request is lost: r-0" in caplog.text
    caplog.clear()
    end(reporter, 1)
    reporter.flush()
    assert requests(reporter) == 1


def test_where_nobody_listens_nothing_is_noted():
    """Of an application that plain Ray Serve runs."""
    assert not Reporter(None).listens
