"""Local modules that travel as source: those that nobody imported yet, and what modules import."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from graphnb.authoring.digest.bodies import code_reach
from graphnb.authoring.digest.modules import ModuleUse, file_facts, import_parts, in_library
from graphnb.engine.shipping.arrival import ModuleFacts
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
        if found.name in sys.modules or found.path is not None:
            yield found


def unloaded_facts(use: ModuleUse) -> ModuleFacts:
    """The facts about a module that is not loaded."""
    assert use.path is not None
    path = Path(use.path)
    if path.is_dir():  # a package without __init__.py
        return ModuleFacts(use.name, use.name, None, (str(path),), "")
    text = source_text(str(path))
    if path.stem == "__init__":
        return ModuleFacts(use.name, use.name, str(path), (str(path.parent),), text)
    return ModuleFacts(use.name, use.name.rpartition(".")[0], str(path), None, text)


def uses_of_source(facts: ModuleFacts) -> Iterator[ModuleUse]:
    """The local modules that a module imports when its source is run, each with all its names."""
    try:
        code = compile(facts.source or "", facts.file or facts.name, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):  # its import will say so
        return iter(())
    _, names, imports = code_reach(code)
    return local_uses(imports, facts.package or "", names)


def imported_facts(modules: Iterable[ModuleFacts]) -> dict[str, ModuleFacts]:
    """All local modules that have to be there for these to be run, without these."""
    waiting = list(modules)
    found = {one.name: one for one in waiting}
    given = set(found)
    while waiting:
        one = waiting.pop()
        imports = file_facts(one.file).imports if one.file and one.source else ()
        above = ModuleUse(one.name.rpartition(".")[0])
        for use in (above, *local_uses(imports, one.package or "", ())):
            module = sys.modules.get(use.name)
            if use.name in found or (module is None and use.path is None):
                continue
            facts = unloaded_facts(use) if module is None else module_facts(vars(module))
            found[use.name] = facts
            waiting.append(facts)
    return {name: one for name, one in found.items() if name not in given}
