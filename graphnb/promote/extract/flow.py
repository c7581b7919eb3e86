"""Which names a block uses before it binds them: its upward-exposed uses, as compilers say.

After Aho, Lam, Sethi and Ullman, "Compilers" (2006), 9.2.5, in one walk: where a loop may not run
or a branch may not be taken, what it binds does not count afterwards.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Flow", "flow_of"]


@dataclass(frozen=True, slots=True)
class Flow:
    """What a statement does with names while it runs.

    Attributes:
        needs: those that it uses while they surely mean what they did before it.
        may_use: those that it uses, and may have bound itself.
        bound: those that it binds, whatever happens.
    """

    needs: frozenset[str]
    may_use: frozenset[str]
    bound: frozenset[str]


def flow_of(statement: ast.stmt) -> Flow:
    """Walks through a statement as it runs."""
    walk = _Walk()
    walk.visit(statement)
    return Flow(frozenset(walk.needs), frozenset(walk.may_use - walk.needs), frozenset(walk.bound))


class _Walk(ast.NodeVisitor):
    def __init__(self) -> None:
        self.bound: set[str] = set()  # on every way to here
        self.maybe: set[str] = set()  # on some way
        self.needs: set[str] = set()
        self.may_use: set[str] = set()

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self._bind(node.id)
            return
        self._use(node.id)
        if isinstance(node.ctx, ast.Del):
            self.bound.discard(node.id)

    def _use(self, name: str) -> None:
        if name not in self.bound:
            (self.may_use if name in self.maybe else self.needs).add(name)

    def _bind(self, *names: str | None) -> None:
        self.bound |= {one for one in names if one}
        self.maybe |= {one for one in names if one}

    def visit_Assign(self, node: ast.Assign) -> None:
        self._each([node.value, *node.targets])

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._each([node.annotation, *filter(None, [node.value])])
        if node.value is not None:
            self.visit(node.target)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self._use(node.target.id)
        self._each([node.value, node.target])

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self._each([node.value, node.target])

    def visit_Import(self, node: ast.Import) -> None:
        self._bind(*(one.asname or one.name.partition(".")[0] for one in node.names))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self._bind(*(one.asname or one.name for one in node.names))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        arguments = node.args
        annotated = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        annotated += filter(None, [arguments.vararg, arguments.kwarg])
        self._each(node.decorator_list)
        self._each([*arguments.defaults, *filter(None, arguments.kw_defaults)])
        hints = filter(None, [*(one.annotation for one in annotated), node.returns])
        self._branch([*_type_params(node), *hints])
        self._bind(node.name)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._each([*node.args.defaults, *filter(None, node.args.kw_defaults)])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._each(node.decorator_list)
        before = set(self.maybe)
        bases = [*node.bases, *(one.value for one in node.keywords)]
        self._branch([*_type_params(node), *bases, *node.body])
        self.maybe = before  # what a class body binds is the class's own
        self._bind(node.name)

    def visit_ListComp(self, node: ast.ListComp) -> None:
        self._comprehension(node.generators, [node.elt])

    def visit_SetComp(self, node: ast.SetComp) -> None:
        self._comprehension(node.generators, [node.elt])

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> None:
        self._comprehension(node.generators, [node.elt])

    def visit_DictComp(self, node: ast.DictComp) -> None:
        self._comprehension(node.generators, [node.key, node.value])

    def visit_For(self, node: ast.For) -> None:
        self._loop(node)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> None:
        self._loop(node)

    def _loop(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        self._branch([node.target, *node.body])
        self._branch(node.orelse)

    def visit_While(self, node: ast.While) -> None:
        self.visit(node.test)
        self._branch(node.body)
        self._branch(node.orelse)

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        both = self._branch(node.body) & self._branch(node.orelse)
        self.bound |= both

    def visit_Try(self, node: ast.Try) -> None:
        self._try(node)

    def visit_TryStar(self, node: ast.TryStar) -> None:
        self._try(node)

    def _try(self, node: ast.Try | ast.TryStar) -> None:
        tried = self._branch([*node.body, *node.orelse])
        handled = [self._handler(one) for one in node.handlers]
        self.bound |= tried.intersection(*handled)
        self._each(node.finalbody)

    def visit_Match(self, node: ast.Match) -> None:
        self.visit(node.subject)
        for case in node.cases:
            self._branch([case.pattern, *filter(None, [case.guard]), *case.body])

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        self.generic_visit(node)
        self._bind(node.name)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        self._bind(node.name)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        self.generic_visit(node)
        self._bind(node.rest)

    def _handler(self, node: ast.ExceptHandler) -> set[str]:
        before = set(self.bound)
        self._each(filter(None, [node.type]))
        self._bind(node.name)
        after = self._branch(node.body)
        self.bound = before
        return after

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        self.visit(node.values[0])
        self._branch(node.values[1:])

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self.visit(node.test)
        self._branch([node.body])
        self._branch([node.orelse])

    def _comprehension(
        self, generators: Iterable[ast.comprehension], parts: Iterable[ast.expr]
    ) -> None:
        inner: list[ast.AST] = []
        for one in generators:
            inner += [one.iter, one.target, *one.ifs]
        before = set(self.maybe)
        inner += parts
        self._branch(inner)
        assigned = {
            one.target.id
            for part in inner
            for one in ast.walk(part)
            if isinstance(one, ast.NamedExpr)
        }
        self.maybe = before | assigned  # targets are the comprehension's own

    def _each(self, nodes: Iterable[ast.AST]) -> None:
        for one in nodes:
            self.visit(one)

    def _branch(self, nodes: Iterable[ast.AST]) -> set[str]:
        """What is bound after nodes that may not be reached."""
        before = set(self.bound)
        self._each(nodes)
        after, self.bound = self.bound, before
        return after


def _type_params(node: ast.AST) -> list[ast.AST]:
    """Names for the type parameters of Python 3.12, as if they were assigned."""
    params = getattr(node, "type_params", [])
    return [ast.Name(one.name, ast.Store()) for one in params]
