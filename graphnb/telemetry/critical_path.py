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

from bisect import bisect_right
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from graphnb.telemetry.spans import Span, Trace

__all__ = ["Step", "critical_path"]

_CLOCK_NOISE_S = 1e-6
"""Durations come from several clocks: an end may lie this much behind the start that it caused."""


class Step(NamedTuple):
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
    calls = [_timed(position, span) for position, span in enumerate(trace.spans)]
    root = max(calls, key=_is_root)
    children = _children(calls, root)
    own: list[tuple[bool, float, int, int, float]] = []
    # Each entry is a call and the window of time that it answers for, the latest on top.
    waiting: list[_Part] = [(root, 0.0, max(call.end for call in calls))]
    while waiting:
        call, begin, end = waiting.pop()
        seconds = end - begin
        if call.span_id in children:
            # Each once: should ids be given twice, the walk ends all the same.
            for part in _waited_for(children.pop(call.span_id), begin, end):
                seconds -= part[2] - part[1]
                waiting.append(part)
        own.append((call is not root, call.start, call.span_id, call.position, seconds))
    own.sort()  # the root first; it begins no later than the others, but clocks differ
    return tuple([Step(trace.spans[at], max(0.0, seconds)) for _, _, _, at, seconds in own])


class _Call(NamedTuple):
    """A span with its end added up, once; in the order in which siblings are gone back through.

    Attributes:
        lived: whether it was not cancelled: what was is the last resort.
        end: `Span.end_s`.
        newer: the negative span id; of calls that ended together the one made first comes first.
        position: makes the order total, so that spans themselves are never compared.
        start: `Span.start_s`.
        span_id: the span's.
        span: the span.
    """

    lived: bool
    end: float
    newer: int
    position: int
    start: float
    span_id: int
    span: Span


_Part = tuple[_Call, float, float]
"""A call and its window of time."""


def _timed(position: int, span: Span) -> _Call:
    span_id, _, _, _, _, _, start, queued, waiting, executing, transport, outcome, _, _ = span
    # Added up in the order of `Span.end_s`, so that both are the same to the last bit.
    end = start + (queued + waiting + executing + transport)
    return _Call(outcome != "cancelled", end, -span_id, position, start, span_id, span)


def _is_root(call: _Call) -> tuple[bool, float]:
    """The span without a parent; of several, or of none when it was lost, the last to end."""
    return (call.span.parent_id is None, call.end)


def _children(calls: Iterable[_Call], root: _Call) -> dict[int, list[_Call]]:
    """Calls by the span that made them; one whose parent was lost counts as the root's."""
    known = {call.span_id for call in calls}
    found: dict[int, list[_Call]] = defaultdict(list)
    for call in calls:
        if call is not root:
            parent = call.span.parent_id
            found[parent if parent is not None and parent in known else root.span_id].append(call)
    return found


def _waited_for(calls: Iterable[_Call], begin: float, end: float) -> list[_Part]:
    """The siblings on the path between two moments, each with its window, latest first."""
    within = [call for call in calls if call.start < end and call.end > begin]
    if not within:
        return []
    siblings = _Siblings(within)
    parts: list[_Part] = []
    now = end
    current: _Call | None = siblings.last(now)
    while current is not None and now > begin:
        since, until = max(begin, min(current.start, now)), min(current.end, now)
        if until > since:
            parts.append((current, since, until))
        now = since
        current = siblings.before(current, now) if now > begin else None
    return parts


class _Siblings:
    """The children of one span, asked for ever earlier moments; answers with each one once.

    A loop makes the same calls thousands of times, so what a call waited for is looked up among
    calls sorted by their end, never by going through all of them.
    """

    def __init__(self, calls: Iterable[_Call]) -> None:
        # A stack: cancelled ones below all others, then by end. What is too late for one moment
        # is too late for every earlier one, so it can be taken off.
        self._ended = sorted(calls)
        self._given: set[int] = set()
        self._named: dict[str, list[_Call]] = defaultdict(list)
        self._cancelled: dict[str, list[_Call]] = defaultdict(list)
        self._failed: dict[str, list[_Call]] = defaultdict(list)
        for call in self._ended:
            name = call.span.call
            if name is not None:
                (self._named if call.lived else self._cancelled)[name].append(call)
                if call.lived and call.span.outcome != "ok":
                    self._failed[name].append(call)

    def last(self, now: float) -> _Call:
        """What returned last; what was cancelled, or still ran at that time, comes after."""
        found = _last(self._ended, now)
        self._given.add(found.position)
        return found

    def before(self, call: _Call, now: float) -> _Call | None:
        """What the call waited for before it could begin: an input, else whatever ended last."""
        caused = self._inputs(self._named, call, now)
        if self._failed and call.span.call in self._failed:
            # A failed attempt of the same call, which was then retried.
            limit = call.start + _CLOCK_NOISE_S
            caused += self._latest(self._failed[call.span.call], limit, now)
        if self._cancelled and not caused:
            caused = self._inputs(self._cancelled, call, now)
        found = _last(caused, now) if caused else self._last_ended(now)
        if found is not None:
            self._given.add(found.position)
        return found

    def _inputs(self, named: Mapping[str, list[_Call]], call: _Call, now: float) -> list[_Call]:
        """The calls whose results this one waited for, each name's that returned last."""
        found: list[_Call] = []
        for name in call.span.after:
            if name in named:
                found += self._latest(named[name], call.end, now)
        return found

    def _latest(self, calls: list[_Call], limit: float, now: float) -> Sequence[_Call]:
        """Of calls sorted by end, none later than the limit, the one that returned last by now."""
        if len(calls) == 1:
            only = calls[0]
            within = only.end <= limit and only.start < now and only.position not in self._given
            return calls if within else ()
        best: _Call | None = None
        for at in range(bisect_right(calls, limit, key=_end) - 1, -1, -1):
            one = calls[at]
            if not self._begun(one, now):
                continue
            # What ended after now, as clocks differ, is the cause if nothing else ended since.
            best = one if best is None or one.end >= now else best
            if one.end < now:
                break
        return () if best is None else (best,)

    def _last_ended(self, now: float) -> _Call | None:
        while self._ended:
            top = self._ended[-1]
            if top.end <= now + _CLOCK_NOISE_S and self._begun(top, now):
                return top
            self._ended.pop()
        return None

    def _begun(self, call: _Call, now: float) -> bool:
        return call.start < now and call.position not in self._given


def _end(call: _Call) -> float:
    return call.end


def _last(calls: Sequence[_Call], now: float) -> _Call:
    if len(calls) == 1:
        return calls[0]
    return max(calls, key=lambda one: (one.lived, min(one.end, now), -one.end, one.newer))
