"""Spans of calls in other processes: noted while the request runs, worked out when nobody waits.

A caller notes of each call what only it knows, beside what the replica said of itself. Both travel
on as they are, up to the process where the request began; there they become spans a little after
the answer. Each step less on the way of a request counts: a chain of ten calls takes it ten times.
"""

from __future__ import annotations

import pickle
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from graphnb.telemetry.spans import Outcome, Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Said = bytes | tuple[str, float, float, int] | tuple[()]
"""What comes back with a call: of one that made no calls itself only what its caller does not know
(replica, waiting, executing, size); else the pickle of all entries, the call's own last; nothing
where the replica could not say anything."""

_OWN = len(Span._fields)
_SPAN_BYTES = 50  # of one in a pickle, about
_GIVEN_UP = ("cancelled", "timeout")
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


def root_last(spans: Sequence[Span | RemoteSpan]) -> Sequence[Span | RemoteSpan]:
    """The same spans with the one that has no parent at the end.

    It is there, unless streams or calls that nobody awaited ended only when they were given up.
    """
    if not spans or spans[-1].parent_id is None:
        return spans
    return sorted(spans, key=lambda one: one.parent_id is None)


def said_of(spans: Sequence[Span | RemoteSpan]) -> Said:
    """What a process says of a call that it answered."""
    if len(spans) == 1:
        own = spans[0]
        if type(own) is Span:
            return own.replica, own.waiting_s, own.executing_s, own.size
    return pickle.dumps([tuple(one) for one in root_last(spans)], 5) if spans else ()


def weight(spans: Sequence[Span | RemoteSpan]) -> int:
    """About how many spans they are, with those that they hold."""
    said = [one.said for one in spans if type(one) is RemoteSpan and type(one.said) is bytes]
    return len(spans) + sum(map(len, said)) // _SPAN_BYTES


class _Call:
    """A call of another process that is being worked out."""

    __slots__ = ("beside", "edge", "executing", "noted", "replica", "shift", "size", "waiting")

    def __init__(self, noted: RemoteSpan, caller: str) -> None:
        self.noted = noted
        self.edge = caller, noted.deployment
        self.replica, self.waiting, self.executing = "", 0.0, 0.0
        self.size = noted.size
        self.beside = 0.0  # seconds beside its execution
        self.shift = 0.0  # of what it called, against the start of the request

    def read(self) -> list[Any]:
        """Takes what its process said; returns what it called, for the same."""
        within: list[Any] = []
        said = self.noted.said
        if type(said) is bytes:
            within = pickle.loads(said)  # noqa: S301  of a host that we asked
            if len(within[-1]) == _OWN:
                own = _new(Span, within.pop())
                # Those that it called know it by the id that it gave itself.
                self.noted = self.noted._replace(span_id=own.span_id)
                said = own.replica, own.waiting_s, own.executing_s, own.size
        if type(said) is tuple and said:
            self.replica, self.waiting, self.executing, size = said
            self.size = size or self.size
        self.beside = max(0.0, self.noted.total_s - self.waiting - self.executing)
        return within

    def span(self, start: float, fastest: float) -> Span:
        """The span, where it began then and its way takes that long at best."""
        span_id, parent, name, call, method, _, total, outcome, _, after, said = self.noted
        if not said and (outcome in _GIVEN_UP or self.size):  # nobody has said more
            self.executing = max(0.0, total - min(fastest, total))
            self.beside = total - self.executing
        transport = min(fastest, self.beside)
        queued = self.beside - transport
        self.shift = start + queued + transport / 2
        times = start, queued, self.waiting, self.executing, transport
        what = span_id, parent, name, call, method, self.replica
        return _new(Span, (*what, *times, outcome, self.size, after))


class Transport:
    """What calls need beside their execution, at best: that is transport, and more is a queue.

    Seconds by caller and called deployment, learned from the calls themselves. For use by several
    threads.
    """

    def __init__(self) -> None:
        self._fastest: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    def clear(self) -> None:
        """Begins anew, as after a change of the graph."""
        with self._lock:
            self._fastest.clear()

    def spans(self, entries: Sequence[Span | RemoteSpan]) -> list[Span]:
        """The spans of a request, in the order in which they ended, as seen from its beginning.

        Args:
            entries: what was noted of its calls.
        """
        read = _read(root_last(entries))
        with self._lock:
            for call, _ in read:
                if type(call) is _Call and call.noted.said and call.noted.outcome == "ok":
                    fastest = self._fastest.get(call.edge, call.beside)
                    self._fastest[call.edge] = min(fastest, call.beside)
            found = []
            for call, caller in read:
                by_s = 0.0 if caller is None else caller.shift
                if type(call) is Span:
                    found.append(call._replace(start_s=call.start_s + by_s))
                else:
                    fastest = self._fastest.get(call.edge, float("inf"))
                    found.append(call.span(call.noted.start_s + by_s, fastest))
        found.reverse()
        return found


def _read(entries: Iterable[Any]) -> list[tuple[Any, _Call | None]]:
    """All calls, each with the one that made it if that was elsewhere; those that ended last first.

    Entries are plain tuples where they have travelled: how long they are tells which they are.
    Without recursion: graphs may be deeper than Python's stack.
    """
    found: list[tuple[Any, _Call | None]] = []
    waiting: list[tuple[Any, _Call | None]] = [(one, None) for one in entries]
    while waiting:
        one, caller = waiting.pop()
        if len(one) == _OWN:
            found.append((_new(Span, one), caller))
            continue
        name = "" if caller is None else caller.noted.deployment
        call = _Call(_new(RemoteSpan, one), name)
        waiting += [(other, call) for other in call.read()]
        found.append((call, caller))
    return found
