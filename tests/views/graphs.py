"""The named example graphs and traces that the tests of views share."""

from __future__ import annotations

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
from graphnb.telemetry.spans import Span, Trace

REQUEST = (InputSpec("request", "request"),)
HOSTILE = "<b onload='x'>&amp;\"\\ \\n\x00\n日本😀" + "y" * 300


def item(key):
    """The path `[key]`."""
    return (Key("item", key),)


def driver(call, argument="dag", name="DAGDriver"):
    """A deployment that runs one graph."""
    return DeploymentSpec(name, "class", name, graphs=(GraphEdge(call, argument),))


def ensemble():
    """Two preprocessors, a combiner that holds two models, a driver."""
    combiner = DeploymentSpec(
        "Combiner",
        "class",
        "Combiner",
        Options({"num_replicas": 3}),
        handles=(HandleEdge("Model", "first"), HandleEdge("Model_1", "second")),
    )
    models = (
        DeploymentSpec("Model", "class", "Model", Options({"num_replicas": 2})),
        DeploymentSpec(
            "Model_1",
            "class",
            "Model",
            Options({"ray_actor_options": {"num_gpus": 0.5}}),
            max_batch_size=8,
        ),
    )
    functions = (
        DeploymentSpec("tokenize", "function", "tokenize"),
        DeploymentSpec("average", "function", "average"),
    )
    calls = (
        CallSpec(
            "tokenize",
            "tokenize",
            "__call__",
            "tokens",
            (DataEdge("request", item("text"), "text"),),
        ),
        CallSpec(
            "average",
            "average",
            "__call__",
            None,
            (DataEdge("request", item(1), "data"),),
            timeout_s=2.0,
            retries=1,
        ),
        CallSpec(
            "Combiner.run",
            "Combiner",
            "run",
            "best",
            (DataEdge("tokenize", (), "words"), DataEdge("average", (), "mean")),
        ),
    )
    return GraphSpec(
        "DAGDriver", (*functions, *models, combiner, driver("Combiner.run")), calls, REQUEST, "/"
    )


def chain(length=10):
    """Each call takes the one before."""
    models = tuple(DeploymentSpec(f"M{one}", "class", "Model") for one in range(length))
    calls = tuple(
        CallSpec(
            f"m{one}",
            f"M{one}",
            "predict",
            f"step_{one}",
            (DataEdge(f"m{one - 1}" if one else "request", (), "x"),),
        )
        for one in range(length)
    )
    return GraphSpec("DAGDriver", (*models, driver(calls[-1].id)), calls, REQUEST)


def fan(width=10):
    """Many calls of the request, and one that takes all their results."""
    models = tuple(DeploymentSpec(f"M{one}", "class", "Model") for one in range(width))
    calls = tuple(
        CallSpec(f"m{one}", f"M{one}", "predict", None, (DataEdge("request", (), "x"),))
        for one in range(width)
    )
    total = CallSpec(
        "total",
        "total",
        "__call__",
        "final",
        tuple(DataEdge(f"m{one}", (), f"items[{one}]") for one in range(width)),
    )
    deployments = (*models, DeploymentSpec("total", "function", "total"), driver("total"))
    return GraphSpec("DAGDriver", deployments, (*calls, total), REQUEST)


def grouped():
    """One deployment called twice, with a call that stands in for another."""
    calls = (
        CallSpec("e", "Embed", "embed", "query", (DataEdge("request", item(0), "text"),)),
        CallSpec("e_1", "Embed", "embed", "docs", (DataEdge("request", item(1), "text"),)),
        CallSpec("backup", "backup", "__call__", None, (DataEdge("request", (), "x"),)),
        CallSpec(
            "rank",
            "rank",
            "__call__",
            None,
            (DataEdge("e", (), "query"), DataEdge("e_1", item(0), "docs")),
            fallback="backup",
        ),
    )
    deployments = (
        DeploymentSpec("Embed", "class", "Embed", max_batch_size=32),
        DeploymentSpec("rank", "function", "rank"),
        DeploymentSpec("backup", "function", "backup"),
        DeploymentSpec(
            "DAGDriver",
            "class",
            "DAGDriver",
            graphs=(GraphEdge("rank", "dag['/rank']"), GraphEdge("e", "dag['/embed']")),
        ),
    )
    return GraphSpec("DAGDriver", deployments, calls, REQUEST)


def handles_only():
    """No graph at all: an ingress that holds a model, and the model holds it back."""
    return GraphSpec(
        "Ingress",
        (
            DeploymentSpec("Model", "class", "Model", handles=(HandleEdge("Ingress", "back"),)),
            DeploymentSpec("Ingress", "class", "Ingress", handles=(HandleEdge("Model", "model"),)),
        ),
    )


def hostile():
    """Names that mean something to DOT, XML, HTML or a terminal."""
    calls = (
        CallSpec(
            "a:b -> c", HOSTILE, "__call__", HOSTILE, (DataEdge("in put", item(HOSTILE), "x"),)
        ),
        CallSpec("z", "<html>", "__call__", None, (DataEdge("a:b -> c", (), HOSTILE),)),
    )
    deployments = (
        DeploymentSpec(
            HOSTILE,
            "function",
            HOSTILE,
            Options({"ray_actor_options": {"resources": {HOSTILE: 1}}}),
        ),
        DeploymentSpec("<html>", "class", HOSTILE, handles=(HandleEdge("\\", HOSTILE),)),
        DeploymentSpec("\\", "class", "\\N"),
        driver("z", HOSTILE, "D\\l"),
    )
    return GraphSpec("D\\l", deployments, calls, (InputSpec("in put", "<i>"),), "/<x>")


EXAMPLES = {
    "ensemble": ensemble(),
    "chain": chain(),
    "fan": fan(),
    "grouped": grouped(),
    "handles only": handles_only(),
    "hostile": hostile(),
    "empty": GraphSpec("D", (DeploymentSpec("D", "class", "D"),)),
}


def request(spec, *, executing_s=0.1, outcome="ok"):
    """One request that runs every call as soon as its sources have ended."""
    spans, ends = [], {}
    known = {one.id for one in spec.calls}
    for number, call in enumerate(spec.calls, start=1):
        after = tuple(dict.fromkeys(one.source for one in call.edges if one.source in known))
        start = max((ends[one] for one in after), default=0.0)
        span = Span(
            number,
            0,
            call.deployment,
            call.id,
            call.method,
            f"{call.deployment}#1",
            start,
            0.001,
            0.001,
            executing_s * number,
            0.002,
            outcome,
            10,
            after,
        )
        spans.append(span)
        ends[call.id] = span.end_s
    end = max(ends.values(), default=0.01)
    spans.append(Span(0, None, spec.root, None, "predict", "", 0.0, 0, 0, end, 0, outcome, 0))
    return Trace("r1", 0.0, outcome, None, tuple(spans))
