"""A receiver of OTLP that listens on this machine and decodes what it gets."""

from __future__ import annotations

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Receiver:
    """What came over HTTP.

    Attributes:
        status: what it answers with.
        let_go: answers wait for it.
        paths: the paths of the requests.
        messages: what they had, decoded.
    """

    def __init__(self):
        self.status = 200
        self.let_go = threading.Event()
        self.let_go.set()
        self.arrived = threading.Event()
        self.paths = []
        self.messages = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def resources(self):
        """The spans that came, by service."""
        found = {}
        for message in self.messages:
            for one in message.resource_spans:
                service = attributes(one.resource)["service.name"]
                spans = [span for scope in one.scope_spans for span in scope.spans]
                found.setdefault(service, []).extend(spans)
        return found

    def spans(self):
        """The spans that came, by name."""
        return {span.name: span for spans in self.resources().values() for span in spans}

    def stop(self):
        self.let_go.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(receiver):
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                receiver.arrived.set()
                receiver.let_go.wait(20)
                if receiver.status == 200:
                    receiver.paths.append(self.path)
                    receiver.messages.append(ExportTraceServiceRequest.FromString(body))
                self.send_response(receiver.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        return Handler


def attributes(thing):
    """The attributes of a span, a link or a resource, as a dict."""
    return {one.key: _value(one.value) for one in thing.attributes}


def _value(value):
    return getattr(value, value.WhichOneof("value"))


@pytest.fixture
def receiver():
    """The receiver, for one test."""
    made = Receiver()
    yield made
    made.stop()
