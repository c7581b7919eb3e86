"""Execute a notebook from top to bottom, and print what its cells answer as they do.

    python scripts/demo.py notebooks/01_tour.ipynb build/01_tour.ipynb

The executed notebook is written to the second path, also when a cell fails; then the exit code
is 1.
"""

from __future__ import annotations

import itertools
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

if TYPE_CHECKING:
    from collections.abc import Iterator

LINES_PER_CELL = 24
CELL_TIMEOUT_S = 600
ANSI_ESCAPE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
WRITTEN_OVER = re.compile(r"[^\n]*\r(?=[^\n])")


def main(source: Path, target: Path) -> int:
    """Execute `source` into `target`; the exit code says whether every cell succeeded."""
    notebook = nbformat.read(source, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT_S,
        # Saved widget state would hide the pictures that stand beside the widgets.
        store_widget_state=False,
        # A progress line is written over and over: what counts is what is left of it.
        coalesce_streams=True,
        # Else the kernel's own warnings would stand between the answers.
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(source.parent)}},
        on_cell_start=print_heading,
        on_cell_executed=print_answer,
    )
    started = time.monotonic()
    try:
        client.execute()
        outcome = "Every cell ran"
    except CellExecutionError:
        outcome = "A cell failed"
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, target)
    print(f"\n{outcome}, in {time.monotonic() - started:.0f} s. Executed notebook: {target}")
    return 0 if outcome == "Every cell ran" else 1


def print_heading(cell: Any, **_: Any) -> None:
    """Print the headings of a Markdown cell, so that the answers below have their place."""
    if cell.cell_type == "markdown":
        for line in cell.source.splitlines():
            if line.startswith("#"):
                print(f"\n{line.lstrip('# ')}", flush=True)


def print_answer(cell: Any, **_: Any) -> None:
    """Print the text of a code cell's outputs, indented under the cell's number."""
    lines = [line for text in texts(cell.outputs) for line in text_lines(text)]
    hidden = len(lines) - LINES_PER_CELL
    if hidden > 1:
        lines[LINES_PER_CELL:] = [f"… {hidden} more lines"]
    label = f"[{cell.execution_count}]"
    for line in lines:
        print(f"{label:>5} {line}", flush=True)
        label = ""


def texts(outputs: list[Any]) -> Iterator[str]:
    """Yield what each output says as plain text; what was streamed in parts is one text."""
    for stream, group in itertools.groupby(outputs, key=lambda output: output.get("name")):
        if stream:
            yield WRITTEN_OVER.sub("", "".join(output.text for output in group))
            continue
        for output in group:
            if output.output_type == "error":
                yield f"{output.ename}: {output.evalue}"
            else:
                yield output.data.get("text/plain", "")


def text_lines(text: str) -> Iterator[str]:
    """Yield the lines of a text, without colours and blank lines."""
    for line in ANSI_ESCAPE.sub("", text).splitlines():
        if line.strip():
            yield line.rstrip()


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
