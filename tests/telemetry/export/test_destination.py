"""Traces that are written or sent once."""

from __future__ import annotations

import base64
import json
import sys

import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from graphnb.errors import ExportError
from graphnb.telemetry.export import export, from_json_lines
from graphnb.telemetry.export.destination import _batches
from graphnb.telemetry.export.otel import trace_id
from tests.telemetry.export.conftest import attributes
from tests.telemetry.traces import by_handle, call, chain, trace

SECRET = "the customer's name"


def request():
    """A request with a nested call, an input, and an error that quotes a value."""
    return trace(
        call(1, "tokens", 0.0, 0.2, size=1 << 40),
        call(2, "score", 0.2, 0.5, after=("tokens",), outcome="error"),
        by_handle(3, "model", 0.3, 0.1, parent=2),
        request="abc",
        at=1_700_000_000.0,
        outcome="error",
        error=SECRET,
    )


def test_an_endpoint_gets_the_spans(receiver):
    """An OTLP receiver decodes every span, with its parent, its service and its link."""
    assert export([request()], receiver.url, graph="scores") == 1
    assert receiver.paths == ["/v1/traces"]
    assert set(receiver.resources()) == {"driver", "tokens", "score", "model"}
    spans = receiver.spans()
    assert spans["score"].parent_span_id == spans["driver.predict"].span_id
    assert spans["model.run"].parent_span_id == spans["score"].span_id
    assert spans["score"].trace_id == trace_id("abc").to_bytes(16, "big")
    assert spans["score"].start_time_unix_nano == 1_700_000_000_200_000_000
    assert spans["score"].links[0].span_id == spans["tokens"].span_id
    assert spans["score"].status.code == 2
    assert attributes(spans["tokens"])["graphnb.size"] == 1 << 40


def test_an_endpoint_may_have_a_path_of_its_own(receiver):
    """A path that is given is kept."""
    export([request()], receiver.url + "/otlp/in")
    assert receiver.paths == ["/otlp/in"]


def test_many_traces_are_sent_in_parts(receiver):
    """No message is larger than receivers take, and nothing is left out."""
    assert export([chain(request=f"r{number}") for number in range(400)], receiver.url) == 400
    assert len(receiver.messages) > 1
    assert sum(len(spans) for spans in receiver.resources().values()) == 400 * 11


@given(st.lists(st.integers(0, 5_000), max_size=30))
def test_parts_have_every_trace_once_and_are_small(sizes):
    """Batches keep the order, and only a trace that is large by itself makes a large one."""
    requests = [chain()._replace(spans=chain().spans[:1] * size) for size in sizes]
    batches = list(_batches(requests))
    assert [one for batch in batches for one in batch] == requests
    for batch in batches:
        assert len(batch) == 1 or sum(len(one.spans) for one in batch) <= 2_000


def test_an_endpoint_that_refuses_is_an_error(receiver):
    """What was not taken is told, with the endpoint's address."""
    receiver.status = 400
    with pytest.raises(ExportError, match=rf"{receiver.url}/v1/traces did not take 1 traces"):
        export([request()], receiver.url)


def test_an_endpoint_that_is_not_there_is_an_error(receiver):
    """Nothing listening is told after as long as was granted."""
    receiver.stop()
    with pytest.raises(ExportError, match="did not take 1 traces") as caught:
        export([request()], receiver.url, timeout_s=0.1)
    assert "port 4318" in caught.value.hint


def test_a_json_file_is_otlp(tmp_path):
    """The file is OTLP's JSON: hexadecimal ids, numbers for enums, strings for nanoseconds."""
    export([request()], tmp_path / "trace.json", graph="scores")
    document = json.loads((tmp_path / "trace.json").read_text())
    spans = {
        span["name"]: span
        for resource in document["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    }
    score, root = spans["score"], spans["driver.predict"]
    assert score["traceId"] == f"{trace_id('abc'):032x}"
    assert len(score["spanId"]) == 16
    assert score["parentSpanId"] == root["spanId"]
    assert score["links"][0]["spanId"] == spans["tokens"]["spanId"]
    assert score["startTimeUnixNano"] == "1700000000200000000"
    assert (root["kind"], score["kind"]) == (2, 1)
    assert score["status"]["code"] == 2


def test_a_json_file_is_read_by_protobuf(tmp_path):
    """Protobuf's own reader makes the same message of the file that an endpoint gets."""
    export([request(), chain()], tmp_path / "trace.json")
    document = json.loads((tmp_path / "trace.json").read_text())
    message = ParseDict(_with_base64_ids(document), ExportTraceServiceRequest())
    names = [
        span.name
        for resource in message.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    assert len(names) == 4 + 11


def _with_base64_ids(value):
    """Protobuf reads bytes as base64, where OTLP has hexadecimal ids."""
    if isinstance(value, list):
        return [_with_base64_ids(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: base64.b64encode(bytes.fromhex(one)).decode()
        if name.lower().endswith(("traceid", "spanid"))
        else _with_base64_ids(one)
        for name, one in value.items()
    }


def test_json_lines_are_read_back(tmp_path):
    """A file named .jsonl has one trace a line."""
    export([request(), chain()], tmp_path / "traces.jsonl", messages=True)
    with (tmp_path / "traces.jsonl").open() as file:
        assert list(from_json_lines(file)) == [request(), chain()]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.perfetto.json"])
def test_no_traces_make_a_file_all_the_same(name, tmp_path):
    """An export of nothing is a file that viewers can open."""
    assert export([], tmp_path / name) == 0
    text = (tmp_path / name).read_text()
    assert text == "" if name.endswith("l") else json.loads(text)


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.perfetto.json"])
def test_messages_of_errors_are_left_out_of_files(name, tmp_path):
    """A message may quote a value of the request: no file has it."""
    export([request()], tmp_path / name)
    assert SECRET not in (tmp_path / name).read_text()


def test_messages_of_errors_are_sent_only_when_asked_for(receiver):
    """The same for endpoints; with `messages` they come along."""
    export([request()], receiver.url)
    assert SECRET not in str(receiver.messages)
    export([request()], receiver.url, messages=True)
    assert receiver.spans()["driver.predict"].status.message == SECRET


@pytest.mark.parametrize("to", ["trace.txt", "trace", "ftp://host/x", "localhost:4318"])
def test_what_is_no_destination_is_refused(to, tmp_path, monkeypatch):
    """A name of another kind is refused before anything is written, with what is expected."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ExportError, match="is no destination") as caught:
        export([request()], to)
    assert ".perfetto.json" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("to", ["http://localhost:4318", "trace.json"])
def test_a_missing_package_says_what_to_install(to, tmp_path, monkeypatch):
    """Without the exporter's package the error names the extra that brings it."""
    monkeypatch.chdir(tmp_path)
    for name in list(sys.modules):
        if name.startswith("opentelemetry.exporter.otlp.proto"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto", None)
    with pytest.raises(ExportError, match="not installed") as caught:
        export([request()], to)
    assert caught.value.hint == "pip install 'graphnb[otel]'"
