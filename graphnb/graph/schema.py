"""GraphSpec as JSON: versioned, no pickle; loaded, it draws, compares and diffs, and never runs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from graphnb.errors import GraphnbError
from graphnb.graph.spec import (
    SPEC_VERSION,
    CallSpec,
    DataEdge,
    DeploymentSpec,
    GraphEdge,
    GraphSpec,
    HandleEdge,
    InputSpec,
    Key,
    Options,
)


def spec_to_json(spec: GraphSpec, *, indent: int | None = None) -> str:
    """The spec as JSON text; the same spec gives the same text."""
    return json.dumps({"version": SPEC_VERSION, **_plain(spec)}, indent=indent, sort_keys=True)


def spec_from_json(text: str) -> GraphSpec:
    """The spec that `spec_to_json` wrote.

    Raises:
        GraphnbError: the text is not a spec, or is of a version that this graphnb does not read.
    """
    try:
        data = json.loads(text)
        version = data["version"]
    except (ValueError, KeyError, TypeError) as error:
        raise GraphnbError(f"this is not a graph spec: {error}") from error
    if version != SPEC_VERSION:
        raise GraphnbError(
            f"the graph spec has version {version}, this graphnb reads version {SPEC_VERSION}",
            hint="install the graphnb that wrote it, or write it again with this one",
        )
    try:
        return _graph(data)
    except (KeyError, TypeError, ValueError) as error:
        raise GraphnbError(f"the graph spec is damaged: {error!r}") from error


def _plain(spec: GraphSpec) -> dict[str, Any]:
    data = {
        "root": spec.root,
        "route_prefix": spec.route_prefix,
        "inputs": [asdict(one) for one in spec.inputs],
        "calls": [asdict(one) for one in spec.calls],
    }
    data["deployments"] = [
        {
            "name": one.name,
            "kind": one.kind,
            "definition": one.definition,
            "options": dict(one.options),
            "digest": one.digest,
            "handles": [asdict(edge) for edge in one.handles],
            "graphs": [asdict(edge) for edge in one.graphs],
            "max_batch_size": one.max_batch_size,
        }
        for one in spec.deployments
    ]
    return data


def _graph(data: dict[str, Any]) -> GraphSpec:
    return GraphSpec(
        root=data["root"],
        route_prefix=data["route_prefix"],
        inputs=tuple(InputSpec(**one) for one in data["inputs"]),
        deployments=tuple(_deployment(one) for one in data["deployments"]),
        calls=tuple(_call(one) for one in data["calls"]),
    )


def _deployment(data: dict[str, Any]) -> DeploymentSpec:
    fields = dict(data)
    fields["options"] = Options(fields["options"])
    fields["handles"] = tuple(HandleEdge(**edge) for edge in fields["handles"])
    fields["graphs"] = tuple(GraphEdge(**edge) for edge in fields["graphs"])
    return DeploymentSpec(**fields)


def _call(data: dict[str, Any]) -> CallSpec:
    fields = dict(data)
    fields["edges"] = tuple(
        DataEdge(
            source=edge["source"],
            path=tuple(Key(**key) for key in edge["path"]),
            argument=edge["argument"],
        )
        for edge in fields["edges"]
    )
    return CallSpec(**fields)
