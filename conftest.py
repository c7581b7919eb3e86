"""Runs every code block of the README and of docs/."""

from __future__ import annotations

from typing import Any

from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser


def _run_cell(example: Example) -> None:
    """A block of a notebook: each line magic is a cell of its own, a cell magic takes the block."""
    shell = example.namespace.get("_shell") or _new_shell()
    example.namespace["_shell"] = shell
    text = str(example.parsed)
    lines = text.strip().split("\n")
    single = all(line.startswith("%") for line in lines) and not text.startswith("%%")
    for cell in lines if single else [text]:
        shell.run_cell(cell).raise_error()


def _new_shell() -> Any:
    from IPython.core.interactiveshell import InteractiveShell

    InteractiveShell.clear_instance()
    return InteractiveShell.instance()


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), CodeBlockParser("ipython", _run_cell)],
    patterns=["README.md", "docs/*.md"],
).pytest()
