"""Traces as spans of OpenTelemetry.

The ids are made from the request's id, so that whoever knows a request finds its trace, and a
trace that is exported twice stays one. Each deployment is a service, within the namespace of its
graph: viewers then draw the deployments, and how they call each other, by themselves.
"""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING

from graphnb.errors import ExportError
from graphnb.telemetry.summary import FAILURES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import Link, SpanContext, Status

    from graphnb.telemetry.spans import Span, Trace

__all__ = ["missing", "otel_spans", "trace_id"]

_NS = 1_000_000_000


def otel_spans(traces: Iterable[Trace], *, graph: str) -> list[ReadableSpan]:
    """The spans of these requests, as OpenTelemetry's SDK has them.

    Args:
        traces: the requests.
        graph: the graph's name: the namespace of the services.

    Raises:
        ExportError: OpenTelemetry's SDK is not installed.
    """
    try:
        from opentelemetry.sdk.resources import Resource
    except ImportError as error:
        raise missing(error) from None
    plain = Resource.create({"service.namespace": graph})
    services: dict[str, Resource] = {}
    found = []
    for trace in traces:
        if not trace.spans:
            continue
        converter = _Converter(trace)
        for span in trace.spans:
            name = span.deployment
            if name not in services:
                services[name] = plain.merge(Resource({"service.name": name}))
            found.append(converter.convert(span, services[name]))
    return found


def trace_id(request_id: str) -> int:
    """The id of a request's trace."""
    return _id(request_id, 16)


def missing(error: ImportError) -> ExportError:
    """What to do when OpenTelemetry's packages are not there."""
    return ExportError(
        f"exporting to OpenTelemetry needs its OTLP exporter, and {error.name} is not installed",
        hint="pip install 'graphnb[otel]'",
    )


class _Converter:
    """The spans of one trace, with the contexts that they refer to each other by."""

    def __init__(self, trace: Trace) -> None:
        from opentelemetry.trace import SpanContext, TraceFlags

        context = partial(
            SpanContext,
            trace_id(trace.request_id),
            is_remote=False,
            trace_flags=TraceFlags(TraceFlags.SAMPLED),
        )
        self._trace = trace
        self._started_ns = int(trace.started_at * _NS)
        self._contexts: dict[int, SpanContext] = {
            span.span_id: context(span_id=_id(f"{trace.request_id}/{span.span_id}", 8))
            for span in trace.spans
        }
        self._root = min(trace.spans, key=lambda one: (one.parent_id is not None, one.span_id))
        self._calls: dict[str, list[Span]] = {}
        for span in trace.spans:
            if span.call is not None:
                self._calls.setdefault(span.call, []).append(span)

    def convert(self, span: Span, service: Resource) -> ReadableSpan:
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope
        from opentelemetry.trace import SpanKind

        start = self._started_ns + round(span.start_s * _NS)
        return ReadableSpan(
            span.node,
            context=self._contexts[span.span_id],
            parent=self._parent(span),
            resource=service,
            attributes=self._attributes(span),
            links=self._links(span),
            kind=SpanKind.SERVER if span is self._root else SpanKind.INTERNAL,
            status=self._status(span),
            start_time=start,
            end_time=start + round(span.total_s * _NS),
            instrumentation_scope=InstrumentationScope("graphnb"),
        )

    def _parent(self, span: Span) -> SpanContext | None:
        """The span that made the call; the root when that one was lost."""
        if span is self._root:
            return None
        root = self._contexts[self._root.span_id]
        return root if span.parent_id is None else self._contexts.get(span.parent_id, root)

    def _attributes(self, span: Span) -> dict[str, str | int | float]:
        found: dict[str, str | int | float] = {
            "graphnb.request_id": self._trace.request_id,
            "graphnb.node": span.node,
            "graphnb.deployment": span.deployment,
            "graphnb.method": span.method,
            "graphnb.replica": span.replica,
            "graphnb.queued_s": float(span.queued_s),
            "graphnb.waiting_s": float(span.waiting_s),
            "graphnb.executing_s": float(span.executing_s),
            "graphnb.transport_s": float(span.transport_s),
            "graphnb.outcome": span.outcome,
            "graphnb.size": span.size,
        }
        return found if span.call is None else {**found, "graphnb.call": span.call}

    def _status(self, span: Span) -> Status:
        from opentelemetry.trace import Status, StatusCode

        if span.outcome not in FAILURES:
            return Status(StatusCode.UNSET)
        error = self._trace.error if span is self._root else None
        return Status(StatusCode.ERROR, error or span.outcome)

    def _links(self, span: Span) -> list[Link]:
        """The calls whose results it waited for: of each the last one that was there by then."""
        from opentelemetry.trace import Link

        found = []
        for name in span.after:
            before = [one for one in self._calls.get(name, ()) if one.end_s <= span.end_s]
            # A graph may run several times in one request: its own calls come first.
            before.sort(key=lambda one: (one.parent_id == span.parent_id, one.end_s))
            if before:
                context = self._contexts[before[-1].span_id]
                found.append(Link(context, {"graphnb.link": "after"}))
        return found


def _id(text: str, size: int) -> int:
    """A number of that many bytes that is not 0, which would be no id."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:size], "big") or 1
