"""The measurements by name, in the order in which they run."""

import importlib
from collections.abc import Sequence
from types import ModuleType

from tests.benchmarks.rows import Row

MEASUREMENTS = (
    "small_graphs",
    "walkthrough",
    "deploying",
    "crowd",
    "memory",
    "loading",
    "live_picture",
    "on_ray",
    "ray_walkthrough",
    "ray_arrays",
    "ray_edits",
    "promoting",
    "old_ray",
)
"""Modules of this package: their docstring says how it is measured, `measure` does it."""


def measure(name: str) -> Sequence[Row]:
    """Runs one measurement, in this process."""
    rows: Sequence[Row] = _module(name).measure()
    return rows


def method(name: str) -> str:
    """How it is measured, for people: one paragraph."""
    text = _module(name).__doc__ or ""
    return " ".join(text.split())


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"tests.benchmarks.{name}")
