"""The two sides of measurements on Ray: a graph, and a program for plain Ray Serve by hand.

Both on one Ray, which `graphnb` starts; drivers take as many requests at a time on both sides.
"""

from collections.abc import Callable
from typing import Any

import graphnb
from graphnb import DAGDriver

MAX_ONGOING = 1_000


def graph_side(node: Any, name: str) -> Callable[..., Any]:
    """Deploys a graph on Ray; returns what sends a request."""
    target = DAGDriver.options(max_ongoing_requests=MAX_ONGOING).bind(node)
    graph = graphnb.deploy(target, name=f"bench_{name}", on="ray", http=False)
    return graph.remote


def hand_side(application: Any, name: str) -> Callable[..., Any]:
    """Runs an application on Ray Serve; returns what sends a request to its `predict`."""
    from ray import serve

    root = application._bound_deployment
    root._deployment_config.max_ongoing_requests = MAX_ONGOING
    # By value from here as well, as graphnb sends its requests.
    handle = serve.run(application, name=name, route_prefix=None).options(_by_reference=False)
    send: Callable[..., Any] = handle.predict.remote
    return send


def end_all() -> None:
    """Ends all graphs and applications, for those that come next."""
    from ray import serve

    graphnb.serve.shutdown()
    for name in list(serve.status().applications):
        serve.delete(name)
