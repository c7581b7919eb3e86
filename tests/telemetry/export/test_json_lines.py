"""Traces as JSON lines."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphnb.errors import ExportError
from graphnb.telemetry.export import from_json_lines, to_json_lines
from graphnb.telemetry.spans import Span, Trace
from tests.telemetry.traces import call, trace, traces


def written(requests):
    """The file's text."""
    file = io.StringIO()
    to_json_lines(requests, file)
    return file.getvalue()


def read(text):
    """What a file with that text has."""
    return list(from_json_lines(io.StringIO(text)))


@given(st.lists(traces(), max_size=5))
def test_what_was_written_is_read_back(requests):
    """Any trace comes back as it was, in one line."""
    text = written(requests)
    assert len(text.splitlines()) == len(requests)
    assert read(text) == requests


def test_a_line_has_every_field_by_name():
    """The schema is that of the trace and its spans, with a version."""
    line = json.loads(written([trace(call(1, "a", after=("b",)))]))
    assert set(line) == {"version", *Trace._fields}
    assert [set(one) for one in line["spans"]] == [set(Span._fields)] * 2
    assert line["version"] == 1
    assert line["spans"][0]["after"] == ["b"]


def test_fields_of_later_graphnbs_are_passed_over():
    """A field that was added since does not keep a file from being read."""
    line = json.loads(written([trace()]))
    line["colour"] = line["spans"][0]["weather"] = "fine"
    assert read(json.dumps(line)) == [trace()]


def test_a_field_with_a_default_may_be_missing():
    """Fields that came later have their defaults in older files."""
    line = json.loads(written([trace()]))
    del line["spans"][0]["after"]
    assert read(json.dumps(line) + "\n\n") == [trace()]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "line 1 of the file is not JSON"),
        ("[]", "line 1 of the file is not a trace: it has no version"),
        ("{}", "has no version"),
        ('{"version":1}', "line 1 of the file is not a trace: 'spans'"),
        ('{"version":1,"spans":[]}', "missing 4 required"),
        ('{"version":1,"spans":[3]}', "is not a trace"),
        ('{"version":1,"spans":[{"span_id":3}]}', "missing 12 required"),
        ('{"version":2}', "is of version 2 of the schema, this graphnb reads 1"),
    ],
)
def test_what_is_no_trace_is_refused_by_line(text, says):
    """A line that cannot be read says which one it is, and why."""
    with pytest.raises(ExportError, match=says):
        read(text)


def test_the_second_line_is_read_only_when_asked_for():
    """Reading goes line by line, so that a long file needs no memory."""
    found = from_json_lines(io.StringIO(written([trace()]) + "{"))
    assert next(found) == trace()
    with pytest.raises(ExportError, match="line 2"):
        next(found)
