"""What each part of a picture says: a spec's names and options in short lines.

The words are chosen here, once; `dot` measures them and `text` prints them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from graphnb.graph.spec import CallSpec, DataEdge, DeploymentSpec, GraphSpec, path_text

__all__ = [
    "call_name",
    "call_notes",
    "call_title",
    "deployment_notes",
    "edge_label",
    "headline",
    "option_text",
]


def headline(spec: GraphSpec) -> str:
    """The graph in one line."""
    deployments = _plural(len(spec.deployments), "deployment")
    calls = _plural(len(spec.calls), "call")
    return f"graph root {spec.root}: {deployments}, {calls}"


def call_name(call: CallSpec) -> str:
    """What is called: "deployment.method", or the deployment alone for its `__call__`."""
    return call.deployment if call.method == "__call__" else f"{call.deployment}.{call.method}"


def call_title(call: CallSpec) -> str:
    """What people call the call: the notebook's variable, else what is called."""
    return call.label or call_name(call)


def call_notes(spec: GraphSpec, call: CallSpec) -> list[str]:
    """How the call is made, where that is not plain."""
    notes = []
    if call.streams:
        notes.append("streams")
    if call.timeout_s is not None:
        notes.append(f"timeout {call.timeout_s:g} s")
    if call.retries:
        notes.append(_plural(call.retries, "retry", "retries"))
    if call.fallback == "value":
        notes.append("fallback value")
    elif call.fallback is not None:
        stand_in = next((one for one in spec.calls if one.id == call.fallback), None)
        notes.append(f"fallback {call_title(stand_in) if stand_in else call.fallback}")
    return notes


def deployment_notes(deployment: DeploymentSpec) -> list[str]:
    """The options that decide how much of it there is and what it takes."""
    options = deployment.options
    notes = _replicas(options)
    if deployment.max_batch_size is not None:
        notes.append(f"batch {deployment.max_batch_size}")
    actor = options.get("ray_actor_options")
    if isinstance(actor, Mapping):
        notes.extend(_resources(actor))
    return notes


def option_text(name: str, value: Any) -> str:
    """An option as code, without what may be secret: the values of environment variables."""
    return f"{name}={_without_secrets(value)!r}"


def _without_secrets(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: {one: _Hidden() for one in inner}
            if key == "env_vars" and isinstance(inner, Mapping)
            else _Hidden()
            if _SECRET.search(str(key)) and not isinstance(inner, bool | int | float | None)
            else _without_secrets(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_without_secrets(one) for one in value]
    return value


class _Hidden:
    """Stands for what is not shown."""

    def __repr__(self) -> str:
        return "***"


_SECRET = re.compile("token|secret|password|passwd|credential|api_?key|private_?key", re.IGNORECASE)


def edge_label(edges: Iterable[DataEdge], call: CallSpec, source_title: str | None) -> str:
    """What an edge says: the parts that are taken, else the argument where that tells more.

    An argument tells more when the call has several that come from elsewhere, except for the
    items of one list or mapping, whose number is plain to see, and for one that has the name of
    its source.

    Args:
        edges: the edges that are drawn as one line.
        call: where they lead.
        source_title: the name of their source, or None to leave out arguments.
    """
    texts: list[str] = []
    parameters = {_parameter(edge.argument) for edge in call.edges}
    for edge in edges:
        if edge.path:
            texts.append(path_text(edge.path))
        elif (
            source_title is not None
            and len(parameters) > 1
            and edge.argument == _parameter(edge.argument)
            and edge.argument != source_title
        ):
            texts.append(edge.argument)
    return ", ".join(dict.fromkeys(texts))


def _parameter(argument: str) -> str:
    """The parameter of an argument such as "items[2]"."""
    return argument.split("[", 1)[0].split(".", 1)[0]


def _replicas(options: Mapping[str, Any]) -> list[str]:
    replicas = options.get("num_replicas")
    autoscaling = options.get("autoscaling_config")
    if isinstance(autoscaling, Mapping):
        low, high = autoscaling.get("min_replicas", 1), autoscaling.get("max_replicas", 1)
        return [f"{low}–{high} replicas"]
    if autoscaling is not None or replicas == "auto":
        return ["autoscaling"]
    if isinstance(replicas, int) and replicas != 1:
        return [_plural(replicas, "replica")]
    return []


def _resources(actor: Mapping[str, Any]) -> list[str]:
    notes = []
    for name, unit in (("num_cpus", "CPU"), ("num_gpus", "GPU")):
        value = actor.get(name)
        # One CPU is what a replica takes anyway.
        if isinstance(value, int | float) and value != (1 if unit == "CPU" else 0):
            notes.append(f"{value:g} {unit}")
    accelerator = actor.get("accelerator_type")
    if accelerator:
        notes.append(str(accelerator))
    resources = actor.get("resources")
    if isinstance(resources, Mapping):
        notes.extend(f"{name} {value}" for name, value in sorted(resources.items()))
    return notes


def _plural(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
