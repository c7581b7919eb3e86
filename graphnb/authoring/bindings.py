"""What travels beside a spec: the callables, init args and call arguments that make it run.

A spec names; bindings hold. In arguments, markers stand where handles and results will be.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graphnb.authoring.walk import Leaf

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from graphnb.graph.rules import Diagnostic
    from graphnb.graph.spec import GraphSpec, Path


@dataclass(frozen=True, slots=True)
class HandleMarker(Leaf):
    """Stands in init args for the handle of a deployment."""

    deployment: str


@dataclass(frozen=True, slots=True)
class GraphMarker(Leaf):
    """Stands in init args for the handle of a graph.

    Attributes:
        graph: the place in the init args, which is the graph's id within the deployment.
        streams: whether the graph's root is a generator.
    """

    graph: str
    streams: bool


@dataclass(frozen=True, slots=True)
class ValueMarker(Leaf):
    """Stands in a call's arguments for the input, a call's result, or a part of either."""

    source: str
    path: Path


def _nowhere() -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class DeploymentBinding:
    """What a deployment runs.

    Attributes:
        func_or_class: the user's own.
        args, kwargs: init args, with markers for handles.
        options: as the user gave them, objects and all.
        where: says where it was defined, for people ("cell 4"); asked when an error names it.
    """

    func_or_class: Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    where: Callable[[], str | None] = _nowhere


@dataclass(frozen=True, slots=True)
class CallBinding:
    """What a call is made with.

    Attributes:
        args, kwargs: its arguments, with markers for values.
        arg_names: the parameters that `args` go to.
        fallback: the value, or the `ValueMarker` of the call, that stands in for a failure.
    """

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    fallback: Any = None
    arg_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph that can run: its spec, and bindings by deployment name and by call id.

    Attributes:
        findings: rules of severity "warning" that it breaks.
    """

    spec: GraphSpec
    deployments: Mapping[str, DeploymentBinding]
    calls: Mapping[str, CallBinding]
    findings: tuple[Diagnostic, ...] = ()
