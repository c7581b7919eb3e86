"""What a value is: a model, an array, or plain data; told without importing its library."""

from __future__ import annotations

import ast
import math
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = [
    "is_array",
    "is_fitted",
    "is_literal",
    "is_plain",
    "is_table",
    "literal",
    "scalar_type",
]

_ATOMS = (bool, int, float, str, bytes, type(None))
_MOST_PARTS = 1_000_000
_MOST_MODELS = 1_000
_MOST_LOOKED_AT = 10_000
_LONGEST_LITERAL = 200
_LITERAL_ARRAYS = frozenset(
    {"arange", "array", "asarray", "eye", "full", "linspace", "ones", "tensor", "zeros"}
)


def is_fitted(value: Any) -> bool:
    """Whether it is a model with something learned: a fitted estimator, or a network.

    Estimators by scikit-learn's convention: what `fit` finds ends with an underscore. A list or
    a dict with such a model counts as well, and so does an object of the notebook's own classes.
    """
    seen: set[int] = set()
    waiting = [value]
    while waiting and len(seen) < _MOST_LOOKED_AT:
        one = waiting.pop()
        if id(one) not in seen:
            seen.add(id(one))
            if _has_learned(one):
                return True
            held = _held(one)
            waiting += held if len(held) <= _MOST_MODELS else ()
    return False


def _has_learned(value: Any) -> bool:
    if _is_instance(value, "torch.nn", "Module"):
        return True
    state = getattr(value, "__dict__", {}) if _is_estimator(value) else {}
    return any(name.endswith("_") and not name.startswith("_") for name in state)


def _held(value: Any) -> Collection[Any]:
    """What may be a model in it."""
    if isinstance(value, dict):
        return value.values()
    if type(value) in {list, tuple, set}:
        held: Collection[Any] = value
        return held
    state = getattr(value, "__dict__", {})
    if type(value).__module__ == "__main__":
        return state.values()
    if _is_estimator(value):  # such as a pipeline, of its steps
        return [one for one in state.values() if isinstance(one, list | tuple)]
    return ()


def _is_estimator(value: Any) -> bool:
    return callable(getattr(type(value), "get_params", None))


def is_array(value: Any) -> bool:
    """Whether it is a numpy array of numbers, or of text of one length, and nothing more."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and type(value) is numpy.ndarray and not value.dtype.hasobject


def is_table(value: Any) -> bool:
    """Whether it is a tensor, a table, a sparse matrix, or a dict of arrays."""
    if type(value) is dict and value:
        return all(
            isinstance(name, str) and (is_array(one) or _is_instance(one, "torch", "Tensor"))
            for name, one in value.items()
        )
    return (
        _is_instance(value, "torch", "Tensor")
        or any(_is_instance(value, "pandas", one) for one in ("DataFrame", "Series", "Index"))
        or any(_is_instance(value, "scipy.sparse", one) for one in ("spmatrix", "sparray"))
        or any(_is_instance(value, "pyarrow", one) for one in ("Table", "Array"))
        or any(_is_instance(value, "polars", one) for one in ("DataFrame", "Series"))
        or (_is_instance(value, "numpy", "ndarray") and not is_array(value))
    )


def _is_instance(value: Any, module: str, name: str) -> bool:
    """Whether it is of that class; of a library that is not loaded nothing is an instance."""
    found = getattr(sys.modules.get(module), name, None)
    return isinstance(found, type) and isinstance(value, found)


def is_plain(value: Any) -> bool:
    """Whether it is made of numbers, text and containers of Python alone."""
    waiting, seen = [value], 0
    while waiting:
        one = waiting.pop()
        seen += 1
        if seen > _MOST_PARTS:
            return False
        if type(one) in {list, tuple, set, frozenset}:
            waiting.extend(one)
        elif type(one) is dict:
            waiting.extend(one)
            waiting.extend(one.values())
        elif type(one) not in _ATOMS and not _is_instance(one, "numpy", "generic"):
            return False
    return True


def literal(value: Any) -> str | None:
    """A short expression for a plain value; None if it takes a file."""
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    try:
        text = repr(value)
        if type(value) is set and value:  # its members have an order here, and another elsewhere
            text = "{" + ", ".join(sorted(map(repr, value))) + "}"
        found = ast.literal_eval(text) if len(text) <= _LONGEST_LITERAL else None
    except (ValueError, SyntaxError, RecursionError):
        return None
    if value is None:
        return text
    return text if type(found) is type(value) and found == value else None


def scalar_type(value: Any) -> str | None:
    """The name of numpy's type, for one of its numbers; None for any other value."""
    if not _is_instance(value, "numpy", "generic") or not isinstance(value.item(), int | float):
        return None
    return type(value).__name__


def is_literal(node: ast.expr) -> bool:
    """Whether an expression says its value itself, or by an `np.array` and the like."""
    match node:
        case ast.Constant():
            parts: list[ast.expr | None] = []
        case ast.List(items) | ast.Tuple(items) | ast.Set(items):
            parts = [*items]
        case ast.Dict(keys, values):
            parts = [*keys, *values]
        case ast.UnaryOp(_, operand):
            parts = [operand]
        case ast.BinOp(left, _, right):
            parts = [left, right]
        case ast.Call(ast.Attribute(_, maker), args, keywords) if maker in _LITERAL_ARRAYS:
            named = [one.value for one in keywords]
            types = (ast.Name, ast.Attribute)  # such as `np.float32`
            parts = [*args, *(one for one in named if not isinstance(one, types))]
        case _:
            return False
    return all(one is not None and is_literal(one) for one in parts)
