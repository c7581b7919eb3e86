"""From the nodes that a user wrote to a frozen spec and its bindings.

    graph = build(root_node)
    print(graph.spec)

Names are given here: the user's own, else the class's or function's, numbered in the order of
binding within the graph.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from graphnb.authoring.bindings import (
    CallBinding,
    Graph,
    GraphMarker,
    HandleMarker,
    ValueMarker,
)
from graphnb.authoring.bound import (
    Digest,
    InitArguments,
    Where,
    bound_deployment,
    placeholder,
    replace_arguments,
)
from graphnb.authoring.digest import code_digest
from graphnb.authoring.nodes import (
    NOT_GIVEN,
    CallNode,
    CallPart,
    DeploymentNode,
    InputNode,
    InputPart,
    Node,
)
from graphnb.authoring.signatures import argument_names
from graphnb.authoring.walk import leaves
from graphnb.graph import rules
from graphnb.graph.spec import (
    CallSpec,
    DataEdge,
    DeploymentSpec,
    GraphEdge,
    GraphSpec,
    HandleEdge,
    InputSpec,
)
from graphnb.graph.validate import validate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from graphnb.authoring.bindings import DeploymentBinding
    from graphnb.graph.rules import Diagnostic

_PLAIN = "ray.serve.deployment"  # where Ray Serve keeps what its own `bind` makes


def build(
    root: DeploymentNode, *, where: Where | None = None, digest: Digest = code_digest
) -> Graph:
    """Builds the graph whose root is that bound class.

    Args:
        root: what requests enter, such as a bound `DAGDriver`.
        where: says where a definition stands; errors of nodes name it.
        digest: tells code that has changed; `no_digest` where nobody asks.

    Raises:
        GraphError: a rule of severity "error" is broken; the first finding is raised.
    """
    builder = _Builder(root, where or (lambda _definition: None), digest)
    return checked(builder.graph(), builder.unused())


def no_digest(_definition: Any, _args: Any, _kwargs: Any) -> str:
    """No digest: what is only run needs none, and those of large values take time."""
    return ""


def checked(graph: Graph, more: Iterable[Diagnostic] = ()) -> Graph:
    """The graph with its findings: those of its spec, and `more`.

    Raises:
        GraphError: a rule of severity "error" is broken; the first finding is raised.
    """
    findings = validate(graph.spec)
    for finding in findings:
        if finding.severity == "error":
            raise finding.error()
    return replace(graph, findings=(*findings, *more))


def used_nodes(root: Node) -> list[Node]:
    """All nodes that a root needs, without itself."""
    found = _Found(root)
    return [one for one in [*found.deployments, *found.calls, *found.inputs] if one is not root]


class _Found:
    """All nodes that a root needs, each kind in the order of binding."""

    def __init__(self, root: Node) -> None:
        self._seen: dict[int, Node] = {}
        self._visit(root)
        ordered = sorted(self._seen.values(), key=lambda node: node._order)
        self.deployments = [one for one in ordered if isinstance(one, DeploymentNode)]
        self.calls = [one for one in ordered if isinstance(one, CallNode)]
        self.inputs = [one for one in ordered if isinstance(one, InputNode)]

    def _visit(self, root: Node) -> None:
        waiting = [root]
        while waiting:
            node = waiting.pop()
            if id(node) not in self._seen:
                self._seen[id(node)] = node
                waiting.extend(_neighbours(node))


def _neighbours(node: Node) -> Iterator[Node]:
    if isinstance(node, InputPart):
        yield node._source
    elif isinstance(node, CallPart):
        yield node._call
    elif isinstance(node, DeploymentNode | CallNode):
        held: tuple[Any, ...] = (node._args, node._kwargs)
        if isinstance(node, CallNode):
            yield node._target
            held = (*held, node._fallback)
        for leaf, _place in leaves(held):
            if isinstance(leaf, Node):
                yield leaf


class _Builder:
    """One build: gives names and ids, then makes spec and bindings of each node."""

    def __init__(self, root: DeploymentNode, where: Where, digest: Digest) -> None:
        self._root = root
        self._where = where
        self._digest = digest
        self._found = _Found(root)
        self._names = _deployment_names(self._found.deployments)
        self._call_ids = _call_ids(self._found.calls, self._names)
        self._input_ids = {
            id(node): "input" if index == 0 else f"input_{index}"
            for index, node in enumerate(self._found.inputs)
        }

    def graph(self) -> Graph:
        made = [self._deployment(node) for node in self._found.deployments]
        calls = [self._call(node) for node in self._found.calls]
        spec = GraphSpec(
            root=self._names[id(self._root)],
            deployments=tuple(spec for spec, _ in made),
            calls=tuple(spec for spec, _ in calls),
            inputs=tuple(
                InputSpec(self._input_ids[id(node)], node._label or "input")
                for node in self._found.inputs
            ),
            route_prefix=self._root._deployment.user_options.get("route_prefix"),
        )
        return Graph(
            spec,
            {spec.name: binding for spec, binding in made},
            {spec.id: binding for spec, binding in calls},
        )

    def unused(self) -> Iterator[Diagnostic]:
        """Findings of GN113: nodes bound under the graph's inputs that the graph does not use."""
        used = {_identity(one) for one in (*self._found.calls, *self._found.deployments)}
        bound = [one for node in self._found.inputs for one in node._bound]
        # Of a class whose only call is unused, the call is told.
        called = {id(one._target) for one in bound if isinstance(one, CallNode)}
        for one in sorted(bound, key=lambda node: node._order):
            if _identity(one) not in used and id(one) not in called:
                yield rules.UNUSED_NODE.finding(
                    f"{_shown_name(one)} is bound, and nothing in the graph uses it",
                    node=one.name,
                )

    def _deployment(self, node: DeploymentNode) -> tuple[DeploymentSpec, DeploymentBinding]:
        name = self._names[id(node)]
        handles: list[HandleEdge] = []
        graphs: list[GraphEdge] = []
        mark = functools.partial(self._init_leaf, name=name, handles=handles, graphs=graphs)
        args, kwargs = replace_arguments(node.signature, node._args, node._kwargs, mark)
        init = InitArguments(args, kwargs, tuple(handles), tuple(graphs))
        options = node._deployment.user_options
        return bound_deployment(
            name, node.func_or_class, init, options, self._where, digest=self._digest
        )

    def _init_leaf(
        self,
        leaf: Any,
        place: str,
        *,
        name: str,
        handles: list[HandleEdge],
        graphs: list[GraphEdge],
    ) -> Any:
        """A leaf of init args: handles and graphs become markers, and edges are noted."""
        if isinstance(leaf, DeploymentNode):
            edge = HandleEdge(self._names[id(leaf)], place)
            handles.append(edge)
            return HandleMarker(edge.deployment)
        if isinstance(leaf, CallPart):
            raise rules.WRONG_ARGUMENTS.error(
                f"the init args of {name} hold {leaf!r}: "
                "a graph ends in a call, not in a part of its result",
                node=name,
                hint="bind a function that takes the part, and pass that node",
            )
        if isinstance(leaf, CallNode):
            graphs.append(GraphEdge(self._call_ids[id(leaf)], place))
            return GraphMarker(place, leaf.streams)
        if type(leaf).__name__ == "Application" and type(leaf).__module__ == _PLAIN:
            raise rules.WRONG_ARGUMENTS.error(
                f"the init args of {name} hold an application of plain Ray Serve",
                node=name,
                hint="bind all deployments of a graph with the same `serve`",
            )
        return leaf

    def _call(self, node: CallNode) -> tuple[CallSpec, CallBinding]:
        edges: list[DataEdge] = []
        mark = functools.partial(self._call_leaf, call=self._call_ids[id(node)], edges=edges)
        args, kwargs = replace_arguments(node.signature, node._args, node._kwargs, mark)
        fallback, fallback_text = self._fallback(node)
        spec = CallSpec(
            id=self._call_ids[id(node)],
            deployment=self._names[id(node._target)],
            method=node._method,
            label=node._label,
            edges=tuple(edges),
            arguments=self._argument_digest(node, args, kwargs, fallback),
            timeout_s=node._timeout_s,
            retries=node._retries,
            fallback=fallback_text,
            streams=node.streams,
        )
        names = tuple(argument_names(node.signature, len(args)))
        return spec, CallBinding(args, kwargs, fallback, names)

    def _argument_digest(
        self, node: CallNode, args: tuple[Any, ...], kwargs: Mapping[str, Any], fallback: Any
    ) -> str:
        """Changes when a plain argument, or what stands in for a failure, changes."""
        plain_args, plain = replace_arguments(node.signature, args, kwargs, placeholder)
        stand_in = () if node._fallback is NOT_GIVEN else (placeholder(fallback, ""),)
        return self._digest(None, (*plain_args, stand_in), plain)

    def _call_leaf(self, leaf: Any, place: str, *, call: str, edges: list[DataEdge]) -> Any:
        """A leaf of a call's arguments: nodes become markers, and edges are noted."""
        if not isinstance(leaf, Node):
            return leaf
        marker = self._value_marker(leaf)
        if marker is None:
            raise rules.WRONG_ARGUMENTS.error(
                f"{leaf!r} is an argument of {call}: a handle cannot travel with a request",
                node=call,
                hint="pass the bound class to another's .bind() as an init argument",
            )
        edges.append(DataEdge(marker.source, marker.path, place))
        return marker

    def _value_marker(self, node: Node) -> ValueMarker | None:
        if isinstance(node, InputNode):
            return ValueMarker(self._input_ids[id(node)], ())
        if isinstance(node, InputPart):
            return ValueMarker(self._input_ids[id(node._source)], node._path)
        if isinstance(node, CallNode):
            return ValueMarker(self._call_ids[id(node)], ())
        if isinstance(node, CallPart):
            return ValueMarker(self._call_ids[id(node._call)], node._path)
        return None

    def _fallback(self, node: CallNode) -> tuple[Any, str | None]:
        fallback = node._fallback
        if fallback is NOT_GIVEN:
            return None, None
        marker = self._value_marker(fallback) if isinstance(fallback, Node) else None
        return (marker, marker.source) if marker else (fallback, "value")


def _shown_name(node: CallNode | DeploymentNode) -> str:
    return (isinstance(node, CallNode) and node._label) or node.name


def _identity(node: Node) -> tuple[object, ...]:
    """What a call has in common with its copies, which `.options` makes."""
    if isinstance(node, CallNode):
        return (id(node._target), node._method, id(node._args))
    return (id(node),)


def _deployment_names(nodes: list[DeploymentNode]) -> dict[int, str]:
    explicit = [(node, node._deployment.explicit_name) for node in nodes]
    taken: set[str] = set()
    for _node, name in explicit:
        if name in taken:
            raise rules.DUPLICATE_NAME.error(f"two deployments are named {name!r}", node=name)
        if name:
            taken.add(name)
    names = {}
    for node, given in explicit:
        name = given or free_name(node.name, taken, "_")
        taken.add(name)
        names[id(node)] = name
    return names


def _call_ids(calls: list[CallNode], names: Mapping[int, str]) -> dict[int, str]:
    ids: dict[int, str] = {}
    taken: set[str] = set()
    for node in calls:
        name = names[id(node._target)]
        base = f"{name}.{node._method}" if node._target.is_class else name
        ids[id(node)] = free_name(base, taken, "#")
        taken.add(ids[id(node)])
    return ids


def free_name(base: str, taken: set[str], separator: str) -> str:
    """The base if it is free, else the base with the first free number."""
    number, name = 0, base
    while name in taken:
        number += 1
        name = f"{base}{separator}{number}"
    return name
