"""`PROVENANCE.json`: where a bundle comes from; it is no part of the release."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Origin", "provenance"]


@dataclass(frozen=True, slots=True)
class Origin:
    """What a bundle is made from.

    Attributes:
        notebook: its file, if that is known.
        folder: where it stands, or where the kernel runs.
    """

    notebook: Path | None
    folder: Path


def provenance(
    origin: Origin, *, release: str, graph: str, profile: Mapping[str, Any] | None
) -> str:
    """The file's text.

    Args:
        origin: what the bundle is made from.
        release: its id.
        graph: the hash of the graph.
        profile: what requests took in the notebook, if any were sent.
    """
    said = {
        "release": release,
        "graph_sha256": graph,
        "notebook": None if origin.notebook is None else origin.notebook.name,
        "notebook_sha256": _hash(origin.notebook),
        "git": _git(origin.folder),
        "python": platform.python_version(),
        "ray": version("ray"),
        "graphnb": version("graphnb"),
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "profile": profile,
    }
    return json.dumps(said, indent=2) + "\n"


def _hash(path: Path | None) -> str | None:
    if path is None or not path.is_file():
        return None
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _git(folder: Path) -> dict[str, Any] | None:
    """The commit that is checked out, and whether files differ from it."""
    commit = _run(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    return {"commit": commit, "changed": bool(_run(folder, "status", "--porcelain", "--", "."))}


def _run(folder: Path, *args: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", folder, *args], capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
