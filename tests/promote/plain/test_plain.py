"""Graphs as plain Ray Serve code."""

import ast
import importlib
import itertools
import sys
import textwrap

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from ray import serve as ray_serve
from ray.serve._private import constants, http_util
from ray.serve.handle import DeploymentHandle

import graphnb
from graphnb.authoring import Deployment, build
from graphnb.authoring.build import no_digest
from graphnb.errors import ExportError
from graphnb.promote.plain.form import driving_files, driving_modules
from graphnb.promote.plain.imports import refuse_graphnb, without_graphnb
from graphnb.promote.plain.module import generate
from graphnb.promote.plain.names import OF_HANDLES, OF_REPLICAS
from graphnb.promote.plain.source import plain_source
from graphnb.promote.plain.unfit import unfit_names
from graphnb.session.target import root_of
from tests import strategies


@pytest.fixture(scope="module", autouse=True)
def driving(tmp_path_factory):
    """The package that plain code takes along, where Python finds it."""
    folder = tmp_path_factory.mktemp("plain")
    for path, text in driving_files().items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))
    for name in [one for one in sys.modules if one.partition(".")[0] == "driving"]:
        del sys.modules[name]


def test_the_package_that_goes_along_is_free_of_graphnb(driving):
    """Each of its files imports alone."""
    for path, text in driving_files().items():
        refuse_graphnb(text, path)
        module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
        assert module.__file__ == str(driving / path)


def test_libraries_of_adapters_are_required_where_they_are_used():
    """Who sends no images needs no library that reads them."""
    line = "from driving.http_adapters import {}\n"
    assert not {"numpy", "PIL", "pandas"} & driving_modules(line.format("json_request"))
    assert {"numpy", "PIL"} <= driving_modules(line.format("image_to_ndarray"))
    assert "fastapi" in driving_modules("")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from graphnb import serve", "from ray import serve"),
        ("from graphnb import serve as s", "from ray import serve as s"),
        ("import graphnb.serve as s", "from ray import serve as s"),
        ("from graphnb.serve import batch, run", "from ray.serve import batch, run"),
        (
            "from graphnb import InputNode, serve",
            "from ray import serve\nfrom graphnb import InputNode",
        ),
        ("if 1:\n    from graphnb import serve", "if 1:\n    from ray import serve"),
        (
            "@serve.deployment(\n    num_replicas=2,\n    route_prefix='/a',\n)\ndef f(): ...",
            "@serve.deployment(num_replicas=2)\ndef f(): ...",
        ),
        ("x = 'é'; from graphnb import serve; y = 2", "x = 'é'; from ray import serve; y = 2"),
        ("import graphnb", "import graphnb"),
        ("from graphnb import (\n    serve,\n)\nx = 1", "from ray import serve\nx = 1"),
    ],
)
def test_imports_become_rays(before, after):
    """Where Ray Serve has the name; all else stays as it was."""
    assert without_graphnb(before) == after


def test_what_only_graphnb_has_is_refused():
    """With the line, and what to do."""
    with pytest.raises(
        ExportError, match=r"no NodeError of graphnb\.errors, which app\.py"
    ) as raised:
        refuse_graphnb("def f():\n    from graphnb.errors import NodeError\n", "app.py")
    assert "take it out" in str(raised.value.hint)


def plain(graph, namespace):
    """The application of a graph as plain code, with Ray's deployments for graphnb's."""
    made = generate(graph, {**namespace, "serve": graphnb.serve}, local=(), title="it")
    ast.parse(made.text)
    module = {
        name: ray_serve.deployment(value.func_or_class)
        for name, value in namespace.items()
        if isinstance(value, Deployment)
    }
    module |= {"serve": ray_serve, "__name__": "plain"}
    exec("\n".join([*made.imports, made.text]), module)
    return module["app"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(strategies.programs(), strategies.requests)
def test_plain_code_answers_as_its_graph_does(program, request):
    """Whatever graph it is: calls, constants, parts and nesting are the same."""
    graph = build(root_of(program.bind()), digest=no_digest)
    namespace = {
        f"Definition{at}": Deployment(one.func_or_class, {})
        for at, one in enumerate(graph.deployments.values())
    }
    namespace.pop(f"Definition{len(graph.deployments) - 1}")  # the driver's own
    running = graphnb.deploy(plain(graph, namespace), name="plain", http=False)
    try:
        assert running.remote(request).result(timeout_s=20) == program.evaluate(request)
    finally:
        running.delete()


def module_of(text):
    """The source, the variables and the graph `best` of a module."""
    source = textwrap.dedent(text)
    variables = {"__name__": "app"}
    exec(source, variables)
    graph = build(root_of(variables["best"]), digest=no_digest)
    return source, variables, graph


def written(text):
    """The driver of a module's graph."""
    source, variables, graph = module_of(text)
    return generate(graph, variables, local=(), title="it", unfit=unfit_names(source))


COUNT = itertools.count()


@pytest.fixture
def answers(driving, tmp_path, monkeypatch):
    """Compares a graph with its plain code: answers of both, as HTTP has them."""

    def compared(text, *requests):
        source, variables, graph = module_of(text)
        made = generate(graph, variables, local=(), title="it", unfit=unfit_names(source))
        found = plain_source(source, made.text, imports=made.imports, needs=made.needs, title="It.")
        name = f"plain_{next(COUNT)}"
        (tmp_path / f"{name}.py").write_text(found.text)
        monkeypatch.syspath_prepend(str(tmp_path))
        module = importlib.import_module(name)
        both = []
        for target in (variables["best"], module.app):
            running = graphnb.deploy(target, name="compared", route_prefix="/at")
            both.append([sent(running.url, *one) for one in requests])
            running.delete()
        assert both[0] == both[1]
        return both[0]

    return compared


def sent(url, path, body):
    """Status and answer."""
    answer = httpx.post(url.rstrip("/") + path, json=body, timeout=20, trust_env=False)
    return answer.status_code, {} if answer.status_code >= 500 else answer.json()


ROUTES = """
from fastapi import Depends
from pydantic import BaseModel
from graphnb import DAGDriver, InputNode, serve

class Item(BaseModel):
    x: float

def doubled(x: float, more: float = Depends(lambda: 0)) -> float:
    return 2 * x + more

@serve.deployment(max_ongoing_requests=9)
def half(x):
    return x / 2

@serve.deployment
def counted(x):
    yield from range(int(x))

attribute = "taken"

with InputNode() as request:
    item = half.options(num_replicas=2).bind(request.x)
    number = half.bind(request)
    numbers = counted.bind(request)
best = DAGDriver.options(name="door").bind(
    {"/item": item, "/number/": number, "/": numbers},
    http_adapter={"/item": Item, "/number/": doubled},
)
"""


def test_routes_have_their_methods_and_adapters():
    """Each route its own; models are bodies, functions dependencies; generators stream."""
    made = written(ROUTES)
    assert '@api.post("/item", response_model=None)' in made.text
    assert '@api.post("/number/", response_model=None, include_in_schema=False)' in made.text
    assert "request: Item = Body()" in made.text
    assert "Depends(doubled)" in made.text
    assert "Depends(json_request)" in made.text
    assert "async for item in calls.stream(self.counted.options(stream=True).remote" in made.text
    assert "stream_response(self.predict(request))" in made.text
    assert "half.options(num_replicas=2).bind()" in made.text
    assert "half.options(name='half_1').bind()" in made.text
    assert "name='door'" in made.text
    assert {"Depends", "Item", "doubled", "half", "counted", "serve"} == set(made.needs)


def test_a_name_of_the_notebook_keeps_its_meaning():
    """What is imported beside it is called otherwise."""
    made = written(ROUTES)
    assert "from driving.calls import attribute as attribute_1" in made.imports
    assert "attribute_1(request, 'x')" in made.text


F = """
from dataclasses import dataclass
from graphnb import DAGDriver, InputNode, serve

@serve.deployment
def f(x, y=None, **more):
    return [x, y, more]
"""

ODD = {
    "constants called as what a method has": (
        """
        request = {"my": "constant"}
        calls = [1]
        with InputNode() as inp:
            best = f.bind(inp, y=[request, calls])
        """,
        [("", 1)],
    ),
    "an item in a stream": (
        """
        item = {"a": 1}

        @serve.deployment
        def many(n):
            yield item
            yield n

        with InputNode() as inp:
            best = f.bind(inp, item)
        """,
        [("", 1)],
    ),
    "adapters called as their routes": (
        """
        def classify(text: str):
            return {"text": text}

        def predict(text: str):
            return {"predicted": text}

        with InputNode() as inp:
            best = DAGDriver.bind(
                {"/classify": f.bind(inp), "/api": f.bind(inp), "/": f.bind(inp)},
                http_adapter={"/classify": classify, "/": predict},
            )
        """,
        [("/classify?text=a", 0), ("/api", 1), ("/?text=b", 2), ("/classify", 3), ("/none", 4)],
    ),
    "adapters of routes without slashes": (
        """
        def text(q: str):
            return q

        with InputNode() as inp:
            best = DAGDriver.bind({"a": f.bind(inp)}, http_adapter={"a/": text})
        """,
        [("/a?q=x", 0)],
    ),
    "names that Ray Serve has taken": (
        """
        @serve.deployment
        class App:
            def deployment_name(self, x):
                return x + 1

            def shutdown(self, x):
                return x + 2

        with InputNode() as inp:
            one = App.options(name="app").bind()
            best = DAGDriver.bind({
                "/check-health": f.bind(one.deployment_name.bind(inp)),
                "/reconfigure": f.bind(one.shutdown.bind(inp)),
            })
        """,
        [("/check-health", 1), ("/reconfigure/", 2)],
    ),
    "names that are no names": (
        """
        with InputNode() as inp:
            best = f.bind(inp, **{"class": inp, "a-b": 2, "c": 3})
        """,
        [("", 1)],
    ),
    "constants beside nodes": (
        """
        outs = []
        with InputNode() as inp:
            weights = [1, 2]
            for config in ({"a": 1}, {"a": 2}):
                outs.append(f.bind(inp, config))
            best = f.bind(outs, weights)
        """,
        [("", 1)],
    ),
    "deployments in a list": (
        """
        def made(n):
            @serve.deployment(name=f"add_{n}")
            def add(x):
                return x + n
            return add

        adders = [made(n) for n in range(3)]
        with InputNode() as inp:
            best = f.bind([one.bind(inp) for one in adders])
        """,
        [("", 1)],
    ),
    "a route prefix in the decorator": (
        """
        @serve.deployment(route_prefix="/pre", num_replicas=2)
        class Root:
            def __init__(self, held):
                self.held = held

            async def __call__(self, request):
                return await self.held.remote(await request.json())

        with InputNode() as inp:
            best = Root.bind(f.bind(inp["a"], inp["b"]))
        """,
        [("", {"a": 1, "b": 2})],
    ),
}


@pytest.mark.parametrize(("text", "requests"), ODD.values(), ids=ODD.keys())
def test_odd_graphs_answer_the_same(answers, text, requests):
    """As plain code, over HTTP: nothing hides what it means, and Ray Serve takes it."""
    found = answers(F + textwrap.dedent(text), *requests)
    assert any(status == 200 for status, _ in found)


def test_what_goes_along_has_no_nodes_in_it():
    """Loops that bind nodes stay behind, with what they bind."""
    source, variables, graph = module_of(F + textwrap.dedent(ODD["constants beside nodes"][0]))
    made = generate(graph, variables, local=(), title="it", unfit=unfit_names(source))
    assert (
        "InputNode"
        not in plain_source(
            source, made.text, imports=made.imports, needs=made.needs, title="It."
        ).text
    )
    assert "calls.start(self.f_1.remote, request, {'a': 2})" in made.text


REFUSED = {
    "the definition of hidden": """
        def made():
            @serve.deployment
            def hidden(x):
                return x
            return hidden
        with InputNode() as inp:
            best = made().bind(inp)
        """,
    "the init argument model of Scorer: a object that no": """
        @serve.deployment
        class Scorer:
            def __init__(self, model):
                self.model = model
            def __call__(self, x):
                return x
        with InputNode() as inp:
            best = Scorer.bind(model=object()).__call__.bind(inp)
        """,
    "the argument 'y' of f: model is bound where nodes are": """
        with InputNode() as inp:
            model = object
            model = model()
            best = f.bind(inp, model)
        """,
    "the argument 'y' of f: a Twice that no variable": """
        @dataclass
        class Twice:
            n: int
            def __post_init__(self):
                self.n *= 2
        with InputNode() as inp:
            best = f.bind(inp, Twice(2))
        """,
    "the argument 'y' of f_1: a OrderedDict with results": """
        from collections import OrderedDict
        with InputNode() as inp:
            best = f.bind(inp, OrderedDict(a=f.bind(inp)))
        """,
}


@pytest.mark.parametrize(("said", "text"), REFUSED.items(), ids=REFUSED.keys())
def test_what_cannot_be_said_is_refused(said, text):
    """By what it is in the graph, with a fix."""
    with pytest.raises(ExportError, match=said) as raised:
        written(F + textwrap.dedent(text))
    assert raised.value.hint


def test_names_that_ray_serve_has_are_known():
    """Those of the version that is installed, at least."""
    handles = {one for one in dir(DeploymentHandle) if not one.startswith("_")}
    assert handles <= OF_HANDLES
    replicas = {one for one in dir(http_util.ASGIAppReplicaWrapper) if not one.startswith("_")}
    hooks = {
        value
        for name, value in vars(constants).items()
        if name.endswith("_METHOD") and isinstance(value, str) and value.isidentifier()
    }
    assert replicas | hooks <= OF_REPLICAS
