"""Starts a clean process for a bundle, and says what it proved."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from graphnb.errors import ExportError, ProofError
from graphnb.graph.diff import diff
from graphnb.graph.schema import spec_from_json
from graphnb.promote.artifacts.artifact import FOLDER
from graphnb.promote.bundle.secrets import masked
from graphnb.promote.prove.environment import environment_of
from graphnb.promote.prove.variables import different

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from graphnb.graph import GraphSpec
    from graphnb.promote.bundle import Bundle

__all__ = ["CLEAN", "Proof", "graph_in", "prove", "run_clean"]

_STAGES = {
    "importing": "importing the bundle in a clean process",
    "starting": "starting its graph there",
    "started": "sending its golden requests",
}
CLEAN = "graphnb.promote.prove.clean"
_MOST_SAID = 2_000
_TICK_S = 0.25


@dataclass(frozen=True, slots=True)
class Proof:
    """What was proved of a bundle.

    Attributes:
        golden: how many golden requests got their answers.
        seconds: how long it took.
        how: what else was seen.
    """

    golden: int
    seconds: float
    how: str = "imports alone, builds the same graph"

    def __str__(self) -> str:
        answered = f", {self.golden} golden requests answered" if self.golden else ", starts"
        return f"proved in {self.seconds:.1f} s: {self.how}{answered}"


def prove(
    bundle: Bundle,
    *,
    values: Mapping[str, Any] | None = None,
    venv: bool = False,
    progress: Callable[[str], None] = lambda _stage: None,
) -> Proof:
    """Runs a bundle where there is nothing else: no notebook, no library that it does not name.

    Args:
        bundle: as it is on disk.
        values: what the notebook's variables hold: if the graph is another one, they say why.
        venv: in a fresh environment with its requirements installed, rather than behind a fence
            around those that are installed here.
        progress: is told what it is at.

    Raises:
        ProofError: it does not import, builds another graph, or answers otherwise.
    """
    began = time.monotonic()
    with environment_of(bundle, progress, venv=venv) as (python, *options):
        command = [python, "-IB", "-m", CLEAN, str(bundle.folder), *options]
        found = run_clean(command, progress, until="answered")
    _check_graph(bundle, found["built"], values or {})
    answered = found["answered"]
    if answered["mismatches"]:
        raise ProofError(
            masked("\n".join(answered["mismatches"])),
            hint="what a node answers must not depend on the notebook, on time or on chance",
        )
    return Proof(answered["count"], time.monotonic() - began)


def graph_in(folder: Path) -> GraphSpec:
    """The graph that a bundle's code builds.

    Raises:
        ProofError: it does not import.
    """
    command = [sys.executable, "-IB", "-m", CLEAN, str(folder), "--graph"]
    found = run_clean(command, lambda _stage: None, until="built")
    return spec_from_json(found["built"]["spec"])


def run_clean(command: list[str], progress: Callable[[str], None], *, until: str) -> dict[str, Any]:
    """What each stage told, in a clean process.

    Args:
        command: that starts it.
        progress: is told what it is at.
        until: the stage that must come.

    Raises:
        ExportError: something cannot be said in a bundle.
        ProofError: it did not come.
    """
    found: dict[str, Any] = {}
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as printed:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=printed, stdin=subprocess.DEVNULL, text=True
        )
        stage = _STAGES["importing"]
        try:
            for said in _told(process):
                if said is not None:
                    found[said["stage"]] = said
                    stage = _STAGES.get(said["stage"], stage)
                progress(stage)
            process.wait()
        finally:
            process.kill()
            process.wait()
        printed.seek(0)
        errors = masked(printed.read()[-_MOST_SAID:]).strip()
    refused = found.get("refused")
    if refused is not None:
        raise ExportError(masked(refused["message"]), hint=refused["hint"])
    failed = found.get("failed")
    if failed is not None:
        lines = "".join(failed["lines"]).rstrip()
        raise ProofError(
            masked(f"alone, the bundle does not run: {failed['error']}\n{lines}"),
            hint=_hint(failed["error"], failed["refused"]),
        )
    if until not in found:
        raise ProofError(f"the process that tried the bundle ended at once: {errors or 'no word'}")
    return found


def _told(process: subprocess.Popen[str]) -> Iterator[dict[str, Any] | None]:
    """What it tells, and None now and then while it tells nothing: whoever waits may end it."""
    lines: SimpleQueue[str] = SimpleQueue()
    # Its end comes with the process's, which whoever asks sees to.
    threading.Thread(target=_read, args=(process, lines), daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=_TICK_S)
        except Empty:
            yield None
            continue
        if not line:
            return
        yield json.loads(line)


def _read(process: subprocess.Popen[str], lines: SimpleQueue[str]) -> None:
    """Passes lines on, and an empty one at the end."""
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            lines.put(line)
    lines.put("")


def _hint(error: str, refused: list[str]) -> str | None:
    missing = next((one for one in refused if f"'{one}'" in error), None)
    if missing is not None:
        return f"write `import {missing}` in a cell: no statement says that it is needed"
    if "FileNotFoundError" in error:
        return "a file beside the notebook does not come along: read it in a cell, into a variable"
    return None


def _check_graph(bundle: Bundle, built: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    changes = diff(bundle.spec, spec_from_json(built["spec"]))
    if not changes:
        return
    saved = {path.stem for path in (bundle.folder / FOLDER).glob("*")}
    others = different(built["values"], {k: v for k, v in values.items() if k not in saved})
    differ = changes.names("replaced", "reconfigured", "rescaled", "added", "removed")
    what = f"{', '.join(differ)} differ{'s' * (len(differ) == 1)}" if differ else "calls differ"
    if others:
        named = ", ".join(others)
        raise ProofError(
            f"the bundle's graph is not the one that runs: {what}. In the notebook, what"
            f" {named} hold{'s' * (len(others) == 1)} is not what the code makes",
            hint="if it was computed, take it along as it is: --value"
            f" {others[0]}; if it is of this machine, make it where it is used, in the node",
        )
    raise ProofError(
        f"the bundle's graph is not the one that runs: {what}",
        hint="deploy the graph again, so that what runs is what the cells say",
    )
