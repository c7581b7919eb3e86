"""Traces as trace events."""

from __future__ import annotations

import io
import json

from hypothesis import given
from hypothesis import strategies as st

from graphnb.telemetry.export.perfetto import write_perfetto
from tests.telemetry.traces import by_handle, call, trace, traces


def written(requests):
    """The document of these requests."""
    file = io.StringIO()
    write_perfetto(requests, file, graph="scores")
    return json.loads(file.getvalue())


def slices(document):
    """The calls and their parts, without the names of processes."""
    return [one for one in document["traceEvents"] if one["ph"] == "X"]


def test_calls_lie_where_they_were_made():
    """Times are microseconds from the first request on, however long ago that was."""
    first = trace(call(1, "a", 0.25, 0.5), at=1_700_000_000.0)
    second = trace(call(1, "b", 0.25, 0.5), at=1_700_000_001.0)
    found = {one["name"]: one for one in slices(written([second, first]))}
    assert (found["a"]["ts"], found["a"]["dur"]) == (250_000, 500_000)
    assert (found["b"]["ts"], found["b"]["dur"]) == (1_250_000, 500_000)


def test_a_call_has_its_parts_within_it():
    """Queued, waiting, executing and transport follow each other; what took no time is left out."""
    one = call(1, "a", 0.0, 0.0, queued_s=0.1, executing_s=0.2, transport_s=0.3)
    parts = slices(written([trace(one)]))
    names = [(part["name"], part["ts"], part["dur"]) for part in parts if part["pid"] == 2]
    assert names == [
        ("a", 0, 600_000),
        ("queued", 0, 100_000),
        ("executing", 100_000, 200_000),
        ("transport", 300_000, 300_000),
    ]


def test_each_deployment_has_its_own_row():
    """A deployment is a process with its name; what it did says how, and for which request."""
    document = written([trace(call(1, "a", outcome="error"), request="abc")])
    names = {one["pid"]: one["args"]["name"] for one in document["traceEvents"] if one["ph"] == "M"}
    [event] = [one for one in slices(document) if one["name"] == "a"]
    assert names[event["pid"]] == "a"
    assert (event["args"]["request"], event["args"]["outcome"]) == ("abc", "error")


def test_calls_at_the_same_time_are_below_each_other():
    """Two calls of one deployment at a time have two threads; a later one takes the first again."""
    calls = [
        by_handle(1, "m", 0.0, 0.5, parent=0),
        by_handle(2, "m", 0.1, 0.5, parent=0),
        by_handle(3, "m", 0.5, 0.2, parent=0),
    ]
    found = [one for one in slices(written([trace(*calls)])) if one["name"] == "m.run"]
    assert [one["tid"] for one in found] == [1, 2, 1]


@given(st.lists(traces(), max_size=4))
def test_slices_of_a_thread_never_cross(requests):
    """On each thread a slice lies within another or beside it: what viewers ask for."""
    open_until = {}
    # Of one day: a float of microseconds has digits for the nanoseconds of a hundred.
    requests = [one._replace(started_at=one.started_at % 86_400) for one in requests]
    for one in slices(written(requests)):
        start, length = round(one["ts"] * 1_000), round(one["dur"] * 1_000)
        stack = open_until.setdefault((one["pid"], one["tid"]), [])
        while stack and stack[-1] <= start:
            stack.pop()
        assert not stack or start + length <= stack[-1]
        stack.append(start + length)
