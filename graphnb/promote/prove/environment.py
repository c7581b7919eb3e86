"""The Python in which a bundle is tried."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv as venvs
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from graphnb.errors import ProofError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from graphnb.promote.bundle import Bundle

__all__ = ["environment_of"]

_MOST_SAID = 1_000


@contextmanager
def environment_of(
    bundle: Bundle, progress: Callable[[str], None], *, venv: bool
) -> Iterator[list[str]]:
    """The path of a Python, and the options of `clean` that go with it.

    Args:
        bundle: what is tried.
        progress: is told what it is at.
        venv: whether its requirements are installed into a fresh environment.

    Raises:
        ProofError: they cannot be installed.
    """
    if not venv:
        yield [sys.executable]
        return
    with tempfile.TemporaryDirectory(prefix="graphnb-proof-") as folder:
        progress("installing its requirements in a fresh environment")
        venvs.create(folder, with_pip=True)
        python = str(Path(folder) / "bin" / "python")
        command = [python, "-m", "pip", "install", "--quiet", "-r", "requirements.txt"]
        done = subprocess.run(
            command, cwd=bundle.folder, capture_output=True, text=True, check=False
        )
        if done.returncode:
            said = done.stderr[-_MOST_SAID:].strip()
            raise ProofError(f"the bundle's requirements cannot be installed: {said}")
        yield [python, "--open"]
