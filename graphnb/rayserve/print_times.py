"""When lines were printed: a process notes it beside the files of its stdout and stderr.

Ray keeps what a process prints without a time, so prints of several replicas, and of one replica's
stdout and stderr, could not be put in order. What is printed itself stays as it is.
"""

from __future__ import annotations

import contextlib
import os
import stat
import struct
import sys
import time
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_NOTE = struct.Struct("<Qd")  # where in the file, and when
_NEXT_S = 0.002  # lines that follow sooner share a note
_MAX_READ = 1 << 22


class TimedStream:
    """A stream whose lines are noted when they begin; all else is the stream's own.

    Args:
        stream: what is written to.
        note: called before a line is written.
    """

    def __init__(self, stream: Any, note: Callable[[], None]) -> None:
        self._stream = stream
        self._note = note
        self._is_begin = True

    def write(self, text: str) -> Any:
        """Writes; notes the time when a line begins."""
        if self._is_begin:
            self._note()
        if text:
            self._is_begin = text.endswith("\n")
        return self._stream.write(text)

    def writelines(self, lines: Any) -> None:
        """Writes several texts."""
        for one in lines:
            self.write(one)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Notes:
    """The notes beside one file."""

    def __init__(self, printed: int, notes: int) -> None:
        self._printed = printed
        self._notes = notes
        self._next = 0.0

    def __call__(self) -> None:
        now = time.time()
        if now >= self._next:
            self._next = now + _NEXT_S
            with contextlib.suppress(OSError):  # a full disk is no reason to fail a print
                os.write(self._notes, _NOTE.pack(os.fstat(self._printed).st_size, now))


def note_print_times() -> None:
    """Has this process note from now on when it prints; without effect where that is no file."""
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        with contextlib.suppress(OSError):
            if isinstance(stream, TimedStream) or not stat.S_ISREG(os.fstat(number).st_mode):
                continue
            file = notes_of(Path(f"/proc/self/fd/{number}").readlink())
            notes = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            setattr(sys, name, TimedStream(stream, _Notes(number, notes)))


def notes_of(printed: Path) -> Path:
    """The file of the notes on what is printed to another."""
    return printed.with_name(f"{printed.name}.times")


@dataclass(frozen=True, slots=True)
class PrintTimes:
    """When the lines of a file were printed.

    Attributes:
        offsets: where lines begin, in order.
        moments: when they did, in seconds since the epoch.
    """

    offsets: tuple[int, ...] = ()
    moments: tuple[float, ...] = ()

    def at(self, offset: int) -> float:
        """When the line that begins there was printed; 0 where nothing is known."""
        index = bisect_right(self.offsets, offset)
        # Whole milliseconds, as the times of log records, which are compared with these.
        return int(self.moments[index - 1] * 1000) / 1000 if index else 0.0


def read_print_times(printed: Path) -> PrintTimes:
    """The notes on a file, the last ones; none where there are none."""
    try:
        with notes_of(printed).open("rb") as opened:
            size = os.fstat(opened.fileno()).st_size // _NOTE.size * _NOTE.size
            opened.seek(max(0, size - _MAX_READ))
            data = opened.read(min(size, _MAX_READ))
    except OSError:
        return PrintTimes()
    found = list(_NOTE.iter_unpack(data[: len(data) // _NOTE.size * _NOTE.size]))
    return PrintTimes(tuple(one[0] for one in found), tuple(one[1] for one in found))
