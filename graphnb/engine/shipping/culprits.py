"""What in a value cannot travel, and by whom it is held: for the error that says so."""

from __future__ import annotations

import functools
import inspect
from collections import deque
from dataclasses import dataclass
from itertools import islice
from pickle import PickleBuffer
from types import FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from graphnb.engine.shipping.functions import imported_modules, reached_globals
from graphnb.engine.shipping.namespaces import by_name, module_attributes, module_facts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from graphnb.engine.shipping.wanted import Wanted

_MOST_OBJECTS = 200_000
_ATOMS = frozenset({int, float, bool, complex, str, bytes, bytearray, type(None)})


@dataclass(frozen=True, slots=True)
class Step:
    """One step from a holder to what it holds.

    Attributes:
        label: names the part for people: "global 'connection'".
        part: what is held.
        holder: who holds it.
        name: of the attribute or variable, or "".
    """

    label: str
    part: Any
    holder: Any
    name: str = ""


def path_to(culprit: Any, value: Any, wanted: Wanted) -> list[Step] | None:
    """The shortest way from a value to something that it holds; None if it is not found."""
    # Steps keep what they lead to, so that its id stays its own.
    seen: dict[int, Step | None] = {id(value): None}
    waiting = deque([value])
    while waiting and len(seen) < _MOST_OBJECTS and id(culprit) not in seen:
        for step in parts(waiting.popleft(), wanted):
            if type(step.part) not in _ATOMS and id(step.part) not in seen:
                seen[id(step.part)] = step
                waiting.append(step.part)
    if id(culprit) not in seen:
        return None
    way: list[Step] = []
    step_back = seen[id(culprit)]
    while step_back is not None:
        way.append(step_back)
        step_back = seen[id(step_back.holder)]
    return way[::-1]


def largest_path(value: Any, size: Callable[[Any], int], wanted: Wanted) -> list[Step]:
    """The way to the part that holds most of a value's bytes."""
    way: list[Step] = []
    whole = size(value)
    while len(way) < 6:
        holder = way[-1].part if way else value
        steps = [one for one in islice(parts(holder, wanted), 100) if type(one.part) not in _ATOMS]
        if not steps:
            break
        found = max(steps, key=lambda one: size(one.part))
        if size(found.part) < whole / 2 or any(one.part is found.part for one in way):
            break
        if isinstance(found.part, PickleBuffer):
            break
        way.append(found)
    return way


def parts(holder: Any, wanted: Wanted) -> Iterator[Step]:
    """What travels along with an object."""
    found: Iterator[tuple[str, str, Any]]
    if isinstance(holder, FunctionType):
        found = _of_function(holder)
    elif isinstance(holder, type):
        found = iter(()) if by_name(str(holder.__module__)) else _of_class(holder)
    elif isinstance(holder, ModuleType):
        found = iter(()) if by_name(holder.__name__) else _of_module(holder, wanted)
    elif isinstance(holder, dict):
        found = ((f"[{key!r:.40}]", "", one) for key, one in list(holder.items()))
    elif isinstance(holder, list | tuple | set | frozenset):
        found = ((f"[{index}]", "", one) for index, one in enumerate(list(holder)))
    else:
        found = _of_object(holder)
    return (Step(label, part, holder, name) for label, name, part in found)


def _of_function(function: FunctionType) -> Iterator[tuple[str, str, Any]]:
    if by_name(str(function.__module__)) and "<locals>" not in function.__qualname__:
        return
    if not by_name(str(function.__globals__.get("__name__"))):
        for name, value in reached_globals(function).items():
            yield f"global {name!r}", name, value
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield f"variable {name!r} of its closure", name, cell.cell_contents
        except ValueError:
            continue
    for module in imported_modules(function):
        yield f"import of {module.__name__}", "", module
    arguments = function.__code__.co_varnames[: function.__code__.co_argcount]
    defaults = function.__defaults__ or ()
    for name, value in zip(reversed(arguments), reversed(defaults), strict=False):
        yield f"default of {name!r}", name, value
    for name, value in {**(function.__kwdefaults__ or {}), **vars(function)}.items():
        yield f"attribute {name!r}", name, value


def _of_class(cls: type) -> Iterator[tuple[str, str, Any]]:
    for base in cls.__bases__:
        yield f"base class {base.__name__}", "", base
    for name, member in list(vars(cls).items()):
        if isinstance(member, property):
            for one in (member.fget, member.fset, member.fdel):
                yield f"property {name!r}", name, one
        bare = member.__func__ if isinstance(member, staticmethod | classmethod) else member
        if name not in {"__dict__", "__weakref__"}:
            yield f"{'method' if inspect.isroutine(bare) else 'attribute'} {name!r}", name, bare


def _of_module(module: ModuleType, wanted: Wanted) -> Iterator[tuple[str, str, Any]]:
    facts = module_facts(vars(module))
    for name, value in module_attributes(vars(module), facts, wanted).items():
        yield f"global {name!r} of {module.__name__}", name, value


def _of_object(value: Any) -> Iterator[tuple[str, str, Any]]:
    yield f"class {type(value).__name__}", "", type(value)
    if isinstance(value, MethodType):
        yield f"method {value.__name__!r}", "", value.__func__
        yield "its object", "", value.__self__
    elif isinstance(value, functools.partial):
        yield "its function", "", value.func
        yield "its arguments", "", (value.args, value.keywords)
    else:
        wrapped = inspect.getattr_static(value, "__wrapped__", None)
        if wrapped is not None:
            yield "what it wraps", "", wrapped
        yield from _of_state(value)


def _of_state(value: Any) -> Iterator[tuple[str, str, Any]]:
    try:
        reduced = value.__reduce_ex__(5)
    except Exception:  # noqa: BLE001  whatever it raises, it holds nothing then
        reduced = ""
    if isinstance(reduced, str):
        return
    _, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
    attributes, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    for names in (attributes, slots):
        if isinstance(names, dict):
            for name, one in names.items():
                yield f"attribute {name!r}", str(name), one
        elif names is not None:
            yield "its state", "", names
    yield from (("its arguments", "", one) for one in arguments or ())
    yield from (("one of its items", "", one) for one in items or ())
    yield from ((f"[{key!r:.40}]", "", one) for key, one in pairs or ())
