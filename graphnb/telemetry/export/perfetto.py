"""Traces as trace events: what ui.perfetto.dev and chrome://tracing open.

Each deployment is a process there, and has as many threads as it had calls at a time. Within a
call lie its parts: queued, waiting, executing, transport.
"""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import accumulate
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TextIO

    from graphnb.telemetry.spans import Span, Trace

__all__ = ["write_perfetto"]

_Event = dict[str, Any]


def write_perfetto(traces: Iterable[Trace], file: TextIO, *, graph: str) -> None:
    """Writes requests as one JSON document of trace events."""
    kept = list(traces)
    # Counted from the first request: since 1970 a float has no digits left for nanoseconds.
    origin = min((trace.started_at for trace in kept), default=0.0)
    calls = [
        (_ns(trace.started_at - origin + span.start_s), span.span_id, trace, span)
        for trace in kept
        for span in trace.spans
    ]
    calls.sort(key=lambda one: one[:2])
    lanes = _Lanes()
    events: list[_Event] = []
    for start, _, trace, span in calls:
        cuts = [start + one for one in _cuts(span)]
        pid, tid = lanes.place(span.deployment, cuts)
        events += _call_events(trace, span, cuts, {"pid": pid, "tid": tid})
    about = {"graph": graph, "started_at": origin}
    json.dump({"traceEvents": [*lanes.names(), *events], "otherData": about}, file)


class _Lanes:
    """A process for each deployment, and in it a thread for each call at a time."""

    def __init__(self) -> None:
        self._busy_until: dict[str, list[int]] = defaultdict(list)
        self._pids: dict[str, int] = {}

    def place(self, deployment: str, cuts: list[int]) -> tuple[int, int]:
        """The process of a call, and a thread of it that is free; calls come by their start."""
        pid = self._pids.setdefault(deployment, len(self._pids) + 1)
        threads = self._busy_until[deployment]
        free = next((at for at, until in enumerate(threads) if until <= cuts[0]), len(threads))
        threads[free : free + 1] = [cuts[-1]]
        return pid, free + 1

    def names(self) -> Iterator[_Event]:
        """What the processes are called."""
        for deployment, pid in self._pids.items():
            yield {"ph": "M", "name": "process_name", "pid": pid, "args": {"name": deployment}}


_PARTS = ("queued", "waiting", "executing", "transport")


def _cuts(span: Span) -> Iterator[int]:
    """Where the parts of a call begin and end, in nanoseconds from its start."""
    parts = (0.0, span.queued_s, span.waiting_s, span.executing_s, span.transport_s)
    return (_ns(one) for one in accumulate(parts))


def _call_events(trace: Trace, span: Span, cuts: list[int], where: _Event) -> Iterator[_Event]:
    args = {
        "request": trace.request_id,
        "method": span.method,
        "replica": span.replica,
        "outcome": span.outcome,
        "size": span.size,
    }
    yield {**_event(span.node, cuts[0], cuts[-1], where), "cat": span.outcome, "args": args}
    for name, start, end in zip(_PARTS, cuts, cuts[1:], strict=False):
        if end > start:
            yield _event(name, start, end, where)


def _event(name: str, start: int, end: int, where: _Event) -> _Event:
    """A slice; times are in microseconds."""
    return {"ph": "X", "name": name, "ts": start / 1_000, "dur": (end - start) / 1_000, **where}


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)
