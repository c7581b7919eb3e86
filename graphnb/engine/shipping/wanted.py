"""Which attributes of local modules travel with a parcel: those that its code names.

Names alone say too much: of `self.lock` and a module's `lock` they are the same. What travels for
its name only may therefore be left out, if it cannot travel.
"""

from __future__ import annotations

import dis
import sys
from dataclasses import dataclass, field
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

# What may stand between an import and the variable that it sets.
_BETWEEN = frozenset({"COPY", "IMPORT_FROM", "IMPORT_NAME", "POP_TOP", "SWAP"})
_LOADS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FAST")


@dataclass(slots=True)
class Wanted:
    """What is known of a parcel's modules; it grows from one try to the next.

    Attributes:
        names: by module, the names in all code that has it.
        askers: the functions that have it.
        left_out: attributes (module, name) that stay behind.
    """

    names: dict[str, set[str]] = field(default_factory=dict)
    askers: dict[str, dict[int, FunctionType]] = field(default_factory=dict)
    left_out: set[tuple[str, str]] = field(default_factory=set)

    def leave_out(self, module: str, name: str) -> bool:
        """Has an attribute stay behind, if no code takes it from the module; whether it does."""
        askers = self.askers.get(module, {}).values()
        if any(_takes(function.__code__, name, function) for function in askers):
            return False
        self.left_out.add((module, name))
        return True


def _takes(code: CodeType, name: str, function: FunctionType) -> bool:
    """Whether code takes an attribute of that name from a module."""
    before: dis.Instruction | None = None
    for one in dis.get_instructions(code):
        if one.opname == "IMPORT_FROM" and one.argval == name:
            return True
        if one.opname in {"LOAD_ATTR", "LOAD_METHOD"} and one.argval == name:
            assert before is not None
            if _is_module(before, function):
                return True
        before = one
    return any(_takes(inner, name, function) for inner in _inner(code))


def _inner(code: CodeType) -> Iterator[CodeType]:
    return (one for one in code.co_consts if isinstance(one, CodeType))


def _is_module(loaded: dis.Instruction, function: FunctionType) -> bool:
    """Whether what an instruction loads may be a module."""
    name = loaded.argval[-1] if isinstance(loaded.argval, tuple) else loaded.argval
    if loaded.opname in {"LOAD_ATTR", "LOAD_METHOD"}:  # a part of a package, or of an object
        return any(module.endswith(f".{name}") for module in list(sys.modules))
    if not loaded.opname.startswith(_LOADS):
        return False
    return isinstance(_bound(name, function), ModuleType) or name in _imported(function.__code__)


def _imported(code: CodeType) -> set[str]:
    """The variables that import statements set, in a code object and those in it."""
    found: set[str] = set()
    importing = False
    for one in dis.get_instructions(code):
        if one.opname in {"IMPORT_NAME", "IMPORT_FROM"}:
            importing = True
        elif importing and one.opname.startswith("STORE_"):
            found.add(one.argval)
        importing = importing and one.opname in _BETWEEN
    return found.union(*map(_imported, _inner(code)))


def _bound(name: str, function: FunctionType) -> Any:
    """What a name means in a function, if that is known."""
    if name in function.__code__.co_freevars:
        cell = (function.__closure__ or ())[function.__code__.co_freevars.index(name)]
        try:
            return cell.cell_contents
        except ValueError:
            return None
    return function.__globals__.get(name)
