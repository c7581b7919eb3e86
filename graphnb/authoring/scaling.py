"""A graph with other numbers: more replicas, more calls at a time; the same code."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from graphnb.authoring.build import checked
from graphnb.graph.spec import Options

if TYPE_CHECKING:
    from graphnb.authoring.bindings import Graph

__all__ = ["with_options"]


def with_options(graph: Graph, deployment: str, **options: Any) -> Graph:
    """The graph with these options of one deployment, all else as it was.

    Args:
        graph: the graph.
        deployment: one of its names.
        options: in place of those that were set, or beside them.

    Raises:
        GraphError: a rule is broken.
    """
    spec = graph.spec
    deployments = tuple(
        replace(one, options=Options({**one.options, **options})) if one.name == deployment else one
        for one in spec.deployments
    )
    binding = graph.deployments[deployment]
    changed = replace(binding, options={**binding.options, **options})
    return checked(
        replace(
            graph,
            spec=replace(spec, deployments=deployments),
            deployments={**graph.deployments, deployment: changed},
        )
    )
