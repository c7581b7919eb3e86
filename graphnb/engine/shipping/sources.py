"""Local modules that travel as source: those that nobody imported yet, and what modules import."""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from graphnb.authoring.digest.bodies import code_reach
from graphnb.authoring.digest.modules import ModuleUse, import_parts, in_library
from graphnb.engine.shipping.arrival import ModuleFacts, arrived_facts
from graphnb.engine.shipping.namespaces import module_facts, source_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from graphnb.authoring.digest.bodies import BodyImport


def local_uses(
    imports: Iterable[BodyImport], package: str, names: tuple[str, ...]
) -> Iterator[ModuleUse]:
    """The local modules that import statements load.

    Args:
        imports: the statements.
        package: what relative ones start from.
        names: all names in the importing code.
    """
    for found in import_parts(imports, package, names):
        if not isinstance(found, ModuleUse) or in_library(found.name, found.path):
            continue
        known = found.name in sys.modules or found.path is not None
        if known or arrived_facts(found.name) is not None:
            yield found


def facts_of_use(use: ModuleUse) -> ModuleFacts | None:
    """The facts about a module that may not be loaded; None if there is no such module."""
    module = sys.modules.get(use.name)
    if module is not None:
        return module_facts(vars(module))
    known = arrived_facts(use.name)
    if known is not None or use.path is None:
        return known
    path = Path(use.path)
    if path.is_dir():  # a package without __init__.py
        return ModuleFacts(use.name, use.name, None, (str(path),), "")
    text = source_text(str(path))
    if path.stem == "__init__":
        return ModuleFacts(use.name, use.name, str(path), (str(path.parent),), text)
    return ModuleFacts(use.name, use.name.rpartition(".")[0], str(path), None, text)


def uses_of_source(facts: ModuleFacts) -> Iterator[ModuleUse]:
    """The local modules that a module imports when its source is run, each with all its names."""
    imports, names = _source_reach(facts.source or "")
    return local_uses(imports, facts.package or "", names)


@lru_cache(maxsize=256)
def _source_reach(source: str) -> tuple[tuple[BodyImport, ...], tuple[str, ...]]:
    try:
        code = compile(source, "<source>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):  # whoever imports it will say so
        return (), ()
    _, names, imports = code_reach(code)
    return imports, names


def imported_facts(modules: Iterable[ModuleFacts]) -> dict[str, ModuleFacts]:
    """All local modules that have to be there for these to be run, without these."""
    waiting = list(modules)
    found = {one.name: one for one in waiting}
    given = set(found)
    while waiting:
        one = waiting.pop()
        package = ModuleUse(one.name.rpartition(".")[0])
        for use in (package, *uses_of_source(one)):
            facts = None if use.name in found else facts_of_use(use)
            if facts is not None:
                found[use.name] = facts
                waiting.append(facts)
    return {name: one for name, one in found.items() if name not in given}
