"""A graph as the body of a method: one line for each call."""

from __future__ import annotations

from dataclasses import dataclass
from graphlib import TopologicalSorter
from keyword import iskeyword
from typing import TYPE_CHECKING, Any

from graphnb.authoring.bindings import ValueMarker
from graphnb.graph.topology import graph_calls
from graphnb.promote.plain.names import OF_HANDLES, FreeNames, words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from graphnb.authoring.bindings import Graph
    from graphnb.graph.spec import CallSpec, Path
    from graphnb.promote.plain.expressions import Expressions

__all__ = ["Body", "Scope", "body_of", "called_by", "in_order", "keywords"]


@dataclass(frozen=True, slots=True)
class Body:
    """What a graph does with a request.

    Attributes:
        lines: statements of an async function that has `self` and the request.
        streams: whether they make it a generator.
    """

    lines: tuple[str, ...]
    streams: bool


def called_by(graph: Graph, root: str) -> list[str]:
    """The calls of a graph, those of its fallbacks too; each after what it needs."""
    spec = graph.spec
    known = {one.id for one in spec.calls}
    needs: dict[str, list[str]] = {}
    waiting = [root]
    while waiting:
        call = waiting.pop()
        if call not in needs:
            one = spec.call(call)
            found = [*(edge.source for edge in one.edges), one.fallback]
            needs[call] = [each for each in found if each is not None and each in known]
            waiting += needs[call]
    return in_order(needs, [one.id for one in spec.calls])


def in_order(needs: Mapping[str, Iterable[str]], preferred: Sequence[str]) -> list[str]:
    """Names, each after those that it needs, else in the order that is preferred."""
    place = {one: at for at, one in enumerate(preferred)}
    ordered: list[str] = []
    sorter = TopologicalSorter(needs)
    sorter.prepare()
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=place.__getitem__)
        ordered += ready
        sorter.done(*ready)
    return ordered


def keywords(said: Mapping[str, str]) -> list[str]:
    """Keyword arguments, those too whose names Python does not take as such."""
    plain = {name: one for name, one in said.items() if name.isidentifier() and not iskeyword(name)}
    odd = [f"{name!r}: {one}" for name, one in said.items() if name not in plain]
    more = [f"**{{{', '.join(odd)}}}"] if odd else []
    return [*(f"{name}={one}" for name, one in plain.items()), *more]


@dataclass(frozen=True, slots=True)
class Scope:
    """What a method finds where it stands.

    Attributes:
        handles: what holds the handle of each deployment: "self.scorer".
        request: what the request is called.
        calls: what the class `Calls` is called.
        attribute: says what the function `attribute` is called, once it is needed.
    """

    handles: Mapping[str, str]
    request: str
    calls: str
    attribute: Callable[[], str]


def body_of(graph: Graph, root: str, expressions: Expressions, scope: Scope) -> Body:
    """Writes the graph whose root is that call.

    Args:
        graph: the application.
        root: the call's id.
        expressions: say constants.
        scope: where it stands.
    """
    return _Writer(graph, root, expressions, scope).body()


class _Writer:
    """Writes one graph."""

    def __init__(self, graph: Graph, root: str, expressions: Expressions, scope: Scope) -> None:
        self._graph = graph
        self._expressions = expressions
        self._scope = scope
        self._order = called_by(graph, root)
        self._always = frozenset(graph_calls(graph.spec, root))
        self._inputs = frozenset(one.id for one in graph.spec.inputs)
        self._own = ""
        self._variables = dict.fromkeys(self._order, "")
        # Constants are written first, for their names alone: no variable may hide them.
        with expressions.noting() as used:
            self._used = used
            for one in self._order:
                self._said(graph.spec.call(one), "")
        self._names = FreeNames({*used, scope.request, scope.calls, "self"})
        self._own = self._names.of("calls")
        self._variables = {one: self._names.of(self._variable(one)) for one in self._order}

    def _variable(self, call: str) -> str:
        label = self._graph.spec.call(call).label
        return label if label is not None and label.isidentifier() else words(call)

    def body(self) -> Body:
        *others, root = (self._graph.spec.call(one) for one in self._order)
        lines = [f"async with {self._scope.calls}() as {self._own}:"]
        for one in others:
            verb = "start" if one.id in self._always else "later"
            lines.append(f"    {self._variables[one.id]} = {self._said(one, verb)}")
        if root.streams:
            item = self._names.of("item")
            items = f"async for {item} in {self._said(root, 'stream')}:"
            lines += [f"    {items}", f"        yield {item}"]
        else:
            lines.append(f"    return await {self._said(root, 'start')}")
        return Body(tuple(lines), root.streams)

    def _said(self, call: CallSpec, verb: str) -> str:
        binding = self._graph.calls[call.id]
        handle = self._scope.handles[call.deployment]
        if call.streams:
            handle += ".options(stream=True)"
        if call.method in OF_HANDLES:
            handle += f".options(method_name={call.method!r})"
        plain = call.method == "__call__" or call.method in OF_HANDLES
        method = "remote" if plain else f"{call.method}.remote"
        names = (*binding.arg_names, *map(str, range(len(binding.args))))
        said = [
            self._argument(one, name, call) for name, one in zip(names, binding.args, strict=False)
        ]
        said += keywords(
            {name: self._argument(one, name, call) for name, one in binding.kwargs.items()}
        )
        own = self._own + self._options(call)
        return f"{own}.{verb}({', '.join([f'{handle}.{method}', *said])})"

    def _options(self, call: CallSpec) -> str:
        said = []
        if call.timeout_s is not None:
            said.append(f"timeout_s={call.timeout_s!r}")
        if call.retries:
            said.append(f"retries={call.retries}")
        if call.fallback is not None:
            fallback = self._graph.calls[call.id].fallback
            text = self._expressions.of(fallback, f"the fallback of {call.id}", self._marked)
            said.append(f"fallback={text}")
        return f".options({', '.join(said)})" if said else ""

    def _argument(self, value: Any, name: str, call: CallSpec) -> str:
        what = f"the argument {name!r} of {call.id}"
        return self._expressions.of(value, what, self._marked)

    def _marked(self, leaf: Any) -> str:
        assert isinstance(leaf, ValueMarker)
        source = (
            self._scope.request if leaf.source in self._inputs else self._variables[leaf.source]
        )
        return self._part(source, leaf.path)

    def _part(self, text: str, path: Path) -> str:
        for one in path:
            if one.kind == "item":
                text = f"{text}[{one.key!r}]"
            else:
                attribute = self._scope.attribute()
                self._used.add(attribute)
                text = f"{attribute}({text}, {one.key!r})"
        return text
