"""Which statements a graph needs: those that give its names their meaning.

The last definition wins, as it does when all cells are run again from the first to the last; only
within one run of a cell does a statement see the names as they were at that line.
"""

from __future__ import annotations

import builtins
import heapq
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from graphnb.promote.extract.statements import Statement

__all__ = ["Closure", "Use", "closure"]

_BUILT_IN = frozenset(dir(builtins)) | {"__name__", "__file__", "__doc__"}


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
        carried: the statements that are needed, each after those that it needs.
        missing: names that nothing binds.
        changed: names whose object a statement (`by`) of another cell changes after it was made.
        outdated: names that were defined anew (`of`) after a statement (`by`) used them.
        replaced: names that only an earlier version of a cell (`of`) binds.
        circular: statements that need each other while they run.
    """

    carried: tuple[Statement, ...]
    missing: tuple[Use, ...]
    changed: tuple[Use, ...]
    outdated: tuple[Use, ...]
    replaced: tuple[Use, ...]
    circular: tuple[Statement, ...]


def closure(statements: Sequence[Statement], wanted: Iterable[str]) -> Closure:
    """Finds what some names need.

    Args:
        statements: of all cells, as they ran.
        wanted: the names.
    """
    search = _Search(statements)
    for name in sorted(wanted):
        search.need(name, None, later=True)
    search.follow_all()
    carried, circular = _ordered(search)
    missing, changed, outdated, replaced = (
        tuple(sorted(one, key=_place))
        for one in (search.missing, search.changed, search.outdated, search.replaced)
    )
    return Closure(carried, missing, changed, outdated, replaced, circular)


@dataclass(slots=True)
class _Search:
    """The work under way.

    Attributes:
        carried: the statements found, by order.
        before: for each of them the orders of those that it needs while it runs.
        called: for each of them the orders of those that it needs when it is called.
    """

    statements: Sequence[Statement]
    carried: dict[int, Statement] = field(default_factory=dict)
    before: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    called: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    missing: set[Use] = field(default_factory=set)
    changed: set[Use] = field(default_factory=set)
    outdated: set[Use] = field(default_factory=set)
    replaced: set[Use] = field(default_factory=set)
    _waiting: list[Statement] = field(default_factory=list)
    _binding: dict[str, list[Statement]] = field(default_factory=lambda: defaultdict(list))
    _changing: dict[str, list[Statement]] = field(default_factory=lambda: defaultdict(list))
    _last_run: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for one in self.statements:
            for name in one.names.binds:
                self._binding[name].append(one)
            for name in one.names.changes:
                self._changing[name].append(one)
            if one.cell.id:
                self._last_run[one.cell.id] = one.run

    def follow_all(self) -> None:
        """Carries what is needed by what is carried, until there is no more of it."""
        while self._waiting:
            one = self._waiting.pop()
            for name in sorted(one.names.needs):
                self.need(name, one, later=False)
            for name in sorted(one.names.needs_later - one.names.needs):
                self.need(name, one, later=True)
            for name in sorted(one.names.binds):
                self._follow_changes(name, one)

    def need(self, name: str, by: Statement | None, *, later: bool) -> None:
        """Carries what a name means to a statement, while it runs or later."""
        meant = self._meaning(name, None if later else by)
        if meant is None:
            known = by is not None and by in self._binding.get(name, ())
            if not known and name not in _BUILT_IN:
                self.missing.add(Use(name, by))
            return
        self._carry(meant)
        if self._last_run.get(meant.cell.id, meant.run) > meant.run:
            self.replaced.add(Use(name, by, meant))
        if by is not None and later:
            self.called[by.order].add(meant.order)
        elif by is not None:
            changes = [one for one in self._changing.get(name, ()) if one.run == meant.run]
            within = [one.order for one in changes if meant.order < one.order < by.order]
            self.before[by.order] |= {meant.order, *within} - {by.order}
            had = [one for one in self._binding[name] if one.order < by.order]
            if had and meant.order > by.order and had[-1].text != meant.text:
                self.outdated.add(Use(name, by, meant))

    def _meaning(self, name: str, by: Statement | None) -> Statement | None:
        """The statement that binds a name last: of the same run, the last one before."""
        known = self._binding.get(name, ())
        if by is None:
            return known[-1] if known else None
        known = [one for one in known if one.run != by.run or one.order < by.order]
        here = [one for one in known if one.run == by.run]
        if by in self._binding.get(name, ()):  # it makes something new of what there was
            known = [one for one in known if one.order < by.order]
        found = here or known
        return found[-1] if found else None

    def _carry(self, statement: Statement) -> None:
        if statement.order not in self.carried:
            self.carried[statement.order] = statement
            self._waiting.append(statement)

    def _follow_changes(self, name: str, statement: Statement) -> None:
        """What changes the object that a statement gave a name, until that means another one."""
        later = [one for one in self._binding[name] if one.order > statement.order]
        plain = [one.order for one in later if name not in one.names.changes]
        until = min(plain, default=float("inf"))
        for one in self._changing.get(name, ()):
            if statement.order < one.order < until:
                if one.run == statement.run and not statement.imports:
                    self._carry(one)
                else:
                    self.changed.add(Use(name, one, statement))


def _ordered(search: _Search) -> tuple[tuple[Statement, ...], tuple[Statement, ...]]:
    """Statements as they ran, but each after those that it needs; and those that cannot be so."""
    carried, before = search.carried, search.before
    # What a statement needs it may call: then all that this needs has to be there as well.
    callable_ = {
        one: needed.union(*(_reached(each, search) for each in needed)) - {one}
        for one, needed in before.items()
    }
    found, circular = _in_order(carried, callable_)
    if circular:
        found, circular = _in_order(carried, before)
    ordered = tuple(carried[one] for one in (*found, *circular))
    return ordered, tuple(carried[one] for one in circular)


def _reached(order: int, search: _Search) -> set[int]:
    """All that a statement needs, now or later, and what that needs."""
    found: set[int] = set()
    waiting = [order]
    while waiting:
        one = waiting.pop()
        new = search.before.get(one, set()) | search.called.get(one, set())
        new -= found
        found |= new
        waiting.extend(new)
    return found


def _in_order(
    carried: Iterable[int], before: Mapping[int, set[int]]
) -> tuple[list[int], list[int]]:
    """Numbers from the smallest on, but each after others; and those of which that cannot be."""
    waits = {one: set(before.get(one, ())) for one in carried}
    frees = defaultdict(list)
    for one, needed in waits.items():
        for each in needed:
            frees[each].append(one)
    ready = [one for one, needed in waits.items() if not needed]
    heapq.heapify(ready)
    found = []
    while ready:
        one = heapq.heappop(ready)
        found.append(one)
        for each in frees[one]:
            waits[each].discard(one)
            if not waits[each]:
                heapq.heappush(ready, each)
    return found, sorted(waits.keys() - set(found))


def _place(use: Use) -> tuple[int, str]:
    return (-1 if use.by is None else use.by.order, use.name)
