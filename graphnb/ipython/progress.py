"""One line of output that tells how far something is."""

from __future__ import annotations

import os
import sys
import time
from typing import Self


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

    def update(self, count: int, part: float) -> None:
        """Shows a count, and the part that is done (0 to 1)."""
        self.show(f"{count} requests, {part:.0%}")

    def show(self, text: str) -> None:
        """Shows a text in place of the last one."""
        if not self._silent and time.monotonic() >= self._silent_until:
            self._write(f"{self._label}: {text}")

    def __exit__(self, *_exc: object) -> None:
        self._write("")

    def _write(self, text: str) -> None:
        if text != self._shown:
            sys.stdout.write("\r" + text.ljust(len(self._shown)) + ("" if text else "\r"))
            sys.stdout.flush()
            self._shown = text
