"""Parts of values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphnb.engine.request_input import RequestInput
from graphnb.errors import InputError
from graphnb.graph.spec import Key, Path, path_text


def pick(value: Any, path: Path, *, of: str) -> Any:
    """The part of a value.

    Args:
        value: where to look.
        path: the steps into it. An attribute of a mapping, or of a request, is its key.
        of: names the value in an error ("the input", "the result of tokenize").

    Raises:
        InputError: there is no such part; says what there is.
    """
    for depth, key in enumerate(path):
        try:
            value = _step(value, key)
        except (LookupError, AttributeError, TypeError) as error:
            missing = path_text(path[: depth + 1])
            raise InputError(f"{of} has no {missing}", hint=_there_is(value)) from error
    return value


def _step(value: Any, key: Key) -> Any:
    if key.kind == "item":
        return value[key.key]
    if isinstance(value, Mapping | RequestInput):
        return value[str(key.key)]
    return getattr(value, str(key.key))


def _there_is(value: Any) -> str:
    """What the value is, without showing what it holds: it may be somebody's secret."""
    if isinstance(value, Mapping):
        return f"it has the keys {', '.join(map(repr, list(value)[:20]))}" if value else "it is {}"
    if isinstance(value, RequestInput):
        names = ", ".join(value.kwargs) or "none"
        return f"it has {len(value.args)} positional arguments, and by name: {names}"
    if isinstance(value, list | tuple | str):
        return f"it is a {type(value).__name__} of length {len(value)}"
    return f"it is of type {type(value).__name__}"
