"""Values of common types that have no literal, as calls that make them."""

from __future__ import annotations

import datetime as dt
import sys
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePath
from typing import Any
from uuid import UUID

__all__ = ["constructed"]

_LARGE = 100  # numbers in an array


def constructed(value: Any) -> tuple[str, str] | None:
    """The module that has to be imported, "" for none, and the call; None of any other value."""
    found: tuple[str, str] | None
    match value:
        case range() | slice():
            found = "", repr(value)
        case dt.date() | dt.time() | dt.timedelta() | dt.timezone():
            found = "datetime", repr(value)
        case Decimal():
            found = "decimal", f"decimal.Decimal({str(value)!r})"
        case Fraction():
            found = "fractions", f"fractions.Fraction({value.numerator}, {value.denominator})"
        case PurePath():
            pure = "" if isinstance(value, Path) else "Pure"
            found = "pathlib", f"pathlib.{pure}Path({str(value)!r})"
        case UUID():
            found = "uuid", f"uuid.UUID({str(value)!r})"
        case _:
            found = _of_numpy(value)
    return found


def _of_numpy(value: Any) -> tuple[str, str] | None:
    """A number, a type, or an array that is short enough to be read."""
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return None
    if isinstance(value, numpy.dtype) and value.isbuiltin == 1:
        return "numpy", f"numpy.dtype({value.str!r})"
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    if kind not in ("b", "i", "u", "f") or not numpy.all(numpy.isfinite(value)):
        return None
    if isinstance(value, numpy.generic):
        return "numpy", f"numpy.{value.dtype.name}({value.item()!r})"
    if type(value) is numpy.ndarray and 0 < value.size <= _LARGE:
        return "numpy", f"numpy.array({value.tolist()!r}, dtype={value.dtype.str!r})"
    return None
