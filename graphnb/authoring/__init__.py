"""How a graph is written: deployments, nodes and `bind()`, and what is built from them.

`deployment` decorates classes and functions, `nodes` are what `bind()` makes, `build` turns a
root node into a frozen spec and its bindings, `digest` says whether code has changed.
"""

from graphnb.authoring.bindings import (
    CallBinding,
    DeploymentBinding,
    Graph,
    GraphMarker,
    HandleMarker,
    ValueMarker,
)
from graphnb.authoring.build import build
from graphnb.authoring.deployment import Deployment, deployment
from graphnb.authoring.nodes import CallNode, DeploymentNode, InputNode, Node, label_nodes

__all__ = [
    "CallBinding",
    "CallNode",
    "Deployment",
    "DeploymentBinding",
    "DeploymentNode",
    "Graph",
    "GraphMarker",
    "HandleMarker",
    "InputNode",
    "Node",
    "ValueMarker",
    "build",
    "deployment",
    "label_nodes",
]
