"""The critical path of a request: the calls that its caller really waited for.

Time is walked backwards from the moment the answer was there. Of a span's children (the calls
that its code made) the one that returned last is what the span waited for; before that one
began, it was the last of its inputs that everybody waited for, and so on. The walk descends into
each child it meets; what no child on the path covers is the span's own time. So every moment of
the request belongs to exactly one span, and the contributions add up to the request's total.

This is the last-returning-child walk of CRISP (Zhang et al., "CRISP: Critical Path Analysis of
Large-Scale Microservice Architectures", USENIX ATC 2022), with one thing more to go by: a span
says in `Span.after` which results it waited for, so that siblings need not be ordered by their
times alone.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphnb.telemetry.spans import Span, Trace

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Step", "critical_path"]

_CLOCK_NOISE_S = 1e-6
"""Durations come from several clocks: an end may lie this much behind the start that it caused."""


@dataclass(frozen=True, slots=True)
class Step:
    """One span on the critical path.

    Attributes:
        span: the call.
        seconds: its own share of the request's time, without its children on the path.
    """

    span: Span
    seconds: float

    @property
    def node(self) -> str:
        """What a picture calls the span."""
        return self.span.node


def critical_path(trace: Trace) -> tuple[Step, ...]:
    """The spans that a request waited for, from the root inwards and in the order of time.

    A retried call has one step for each attempt. Siblings that were cancelled are not waited
    for, unless there is nothing else: of a request that failed, the path leads to the failure.

    Args:
        trace: the request.

    Returns:
        One step for each span on the path. Their seconds add up to `trace.total_s`. Empty if the
        trace has no span.
    """
    if not trace.spans:
        return ()
    root = _root(trace.spans)
    children = _children(trace.spans, root)
    own: dict[int, float] = {}
    # Each entry is a span and the window of time that it answers for, the latest on top.
    waiting = [(root, 0.0, trace.total_s)]
    while waiting:
        span, begin, end = waiting.pop()
        parts = _waited_for(children.get(span.span_id, ()), begin, end)
        covered = sum(part_end - part_begin for _, part_begin, part_end in parts)
        own[span.span_id] = max(0.0, end - begin - covered)
        waiting.extend(parts)
    spans = {span.span_id: span for span in trace.spans}
    # A parent begins no later than its children: sorting by start keeps the root first.
    ordered = sorted(own, key=lambda one: (one != root.span_id, spans[one].start_s, one))
    return tuple(Step(spans[one], own[one]) for one in ordered)


def _root(spans: Sequence[Span]) -> Span:
    """The span without a parent; of several, or of none when it was lost, the last to end."""
    return max(spans, key=lambda span: (span.parent_id is None, span.end_s))


def _children(spans: Iterable[Span], root: Span) -> dict[int, list[Span]]:
    """Spans by parent; one whose parent was lost counts as the root's."""
    known = {span.span_id for span in spans}
    found: dict[int, list[Span]] = defaultdict(list)
    for span in spans:
        if span.span_id != root.span_id:
            lost = span.parent_id is None or span.parent_id not in known
            found[root.span_id if lost else _parent(span)].append(span)
    return found


def _parent(span: Span) -> int:
    assert span.parent_id is not None
    return span.parent_id


_Part = tuple[Span, float, float]


def _waited_for(spans: Sequence[Span], begin: float, end: float) -> list[_Part]:
    """The siblings on the path between two moments, each with its window, latest first."""
    siblings = _Siblings([one for one in spans if one.start_s < end and one.end_s > begin])
    parts: list[_Part] = []
    now = end
    current = siblings.last(now)
    while current is not None and now > begin:
        window = (max(begin, min(current.start_s, now)), min(current.end_s, now))
        if window[1] > window[0]:
            parts.append((current, *window))
        now = min(now, window[0])
        current = siblings.before(current, now)
    return parts


class _Siblings:
    """The children of one span, asked for ever earlier moments; answers with each one once."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self._spans = spans
        self._by_call: dict[str, list[Span]] = defaultdict(list)
        for span in spans:
            if span.call is not None:
                self._by_call[span.call].append(span)
        # A stack with the last to end on top, and the cancelled ones below all others. What is
        # too late for one moment is too late for every earlier one, so it can be taken off.
        self._ended = sorted(
            spans, key=lambda one: (one.outcome != "cancelled", one.end_s, -one.span_id)
        )
        self._given: set[int] = set()

    def last(self, now: float) -> Span | None:
        """What returned last; what was cancelled, or still ran at that time, comes after."""
        return self._give(_last(self._spans, now))

    def before(self, span: Span, now: float) -> Span | None:
        """What the span waited for before it could begin: an input, else whatever ended last."""
        calls = (*span.after, span.call)
        named = [one for call in calls if call is not None for one in self._by_call.get(call, ())]
        caused = (one for one in named if self._begun(one, now) and _caused(one, span))
        return self._give(_last(caused, now) or self._last_ended(now))

    def _last_ended(self, now: float) -> Span | None:
        while self._ended:
            top = self._ended[-1]
            if top.end_s <= now + _CLOCK_NOISE_S and self._begun(top, now):
                return top
            self._ended.pop()
        return None

    def _begun(self, span: Span, now: float) -> bool:
        return span.start_s < now and span.span_id not in self._given

    def _give(self, span: Span | None) -> Span | None:
        if span is not None:
            self._given.add(span.span_id)
        return span


def _last(spans: Iterable[Span], now: float) -> Span | None:
    return max(
        spans,
        key=lambda span: (
            span.outcome != "cancelled",
            min(span.end_s, now),
            -span.end_s,
            -span.span_id,
        ),
        default=None,
    )


def _caused(earlier: Span, span: Span) -> bool:
    """Whether a call that `span` names is its cause: an input, or an attempt before it."""
    if earlier.call == span.call:
        return earlier.end_s <= span.start_s + _CLOCK_NOISE_S
    return earlier.end_s <= span.end_s
