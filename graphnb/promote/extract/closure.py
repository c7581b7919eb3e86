"""Which statements a graph needs: those that gave its names their meaning, as they ran.

A backward slice of all that ran (Weiser, "Program slicing", 1984): what a statement needs while it
runs is as it was at that time, what is called later finds names as they are in the end. Statements
stay in the order in which they ran, so that the module does what the kernel did.
"""

from __future__ import annotations

import ast
import builtins
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from graphnb.promote.extract.names import DEFINED_FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from graphnb.promote.extract.statements import Statement

__all__ = ["Closure", "Use", "closure"]

# IPython puts names of its own there.
_BUILT_IN = (frozenset(dir(builtins)) | {"__name__", "__file__", "__doc__"}) - {
    "display", "get_ipython",
}  # fmt: skip


class Use(NamedTuple):
    """A name in a statement.

    Attributes:
        name: the name.
        by: the statement; None for the expression that all of this is for.
        of: the statement that it is about, if there is one.
    """

    name: str
    by: Statement | None
    of: Statement | None = None


@dataclass(frozen=True, slots=True)
class Closure:
    """What was found.

    Attributes:
        carried: the statements that are needed, in the order in which they ran.
        missing: names that nothing binds.
        changed: names whose object a statement (`by`) of another cell changes after it was made.
        outdated: classes and functions that a later cell (`of`) defines in another way than
            they were when a statement (`by`) used them.
        replaced: names that only an earlier version of a cell (`of`) binds.
        given: names whose values stand in for what made them.
    """

    carried: tuple[Statement, ...]
    missing: tuple[Use, ...]
    changed: tuple[Use, ...]
    outdated: tuple[Use, ...]
    replaced: tuple[Use, ...]
    given: frozenset[str]


def closure(
    statements: Sequence[Statement], wanted: Iterable[str], given: Collection[str] = ()
) -> Closure:
    """Finds what some names need.

    Args:
        statements: of all cells, as they ran.
        wanted: the names.
        given: names whose values, as they are in the end, are at hand: what made them is left out.
    """
    search = _Search(statements, frozenset(given))
    for name in sorted(wanted):
        search.need(name, None)
    search.follow_all()
    missing, changed, outdated, replaced = (
        tuple(sorted(one, key=_place))
        for one in (search.missing, search.changed, search.outdated, search.replaced)
    )
    carried = tuple(search.carried[one] for one in sorted(search.carried))
    return Closure(carried, missing, changed, outdated, replaced, frozenset(search.used))


_END = 1 << 60


@dataclass(slots=True)
class _Search:
    """The work under way; `carried` has the statements that were found, by their order."""

    statements: Sequence[Statement]
    given: frozenset[str] = frozenset()
    used: set[str] = field(default_factory=set)
    carried: dict[int, Statement] = field(default_factory=dict)
    missing: set[Use] = field(default_factory=set)
    changed: set[Use] = field(default_factory=set)
    outdated: set[Use] = field(default_factory=set)
    replaced: set[Use] = field(default_factory=set)
    _waiting: list[Statement] = field(default_factory=list)
    _binding: dict[str, list[Statement]] = field(default_factory=lambda: defaultdict(list))
    _changing: dict[str, list[Statement]] = field(default_factory=lambda: defaultdict(list))
    _last_run: dict[str, int] = field(default_factory=dict)
    _first: dict[int, Statement] = field(default_factory=dict)  # as which each ran first
    _called: dict[int, frozenset[str]] = field(default_factory=dict)  # see `_called_by`

    def __post_init__(self) -> None:
        for one in self.statements:
            for name in one.names.binds:
                self._binding[name].append(one)
            for name in one.names.changes:
                self._changing[name].append(one)
            if one.cell.id:
                self._last_run[one.cell.id] = one.run
        for one in self.statements:  # each by what is known of those before it
            self._called[one.order] = self._called_by(one)
            self._first[one.order] = self._first_of(one)

    def follow_all(self) -> None:
        """Carries what is needed by what is carried, until there is no more of it."""
        while self._waiting:
            one = self._waiting.pop()
            for name in sorted(one.names.needs):
                self.need(name, one, at=one.order)
            for name in sorted(one.names.may_use):
                self.need(name, one, at=one.order, surely=False)
            for name in sorted(one.names.needs_later):
                self.need(name, one)
            for name in sorted(one.names.may_need):
                self.need(name, one, surely=False)
            for name in sorted(self._called_in(one)):
                self.need(name, one, at=one.order, surely=False)
            for name in sorted(one.names.binds):
                self._follow_changes(name, one)

    def need(self, name: str, by: Statement | None, *, at: int = _END, surely: bool = True) -> None:
        """Carries what a name means to a statement; in the end, or at the time when one ran."""
        meant = self._meaning(name, at)
        if name in self.given and meant is self._meaning(name, _END):
            self.used.add(name)
            return
        if meant is None:
            if surely and name not in _BUILT_IN:
                self.missing.add(Use(name, by))
            return
        self._carry(meant)
        for one in self._binding[name]:
            if meant.imports and one.order < at and _imports_parts(one.node, name):
                self._carry(one)
        last = self._binding[name][-1]
        if at == _END and self._last_run.get(last.cell.id, last.run) > last.run:
            self.replaced.add(Use(name, by, last))
        if by is not None and at != _END and _is_outdated(meant, last, by):
            self.outdated.add(Use(name, by, last))

    def _meaning(self, name: str, at: int) -> Statement | None:
        """The last statement before a time that binds a name; None if it has none any more."""
        known = self._binding.get(name, ())
        before = bisect_left(known, at, key=_order)
        if not before or isinstance(known[before - 1].node, ast.Delete):
            return None
        return self._first[known[before - 1].order]

    def _first_of(self, statement: Statement) -> Statement:
        """The same statement when it ran first, if all that it needs was the same then."""
        before: set[Statement | None] = set()
        for name in statement.names.binds:
            known = self._binding[name]
            at = bisect_left(known, statement.order, key=_order)
            before.add(known[at - 1] if at else None)
        only = before.pop() if len(before) == 1 else None
        if only is None or not self._is_again(only, statement):
            return statement
        return self._first[only.order]

    def _is_again(self, before: Statement, statement: Statement) -> bool:
        names = statement.names
        if before.dump != statement.dump or names.changes:
            return False
        used = names.needs | names.may_use | self._called_in(statement)
        return all(
            self._meaning(name, before.order) is self._meaning(name, statement.order)
            for name in used
        ) and not any(
            before.order < one.order < statement.order
            for name in used | names.binds
            for one in self._changing.get(name, ())
        )

    def _carry(self, statement: Statement) -> None:
        if statement.order not in self.carried:
            self.carried[statement.order] = statement
            self._waiting.append(statement)

    def _called_in(self, statement: Statement) -> set[str]:
        """The names that functions may have looked up while a statement called them."""
        if not _runs_code(statement.node):
            return set()
        names = set(self._called[statement.order])
        waiting = list(names)
        while waiting:
            meant = self._meaning(waiting.pop(), statement.order)
            if meant is not None:
                new = self._called[meant.order] - names
                names |= new
                waiting.extend(new)
        return names

    def _called_by(self, statement: Statement) -> frozenset[str]:
        """The names that are looked up when what a statement made, or what that uses, is called."""
        found = statement.names.needs_later
        for name in statement.names.needs | statement.names.may_use:
            meant = self._meaning(name, statement.order)
            if meant is not None:
                found |= self._called[meant.order]
        return found

    def _follow_changes(self, name: str, statement: Statement) -> None:
        """What changes the object that a statement gave a name, until that means another one."""
        later = [one for one in self._binding[name] if one.order > statement.order]
        again = {one.order for one in later if self._first[one.order] is statement}
        plain = [one.order for one in later if name not in one.names.changes]
        until = min((one for one in plain if one not in again), default=_END)
        for one in self._changing.get(name, ()):
            if statement.order < one.order < until:
                if not statement.imports:
                    self._carry(one)
                if one.run != statement.run or statement.imports:
                    self.changed.add(Use(name, one, statement))


def _runs_code(node: ast.stmt) -> bool:
    """Whether a statement may call something while it runs."""
    if isinstance(node, DEFINED_FUNCTIONS):
        return bool(node.decorator_list)
    return not isinstance(node, ast.Import | ast.ImportFrom)


def _is_outdated(meant: Statement, last: Statement, by: Statement) -> bool:
    kinds = (*DEFINED_FUNCTIONS, ast.ClassDef)
    defined = isinstance(meant.node, kinds) and isinstance(last.node, kinds)
    return defined and last.run not in (meant.run, by.run) and meant.dump != last.dump


def _imports_parts(node: ast.stmt, name: str) -> bool:
    """Whether it is an import such as `import name.part`: of several of them each counts."""
    if not isinstance(node, ast.Import):
        return False
    return any(one.name.startswith(f"{name}.") and not one.asname for one in node.names)


def _order(statement: Statement) -> int:
    return statement.order


def _place(use: Use) -> tuple[int, str, int]:
    by, of = (-1 if one is None else one.order for one in (use.by, use.of))
    return (by, use.name, of)
