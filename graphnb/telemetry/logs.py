"""What nodes print and log, as lines that are put in order, shortened and shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Stream = Literal["out", "err", "log", "end"]
"""Printed on stdout, or on stderr; logged; or how a replica ended."""

DEFAULT_LINES = 200


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line that a replica left.

    Attributes:
        text: the line, without its end.
        stream: how it came.
        at: when, in seconds since the epoch; of what is printed, the latest time that it may be.
        level: a log record's: "INFO", ...; else "".
        request_id: of the request that a log record belongs to, or "".
        node: the node's name.
        replica: the replica's own id, or "".
    """

    text: str
    stream: Stream
    at: float
    level: str = ""
    request_id: str = ""
    node: str = ""
    replica: str = ""

    def __str__(self) -> str:
        if not self.level:
            return self.text
        moment = datetime.fromtimestamp(self.at).astimezone()
        words = [f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03}", self.level]
        return " ".join([*words, *([self.request_id] if self.request_id else []), self.text])


@dataclass(frozen=True, slots=True)
class NodeLogs:
    """What nodes printed and logged, oldest line first; `str()` of it, and its display, is text.

    Attributes:
        lines: the newest ones that were asked for.
        nodes: whose they are.
        note: said where there are no lines.
    """

    lines: tuple[LogLine, ...]
    nodes: tuple[str, ...]
    note: str

    def __iter__(self) -> Iterator[LogLine]:
        return iter(self.lines)

    def __len__(self) -> int:
        return len(self.lines)

    def __bool__(self) -> bool:
        return bool(self.lines)

    def __str__(self) -> str:
        if not self.lines:
            return self.note
        several_nodes = len({one.node for one in self.lines}) > 1
        several = len({(one.node, one.replica) for one in self.lines}) > 1
        marked = {one.stream for one in self.lines} - {"end"} != {"out"}
        shown = []
        for one in self.lines:
            words = [one.node] if several_nodes else []
            words += [one.replica] if several and one.replica else []
            owner = f"[{' '.join(words)}] " if words else ""
            if one.stream == "end" and not several:
                owner = f"replica {one.replica} "
            mark = f"{one.stream}  " if marked and one.stream in ("out", "err") else ""
            shown.append(f"{owner}{mark}{one}".rstrip())
        return "\n".join(shown)

    def __repr__(self) -> str:
        return f"NodeLogs({', '.join(self.nodes)}: {len(self.lines)} lines)"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": str(self)}


def together(sources: Iterable[Sequence[LogLine]], count: int) -> tuple[LogLine, ...]:
    """The newest lines of several sources in one order, that of their times.

    Each source gives its last lines, and no talkative one crowds out the last words of another.

    Args:
        sources: such as the files of replicas; the lines of each are in order.
        count: how many lines there may be.
    """
    kept = [tuple(one) for one in sources]
    shares = _shares([len(one) for one in kept], count)
    lines = [
        line for one, share in zip(kept, shares, strict=True) for line in one[len(one) - share :]
    ]
    return tuple(sorted(lines, key=lambda one: one.at))


def _shares(sizes: Sequence[int], count: int) -> list[int]:
    """How many each may give: all alike, and what the small ones leave goes to the others."""
    shares = [0] * len(sizes)
    left = max(0, count)
    ascending = sorted(range(len(sizes)), key=lambda index: sizes[index])
    for done, index in enumerate(ascending):
        shares[index] = min(sizes[index], -(-left // (len(sizes) - done)))
        left -= shares[index]
    return shares


def printed_nothing(nodes: Sequence[str]) -> str:
    """The note on nodes without lines."""
    names = [name for name, _ in groupby(nodes)]
    if len(names) == 1:
        return f"{names[0]} has printed nothing"
    return f"{', '.join(names[:-1])} and {names[-1]} have printed nothing"
