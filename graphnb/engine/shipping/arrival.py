"""Modules as they arrive in another process.

A local module is made anew there, and holds what travelled of it. Code that imports it, or looks a
class of it up by name, finds it in `sys.modules`. What nobody had named, and is asked for all the
same (`getattr`, a pickled model), comes from the module's source, which travels too: it is run when
the first such name is asked for, and what travelled stays as it is.
"""

from __future__ import annotations

import builtins
import importlib.abc
import importlib.machinery
import sys
import threading
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from graphnb.authoring.digest.bodies import code_reach

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAIN = frozenset({"__main__", "__mp_main__"})
"""Every process has a main module of its own."""

FACTS = "__graphnb_facts__"
"""By this name a module that travelled holds the facts about it."""

_lock = threading.RLock()


class ModuleFacts(NamedTuple):
    """What a module is made of, before it holds anything.

    Attributes:
        name, package, file, path: as the module says; `path` is of a package.
        source: the text of its file, or None.
    """

    name: str
    package: str | None = None
    file: str | None = None
    path: tuple[str, ...] | None = None
    source: str | None = None


class Modules:
    """The local modules of one parcel, in the process that loads it."""

    def __init__(self) -> None:
        self._made: dict[str, ModuleType] = {}

    def module(self, facts: ModuleFacts) -> ModuleType:
        """The module of that name, empty at first."""
        made = self._made.get(facts.name)
        if made is None:
            made = self._made[facts.name] = ModuleType(facts.name)
            vars(made).update(loose_namespace(facts))
            vars(made)["__spec__"] = _spec(facts, None)
            vars(made)["__getattr__"] = Rest(made, facts)
            vars(made)[FACTS] = facts
        return made

    def install(self, later: Sequence[ModuleFacts], *, replace: bool) -> None:
        """Lets code import them by name.

        Args:
            later: modules that are run when they are imported.
            replace: whether those of earlier parcels go; what the process has of its own stays.
        """
        sources = {one.name: one for one in later}
        with _lock:
            for name in [*sources, *self._made]:
                there = sys.modules.get(name)
                arrived = FACTS in getattr(there, "__dict__", {})
                if name in MAIN or (there is not None and not (replace and arrived)):
                    continue
                if name in self._made:
                    sys.modules[name] = self._made[name]
                else:
                    sys.modules.pop(name, None)
            _finder.add(sources)
        for name, module in self._made.items():
            _give_parts(module, self._made, name)

    def __reduce__(self) -> tuple[Any, ...]:
        return Modules, ()


def _give_parts(package: ModuleType, modules: Mapping[str, ModuleType], name: str) -> None:
    """Lets a package have its modules as attributes."""
    for other, module in list(modules.items()):
        parent, _, part = other.rpartition(".")
        if parent == name:
            vars(package).setdefault(part, module)


def library_namespace(name: str) -> dict[str, Any]:
    """The globals of an installed module."""
    return vars(library_module(name))


def library_module(name: str) -> ModuleType:
    """An installed module."""
    __import__(name)  # of "os.path", importlib would look for the parent's attribute
    return sys.modules[name]


def local_namespace(modules: Modules, facts: ModuleFacts) -> dict[str, Any]:
    """The globals of a module that travelled."""
    return vars(modules.module(facts))


def local_module(modules: Modules, facts: ModuleFacts) -> ModuleType:
    """A module that travelled."""
    return modules.module(facts)


def fill_module(module: ModuleType, state: tuple[dict[str, Any], ModuleType | None]) -> None:
    """Gives a module what travelled of it; the package that it is in came along."""
    vars(module).update(state[0])


def loose_namespace(facts: ModuleFacts) -> dict[str, Any]:
    """Globals that no module has, those of a notebook's cells for one."""
    names: dict[str, Any] = {"__name__": facts.name, "__builtins__": builtins.__dict__}
    if facts.package is not None:
        names["__package__"] = facts.package
    if facts.file is not None:
        names["__file__"] = facts.file
    if facts.path is not None:
        names["__path__"] = list(facts.path)
    return names


def arrived_facts(name: str) -> ModuleFacts | None:
    """The facts about a module that came to this process as source; it may not be loaded yet."""
    return _finder.facts(name)


def is_special(name: str) -> bool:
    """Whether a name is Python's own: `__name__`, `__path__`."""
    return name.startswith("__") and name.endswith("__")


def _spec(facts: ModuleFacts, loader: _Finder | None) -> importlib.machinery.ModuleSpec:
    spec = importlib.machinery.ModuleSpec(
        facts.name, loader, origin=facts.file, is_package=facts.path is not None
    )
    if facts.path is not None:
        spec.submodule_search_locations = list(facts.path)
    return spec


def _compiled(facts: ModuleFacts) -> CodeType:
    return compile(facts.source or "", facts.file or facts.name, "exec", dont_inherit=True)


class Rest:
    """The `__getattr__` of a module that travelled: what had not been named.

    Its source is run in the module's own namespace, so that what it makes belongs to what
    travelled: a class may derive from one that did.
    """

    def __init__(self, module: ModuleType, facts: ModuleFacts) -> None:
        self._module = module
        self._facts: ModuleFacts | None = facts
        self._running = threading.RLock()

    def __call__(self, name: str) -> Any:
        """The attribute of that name.

        Raises:
            AttributeError: the module has none.
        """
        namespace = vars(self._module)
        with self._running:
            if self._facts is not None and _may_define(self._facts, name):
                facts, self._facts = self._facts, None
                exec(_compiled(facts), namespace, _Kept(namespace))  # noqa: S102  the user's module
        if name in namespace:
            return namespace[name]
        raise AttributeError(f"module {self._module.__name__!r} has no attribute {name!r}")


def _may_define(facts: ModuleFacts, name: str) -> bool:
    """Whether a module's source may make a name; some libraries ask all modules for theirs."""
    if is_special(name) or facts.source is None:
        return False
    try:
        code = _compiled(facts)
    except (SyntaxError, ValueError):  # edited since it was imported
        return False
    return name in code.co_names or any("*" in one.names for one in code_reach(code)[2])


class _Kept(dict[str, Any]):
    """The scope of a module's source that leaves alone what the module has already."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        super().__init__()
        self._namespace = namespace

    def __setitem__(self, name: str, value: Any) -> None:
        self._namespace.setdefault(name, value)

    def __getitem__(self, name: str) -> Any:
        return self._namespace[name]

    def __delitem__(self, name: str) -> None:
        self._namespace.pop(name, None)


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports modules whose source travelled, where the process has none of that name."""

    def __init__(self) -> None:
        self._facts: dict[str, ModuleFacts] = {}

    def add(self, facts: Mapping[str, ModuleFacts]) -> None:
        """Makes modules known."""
        self._facts.update(facts)
        if facts and self not in sys.meta_path:
            sys.meta_path.append(self)

    def facts(self, name: str) -> ModuleFacts | None:
        """The facts about a module that travelled as source."""
        return self._facts.get(name)

    def find_spec(
        self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """What importing that module takes; None if it did not travel."""
        facts = self._facts.get(name)
        return None if facts is None else _spec(facts, self)

    def exec_module(self, module: ModuleType) -> None:
        """Runs a module's source."""
        facts = self._facts[module.__name__]
        vars(module).update(loose_namespace(facts))
        vars(module)[FACTS] = facts
        _give_parts(module, sys.modules, facts.name)
        exec(_compiled(facts), vars(module))  # noqa: S102  the user's module


_finder = _Finder()
