"""Waiting for a fact that sends no event: asked again until it holds."""

import time

PATIENCE_S = 20.0


def eventually(holds):
    """What `holds()` gives as soon as it is true; an AssertionError when it never is."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found = holds()
        if found:
            return found
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.002)


def status_of(graph, name):
    """How one deployment of a running graph is."""
    return next(one for one in graph.status() if one.name == name)


def trace_of(graph, request_id):
    """The trace of a request over HTTP: it is kept just after its client has the answer."""
    return eventually(
        lambda: next((one for one in graph.traces(100) if one.request_id == request_id), None)
    )
