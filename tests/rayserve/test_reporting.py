"""What a process tells of its requests, and that none is left out."""

import asyncio

import pytest

from graphnb.rayserve import reporting
from graphnb.rayserve.reporting import Reporter
from graphnb.telemetry.spans import Span, Trace


def trace(number):
    """A request of one call."""
    own = Span(0, None, "node", None, "run", "r", 0.0, 0.0, 0.0, 0.1, 0.0, "ok", 0, ())
    return Trace(f"r-{number}", 1.0, "ok", None, (own,))


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
            reporter.recorder.record(trace(number))
        assert reporter._buffer.empty
        counted = asyncio.Event()
        asyncio.get_running_loop().call_later(reporting.COUNT_S * 2, counted.set)
        await counted.wait()
        assert not reporter._noted

    asyncio.run(scene())
    reporter.flush()
    assert requests(reporter) == 3


def test_a_flush_has_those_that_have_just_ended(reporter):
    """Figures that are asked for at once are complete."""

    async def scene():
        reporter.recorder.record(trace(1))
        await asyncio.to_thread(reporter.flush)
        assert requests(reporter) == 1

    asyncio.run(scene())


def test_the_end_of_a_process_leaves_no_request_out(reporter):
    """Also of one whose only request has just ended."""

    async def scene():
        reporter.recorder.record(trace(1))
        await asyncio.to_thread(reporter.close)

    asyncio.run(scene())
    assert requests(reporter) == 1


def test_a_request_that_ends_off_a_loop_counts(reporter):
    """And the next one does: an observer that raises would be told no more."""
    reporter.recorder.record(trace(1))
    reporter.recorder.record(trace(2))
    reporter.flush()
    assert requests(reporter) == 2
