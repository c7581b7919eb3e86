"""One request as rows in the order of time: what its waterfalls have in common."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphnb.telemetry.critical_path import critical_path
from graphnb.views.palette import PARTS
from graphnb.views.typography import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from graphnb.graph.spec import GraphSpec
    from graphnb.telemetry.spans import Outcome, Span, Trace
    from graphnb.views.palette import Part

__all__ = ["SIGNS", "Row", "Timeline", "timeline"]

SIGNS: Mapping[Outcome, str] = {
    "ok": "",
    "error": "✗ error",
    "timeout": "✗ timeout",
    "rejected": "✗ rejected",
    "cancelled": "– cancelled",
}

_MAX_ROWS = 200


@dataclass(frozen=True, slots=True)
class Row:
    """One call.

    Attributes:
        span: what was measured.
        title: its name.
        depth: how many calls it lies within.
        critical: whether the request waited for it.
        after: the indices of the rows whose results it waited for.
        waited_for: the one of these that came last, if it is on the critical path too.
    """

    span: Span
    title: str
    depth: int
    critical: bool
    after: tuple[int, ...]
    waited_for: int | None

    def segments(self) -> Iterator[tuple[Part, float, float]]:
        """The parts of its time that took any, with start and end in seconds."""
        span, at = self.span, self.span.start_s
        seconds = (span.queued_s, span.waiting_s, span.executing_s, span.transport_s)
        for part, one in zip(PARTS, seconds, strict=True):
            if one > 0:
                yield part, at, at + one
            at += one


@dataclass(frozen=True, slots=True)
class Timeline:
    """A request's calls, each below the one that made it.

    Attributes:
        rows: the calls by start.
        left_out: how many calls there were beyond these.
    """

    rows: tuple[Row, ...]
    left_out: int


def timeline(trace: Trace, spec: GraphSpec | None = None) -> Timeline:
    """The rows of a request; of very many calls, those that it waited for longest.

    Args:
        trace: the request.
        spec: names the calls as the notebook does; without it they go by their ids.
    """
    seconds = {step.span.span_id: step.seconds for step in critical_path(trace)}
    weights = {one.span_id: (seconds.get(one.span_id, -1.0), one.total_s) for one in trace.spans}
    kept = sorted(weights, key=lambda one: weights[one], reverse=True)[:_MAX_ROWS]
    chosen = set(kept) | {one.span_id for one in trace.spans if one.parent_id is None}
    labels = {one.id: one.label for one in spec.calls if one.label} if spec else {}
    ordered = list(_in_order([one for one in trace.spans if one.span_id in chosen]))
    places: dict[tuple[int | None, str], int] = {}
    rows = []
    for span, depth in ordered:
        after = tuple(
            places[span.parent_id, call] for call in span.after if (span.parent_id, call) in places
        )
        critical = span.span_id in seconds
        last = max(after, key=lambda one: ordered[one][0].end_s, default=None)
        on_path = critical and last is not None and ordered[last][0].span_id in seconds
        title = clean(labels.get(span.node, span.node))
        rows.append(Row(span, title, depth, critical, after, last if on_path else None))
        if span.call is not None:
            places[span.parent_id, span.call] = len(rows) - 1
    return Timeline(tuple(rows), len(trace.spans) - len(rows))


def _in_order(spans: Iterable[Span]) -> Iterator[tuple[Span, int]]:
    """The spans with their depths: children below their parent, siblings by start."""
    children: dict[int | None, list[Span]] = defaultdict(list)
    known = {span.span_id for span in spans}
    for span in spans:
        parent = span.parent_id if span.parent_id in known else None
        children[parent].append(span)
    waiting = [(span, 0) for span in _latest_first(children[None])]
    while waiting:
        span, depth = waiting.pop()
        yield span, depth
        waiting.extend((child, depth + 1) for child in _latest_first(children[span.span_id]))


def _latest_first(spans: list[Span]) -> list[Span]:
    return sorted(spans, key=lambda span: (span.start_s, span.span_id), reverse=True)
