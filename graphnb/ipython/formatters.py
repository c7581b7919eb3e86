"""Shows nodes, specs and running graphs as pictures; nothing below this layer knows of pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphnb.authoring import CallNode, DeploymentNode
from graphnb.errors import GraphError, NotRunningError
from graphnb.graph import GraphSpec
from graphnb.session import RunningGraph
from graphnb.session.target import graph_of
from graphnb.views import mimebundle

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_TYPES = (CallNode, DeploymentNode, GraphSpec, RunningGraph)
_APPLICATION = "ray.serve.deployment.Application"  # by name: Ray is not imported for it


def spec_of(value: Any) -> GraphSpec:
    """The spec of a node, a running graph, an application, or a dict from route to node.

    Raises:
        GraphError: the node's graph breaks a rule.
    """
    if isinstance(value, GraphSpec):
        return value
    return value.spec if isinstance(value, RunningGraph) else graph_of(value).spec


def _formatter(shell: InteractiveShell) -> Any:
    assert shell.display_formatter is not None
    return shell.display_formatter.mimebundle_formatter


def register_formatters(shell: InteractiveShell) -> None:
    """Lets a shell show graphs as pictures, with plain text beside them."""
    formatter = _formatter(shell)
    for kind in (*_TYPES, _APPLICATION):
        formatter.for_type(kind, _bundle)


def unregister_formatters(shell: InteractiveShell) -> None:
    """Takes the pictures back."""
    formatter = _formatter(shell)
    for kind in (*_TYPES, _APPLICATION):
        formatter.pop(kind, None)


def _bundle(value: Any, **_kwargs: Any) -> dict[str, str]:
    try:
        return mimebundle(spec_of(value))
    except (GraphError, NotRunningError) as error:
        return {"text/plain": f"{value!r}\n{error}"}
