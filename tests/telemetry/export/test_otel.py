"""Traces as spans of OpenTelemetry."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from graphnb.errors import ExportError
from graphnb.telemetry.export.otel import otel_spans, trace_id
from tests.telemetry.traces import by_handle, call, trace, traces

TIMES = {"queued_s": 0.01, "waiting_s": 0.02, "executing_s": 0.3, "transport_s": 0.04}


def converted(one):
    """The spans of a trace by name."""
    return {span.name: span for span in otel_spans([one], graph="scores")}


def nested():
    """A request whose call makes calls of its own."""
    return trace(
        call(1, "tokens", 0.0, 0.2),
        call(2, "score", 0.2, 0.5, after=("tokens",)),
        by_handle(3, "model", 0.3, 0.1, parent=2),
        request="abc-1",
        at=1_700_000_000.5,
    )


def test_calls_hang_below_the_calls_that_made_them():
    """Every span has its caller as the parent, within one trace that the request's id names."""
    spans = converted(nested())
    root = spans["driver.predict"]
    assert root.parent is None
    assert root.kind is SpanKind.SERVER
    assert spans["score"].parent == root.context
    assert spans["model.run"].parent == spans["score"].context
    assert {one.context.trace_id for one in spans.values()} == {trace_id("abc-1")}
    assert len({one.context.span_id for one in spans.values()}) == 4


def test_a_lost_caller_is_the_root():
    """A span whose parent did not arrive hangs below the root."""
    spans = converted(trace(by_handle(7, "orphan", parent=99)))
    assert spans["orphan.run"].parent == spans["driver.predict"].context


def test_times_are_nanoseconds_since_1970():
    """A span starts so long after its request, and is as long as its caller waited."""
    span = converted(nested())["score"]
    assert span.start_time == 1_700_000_000_700_000_000
    assert span.end_time - span.start_time == 500_000_000


def test_attributes_are_what_was_measured():
    """Each field of a span is an attribute; a handle's call has no call node."""
    span = call(1, "score", deployment="Scorer", replica="r1", size=99, **TIMES)
    spans = converted(trace(span, by_handle(2, "model", parent=1), request="abc"))
    assert spans["score"].attributes == {
        "graphnb.request_id": "abc",
        "graphnb.node": "score",
        "graphnb.deployment": "Scorer",
        "graphnb.call": "score",
        "graphnb.method": "__call__",
        "graphnb.replica": "r1",
        "graphnb.outcome": "ok",
        "graphnb.size": 99,
        **{f"graphnb.{name}": seconds for name, seconds in TIMES.items()},
    }
    assert "graphnb.call" not in spans["model.run"].attributes


def test_each_deployment_is_a_service_of_its_graph():
    """Viewers tell deployments apart, and graphs by their namespace."""
    resource = converted(nested())["model.run"].resource.attributes
    assert (resource["service.name"], resource["service.namespace"]) == ("model", "scores")


@pytest.mark.parametrize("outcome", ["error", "timeout", "rejected"])
def test_failures_have_the_status_error(outcome):
    """A call that failed says how, and the request has the error's message."""
    bad = call(1, "bad", outcome=outcome)
    spans = converted(trace(bad, outcome=outcome, error="ValueError: too bad"))
    assert spans["bad"].status.status_code is StatusCode.ERROR
    assert spans["bad"].status.description == outcome
    assert spans["driver.predict"].status.description == "ValueError: too bad"


@pytest.mark.parametrize("outcome", ["ok", "cancelled"])
def test_what_went_well_or_was_given_up_is_no_error(outcome):
    """Only failures are marked."""
    spans = converted(trace(call(1, "a", outcome=outcome)))
    assert spans["a"].status.status_code is StatusCode.UNSET


def test_links_lead_to_the_calls_that_were_waited_for():
    """A span is linked to its inputs; of several attempts to the one that it had its value from."""
    one = trace(
        call(1, "flaky", 0.0, 0.1, outcome="error"),
        call(2, "flaky", 0.2, 0.1),
        call(3, "use", 0.3, 0.1, after=("flaky", "gone")),
        call(4, "flaky", 0.8, 0.1),
    )
    spans = otel_spans([one], graph="g")
    assert [link.context for link in spans[2].links] == [spans[1].context]
    assert spans[2].links[0].attributes == {"graphnb.link": "after"}
    assert not spans[0].links


def test_links_stay_within_one_run_of_a_graph():
    """Where a request runs a graph several times, each call is linked to its own run's."""
    runs = [
        call(1, "first", 0.0, 0.9),
        call(2, "second", 0.0, 0.9),
        call(3, "a", 0.1, 0.1, parent_id=1),
        call(4, "a", 0.1, 0.2, parent_id=2),
        call(5, "b", 0.4, 0.1, parent_id=1, after=("a",)),
    ]
    spans = otel_spans([trace(*runs)], graph="g")
    assert [link.context for link in spans[4].links] == [spans[2].context]


def test_ids_are_the_same_every_time():
    """A trace that is exported twice is one trace, and another request is another."""
    first, again = converted(nested()), converted(nested())
    assert first["score"].context == again["score"].context
    assert trace_id("abc-1") != trace_id("abc-2")


@given(traces())
def test_any_trace_can_be_converted(one):
    """Whatever was measured gives valid spans, one for each, that end after they begin."""
    spans = otel_spans([one], graph="g")
    assert len(spans) == len(one.spans)
    for span in spans:
        assert isinstance(span, ReadableSpan)
        assert span.context.is_valid
        assert span.end_time >= span.start_time
    assert sum(span.parent is None for span in spans) == 1


def test_a_trace_without_spans_has_none():
    """Nothing is made up."""
    assert otel_spans([trace()._replace(spans=())], graph="g") == []


def test_a_missing_sdk_says_what_to_install(monkeypatch):
    """Without OpenTelemetry's SDK the error names the extra that brings it."""
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    with pytest.raises(ExportError, match="not installed") as caught:
        otel_spans([trace()], graph="g")
    assert caught.value.hint == "pip install 'graphnb[otel]'"
