"""The graph as a frozen value: names, edges, options and digests; nothing that runs.

A `GraphSpec` is one application. Its deployments are what Ray Serve scales; its calls are what
happens at request time. Three kinds of edges join them:

- a `DataEdge` brings the input, or a call's result, to an argument of a call;
- a `HandleEdge` gives a deployment a handle to another one, which it calls by itself;
- a `GraphEdge` gives a deployment a handle to a whole graph, by the call that is its root.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

SPEC_VERSION = 1


@dataclass(frozen=True, slots=True)
class Key:
    """One step into a value: `value[key]` (kind "item") or `value.key` (kind "attr")."""

    kind: Literal["item", "attr"]
    key: int | str

    def __str__(self) -> str:
        return f"[{self.key!r}]" if self.kind == "item" else f".{self.key}"


Path = tuple[Key, ...]


def path_text(path: Path) -> str:
    """The path as Python writes it: `["text"][0].mean`."""
    return "".join(map(str, path))


class Options(Mapping[str, Any]):
    """The options that a user gave a deployment: a frozen, hashable mapping of JSON values."""

    __slots__ = ("_text",)

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        self._text = json.dumps(dict(values or {}), sort_keys=True)

    def __getitem__(self, name: str) -> Any:
        return json.loads(self._text)[name]

    def __iter__(self) -> Iterator[str]:
        return iter(json.loads(self._text))

    def __len__(self) -> int:
        return len(json.loads(self._text))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Options) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return f"Options({self._text})"


@dataclass(frozen=True, slots=True)
class InputSpec:
    """The request, as an `InputNode` stands for it.

    Attributes:
        id: unique among inputs and calls.
        label: the variable that holds the InputNode, else "input".
    """

    id: str
    label: str


@dataclass(frozen=True, slots=True)
class DataEdge:
    """A value on its way into an argument of a call.

    Attributes:
        source: the id of an input or of a call.
        path: the part of the source's value that is taken; empty for all of it.
        argument: the parameter it goes to, and the place inside it ("items[2]").
    """

    source: str
    path: Path
    argument: str


@dataclass(frozen=True, slots=True)
class HandleEdge:
    """A deployment holds a handle to another and calls it by itself.

    Attributes:
        deployment: the name of the deployment that is called.
        argument: the place in the init args where the handle goes.
    """

    deployment: str
    argument: str


@dataclass(frozen=True, slots=True)
class GraphEdge:
    """A deployment holds a handle to a graph.

    Attributes:
        call: the id of the call that is the graph's root.
        argument: the place in the init args where the handle goes; also the graph's id within
            the deployment.
    """

    call: str
    argument: str


@dataclass(frozen=True, slots=True)
class DeploymentSpec:
    """A class or function that scales on its own.

    Attributes:
        name: unique in the application.
        kind: "class" or "function".
        definition: the qualified name of the class or function.
        options: what the user set; Ray Serve's defaults are not repeated.
        digest: changes when the code, what it reaches, or the init args change.
        handles: the deployments that it calls by itself.
        graphs: the graphs that it runs.
        max_batch_size: the largest batch of its `@serve.batch` methods, or None.
    """

    name: str
    kind: Literal["class", "function"]
    definition: str
    options: Options = field(default_factory=Options)
    digest: str = ""
    handles: tuple[HandleEdge, ...] = ()
    graphs: tuple[GraphEdge, ...] = ()
    max_batch_size: int | None = None


@dataclass(frozen=True, slots=True)
class CallSpec:
    """One call of a deployment's function or method at request time.

    Attributes:
        id: unique in the application, and the same from one build to the next.
        deployment: the deployment that is called.
        method: the method, `__call__` for a function.
        label: the variable that holds the node, where there is one.
        edges: where its arguments come from.
        arguments: digest of the arguments that are plain values, and of the fallback.
        timeout_s: seconds that the call may take, or None.
        retries: how often a failed call is tried again.
        fallback: None, "value" for a plain value, or the id of the call that stands in.
        streams: whether it is a generator.
    """

    id: str
    deployment: str
    method: str
    label: str | None = None
    edges: tuple[DataEdge, ...] = ()
    arguments: str = ""
    timeout_s: float | None = None
    retries: int = 0
    fallback: str | None = None
    streams: bool = False


@dataclass(frozen=True, slots=True)
class GraphSpec:
    """One application: its deployments, its calls, and the deployment that is its root.

    Attributes:
        root: the name of the deployment that requests enter (the driver or ingress).
        deployments: in the order in which they were bound.
        calls: in the order in which they were bound, so that sources come before users.
        inputs: the InputNodes.
        route_prefix: the root's own, or None.
    """

    root: str
    deployments: tuple[DeploymentSpec, ...]
    calls: tuple[CallSpec, ...] = ()
    inputs: tuple[InputSpec, ...] = ()
    route_prefix: str | None = None

    def deployment(self, name: str) -> DeploymentSpec:
        """The deployment of that name; KeyError if there is none."""
        for one in self.deployments:
            if one.name == name:
                return one
        raise KeyError(name)

    def call(self, call_id: str) -> CallSpec:
        """The call of that id; KeyError if there is none."""
        for one in self.calls:
            if one.id == call_id:
                return one
        raise KeyError(call_id)

    def calls_of(self, deployment: str) -> tuple[CallSpec, ...]:
        """The calls of that deployment, in order."""
        return tuple(one for one in self.calls if one.deployment == deployment)

    def __str__(self) -> str:
        """One line for each deployment, its options and what it is called with."""
        lines = [f"{len(self.deployments)} deployments, root {self.root}"]
        for one in self.deployments:
            options = "".join(f" {name}={one.options[name]!r}" for name in one.options)
            lines.append(f"  {one.name} = {one.kind} {one.definition}{options}")
            lines.extend(f"    holds {edge.deployment} as {edge.argument}" for edge in one.handles)
            lines.extend(f"    runs {edge.call} as {edge.argument}" for edge in one.graphs)
            lines.extend(f"    {self._call_text(call)}" for call in self.calls_of(one.name))
        return "\n".join(lines)

    def _call_text(self, call: CallSpec) -> str:
        labels = {one.id: one.label for one in self.inputs}
        arguments = ", ".join(
            f"{edge.argument}={labels.get(edge.source, edge.source)}{path_text(edge.path)}"
            for edge in call.edges
        )
        return f"{call.id}({arguments})"
