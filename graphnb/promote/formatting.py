"""Source as people format it."""

from __future__ import annotations

import subprocess

from graphnb.errors import ExportError

__all__ = ["formatted"]

_WIDTH = 100


def formatted(text: str) -> str:
    """Python source in ruff's format.

    Raises:
        ExportError: ruff does not take it.
    """
    from ruff import find_ruff_bin

    command = [find_ruff_bin(), "format", "--isolated", f"--line-length={_WIDTH}", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ExportError(f"app.py cannot be formatted: {done.stderr.strip()}")
    return done.stdout
