"""One request as a waterfall."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from graphnb.telemetry.spans import Span, Trace
from graphnb.views import waterfall_svg, waterfall_text
from tests.views.graphs import EXAMPLES, HOSTILE, ensemble, request

SVG = "{http://www.w3.org/2000/svg}"


def rows(svg):
    """The elements that are rows."""
    found = ET.fromstring(svg).iter(f"{SVG}g")
    return [one for one in found if one.get("class", "").startswith("gnb-span")]


def test_each_call_has_a_row_below_its_caller():
    """Rows stand in the order of time, indented by caller, named as the notebook does."""
    text = waterfall_text(request(ensemble()), ensemble())
    names = [line[2:].split()[0] for line in text.splitlines()[1:-1]]
    assert names == ["DAGDriver.predict", "tokens", "average", "best"]
    assert len(rows(waterfall_svg(request(ensemble())))) == 4


def test_what_the_request_waited_for_is_marked():
    """The critical path has a mark; what a call waited for is named."""
    lines = waterfall_text(request(ensemble()), ensemble()).splitlines()
    marked = {line[2:].split()[0] for line in lines[1:-1] if line.startswith("●")}
    assert marked == {"DAGDriver.predict", "average", "best"}
    assert lines[4].endswith("after tokens, average")
    classes = [one.get("class") for one in rows(waterfall_svg(request(ensemble())))]
    assert classes.count("gnb-span gnb-critical") == 3


def test_a_bar_shows_where_the_time_went():
    """Queue, waiting, execution and transport have their own letters and colours."""
    parts = {"queued_s": 0.25, "waiting_s": 0.25, "executing_s": 0.25, "transport_s": 0.25}
    root = Span(0, None, "d", None, "predict", "", 0.0, outcome="ok", size=0, **parts)
    one = Trace("r", 0.0, "ok", None, (root,))
    bar = waterfall_text(one, width=42).splitlines()[1].split("|")[1]
    assert {letter: bar.count(letter) for letter in "·░█▒"} == dict.fromkeys("·░█▒", len(bar) // 4)
    assert len(rows(waterfall_svg(one))[0].findall(f"{SVG}rect")) == 5


@pytest.mark.parametrize("outcome", ["error", "timeout", "rejected", "cancelled"])
def test_failures_are_told_in_words(outcome):
    """An outcome other than ok has a sign and a word."""
    one = request(ensemble(), outcome=outcome)
    assert outcome in waterfall_text(one).splitlines()[0]
    said = [element.text for element in ET.fromstring(waterfall_svg(one)).iter(f"{SVG}text")]
    assert sum(text.endswith(outcome) for text in said) == 5


def test_the_error_of_a_request_is_told():
    """The headline has the request's error, on one line."""
    one = Trace("r1", 0.0, "error", "ValueError: <no>\nmore", request(ensemble()).spans)
    assert "✗ error (ValueError: <no> more)" in waterfall_text(one).splitlines()[0]
    ET.fromstring(waterfall_svg(one))


@pytest.mark.parametrize("name", EXAMPLES)
def test_hostile_names_break_nothing(name):
    """Every example's waterfall is well-formed and has its lines."""
    one = request(EXAMPLES[name])
    assert len(rows(waterfall_svg(one, EXAMPLES[name]))) == len(one.spans)
    assert len(waterfall_text(one, EXAMPLES[name]).splitlines()) == len(one.spans) + 2


def test_a_trace_without_spans_is_a_picture():
    """A request that called nothing has an empty waterfall."""
    empty = Trace(HOSTILE, 0.0, "rejected", HOSTILE, ())
    assert rows(waterfall_svg(empty)) == []
    assert len(waterfall_text(empty).splitlines()) == 2


def test_very_many_calls_are_cut_to_those_that_matter():
    """Of thousands of calls the longest are shown, the rest is counted."""
    spans = [
        Span(n, 0, "m", None, "run", "", n / 1000, 0, 0, (n % 7 + 1) / 1000, 0, "ok", 0)
        for n in range(1, 1001)
    ]
    root = Span(0, None, "d", None, "predict", "", 0, 0, 0, 1.01, 0, "ok", 0)
    one = Trace("r", 0.0, "ok", None, (*spans, root))
    assert len(rows(waterfall_svg(one))) == 200
    assert "… and 801 shorter calls" in waterfall_text(one)
