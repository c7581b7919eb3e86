"""One line of output that tells how far something is."""

from __future__ import annotations

import os
import shutil
import sys
import time
from typing import TYPE_CHECKING, Self

from graphnb.views import units

if TYPE_CHECKING:
    from graphnb.session.bench import BenchProgress

_COLUMNS = 80
_LONGEST_NAME = 20
_LONGEST_BAR = 16
_SHORTEST_BAR = 4


class Progress:
    """The line; taken away at the end.

    Under pytest nothing is shown: how far something is at a moment is never the same twice, and
    notebooks are compared with what they showed before.

    Args:
        label: what it is about.
        after_s: what takes less time than this shows nothing.
    """

    def __init__(self, label: str, *, after_s: float = 0.0) -> None:
        self._label = label
        self._shown = ""
        self._silent_until = time.monotonic() + after_s
        self._silent = "PYTEST_VERSION" in os.environ

    def __enter__(self) -> Self:
        return self

    def show(self, text: str) -> None:
        """Shows a text in place of the last one."""
        self._show(f"{self._label}: {text}")

    def __exit__(self, *_exc: object) -> None:
        self._write("")

    def _show(self, line: str) -> None:
        if not self._silent and time.monotonic() >= self._silent_until:
            self._write(line)

    def _write(self, text: str) -> None:
        if text != self._shown:
            sys.stdout.write("\r" + text.ljust(len(self._shown)) + ("" if text else "\r"))
            sys.stdout.flush()
            self._shown = text


class BenchLine(Progress):
    """The line of a bench: a bar, and the figures so far.

    Args:
        name: the graph's.
    """

    def __init__(self, name: str) -> None:
        shown = name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
        super().__init__(f"bench {shown}")

    def update(self, progress: BenchProgress) -> None:
        """Shows how far it is now."""
        # One less than there are: a full line makes some terminals begin another.
        columns = min(_COLUMNS, shutil.get_terminal_size().columns) - 1
        self._show(bench_line(self._label, progress, columns))


def bench_line(label: str, progress: BenchProgress, columns: int) -> str:
    """How far a bench is, in one line that is no longer than so many characters.

    The bar gives way first, down to four characters; then what stands at the end.
    """
    figures = f"{progress.part:4.0%}".replace("%", " %") + "".join(
        f"  {one}" for one in _figures(progress)
    )
    bar = columns - len(label) - len(figures) - 4
    bar = max(_SHORTEST_BAR, min(_LONGEST_BAR, bar))
    done = int(progress.part * bar)  # full when it is done, not before
    line = f"{label}  {'█' * done}{'░' * (bar - done)}  {figures}"
    return line if len(line) <= columns else line[: columns - 1] + "…"


def _figures(progress: BenchProgress) -> list[str]:
    if progress.phase == "warm-up":
        return ["warming up"]
    many = "request" if progress.answered == 1 else "requests"
    found = [f"{_number(progress.answered)} {many}"]
    if progress.answered:
        found.append(f"{_rate(progress.throughput)}  p50 {units.milliseconds(progress.p50_s)}")
    if progress.failed:
        found.append(f"{_number(progress.failed)} failed")
    if progress.phase == "waiting" and progress.under_way:
        found.append(f"waiting for {_number(progress.under_way)}")
    elif progress.phase != "waiting" and progress.left_s is not None:
        found.append(f"{_time(progress.left_s)} left")
    return found


def _number(many: int) -> str:
    return f"{many:,}" if many < 100_000 else units.amount(many)


def _rate(per_second: float) -> str:
    return f"{_number(round(per_second))}/s" if per_second >= 9.95 else f"{per_second:.1f}/s"


def _time(seconds: float) -> str:
    if seconds >= 5_400:
        return f"{seconds / 3_600:.1f} h"
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
