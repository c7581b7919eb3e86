"""Stands in for the package of this name until somebody needs it.

The real one builds some forty parsers when it is imported: more than a second of a core. Ray
imports it in every process, by way of jsonschema, and uses none of them. This module has the same
names, and loads the real one when the first of them is used.
"""

from __future__ import annotations

import importlib.util
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

_HERE = str(Path(__file__).parent)
_found = PathFinder.find_spec(__name__, [one for one in sys.path if one != _HERE])
if _found is None or _found.origin is None:
    raise ModuleNotFoundError(f"No module named {__name__!r}", name=__name__)
_file = _found.origin

__path__ = list(_found.submodule_search_locations or ())  # submodules are the real ones
_real: ModuleType | None = None


def _load() -> ModuleType:
    global _real  # noqa: PLW0603  loaded once
    if _real is None:
        # Through its file, so that the name goes on meaning this module.
        spec = importlib.util.spec_from_file_location(__name__, _file)
        assert spec is not None
        assert spec.loader is not None
        made = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(made)
        _real = made
    return _real


def is_valid_syntax(term: str, value: str) -> Any:
    """The one name that jsonschema takes at once."""
    return _load().is_valid_syntax(term, value)


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return getattr(_load(), name)
