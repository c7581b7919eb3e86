"""OTLP, OpenTelemetry's protocol: to an endpoint over HTTP, and as a file of JSON."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from graphnb.errors import ExportError
from graphnb.telemetry.export.otel import missing, otel_spans

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from graphnb.telemetry.spans import Trace

__all__ = ["OtlpEndpoint", "write_otlp_json"]

TIMEOUT_S = 10.0

_TRACES_PATH = "/v1/traces"


class OtlpEndpoint:
    """Where an OpenTelemetry collector, or a viewer such as Jaeger, takes spans over HTTP.

    Headers, certificates and compression are taken from the environment variables that
    OpenTelemetry defines (`OTEL_EXPORTER_OTLP_HEADERS` and so on).

    Attributes:
        url: with the path, which is `/v1/traces` unless given.
    """

    def __init__(self, url: str, *, graph: str, timeout_s: float = TIMEOUT_S) -> None:
        """Connects to nothing yet.

        Raises:
            ExportError: OpenTelemetry's exporter is not installed.
        """
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        except ImportError as error:
            raise missing(error) from None
        parts = urlsplit(url)
        self.url = urlunsplit(parts._replace(path=parts.path.rstrip("/") or _TRACES_PATH))
        self._graph = graph
        self._exporter = OTLPSpanExporter(endpoint=self.url, timeout=timeout_s)

    def write(self, traces: Sequence[Trace]) -> None:
        """Sends these requests; tries again for a while where that may help.

        Raises:
            ExportError: the endpoint did not take them.
        """
        from opentelemetry.sdk.trace.export import SpanExportResult

        result = self._exporter.export(otel_spans(traces, graph=self._graph))
        if result is not SpanExportResult.SUCCESS:
            raise ExportError(
                f"{self.url} did not take {len(traces)} traces; the log has its answer",
                hint="is an OTLP receiver listening there, for HTTP (by custom on port 4318)?",
            )

    def close(self) -> None:
        """Ends the connection; a write that is trying again gives up."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # it has no annotations


def write_otlp_json(traces: Sequence[Trace], file: TextIO, *, graph: str) -> None:
    """Writes requests as one JSON document of OTLP: what Jaeger's page takes as an upload.

    Raises:
        ExportError: OpenTelemetry's exporter is not installed.
    """
    try:
        from google.protobuf.json_format import MessageToDict
        from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
    except ImportError as error:
        raise missing(error) from None
    message = encode_spans(otel_spans(traces, graph=graph))
    document = MessageToDict(message, use_integers_for_enums=True)
    json.dump({"resourceSpans": [], **_with_hex_ids(document)}, file)


_IDS = frozenset({"traceId", "spanId", "parentSpanId"})


def _with_hex_ids(value: Any) -> Any:
    """OTLP's one exception from the JSON of protobuf: ids are hexadecimal, not base64."""
    if isinstance(value, dict):
        return {
            name: base64.b64decode(one).hex() if name in _IDS else _with_hex_ids(one)
            for name, one in value.items()
        }
    return [_with_hex_ids(one) for one in value] if isinstance(value, list) else value
