"""Values as Python source, in a module where some of them have names."""

from __future__ import annotations

import dataclasses
import itertools
import math
import sys
from collections.abc import Callable
from contextlib import contextmanager
from enum import Enum
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from graphnb.authoring.walk import Leaf, leaves
from graphnb.errors import ExportError
from graphnb.promote.plain.constructed import constructed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

__all__ = ["Expressions", "importable", "parts"]

Mark = Callable[[Any], str]
"""Says what stands for a marker in an argument."""

# Equal ones may be one object, wherever they come from: they are written out.
_SCALARS = frozenset({bool, bytes, complex, float, int, str, type(None), type(...)})
_LONG = 200
_DEEPEST = 3
_MOST_PARTS = 1_000


class Expressions:
    """Writes values as source.

    Args:
        namespace: the variables of the module in which the source stands.
        unfit: those of them that cannot go along, such as what a loop binds that binds nodes too.

    Attributes:
        needs: the variables that what was written uses.
        imports: import statements that it needs beside them.
    """

    def __init__(self, namespace: Mapping[str, Any], unfit: Collection[str] = ()) -> None:
        self._namespace = namespace
        self._named: dict[int, tuple[str, str]] = {}  # by id: the expression, its variable
        self._unfit: dict[int, str] = {}
        for name, value in namespace.items():
            if name in unfit or name == "self":
                self._unfit.setdefault(id(value), name)
            elif not name.startswith("__"):
                for text, one in parts(name, value):
                    self._named.setdefault(id(one), (text, name))
        self.needs: set[str] = set()
        self.imports: set[str] = set()
        self._used: set[str] = set()

    @contextmanager
    def noting(self) -> Iterator[set[str]]:
        """The names that are used by what is written while it lasts."""
        before, self._used = self._used, set()
        try:
            yield self._used
        finally:
            self._used = before

    def of(self, value: Any, what: str, mark: Mark | None = None) -> str:
        """The source of a value.

        Args:
            value: what is to be written.
            what: names it in an error: "the init argument 'model' of Scorer".
            mark: what stands for markers in it.

        Raises:
            ExportError: it has no name, and cannot be written out.
        """
        text = self._text(value, what, mark, ())
        if text is None:
            raise self._unsaid(value, what)
        return text

    def name(self, value: Any) -> str | None:
        """The expression by which the module's variables hold a value; None if they do not."""
        found = self._named.get(id(value))
        if found is None:
            return None
        self.needs.add(found[1])
        self._used.add(found[1])
        return found[0]

    @property
    def taken(self) -> set[str]:
        """The names that what was written uses: they must mean the same wherever it stands."""
        return self.needs | {one.split()[1].partition(".")[0] for one in self.imports}

    def _text(
        self, value: Any, what: str, mark: Mark | None, within: tuple[int, ...]
    ) -> str | None:
        if isinstance(value, Leaf):
            return None if mark is None else mark(value)
        if type(value) in _SCALARS:
            return self._scalar(value)
        named = self.name(value)
        if named is not None:
            return named
        if id(value) in within:
            return None

        def part(one: Any) -> str:
            text = self._text(one, what, mark, (*within, id(value)))
            if text is None:
                raise self._unsaid(one, f"a part of {what}")
            return text

        return (
            _display(value, part)
            or self._instance(value, part)
            or self._constructed(value)
            or self._imported(value)
        )

    def _scalar(self, value: Any) -> str:
        if isinstance(value, str | bytes) and len(value) > _LONG:
            return self.name(value) or repr(value)
        if isinstance(value, float) and not math.isfinite(value):
            return f'float("{value}")'
        return repr(value)

    def _instance(self, value: Any, part: Callable[[Any], str]) -> str | None:
        """A member of an enum, a named tuple, a dataclass: by its class."""
        cls = type(value)
        if isinstance(value, Enum):
            return f"{part(cls)}.{value.name}"
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            names = list(value._fields)
        elif dataclasses.is_dataclass(cls) and _is_plain_dataclass(cls):
            names = [one.name for one in dataclasses.fields(value)]
        else:
            return None
        said = ", ".join(f"{name}={part(getattr(value, name))}" for name in names)
        return f"{part(cls)}({said})"

    def _imported(self, value: Any) -> str | None:
        """A module, or what a module defines."""
        if isinstance(value, ModuleType):
            module, name = value.__name__, ""
        elif isinstance(value, type | FunctionType | BuiltinFunctionType):
            module, name = value.__module__ or "", value.__qualname__
            if not importable(module, name, value):
                return None
        else:
            return None
        if module == "builtins":
            return name
        if not self._has(module):
            return None
        return f"{module}.{name}" if name else module

    def _constructed(self, value: Any) -> str | None:
        found = constructed(value)
        if found is None:
            return None
        module, text = found
        return text if not module or self._has(module) else None

    def _has(self, module: str) -> bool:
        """Imports a module, if its name means nothing else there."""
        top = module.partition(".")[0]
        here = self._namespace.get(top)
        if here is not None and here is not sys.modules.get(top):
            return False
        self.imports.add(f"import {module}")
        self._used.add(top)
        return True

    def _unsaid(self, value: Any, what: str) -> ExportError:
        name = self._unfit.get(id(value))
        if name is not None:
            return ExportError(
                f"plain code cannot say {what}: {name} is bound where nodes are bound too",
                hint=f"bind {name} at the top of a cell, outside of `with` blocks and loops",
            )
        kind = type(value).__name__
        if any(isinstance(leaf, Leaf) for leaf, _ in leaves(value)):
            return ExportError(
                f"plain code cannot say {what}: a {kind} with results of calls in it",
                hint="use a list, a tuple, a dict, or a dataclass without __post_init__",
            )
        return ExportError(
            f"plain code cannot say {what}: a {kind} that no variable holds",
            hint="bind it to a variable at the top of a cell, and use that",
        )


def _is_plain_dataclass(cls: type) -> bool:
    """Whether an instance is made again by its fields alone."""
    fields = cls.__dataclass_fields__.values()  # type: ignore[attr-defined]
    return not hasattr(cls, "__post_init__") and all(
        one.init and one._field_type.name == "_FIELD" for one in fields
    )


def importable(module: str, name: str, value: Any) -> bool:
    """Whether an import finds that value."""
    found: Any = sys.modules.get(module)
    for one in name.split("."):
        found = getattr(found, one, None)
    return found is value and module != "app"


def _display(value: Any, part: Callable[[Any], str]) -> str | None:
    """A list, tuple, dict or set with its parts."""
    kind = type(value)
    if kind is dict:
        return "{" + ", ".join(f"{part(key)}: {part(one)}" for key, one in value.items()) + "}"
    if kind is list:
        return f"[{', '.join(map(part, value))}]"
    if kind is tuple:
        return f"({', '.join(map(part, value))}{',' * (len(value) == 1)})"
    if kind in {set, frozenset}:
        said = ", ".join(sorted(map(part, value)))
        plain = f"{{{said}}}" if said else "set()"
        return plain if kind is set else f"frozenset({plain if said else ''})"
    return None


def parts(name: str, value: Any, depth: int = _DEEPEST) -> Iterator[tuple[str, Any]]:
    """A variable's value, and what it holds that may be bound alone."""
    if type(value) in _SCALARS and not isinstance(value, str | bytes):
        return
    yield name, value
    items: list[tuple[str, Any]] = []
    if type(value) is dict:
        items = [(f"[{key!r}]", one) for key, one in _few(value.items()) if type(key) in _SCALARS]
    elif type(value) in {list, tuple}:
        items = [(f"[{at}]", one) for at, one in _few(enumerate(value))]
    for place, one in items if depth else ():
        if type(one) not in _SCALARS:
            yield from parts(f"{name}{place}", one, depth - 1)


def _few(items: Any) -> Iterator[Any]:
    return itertools.islice(items, _MOST_PARTS)
