"""What a graph is: frozen values that compare, diff, draw and travel as JSON, and never run.

`GraphSpec` holds `DeploymentSpec`s and `CallSpec`s; `topology` walks it, `validate` judges it
by rules with codes, `diff` compares two, `schema` reads and writes JSON.
"""

from graphnb.graph.diff import DeploymentChange, SpecDiff, diff
from graphnb.graph.schema import spec_from_json, spec_to_json
from graphnb.graph.spec import (
    CallSpec,
    DataEdge,
    DeploymentSpec,
    GraphEdge,
    GraphSpec,
    HandleEdge,
    InputSpec,
    Key,
    Options,
    path_text,
)

__all__ = [
    "CallSpec",
    "DataEdge",
    "DeploymentChange",
    "DeploymentSpec",
    "GraphEdge",
    "GraphSpec",
    "HandleEdge",
    "InputSpec",
    "Key",
    "Options",
    "SpecDiff",
    "diff",
    "path_text",
    "spec_from_json",
    "spec_to_json",
]
