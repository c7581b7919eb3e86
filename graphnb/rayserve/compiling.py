"""A graph as an ordinary Ray Serve application."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from graphnb.engine.http_request import DEFAULT_MAX_BODY
from graphnb.engine.shipping import ship
from graphnb.engine.travel import pack_to_travel
from graphnb.engine.version import compile_schedules
from graphnb.errors import DeployError
from graphnb.rayserve.config import HttpLimits, Payload, Wiring, with_wiring
from graphnb.rayserve.private import with_version

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from graphnb.authoring import Graph
    from graphnb.graph.spec import DeploymentSpec, GraphSpec

# Ours: Ray Serve does not know them.
_OWN_OPTIONS = ("route_prefix", "user_config")

ANYBODY = HttpLimits(None, DEFAULT_MAX_BODY)
"""Who runs an application of Ray Serve says who may reach it."""


@dataclass(frozen=True, slots=True)
class Part:
    """One Serve deployment, ready to be made part of an application.

    Attributes:
        name: the graph's name.
        serve_name: Ray Serve's.
        version: changes when its replicas have to be made anew.
        payload: what its host runs.
        options: Ray Serve's own, as the user gave them.
        wiring: how it is tied in; None where the payload says it.
        user_config: the user's own.
    """

    name: str
    serve_name: str
    version: str
    payload: Payload
    options: Mapping[str, Any]
    wiring: Wiring | None
    user_config: Any

    def runs_as(self, other: Part) -> bool:
        """Whether replicas of the other one need nothing but a wiring to be this one's."""
        return self.options == other.options and self.user_config == other.user_config

    def deployment(self) -> Any:
        """The Serve deployment, not bound.

        Raises:
            DeployError: Ray Serve does not take one of its options.
        """
        from ray import serve

        from graphnb.rayserve.host import Host

        user_config = self.user_config
        if self.wiring is not None:
            user_config = with_wiring(self.wiring, user_config)
        # Copies: Ray Serve writes its defaults into the dicts that it gets.
        options: dict[str, Any] = {
            name: dict(value) if isinstance(value, dict) else value
            for name, value in self.options.items()
        }
        if user_config is not None:
            options["user_config"] = user_config
        try:
            made = serve.deployment(Host, **{**options, "name": self.serve_name})
        except (TypeError, ValueError) as error:
            raise DeployError(
                f"Ray Serve does not take the options of {self.name}: {_reason(error)}",
                deployment=self.name,
            ) from error
        return with_version(made, self.version)


def _reason(error: Exception) -> str:
    """What an option should have been, in Ray Serve's words."""
    tell = getattr(error, "errors", None)  # pydantic's have a list
    found = tell() if callable(tell) else None
    text = str(found[0]["msg"]) if found else str(error)
    return text.removeprefix("Value error, ")


@dataclass(frozen=True, slots=True)
class Compiled:
    """A graph as parts.

    Attributes:
        root: the graph's name of the deployment that requests enter.
        parts: by the graph's names.
    """

    root: str
    parts: Mapping[str, Part]


def compile_graph(
    graph: Graph,
    *,
    names: Mapping[str, str] | None = None,
    number: int = 0,
    http: HttpLimits | None = None,
    collector: str | None = None,
    wired: bool = False,
    import_path: str | None = None,
    before: Mapping[str, Part] | None = None,
) -> Compiled:
    """Makes the parts of a graph.

    Args:
        graph: what to compile.
        names: Ray Serve's name of each deployment; the graph's own by default.
        number: of the version.
        http: what is asked of HTTP requests.
        collector: who takes what hosts tell.
        wired: whether wirings come as `user_config` (and can be changed), or in the payload.
        import_path: where hosts find their definitions, rather than being sent them.
        before: the parts that run, by Ray Serve's names: what is wired as before is not told anew.

    Raises:
        NotSerializableError: a definition, or an init arg, cannot be shipped.
        GraphError: GN114, a constant argument cannot be serialized.
    """
    serve_names = names or {one.name: one.name for one in graph.spec.deployments}
    schedules = compile_schedules(graph, pack_to_travel)
    parts = {}
    for spec in graph.spec.deployments:
        wiring = _wiring(graph, spec, schedules, serve_names, number, http)
        had = (before or {}).get(serve_names[spec.name])
        # The root's is always new: requests that enter there are of the version that it knows.
        if had is not None and spec.name != graph.spec.root:
            wiring = wiring.or_same(had.wiring)
        part = _part(graph, spec, serve_names[spec.name], wiring, collector, import_path)
        parts[spec.name] = part if wired else _settled(part, graph.spec)
    return Compiled(graph.spec.root, parts)


def wiring_within(graph: Graph, deployment: str) -> Wiring:
    """How a deployment is tied into a graph that never changes while its application lives."""
    spec = graph.spec.deployment(deployment)
    names = {one.name: one.name for one in graph.spec.deployments}
    schedules = compile_schedules(graph, pack_to_travel)
    return _wiring(graph, spec, schedules, names, 0, ANYBODY)


def _wiring(
    graph: Graph,
    spec: DeploymentSpec,
    schedules: Mapping[Any, Any],
    serve_names: Mapping[str, str],
    number: int,
    http: HttpLimits | None,
) -> Wiring:
    own = {key: one for key, one in schedules.items() if key[0] == spec.name}
    called = {edge.deployment for edge in spec.handles}
    called |= {step.deployment for one in own.values() for step in one.steps}
    return Wiring(
        number=number,
        root=graph.spec.root,
        callees={name: serve_names[name] for name in sorted(called - {spec.name})},
        schedules=ship(own) if own else None,
        http=http,
    )


def _part(
    graph: Graph,
    spec: DeploymentSpec,
    serve_name: str,
    wiring: Wiring,
    collector: str | None,
    import_path: str | None,
) -> Part:
    binding = graph.deployments[spec.name]
    made = version_of(spec)
    shipped = (binding.func_or_class, binding.args, dict(binding.kwargs))
    payload = Payload(
        deployment=spec.name,
        version=made,
        definition=b"" if import_path is not None else ship(shipped),
        where=binding.where(),
        wiring=None,
        collector=collector,
        import_path=import_path,
    )
    return Part(
        name=spec.name,
        serve_name=serve_name,
        version=made,
        payload=payload,
        options={k: v for k, v in binding.options.items() if k not in _OWN_OPTIONS},
        wiring=wiring,
        user_config=binding.options.get("user_config"),
    )


def _settled(part: Part, spec: GraphSpec) -> Part:
    """A part whose wiring never changes: it travels with the code, and is as new as that is."""
    assert part.wiring is not None
    within = version_within(spec, spec.deployment(part.name))
    said = [within, part.wiring.callees, asdict(part.wiring)["http"]]
    payload = part.payload
    if payload.import_path is None:
        payload = replace(payload, wiring=part.wiring)
    return replace(part, version=_hash(said), payload=payload, wiring=None)


def version_within(graph: GraphSpec, spec: DeploymentSpec) -> str:
    """What changes when a deployment, with the graphs that it holds, has to be made anew."""
    said: list[Any] = [version_of(spec), graph.root]
    if spec.graphs:
        said += [[asdict(one) | {"label": None} for one in graph.calls]]
    return _hash(said)


def version_of(spec: DeploymentSpec) -> str:
    """What changes when a deployment's replicas have to be made anew: its code and init args."""
    said = [
        version("graphnb"),
        spec.name,
        spec.digest,
        [[edge.argument, edge.deployment] for edge in spec.handles],
        [edge.argument for edge in spec.graphs],
    ]
    return _hash(said)


def _hash(said: Any) -> str:
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]


def bind_application(root: Part, others: Sequence[Part], more: Sequence[Any] = ()) -> Any:
    """The Ray Serve application of these parts, and of bound deployments that are no part."""
    children = [*(one.deployment().bind(one.payload) for one in others), *more]
    return root.deployment().bind(root.payload, children)


def application_of(graph: Graph, import_path: str | None = None) -> Any:
    """The Ray Serve application of a graph, which anybody may run.

    Args:
        graph: what to make it of.
        import_path: where replicas find it again; without it they are sent their code.

    Raises:
        NotSerializableError: a definition, or an init arg, cannot be shipped.
        GraphError: GN114, a constant argument cannot be serialized.
    """
    compiled = compile_graph(graph, http=ANYBODY, import_path=import_path)
    root = compiled.parts[compiled.root]
    return bind_application(root, [one for one in compiled.parts.values() if one is not root])
