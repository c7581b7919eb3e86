"""Modules as they are sent: local ones as far as code names what they hold, others by name."""

from __future__ import annotations

import importlib.machinery
import sys
import tokenize
from typing import TYPE_CHECKING, Any

from graphnb.authoring.digest.modules import in_library
from graphnb.engine.shipping.arrival import (
    FACTS,
    MAIN,
    ModuleFacts,
    Rest,
    is_special,
    library_namespace,
    local_namespace,
    loose_namespace,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from graphnb.engine.shipping.arrival import Modules
    from graphnb.engine.shipping.wanted import Wanted

_COMPILED = tuple(importlib.machinery.EXTENSION_SUFFIXES)


def by_name(module: str) -> bool:
    """Whether the other process imports that module: it is installed, or no Python code."""
    if in_library(module):
        return True
    file = getattr(sys.modules.get(module), "__dict__", {}).get("__file__")
    return isinstance(file, str) and file.endswith(_COMPILED)


def module_facts(namespace: Mapping[str, Any]) -> ModuleFacts:
    """The facts about the module with that namespace."""
    known = namespace.get(FACTS)
    if known is not None:  # it travelled before
        found: ModuleFacts = known
        return found
    file = namespace.get("__file__")
    path = namespace.get("__path__")
    name = str(namespace.get("__name__", ""))
    return ModuleFacts(
        name,
        namespace.get("__package__"),
        file if isinstance(file, str) else None,
        None if path is None else tuple(map(str, path)),
        None if name in MAIN else source_text(file),
    )


def source_text(file: object) -> str | None:
    """The text of a source file; None if there is none that can be read."""
    if not isinstance(file, str) or not file.endswith(".py"):
        return None
    try:
        with tokenize.open(file) as opened:
            return opened.read()
    except (OSError, SyntaxError, UnicodeDecodeError):
        return None


class Namespace:
    """Stands in a pickle for the globals of functions; there it is a plain dict.

    Attributes:
        by_name: whether every process has them: those of an installed module.
        module: the name of the module whose globals they are; None for all others.
        facts: about them.
    """

    def __init__(self, namespace: dict[str, Any], modules: Modules) -> None:
        name = str(namespace.get("__name__", ""))
        owner = sys.modules.get(name)
        is_module = getattr(owner, "__dict__", None) is namespace and name not in MAIN
        self.namespace = namespace
        self.module = name if is_module else None
        self.by_name = is_module and by_name(name)
        self.facts = ModuleFacts(name) if self.by_name else module_facts(namespace)
        self._modules = modules

    def holds(self, name: str, value: object) -> bool:
        """Whether a module has that value under that name."""
        return self.module is not None and self.namespace.get(name) is value

    def __reduce__(self) -> tuple[Any, ...]:
        if self.by_name:
            return library_namespace, (self.module,)
        if self.module is not None:
            return local_namespace, (self._modules, self.facts)
        return loose_namespace, (self.facts._replace(source=None),)


def module_attributes(
    namespace: dict[str, Any], facts: ModuleFacts, wanted: Wanted
) -> dict[str, Any]:
    """What of a module travels: what code names; all of it, if there is no file to look it up."""
    holds = dict(namespace)  # other threads may add to it
    names = wanted.names.get(facts.name, set())
    if facts.source is None and facts.path is None and facts.name not in MAIN:
        names = set(holds)
    found = {
        name: holds[name]
        for name in names
        if name in holds and not is_special(name) and (facts.name, name) not in wanted.left_out
    }
    own = holds.get("__getattr__")
    if own is not None and not isinstance(own, Rest):
        found["__getattr__"] = own
    return found
