"""The files that Ray keeps of a worker process: found, read from their end, and understood.

Nothing here needs a Ray that runs. A process has a file of its stdout and one of its stderr; Ray
Serve's logger writes to stderr, and to a file for each replica. What Ray Serve says of itself and
of each call is left out, unless all is asked for: it would bury what the user's code says.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import re
from dataclasses import replace
from datetime import datetime
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

from graphnb.rayserve.print_times import PrintTimes, read_print_times
from graphnb.telemetry.logs import LogLine

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from graphnb.telemetry.logs import Stream

_WINDOWS = (1 << 18, 1 << 21, 1 << 24)
"""How many bytes from a file's end are looked at, until there are lines enough."""

_MAX_LINE = 10_000
_HEAD = 4_096
_OWNER = ":actor_name:"
_MARKS_OF_RAY = (":job_id:", _OWNER, ":task_name:")

# As in: INFO 2026-01-31 12:00:00,123 app_node 1a2b3c4d request-id -- message
_RECORD = re.compile(
    r"(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL) (?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3})"
    r" \S.*? (?P<replica>[a-z0-9]{8}) (?:(?P<request>(?!-- )\S+) )?(?:(?!-- ).*? )?"
    r"-- (?P<message>.*)"
)
# Ray's own, in C++, as in: [2026-01-31 12:00:00,123 I 101 102] core_worker.cc:1: message
_OF_RAY = re.compile(
    r"\[(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) (?P<level>[DIWEC]) \d+ \d+\] "
)
_OF_SERVE = re.compile(
    r"(\S+ )?[A-Z]+ \S+ [A-Z0-9]+ \d+\.\d+ms$"  # each call: "CALL predict OK 1.2ms"
    r"|Allocated port \d+ for "
    r"|Cancelling request that has already been assigned "
    r"|Deleting \d+ unused handles"
    r"|Drained ongoing requests; "
    r"|Draining: (closing the direct ingress|staying reachable for) "
    r"|(Finished|Started) initializing replica\."
    r"|Got updated (endpoints: |replicas for Deployment\()"
    r"|Graceful shutdown complete; "
    r"|Initialized DeploymentHandle \S+ for Deployment\("
    r"|New replicas are available for Deployment\("
    r"|No replicas are currently available for Deployment\("
    r"|Replica is shutting down, "
    r"|Started <ray\.serve\."
    r"|Successfully set up tracing for replica"
    r"|Waiting for an additional [\d.]+s to shut down: "
)
# How Ray Serve finds a replica that is free, at level WARNING.
_ROUTING = ("Replica at capacity of ", "Failed to get queue length from Replica(")
_FAILED = "Request failed."
_FAILURE = "graphnb.rayserve.wire.RemoteFailure: "  # what hosts tell each other
# In a header, or where one was printed.
_SECRET = re.compile(
    r"(?i)(\bauthorization['\"]?\s*[:=]\s*['\"]?)(?:(?:bearer|basic)\s+)?[^\s'\"]+"
    r"|(\bbearer\s+)(?=\S*[\d._-])[\w.~+/=-]{8,}"
)


def worker_files(logs: Path, pid: int, owner: str) -> tuple[Path | None, Path | None]:
    """The files of stdout and stderr of a process that was an actor of that name."""
    found: list[Path | None] = []
    for suffix in ("out", "err"):
        mine = [one for one in logs.glob(f"worker-*-{pid}.{suffix}") if _is_of(one, owner)]
        found.append(max(mine, key=lambda one: one.stat().st_mtime, default=None))
    return found[0], found[1]


def _is_of(file: Path, owner: str) -> bool:
    """Whether a file may be that actor's: the number of a process may come again."""
    with file.open("rb") as opened:
        head = opened.read(_HEAD).decode(errors="replace").splitlines()
    owners = [one for one in head if one.startswith(_OWNER)]
    return not owners or f"{_OWNER}{owner}" in owners


def read_printed(file: Path, stream: Stream, count: int, *, everything: bool) -> list[LogLine]:
    """The last lines of what a process wrote to stdout or stderr.

    Args:
        file: the file.
        stream: which of both.
        count: how many lines, at the most.
        everything: also what Ray and Ray Serve say.
    """
    found: list[LogLine] = []
    times = read_print_times(file)
    for window in _WINDOWS:
        tail = _tail(file, window)
        found = list(_understood(tail, stream, times, everything=everything))
        if tail.whole or len(found) >= count:
            break
    return found[max(0, len(found) - count) :]


def read_records(
    file: Path, beside: Iterable[LogLine], count: int, *, everything: bool
) -> list[LogLine]:
    """The last records in a replica's log file of Ray Serve.

    Args:
        file: the file.
        beside: lines that stderr has; a record among them is left out here.
        count: how many lines, at the most.
        everything: also what Ray Serve says.
    """
    had = {(one.at, one.text) for one in beside if one.level}
    left: list[LogLine] = []
    is_new = True
    for one in read_printed(file, "log", count, everything=everything):
        if one.level:  # what has none goes on with the record before it
            is_new = (one.at, one.text) not in had
        if is_new:
            left.append(one)
    return left


class _Tail(NamedTuple):
    """The end of a file.

    Attributes:
        lines: its last lines.
        offsets: where in the file each begins.
        written: when the file was last written to.
        whole: whether these are all lines.
    """

    lines: list[str]
    offsets: list[int]
    written: float
    whole: bool


def _tail(file: Path, window: int) -> _Tail:
    with file.open("rb") as opened:
        status = os.fstat(opened.fileno())
        begin = max(0, status.st_size - window)
        opened.seek(begin)
        raw = opened.read(window).split(b"\n")
    offsets = [begin, *(begin + end for end in accumulate(len(one) + 1 for one in raw[:-1]))]
    if begin:  # the first is the rest of a line
        del raw[:1], offsets[:1]
    if raw and not raw[-1]:
        del raw[-1:], offsets[-1:]
    lines = [one.decode(errors="replace") for one in raw]
    for index in reversed(range(len(lines))):
        if lines[index].startswith(_OWNER):  # before it, other tasks ran in the process
            del lines[: index + 1], offsets[: index + 1]
            break
    return _Tail(lines, offsets, status.st_mtime, begin == 0)


def _understood(
    tail: _Tail, stream: Stream, times: PrintTimes, *, everything: bool
) -> Iterator[LogLine]:
    """Lines as what they are; one without a time stands with what is before it."""
    waiting: list[LogLine] = []  # until a line says when that was
    at = 0.0
    for index in range(len(tail.lines)) if everything else _told_briefly(tail.lines):
        one = _line(_legible(tail.lines[index]), stream)
        if one is None:
            continue
        at = max(at, one.at or times.at(tail.offsets[index]))
        if not at:
            waiting.append(one)
            continue
        yield from (replace(other, at=at) for other in waiting)
        waiting = []
        if everything or not _is_noise(one):
            yield replace(one, at=one.at or at)
    yield from (replace(other, at=tail.written) for other in waiting)


def _line(text: str, stream: Stream) -> LogLine | None:
    """A line, with the time that it tells itself, else 0; None of Ray's marks."""
    if text.startswith(_MARKS_OF_RAY):
        return None
    rays = _OF_RAY.match(text)
    if rays is not None:
        return LogLine(text, stream, _moment(rays["at"]))
    return _record(text, stream) or LogLine(text, stream, 0.0)


def _legible(line: str) -> str:
    """What a terminal would show of a line: the last state of a progress bar, and no secret."""
    text = line.rstrip("\r").rpartition("\r")[2]
    if len(text) > _MAX_LINE:
        text = f"{text[:_MAX_LINE]} ... ({len(text)} characters)"
    text = text.removeprefix(_FAILURE)
    return _SECRET.sub(r"\1\2***", text)


def _record(text: str, stream: Stream) -> LogLine | None:
    found = _RECORD.fullmatch(text)
    if found is not None:
        return LogLine(
            found["message"],
            "log",
            _moment(found["at"]),
            level=found["level"],
            request_id=found["request"] or "",
            replica=found["replica"],
        )
    return _json_record(text) if stream == "log" and text.startswith("{") else None


def _json_record(text: str) -> LogLine | None:
    """A record where the user asked Ray Serve to log JSON."""
    try:
        found: dict[str, Any] = json.loads(text)
        level, message = str(found["levelname"]), str(found["message"])
        trace = found.get("exc_text")
        return LogLine(
            f"{message}\n{trace}" if trace else message,
            "log",
            _moment(found["asctime"]),
            level=level,
            request_id=str(found.get("request_id", "")),
            replica=str(found.get("replica", "")),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _moment(text: str) -> float:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S,%f").astimezone().timestamp()


def _is_noise(record: LogLine) -> bool:
    """Whether Ray Serve speaks of itself, or of one call."""
    rays = _OF_RAY.match(record.text)
    if rays is not None:
        return rays["level"] in "DI"
    if record.level not in ("DEBUG", "INFO"):
        return record.level == "WARNING" and record.text.startswith(_ROUTING)
    return _OF_SERVE.match(record.text) is not None


# Of a request that failed, Ray Serve logs how the error went through it, and through graphnb.

_FRAME = re.compile(r'  File "(?P<path>.+)", line \d+, in ')
_BLOCK = "Traceback (most recent call last):"
_BETWEEN = (
    "The above exception was the direct cause of the following exception:",
    "During handling of the above exception, another exception occurred:",
)


def _told_briefly(lines: list[str]) -> Iterator[int]:
    """The lines to tell: of a failed request its first error, and the user's own frames."""
    index = 0
    while index < len(lines):
        record = _RECORD.fullmatch(lines[index])
        yield index
        index += 1
        if record is not None and record["message"] == _FAILED:
            end = _end_of_traceback(lines, index)
            yield from _first_block(lines, index, end)
            index = end


def _end_of_traceback(lines: list[str], index: int) -> int:
    """Where the traceback that begins there ends, with all its errors."""
    while True:
        if index < len(lines) and lines[index] == _BLOCK:
            index += 1
            while index < len(lines) and lines[index].startswith(" "):
                index += 1
        index += 1  # the error; its message may have more lines
        rest = index
        while rest < len(lines) and lines[rest] not in _BETWEEN and not _RECORD.match(lines[rest]):
            rest += 1
        if rest >= len(lines) or lines[rest] not in _BETWEEN:
            return min(index, len(lines))
        index = rest + 2


def _first_block(lines: list[str], begin: int, end: int) -> Iterator[int]:
    """The error that began it, with the frames that are not ours."""
    ours = False
    for index in range(begin, end):
        line = lines[index]
        if line in _BETWEEN or (index > begin and line == _BLOCK):
            return
        frame = _FRAME.match(line)
        if frame is not None:
            ours = frame["path"].startswith(_folders_of_ours())
        elif not line.startswith(" "):
            ours = False
        if line and line != _BLOCK and not ours:
            yield index


@functools.cache
def _folders_of_ours() -> tuple[str, ...]:
    """Where the code of graphnb and of Ray is."""
    specs = [importlib.util.find_spec(name) for name in ("graphnb", "ray")]
    return tuple(
        f"{folder}{os.sep}"
        for one in specs
        if one is not None
        for folder in one.submodule_search_locations or ()
    )
