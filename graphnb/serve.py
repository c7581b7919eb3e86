"""Stands in for `ray.serve`: `from graphnb import serve` instead of `from ray import serve`.

`deployment`, `run`, `build`, `delete`, `status`, `shutdown`, `get_replica_context`, `multiplexed`
and `get_multiplexed_model_id` are graphnb's. Every other name (`batch`, `ingress`, ...) is Ray
Serve's, and is loaded on first use.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from graphnb.authoring import deployment
from graphnb.engine import (
    ReplicaContext,
    get_multiplexed_model_id,
    get_replica_context,
    multiplexed,
)

if TYPE_CHECKING:
    from ray.serve import Application

    from graphnb.engine import Handle
    from graphnb.executors import DeploymentStatus

__all__ = [
    "ReplicaContext",
    "build",
    "delete",
    "deployment",
    "get_multiplexed_model_id",
    "get_replica_context",
    "multiplexed",
    "run",
    "shutdown",
    "status",
]


def run(
    target: Any,
    *,
    name: str = "default",
    route_prefix: str | None = None,
    on: str | None = None,
) -> Handle:
    """Deploys a graph and returns its root's handle; see `graphnb.deploy`."""
    from graphnb.session import deploy

    return deploy(target, name=name, route_prefix=route_prefix, on=on).handle


def build(target: Any, *, import_path: str | None = None) -> Application:
    """Makes an ordinary Ray Serve application of a graph.

        app = serve.build(best)         # in a module; then: serve run module:app

    One Serve deployment for each deployment of the graph, under the same names and with the same
    options. Where it runs, graphnb and what the graph imports must be installed. A route prefix is
    given to whoever runs the application: Ray Serve has none in the application itself.

    Args:
        target: as for `graphnb.deploy`.
        import_path: where the module keeps the application, "module:variable". Each replica then
            imports its code from there, from what its own runtime environment holds; without it
            replicas are sent the code as it is here.

    Raises:
        GraphError: a rule is broken.
        NotSerializableError: a definition or an init arg cannot leave this process.
        DeployError: Ray Serve does not take an option of a deployment.
    """
    from graphnb.rayserve.compiling import application_of
    from graphnb.rayserve.imported import keep_root
    from graphnb.session.target import graph_of, root_of

    if import_path is not None:
        target = root_of(target)
        if keep_root(import_path, target):
            return None  # type: ignore[return-value]  # a replica wants the nodes, and they are kept
    graph = graph_of(target)
    prefix = graph.spec.route_prefix
    if prefix not in (None, "/"):
        warnings.warn(
            f"an application of Ray Serve has no route_prefix: {prefix!r} of {graph.spec.root} is"
            f" left out\nhint: give it to `serve run --route-prefix {prefix}`, to the file of"
            f" `serve deploy`, or to ray.serve.run(app, route_prefix={prefix!r})",
            stacklevel=2,
        )
    application: Application = application_of(graph, import_path)
    return application


def delete(name: str) -> None:
    """Ends the graph of that name.

    Raises:
        NotRunningError: there is none.
    """
    from graphnb.session import delete as delete_graph

    delete_graph(name)


def status() -> dict[str, tuple[DeploymentStatus, ...]]:
    """How each deployment of each running graph is."""
    from graphnb.session import running

    return {one.name: one.status() for one in running()}


def shutdown() -> None:
    """Ends all graphs of this process."""
    from graphnb.session import shutdown as shutdown_all

    shutdown_all()


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"module 'graphnb.serve' has no attribute {name!r}")
    from ray import serve

    try:
        return getattr(serve, name)
    except AttributeError:
        raise AttributeError(f"neither graphnb.serve nor ray.serve has the name {name!r}") from None
