"""Spans of calls in other processes: noted while the request runs, worked out when nobody waits.

A caller notes of each call what only it knows, beside what the replica said of itself. Both travel
on as they are, up to the process where the request began; there they become spans a little after
the answer. Each step less on the way of a request counts: a chain of ten calls takes it ten times.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from graphnb.telemetry.spans import Outcome, Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Said = bytes | tuple[str, float, float, int] | tuple[()]
"""What comes back with a call: of one that made no calls itself only what its caller does not know
(replica, waiting, executing, size); else the pickle of all entries, the call's own last; nothing
where the replica could not say anything."""

_OWN = len(Span._fields)
_new = tuple.__new__


class RemoteSpan(NamedTuple):
    """A call of another process, as its caller notes it; what is not said here is as in `Span`.

    Attributes:
        start_s: seconds from the start of the request in the caller's process.
        total_s: seconds that the caller waited.
        said: what came back with it.
    """

    span_id: int
    parent_id: int | None
    deployment: str
    call: str | None
    method: str
    start_s: float
    total_s: float
    outcome: Outcome
    size: int
    after: tuple[str, ...]
    said: Said


def said_of(spans: Sequence[Span | RemoteSpan]) -> Said:
    """What a process says of a call that it answered."""
    if len(spans) == 1:
        own = spans[0]
        if type(own) is Span:
            return own.replica, own.waiting_s, own.executing_s, own.size
    return pickle.dumps([tuple(one) for one in spans], 5) if spans else ()


class Transport:
    """What calls need beside their execution, at best: that is transport, and more is a queue.

    Seconds by caller and called deployment, learned from the calls themselves.
    """

    def __init__(self) -> None:
        self._fastest: dict[tuple[str, str], float] = {}

    def clear(self) -> None:
        """Begins anew, as after a change of the graph."""
        self._fastest.clear()

    def spans(self, entries: Iterable[Any]) -> list[Span]:
        """The spans of a request, in the order in which they ended, as seen from its beginning.

        Args:
            entries: a `Span` or a `RemoteSpan` each, or either as a plain tuple.
        """
        found: list[Span] = []
        self._add(found, entries, 0.0, "")
        return found

    def _add(self, found: list[Span], entries: Iterable[Any], by_s: float, caller: str) -> None:
        for one in entries:
            if len(one) == _OWN:
                found.append(_new(Span, (*one[:6], one[6] + by_s, *one[7:])))
            else:
                self._add_remote(found, _new(RemoteSpan, one), by_s, caller)

    def _add_remote(self, found: list[Span], noted: RemoteSpan, by_s: float, caller: str) -> None:
        span_id, parent, name, call, method, start, total, outcome, size, after, said = noted
        start += by_s
        edge = caller, name
        fastest = self._fastest.get(edge, float("inf"))
        replica, waiting, executing = "", 0.0, 0.0
        within: list[Any] = []
        if type(said) is bytes:
            within = pickle.loads(said)  # noqa: S301  of a host that we asked
            if len(within[-1]) == _OWN:
                own = _new(Span, within.pop())
                # Those that it called know it by the id that it gave itself.
                span_id, replica, size = own.span_id, own.replica, own.size or size
                waiting, executing = own.waiting_s, own.executing_s
        elif said:
            replica, waiting, executing, own_size = cast("tuple[str, float, float, int]", said)
            size = own_size or size
        elif outcome == "cancelled" or size:  # nobody has said more
            executing = max(0.0, total - min(fastest, total))
        beside = max(0.0, total - waiting - executing)
        transport = min(fastest, beside)
        if beside < fastest and said and outcome == "ok":
            self._fastest[edge] = beside
        queued = beside - transport
        self._add(found, within, start + queued + transport / 2, name)
        values = (span_id, parent, name, call, method, replica, start, queued, waiting, executing)
        found.append(_new(Span, (*values, transport, outcome, size, after)))
