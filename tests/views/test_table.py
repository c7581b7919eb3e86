"""Summaries as tables."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from graphnb.telemetry.summary import GraphSummary, summarize
from graphnb.views import table_html, table_text
from tests.views.graphs import EXAMPLES, ensemble, request


def test_a_row_for_each_node_and_one_for_the_whole():
    """The root, the calls in the graph's order, the requests last, under one header."""
    spec = ensemble()
    lines = table_text(summarize([request(spec)]), spec).splitlines()
    assert lines[0].split() == [
        "node",
        "count",
        "errors",
        "p50",
        "p95",
        "p99",
        "queued",
        "p50",
        "critical",
        "path",
    ]
    names = [line.split()[0] for line in lines]
    assert names[2:6] == ["DAGDriver.predict", "tokens", "average", "best"]
    assert names[-1] == "requests"
    assert lines[-1].endswith("100 %")


def test_columns_line_up():
    """Every row's numbers end in the same columns."""
    lines = table_text(summarize([request(ensemble())])).splitlines()
    assert len({line.find("ms") for line in lines if "ms" in line}) <= 2
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize("name", EXAMPLES)
def test_html_is_well_formed(name):
    """Names are escaped, and each row has every column."""
    spec = EXAMPLES[name]
    table = ET.fromstring(table_html(summarize([request(spec, outcome="error")]), spec))
    rows = list(table.iter("tr"))
    assert len(rows) == len(spec.calls) + 3
    assert {len(row) for row in rows} == {8}


def test_errors_stand_out():
    """A count of errors is emphasized where there are any."""
    failed = table_html(summarize([request(ensemble(), outcome="error")]))
    assert "font-weight:600" in failed
    assert "font-weight:600" not in table_html(summarize([request(ensemble())]))


def test_an_empty_summary_is_a_table():
    """No requests: a header and a row of zeros."""
    assert table_text(GraphSummary()).splitlines()[-1].split()[:3] == ["requests", "0", "0"]
    ET.fromstring(table_html(GraphSummary()))
