"""Functions that travel: their code, and the globals and closure that it names.

Functions of one module share its globals where they arrive, and functions that share a variable of
a closure go on sharing it.
"""

from __future__ import annotations

import sys
from types import CellType, CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Protocol

from graphnb.authoring.digest.bodies import annotation_names, code_reach
from graphnb.authoring.digest.modules import in_library
from graphnb.engine.shipping.sources import facts_of_use, local_uses, uses_of_source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from graphnb.authoring.digest.modules import ModuleUse
    from graphnb.engine.shipping.arrival import ModuleFacts
    from graphnb.engine.shipping.namespaces import Namespace


_ATTRIBUTES = (
    "__annotations__",
    "__defaults__",
    "__doc__",
    "__kwdefaults__",
    "__module__",
    "__qualname__",
    "__type_params__",  # since Python 3.12
)


class Surroundings(Protocol):
    """What taking a function apart asks of the pickler.

    Attributes:
        later: local modules that are not loaded, and that code imports when it runs.
    """

    later: dict[str, ModuleFacts]

    def namespace(self, namespace: dict[str, Any]) -> Namespace:
        """What stands for these globals."""

    def cell(self, cell: CellType) -> Cell:
        """What stands for this variable of a closure."""

    def need(
        self, module: ModuleType, names: Iterable[str], asker: FunctionType | None = None
    ) -> None:
        """Has a local module bring these attributes."""


class Cell:
    """Stands in a pickle for a variable of a closure; what it holds comes with the function."""

    def __init__(self, cell: CellType) -> None:
        self.cell = cell

    def __reduce__(self) -> tuple[Any, ...]:
        return CellType, ()


class Empty:
    """What a variable of a closure holds before anything is assigned to it."""


def reduce_function(function: FunctionType, around: Surroundings) -> tuple[Any, ...]:
    """How a function is pickled by value."""
    home = around.namespace(function.__globals__)
    cells = tuple(map(around.cell, function.__closure__ or ()))
    reached = {} if home.by_name else reached_globals(function)
    names = code_reach(function.__code__)[1]
    contents = [_content(one.cell) for one in cells]
    for value in (*reached.values(), *contents):
        if isinstance(value, ModuleType):
            around.need(value, names, function)
    state = {
        "globals": reached,
        "contents": contents,
        "attributes": {
            name: getattr(function, name) for name in _ATTRIBUTES if hasattr(function, name)
        },
        "dict": dict(vars(function)),
        "at_home": home.holds(function.__name__, function),
        "imports": tuple(_imports(function, around, (*reached.values(), *contents))),
    }
    arguments = (function.__code__, home, function.__name__, cells)
    return make_function, arguments, state, None, None, fill_function


def reached_globals(function: FunctionType) -> dict[str, Any]:
    """The globals that a function looks up, and those that its annotations speak of."""
    namespace = function.__globals__
    names = dict.fromkeys(code_reach(function.__code__)[0])
    for annotation in function.__annotations__.values():
        if isinstance(annotation, str):
            names |= dict.fromkeys(annotation_names(annotation))
    return {name: namespace[name] for name in names if name in namespace}


def imported_modules(function: FunctionType) -> list[ModuleType]:
    """The local modules, as far as they are loaded, that statements in a function import."""
    modules = (sys.modules.get(use.name) for use in _imported(function))
    return [one for one in modules if one is not None]


def _imported(function: FunctionType) -> Iterator[ModuleUse]:
    _, names, imports = code_reach(function.__code__)
    return local_uses(imports, str(function.__globals__.get("__package__") or ""), names)


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return Empty


def _imports(
    function: FunctionType, around: Surroundings, values: Iterable[Any]
) -> Iterator[ModuleType]:
    """The modules that have to be there when the function runs."""
    names = code_reach(function.__code__)[1]
    for value in values:
        if isinstance(value, ModuleType) and in_library(value.__name__):
            yield from _submodules(value, frozenset(names))
    yield from _local_imports(function, around)


def _submodules(module: ModuleType, names: frozenset[str]) -> Iterator[ModuleType]:
    """Parts of an installed package that code names, `concurrent.futures` for one."""
    for name in names:
        part = vars(module).get(name)
        if isinstance(part, ModuleType) and part.__name__ == f"{module.__name__}.{name}":
            yield part
            yield from _submodules(part, names - {name})


def _local_imports(function: FunctionType, around: Surroundings) -> Iterator[ModuleType]:
    """The local modules that import statements inside the function ask for."""
    waiting = list(_imported(function))
    while waiting:
        use = waiting.pop()
        module = sys.modules.get(use.name)
        if module is not None:
            around.need(module, use.names, function)
            yield module
        elif use.name not in around.later:
            facts = facts_of_use(use)
            if facts is not None:
                around.later[use.name] = facts
                waiting.extend(uses_of_source(facts))


# --- where it arrives ----------------------------------------------------------------------------


def make_function(
    code: CodeType, namespace: dict[str, Any], name: str, cells: tuple[CellType, ...]
) -> FunctionType:
    """A function without what it holds, which may hold the function itself."""
    return FunctionType(code, namespace, name, None, cells or None)


def fill_function(function: FunctionType, state: dict[str, Any]) -> None:
    """Gives a function what it holds."""
    function.__globals__.update(state["globals"])
    if state["at_home"]:
        function.__globals__[function.__name__] = function
    for cell, content in zip(function.__closure__ or (), state["contents"], strict=True):
        if content is not Empty:
            cell.cell_contents = content
    for name, value in state["attributes"].items():
        setattr(function, name, value)
    vars(function).update(state["dict"])
