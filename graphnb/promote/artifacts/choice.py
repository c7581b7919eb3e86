"""Which values go along themselves: models, arrays, and what was computed from them.

Source is easier to read and to trust than a file, so it stays wherever it says the value. It does
not where a value was learned, is large, came from chance, from this machine, or from another value
that goes along: then the module would compute something else, or all of it again in each replica.
"""

from __future__ import annotations

import ast
import pickle
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from graphnb.errors import ExportError
from graphnb.promote.artifacts.artifact import FOLDER, Artifact, artifact_of
from graphnb.promote.artifacts.kinds import (
    is_array,
    is_fitted,
    is_literal,
    is_plain,
    is_table,
    literal,
    scalar_type,
)
from graphnb.promote.extract import Given
from graphnb.promote.extract.imports import origins
from graphnb.promote.extract.obstacles import Obstacle, fits, is_bound_here

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from graphnb.promote.extract.statements import Statement

__all__ = ["LiveValues"]

_LARGE = 4096
_SMALL_ARRAY = 1024
# What gives another value each time.
_CHANCE = ("random.", "np.random.", "numpy.random.", "secrets.", "uuid.", "time.time")
_PATH = "_ARTIFACTS"


class LiveValues:
    """The values of a notebook's variables (`Values` of `extract`).

    Args:
        namespace: the variables.
        kept: those that go along as they are, whatever made them.

    Raises:
        ExportError: one of `kept` is none.

    Attributes:
        artifacts: those that take a file, by name, once they were asked for.
        taken_here: what is said of those that were computed from files of this machine.
        lost: what is said of those that cannot be saved: their source goes along.
    """

    def __init__(self, namespace: Mapping[str, Any], kept: Collection[str] = ()) -> None:
        unknown = sorted(set(kept) - namespace.keys())
        if unknown:
            raise ExportError(f"there is no variable {unknown[0]!r} to take along")
        self._namespace = namespace
        self._kept = frozenset(kept)
        self.artifacts: dict[str, Artifact] = {}
        self.lost: list[Obstacle] = []
        self.taken_here: list[Obstacle] = []
        self._aliases: Mapping[str, str] = {}
        self._taken: set[str] = set()
        self._folder = _PATH  # the variable of the folder that files are in
        self._chosen: Mapping[str, Statement] = {}

    def choose(
        self, carried: Sequence[Statement], statements: Sequence[Statement]
    ) -> Collection[str]:
        """The names of what goes along as values."""
        self._taken = {name for one in statements for name in one.names.binds}
        self._folder = _free(_PATH, self._taken)
        self._aliases = _imported(statements)
        self._chosen = self._choose(carried, statements)
        return {*self._chosen, self._folder}

    def given(self, name: str) -> Given | None:
        """A value that was chosen, as a literal or as a file."""
        if name == self._folder:
            path = _free("Path", self._taken)
            alias = "" if path == "Path" else f" as {path}"
            text = f'{name} = {path}(__file__).parent / "{FOLDER}"'
            return Given(name, text, f"from pathlib import Path{alias}")
        value, by = self._namespace[name], self._chosen[name]
        if is_bound_here(by):
            told = f"{name} was computed from what is on this machine: its value goes along"
            fix = "see that it holds nothing that must not leave"
            self.taken_here.append(Obstacle("warning", name, by.where, told, fix))
        kind = scalar_type(value)
        if kind is not None:
            module, imports, needs = self._module("numpy")
            text = f"{name} = {module}.{kind}({value.item()!r})  # {_shown(by)}, in {by.where}"
            return Given(name, text, imports, needs)
        said = literal(value) if is_plain(value) else None
        if said is not None:
            return Given(name, f"{name} = {said}  # {_shown(by)}, in {by.where}")
        try:
            self.artifacts[name] = artifact_of(name, value)
        except ExportError as error:
            said = f"{error.message}; the module makes it anew, in each replica"
            self.lost.append(Obstacle("warning", name, by.where, said, error.hint or ""))
            return None
        return self._loaded(self.artifacts[name])

    def _loaded(self, artifact: Artifact) -> Given:
        module, imports, needs = self._module(artifact.module)
        text = artifact.loaded(module, self._folder)
        return Given(artifact.name, text, imports, artifact.needs | needs | {self._folder})

    def _module(self, module: str) -> tuple[str, str, frozenset[str]]:
        """What a module is called in the text, its import statement, and the names it needs."""
        known = self._aliases.get(module)
        if known is not None:
            return known, "", frozenset({known})
        top = module.partition(".")[0]
        if top in self._taken:
            return f"_{top}", f"import {module} as _{top}", frozenset()
        return module, f"import {module}", frozenset()

    def _choose(
        self, carried: Sequence[Statement], statements: Sequence[Statement]
    ) -> dict[str, Statement]:
        """The names, each with the statement that binds it."""
        last = {name: one for one in statements for name in one.names.binds}
        changers: dict[str, list[Statement]] = defaultdict(list)
        for one in carried:
            for name in one.names.changes:
                changers[name].append(one)
        found: dict[str, Statement] = {}
        for one in carried:
            for name in sorted(one.names.binds):
                if name not in self._namespace or last[name].dump != one.dump:
                    continue  # bound anew since: the value is another one's
                made_by = [one, *changers[name]]
                is_fixed = not any(map(_reads_environment, made_by))
                if name in self._kept or (is_fixed and self._goes(name, made_by, found)):
                    found[name] = one
        return found

    def _goes(self, name: str, made_by: Sequence[Statement], found: Mapping[str, Any]) -> bool:
        value = self._namespace[name]
        if is_fitted(value) or is_table(value) or (any(map(fits, made_by)) and _is_data(value)):
            return True
        bound = _value_of(made_by[0].node)
        says_it = len(made_by) == 1 and bound is not None and is_literal(bound)
        if is_array(value):
            return not says_it or value.nbytes > _SMALL_ARRAY
        if says_it or not is_plain(value):
            return False
        used = {each for one in made_by for each in one.names.needs | one.names.may_use}
        return (
            bool(used - {name} & found.keys())
            or any(map(_by_chance, made_by))
            or any(map(is_bound_here, made_by))
            or (_computes(made_by) and len(pickle.dumps(value)) > _LARGE)
        )


def _imported(statements: Sequence[Statement]) -> dict[str, str]:
    """Modules that are imported under a name which never means anything else."""
    meant: dict[str, set[str]] = defaultdict(set)
    for one in statements:
        found = dict(origins(one.node))
        for name in one.names.binds:
            meant[name].add(found.get(name, ""))
    return {module: name for name, (module, *more) in meant.items() if module and not more}


def _free(name: str, taken: set[str]) -> str:
    return f"_{name}" if name in taken else name


def _is_data(value: Any) -> bool:
    """Whether it may be saved at all: neither a definition nor a part of a graph."""
    module = type(value).__module__
    return not (isinstance(value, type) or (callable(value) and module == "builtins")) and not (
        module.startswith(("graphnb.", "ray."))
    )


def _value_of(node: ast.stmt) -> ast.expr | None:
    match node:
        case ast.Assign(_, value) | ast.AnnAssign(_, _, value):
            return value
    return None


def _calls(node: ast.AST) -> list[str]:
    return [ast.unparse(one.func) for one in ast.walk(node) if isinstance(one, ast.Call)]


def _by_chance(statement: Statement) -> bool:
    return any(
        one.startswith(_CHANCE) or one.endswith((".now", ".today", ".utcnow"))
        for one in _calls(statement.node)
    )


def _computes(made_by: Sequence[Statement]) -> bool:
    return len(made_by) > 1 or bool(_calls(made_by[0].node))


def _reads_environment(statement: Statement) -> bool:
    """Whether it reads the environment: its value is another one where the graph will run."""
    text = ast.unparse(statement.node)
    return "environ" in text or "getenv" in text or "getpass" in text


def _shown(statement: Statement) -> str:
    node = statement.node
    value = _value_of(node)
    return ast.unparse(value or node).partition("\n")[0][:60]
