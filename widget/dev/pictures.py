# ruff: noqa: INP001 - a script
"""Lays out the graphs of the dev page: `python dev/pictures.py`, in graphnb's environment.

They go to `dev/pictures/NAME.json`, as the kernel would send them.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

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
)
from graphnb.views.widget.picture import Picture

HERE = Path(__file__).parent / "pictures"


def small() -> GraphSpec:
    """Twelve nodes: a pipeline that branches, with a model that is chosen at run time."""
    text = (Key("item", "text"),)
    models = [
        DeploymentSpec("Small", "class", "Small", Options({"num_replicas": 2})),
        DeploymentSpec(
            "Large",
            "class",
            "Large",
            Options({"num_replicas": 3, "ray_actor_options": {"num_gpus": 1}}),
            max_batch_size=8,
        ),
    ]
    steps = {
        "tokenize": [("request", text, "text")],
        "language": [("request", text, "text")],
        "embed": [("tokenize", (), "tokens")],
        "entities": [("tokenize", (), "tokens")],
        "sentiment": [("embed", (), "vector")],
        "retrieve": [("embed", (), "vector"), ("language", (), "language")],
        "rerank": [("retrieve", (), "documents"), ("entities", (), "entities")],
        "<img src=x onerror=alert(1)>": [("sentiment", (), "score")],
        "answer": [("rerank", (), "documents"), ("<img src=x onerror=alert(1)>", (), "tone")],
    }
    calls = tuple(
        CallSpec(name, name, "__call__", None, tuple(DataEdge(*one) for one in sources))
        for name, sources in steps.items()
    )
    functions = [
        DeploymentSpec(
            name,
            "function",
            name,
            handles=(HandleEdge("Small", "small"), HandleEdge("Large", "large"))
            if name == "answer"
            else (),
        )
        for name in steps
    ]
    driver = DeploymentSpec("Driver", "class", "Driver", graphs=(GraphEdge("answer", "dag"),))
    return GraphSpec(
        "Driver", (*functions, *models, driver), calls, (InputSpec("request", "request"),), "/"
    )


def large(count: int = 200) -> GraphSpec:
    """Two hundred nodes in layers, each taking from two or three of the layers before."""
    chosen = random.Random(1)  # the same graph each time
    calls: list[CallSpec] = []
    for index in range(count - 2):
        before = [one.id for one in calls[max(0, index - 24) : max(0, index - 8)]]
        sources = chosen.sample(before, min(len(before), chosen.choice((1, 2, 2, 3))))
        edges = tuple(DataEdge(one, (), f"x{n}") for n, one in enumerate(sources or ["request"]))
        name = f"{chosen.choice(('embed', 'score', 'merge', 'rank', 'parse'))}_{index}"
        calls.append(CallSpec(name, name, "__call__", None, edges))
    used = {edge.source for call in calls for edge in call.edges}
    last = tuple(
        DataEdge(call.id, (), f"x{n}")
        for n, call in enumerate(one for one in calls if one.id not in used)
    )
    calls.append(CallSpec("total", "total", "__call__", None, last))
    deployments = [DeploymentSpec(one.id, "function", one.id) for one in calls]
    driver = DeploymentSpec("Driver", "class", "Driver", graphs=(GraphEdge("total", "dag"),))
    return GraphSpec(
        "Driver", (*deployments, driver), tuple(calls), (InputSpec("request", "request"),)
    )


def main() -> None:
    """Writes them."""
    HERE.mkdir(exist_ok=True)
    for number, spec in enumerate((small(), large()), start=1):
        name = "small" if number == 1 else "large"
        traits = Picture(number, spec).traits(f"{name}_demo", "local")
        (HERE / f"{name}.json").write_text(json.dumps(traits))


if __name__ == "__main__":
    main()
