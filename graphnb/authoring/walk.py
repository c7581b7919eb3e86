"""Finds and replaces nodes inside nested values: lists, tuples, dicts, sets, dataclasses.

Takes nothing of graphnb: graphs that leave it take this file along.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

Replace = Callable[[Any, str], Any]
"""Takes a leaf and its place ("items[2].name"); returns what stands there instead, or the leaf."""


class Leaf:
    """Base of dataclasses that stand for one thing, and are not looked into."""

    __slots__ = ()


def replace_leaves(value: Any, replace: Replace, place: str = "") -> Any:
    """The value with each leaf replaced; containers without a replaced leaf are kept as they are.

    Args:
        value: anything; containers may be nested to any depth and may hold themselves.
        replace: gets each leaf (whatever is no container) and its place.
        place: where the value itself stands.
    """
    return _replace(value, replace, place, set())


def leaves(value: Any, place: str = "") -> Iterator[tuple[Any, str]]:
    """Every leaf and its place, in order."""
    found: list[tuple[Any, str]] = []

    def note(leaf: Any, where: str) -> Any:
        found.append((leaf, where))
        return leaf

    replace_leaves(value, note, place)
    return iter(found)


def _replace(value: Any, replace: Replace, place: str, open_ids: set[int]) -> Any:
    parts = _parts(value, place)
    if parts is None:
        return replace(value, place)
    if id(value) in open_ids:  # it holds itself: the outer visit sees all of it
        return value
    open_ids.add(id(value))
    new = [_replace(part, replace, where, open_ids) for part, where in parts]
    open_ids.discard(id(value))
    if all(after is before for after, (before, _) in zip(new, parts, strict=True)):
        return value
    return _rebuilt(value, new)


def _parts(value: Any, place: str) -> list[tuple[Any, str]] | None:
    """The parts of a container with their places; None for a leaf."""
    if isinstance(value, dict):
        return [(part, f"{place}[{key!r}]") for key, part in value.items()]
    if isinstance(value, list | tuple):
        return [(part, f"{place}[{index}]") for index, part in enumerate(value)]
    if isinstance(value, set | frozenset):
        return [(part, f"{place}{{}}") for part in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type | Leaf):
        fields = [one.name for one in dataclasses.fields(value) if hasattr(value, one.name)]
        return [(getattr(value, name), f"{place}.{name}") for name in fields]
    return None


def _rebuilt(value: Any, new: list[Any]) -> Any:
    if isinstance(value, dict):
        made = copy.copy(value)
        made.update(zip(value, new, strict=True))
        return made
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*new)
    if isinstance(value, list | tuple | set | frozenset):
        return type(value)(new)
    made = copy.copy(value)
    fields = [one.name for one in dataclasses.fields(value) if hasattr(value, one.name)]
    for name, part in zip(fields, new, strict=True):
        object.__setattr__(made, name, part)  # the dataclass may be frozen
    return made
