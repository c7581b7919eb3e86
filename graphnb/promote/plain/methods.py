"""A graph as the body of a method: one line for each call."""

from __future__ import annotations

from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any

from graphnb.authoring.bindings import ValueMarker
from graphnb.graph.topology import graph_calls
from graphnb.promote.plain.names import words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from graphnb.authoring.bindings import Graph
    from graphnb.graph.spec import CallSpec, Path
    from graphnb.promote.plain.expressions import Expressions
    from graphnb.promote.plain.names import FreeNames

__all__ = ["Body", "body_of", "called_by", "in_order"]


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


def body_of(
    graph: Graph,
    root: str,
    expressions: Expressions,
    handles: Mapping[str, str],
    names: FreeNames,
    *,
    request: str,
    calls: str,
    attribute: Callable[[], str],
) -> Body:
    """Writes the graph whose root is that call.

    Args:
        graph: the application.
        root: the call's id.
        expressions: say constants.
        handles: what holds the handle of each deployment: "self.scorer".
        names: that are free in the method.
        request: what the request is called there.
        calls: what the class `Calls` is called there.
        attribute: says what the function `attribute` is called, once it is needed.
    """
    return _Writer(graph, root, expressions, handles, names, request, calls, attribute).body()


class _Writer:
    """Writes one graph."""

    def __init__(
        self,
        graph: Graph,
        root: str,
        expressions: Expressions,
        handles: Mapping[str, str],
        names: FreeNames,
        request: str,
        calls: str,
        attribute: Callable[[], str],
    ) -> None:
        self._graph = graph
        self._root = root
        self._expressions = expressions
        self._handles = handles
        self._request = request
        self._calls = calls
        self._order = called_by(graph, root)
        self._always = frozenset(graph_calls(graph.spec, root))
        self._inputs = frozenset(one.id for one in graph.spec.inputs)
        self._attribute = attribute
        self._own = names.of("calls")
        self._variables = {one: names.of(self._variable(one)) for one in self._order}

    def _variable(self, call: str) -> str:
        label = self._graph.spec.call(call).label
        return label if label is not None and label.isidentifier() else words(call)

    def body(self) -> Body:
        *others, root = (self._graph.spec.call(one) for one in self._order)
        lines = [f"async with {self._calls}() as {self._own}:"]
        for one in others:
            verb = "start" if one.id in self._always else "later"
            lines.append(f"    {self._variables[one.id]} = {self._said(one, verb)}")
        if root.streams:
            item = f"async for item in {self._said(root, 'stream')}:"
            lines += [f"    {item}", "        yield item"]
        else:
            lines.append(f"    return await {self._said(root, 'start')}")
        return Body(tuple(lines), root.streams)

    def _said(self, call: CallSpec, verb: str) -> str:
        binding = self._graph.calls[call.id]
        handle = self._handles[call.deployment]
        if call.streams:
            handle += ".options(stream=True)"
        method = "remote" if call.method == "__call__" else f"{call.method}.remote"
        names = (*binding.arg_names, *map(str, range(len(binding.args))))
        said = [
            self._argument(one, name, call) for name, one in zip(names, binding.args, strict=False)
        ]
        said += [
            f"{name}={self._argument(one, name, call)}" for name, one in binding.kwargs.items()
        ]
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
        source = self._request if leaf.source in self._inputs else self._variables[leaf.source]
        return self._part(source, leaf.path)

    def _part(self, text: str, path: Path) -> str:
        for one in path:
            if one.kind == "item":
                text = f"{text}[{one.key!r}]"
            else:
                text = f"{self._attribute()}({text}, {one.key!r})"
        return text
