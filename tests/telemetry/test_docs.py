"""What docs/telemetry.md says stands beside what the code has."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import get_args

import pytest

from graphnb.telemetry import buffer, digest, recorder, sketch
from graphnb.telemetry.export import exporter, json_lines
from graphnb.telemetry.export.otel import otel_spans
from graphnb.telemetry.spans import Outcome, Span, Trace
from graphnb.telemetry.summary import GraphSummary, NodeSummary
from tests.telemetry.traces import call, trace

TEXT = (Path(__file__).parents[2] / "docs" / "telemetry.md").read_text()
NODES = list(NodeSummary._fields)
GRAPHS = [one.name for one in dataclasses.fields(GraphSummary)]


def names(heading):
    """The names in the first columns of the tables below a heading."""
    section = re.split(r"^#+ ", TEXT.partition(f"# {heading}\n")[2], flags=re.MULTILINE)[0]
    cells = re.findall(r"^\| (`.*?) \|", section, flags=re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`(.*?)`", cell)]


def test_every_field_of_a_span_is_documented():
    """The table has each field of a span once, in its order, and no other."""
    assert names("A span") == list(Span._fields)


def test_every_field_of_a_trace_is_documented():
    """The table has each field of a trace once, in its order, and no other."""
    assert names("A trace") == list(Trace._fields)


def test_every_field_of_a_summary_is_documented():
    """The tables have each field of a summary, and of a node's, in their order."""
    assert names("A summary") == [*GRAPHS, *NODES]


@pytest.mark.parametrize("outcome", get_args(Outcome))
def test_every_outcome_is_documented(outcome):
    """The row of `outcome` explains each of them."""
    [row] = [line for line in TEXT.splitlines() if line.startswith("| `outcome` | `ok`")]
    assert f"`{outcome}`" in row


def test_every_attribute_is_documented():
    """The table has each attribute that an exported span has, and no other."""
    [span, _] = otel_spans([trace(call(1, "a"))], graph="g")
    assert sorted(names("OpenTelemetry")) == sorted(span.attributes)


def test_the_version_of_the_schema_is_documented():
    """The page speaks of the version that is written."""
    assert names("JSON lines") == ["version"]
    assert f"of this schema: {json_lines.VERSION}." in TEXT


@pytest.mark.parametrize(
    ("row", "limits"),
    [
        ("in a digest: nodes", [digest.MAX_NODES]),
        ("buckets of a percentile", [sketch.BUCKETS]),
        ("critical paths", [digest.MAX_PATHS, 2 * digest.MAX_PATHS]),
        ("edges by handle", [digest.MAX_HANDLE_EDGES]),
        ("in a replica", [buffer.MAX_TRACES, buffer.MAX_FAILED, buffer.MAX_SPANS]),
        ("in this process", [recorder.MAX_TRACES, recorder.MAX_FAILED, recorder.MAX_SPANS]),
        ("in an exporter", [exporter.MAX_TRACES, exporter.MAX_SPANS]),
    ],
)
def test_every_limit_is_documented(row, limits):
    """The table of what is kept has the limits of the code."""
    [found] = [line for line in TEXT.splitlines() if line.startswith(f"| {row}")]
    numbers = [int(one.replace(",", "")) for one in re.findall(r"\d[\d,]*", found)]
    assert numbers[: len(limits)] == limits
