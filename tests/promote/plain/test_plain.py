"""Graphs as plain Ray Serve code."""

import ast
import importlib
import sys
import textwrap

import pytest
from hypothesis import HealthCheck, given, settings
from ray import serve as ray_serve

import graphnb
from graphnb.authoring import Deployment, build
from graphnb.authoring.build import no_digest
from graphnb.errors import ExportError
from graphnb.promote.plain.form import driving_files, driving_modules
from graphnb.promote.plain.imports import refuse_graphnb, without_graphnb
from graphnb.promote.plain.module import generate
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
    """The variables of a module, and the graph of its `best`."""
    variables = {"__name__": "app"}
    exec(textwrap.dedent(text), variables)
    return build(root_of(variables["best"]), digest=no_digest), variables


ROUTES = """
from pydantic import BaseModel
from graphnb import DAGDriver, InputNode, serve

class Item(BaseModel):
    x: float

def doubled(x: float) -> float:
    return 2 * x

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
    graph, variables = module_of(ROUTES)
    made = generate(graph, variables, local=(), title="it")
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
    assert {"Item", "doubled", "half", "counted", "serve"} == set(made.needs)


def test_a_name_of_the_notebook_keeps_its_meaning():
    """What is imported beside it is called otherwise."""
    graph, variables = module_of(ROUTES)
    made = generate(graph, variables, local=(), title="it")
    assert "from driving.calls import attribute as attribute_1" in made.imports
    assert "attribute_1(request, 'x')" in made.text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            """
            from graphnb import InputNode, serve
            def made():
                @serve.deployment
                def hidden(x):
                    return x
                return hidden
            with InputNode() as request:
                best = made().bind(request)
            """,
            "the definition of hidden",
        ),
        (
            """
            from graphnb import InputNode, serve
            @serve.deployment
            class Scorer:
                def __init__(self, model):
                    self.model = model
                def __call__(self, x):
                    return x
            with InputNode() as request:
                best = Scorer.bind(model=object()).__call__.bind(request)
            """,
            "the init argument model of Scorer: a object",
        ),
    ],
)
def test_what_has_no_name_is_refused(text, said):
    """By what it is in the graph, with a fix."""
    graph, variables = module_of(text)
    with pytest.raises(ExportError, match=said) as raised:
        generate(graph, variables, local=(), title="it")
    assert raised.value.hint
