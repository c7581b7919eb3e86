"""The pickler that takes code along: what no other process can import travels by value.

Classes and code objects are cloudpickle's to take apart. Functions, modules and the identity of
classes are ours, because copies of a module's functions must share its globals, modules may refer
to each other in circles, and a class must stay one class. Nothing global is registered for it:
other threads may pickle as they like meanwhile.
"""

from __future__ import annotations

import sys
from collections import ChainMap
from types import CellType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

import cloudpickle

from graphnb.authoring.digest.bodies import annotation_names
from graphnb.engine.shipping import classes
from graphnb.engine.shipping.arrival import (
    MAIN,
    ModuleFacts,
    Modules,
    fill_module,
    library_module,
    local_module,
)
from graphnb.engine.shipping.functions import Cell, reduce_function
from graphnb.engine.shipping.known_types import CODE_REDUCERS, REDUCERS, late_reducers, reduce_named
from graphnb.engine.shipping.namespaces import Namespace, by_name, module_attributes
from graphnb.engine.shipping.sources import imported_facts
from graphnb.engine.shipping.wanted import Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pickle import PickleBuffer

PROTOCOL = 5
_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: all others are compiled, whatever module they name


class CodePickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Pickles with the code that is needed; plain `pickle.loads` loads what it writes.

    Classes come with all that they are, and take the place of what the other process has of them.

    Args:
        file: where to write.
        protocol, buffer_callback: as in pickle.
        reducers: how instances of exactly these types are pickled.
        wanted: which attributes local modules bring, as far as an earlier try found out.
    """

    replaces = True
    reducers: ClassVar[dict[type, Callable[[Any], Any]]] = CODE_REDUCERS

    def __init__(
        self,
        file: Any,
        protocol: int = PROTOCOL,
        *,
        buffer_callback: Callable[[PickleBuffer], Any] | None = None,
        reducers: dict[type, Callable[[Any], Any]] | None = None,
        wanted: Wanted | None = None,
    ) -> None:
        # Set before pickle looks at it; an assignment afterwards would go unnoticed.
        table = cloudpickle.Pickler.dispatch_table
        self.dispatch_table = ChainMap(
            reducers or {}, self.reducers, late_reducers(), REDUCERS, table
        )
        super().__init__(file, protocol=protocol, buffer_callback=buffer_callback)
        self.modules = Modules()
        self._plain: set[type] = set()  # types whose instances are pickle's own business
        self._by_value = bool(cloudpickle.list_registry_pickle_by_value())
        self._namespaces: dict[int, Namespace] = {}
        self._cells: dict[int, Cell] = {}
        self.wanted = Wanted() if wanted is None else wanted
        self.last: Any = None
        self.later: dict[str, ModuleFacts] = {}
        self._sent: set[str] = set()
        self.incomplete = False

    def reducer_override(self, one: Any) -> Any:
        """How an object is pickled (pickle asks this of everything that is not built in)."""
        self.last = one
        kind: Any = type(one)
        if kind in self._plain:
            return NotImplemented
        if kind is FunctionType:
            return self._reduce_function(one)
        if issubclass(kind, type):
            return self._reduce_class(one)
        if issubclass(kind, ModuleType):
            return self._reduce_module(one)
        if kind in self.dispatch_table or kind.__reduce__ is object.__reduce__:
            self._plain.add(kind)
        elif not _is_by_name(one):
            reduced = one.__reduce_ex__(PROTOCOL)
            return reduce_named(one, reduced) if isinstance(reduced, str) else reduced
        return NotImplemented

    # What taking functions apart asks for.

    def namespace(self, namespace: dict[str, Any]) -> Namespace:
        """What stands for these globals."""
        found = self._namespaces.get(id(namespace))
        if found is None:
            found = self._namespaces[id(namespace)] = Namespace(namespace, self.modules)
        return found

    def cell(self, cell: CellType) -> Cell:
        """What stands for this variable of a closure."""
        found = self._cells.get(id(cell))
        if found is None:
            found = self._cells[id(cell)] = Cell(cell)
        return found

    def need(
        self, module: ModuleType, names: Iterable[str], asker: FunctionType | None = None
    ) -> None:
        """Has a local module bring these attributes."""
        name = module.__name__
        if by_name(name):
            return
        if asker is not None:
            self.wanted.askers.setdefault(name, {})[id(asker)] = asker
        known = self.wanted.names.setdefault(name, set())
        new = set(names) - known
        known |= new
        for one in new & vars(module).keys():
            self.incomplete |= name in self._sent
            value = vars(module)[one]
            if isinstance(value, ModuleType):
                self.need(value, known, asker)

    def sources(self) -> tuple[ModuleFacts, ...]:
        """The local modules that may be imported where this arrives; known when it is pickled."""
        here = [one.facts for one in self._namespaces.values() if one.module and not one.by_name]
        return (*self.later.values(), *imported_facts(here).values())

    # Classes, functions, modules.

    def _reduce_class(self, cls: type) -> Any:
        is_by_name = _is_by_name(cls)
        if is_by_name and self._is_held(cls):
            return NotImplemented
        if is_by_name or not cls.__flags__ & _HEAP_TYPE:
            reduced = super().reducer_override(cls)
            if reduced is NotImplemented or len(reduced) == 2:
                return reduced
        return self._reduce_own_class(cls)

    def _reduce_own_class(self, cls: type) -> Any:
        """How a class is pickled that the other process cannot import."""
        return classes.reduce_class(cls, *self._home(cls), replaces=self.replaces)

    def _home(self, cls: type) -> tuple[Namespace | None, ModuleType | None]:
        """The globals of its module, if that holds it, and the module, if annotations need it."""
        module = sys.modules.get(cls.__module__)
        if module is None or cls.__module__ in MAIN:
            return None, None
        texts = [one for one in _annotations(cls).values() if isinstance(one, str)]
        names = {name for text in texts for name in annotation_names(text)} & vars(module).keys()
        self.need(module, names)
        home = self.namespace(vars(module))
        return home if home.holds(cls.__qualname__, cls) else None, module if names else None

    def _reduce_function(self, function: FunctionType) -> Any:
        if _is_by_name(function) and (
            self._is_held(function) or super().reducer_override(function) is NotImplemented
        ):
            return NotImplemented
        return reduce_function(function, self)

    def _is_held(self, definition: Any) -> bool:
        """Whether its module has it under its name: a short way to what cloudpickle would say."""
        if self._by_value:
            return False
        module = sys.modules.get(definition.__module__)
        return getattr(module, "__dict__", {}).get(definition.__qualname__) is definition

    def _reduce_module(self, module: ModuleType) -> Any:
        name = module.__name__
        if by_name(name) and name in sys.modules:
            return library_module, (name,)
        self._sent.add(name)
        facts = self.namespace(vars(module)).facts
        parent = sys.modules.get(name.rpartition(".")[0])
        if parent is not None:
            self.need(parent, ())
        state = (module_attributes(vars(module), facts, self.wanted), parent)
        return local_module, (self.modules, facts), state, None, None, fill_module


def _is_by_name(one: Any) -> bool:
    """Whether a definition, or the class of an object, is of a module that is imported by name."""
    module = getattr(one, "__module__", type(one).__module__)  # Ellipsis, for one, has none
    return isinstance(module, str) and by_name(module)


def _annotations(cls: type) -> dict[str, Any]:
    found = vars(cls).get("__annotations__")
    return found if isinstance(found, dict) else {}
