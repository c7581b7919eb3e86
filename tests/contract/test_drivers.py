"""DAGDriver: routes, adapters, documents; and drivers of the user's own."""

import asyncio
import io

import fastapi
import numpy as np
import pandas as pd
import pydantic
import pytest
from PIL import Image

from graphnb import DAGDriver, InputNode, errors, http_adapters, serve
from graphnb.drivers import DAGDriver as SameDriver
from graphnb.errors import InputError


class Item(pydantic.BaseModel):
    name: str
    count: int = 1


@serve.deployment
async def double(x):
    """Twice as much."""
    return 2 * x


@serve.deployment
def describe(x):
    """Type and value of what it gets."""
    return {"type": type(x).__name__, "value": x}


def driver(adapter=None, node=describe):
    """A driver of one function, with an adapter."""
    with InputNode() as inp:
        graph = node.bind(inp)
    return DAGDriver.bind(graph, http_adapter=adapter) if adapter else DAGDriver.bind(graph)


# --- routes --------------------------------------------------------------------------------------


def test_the_driver_is_in_both_places():
    """`graphnb.DAGDriver` and `graphnb.drivers.DAGDriver` are one."""
    assert SameDriver is DAGDriver


def test_a_driver_of_one_graph_predicts(deploy, client):
    """`predict` by handle and POST at the root of the URL give the same answer."""
    graph = deploy(driver(node=double), http=True)
    assert graph.handle.predict.remote(4).result() == 8
    assert client.post(graph.url, json=4).json() == 8
    assert graph.remote(4).result() == 8


@pytest.fixture
def routed(deploy):
    """A driver of two routes."""
    with InputNode() as inp:
        routes = {"/double": double.bind(inp), "/describe": describe.bind(inp)}
    return deploy(DAGDriver.bind(routes), http=True)


def test_a_driver_of_several_graphs_has_routes(routed, client):
    """Each route has its graph, over HTTP and with `predict_with_route`."""
    assert client.post(routed.url + "double", json=4).json() == 8
    assert client.post(routed.url + "describe", json="a").json() == {"type": "str", "value": "a"}
    handle = routed.handle.predict_with_route
    assert handle.remote("/double", 4).result() == 8
    assert handle.remote("double", 4).result() == 8
    assert handle.remote("/describe", 1).result()["value"] == 1


def test_a_wrong_route_lists_the_right_ones(routed, client):
    """`predict` without a route, and an unknown route, say which there are."""
    with pytest.raises(InputError, match="/double, /describe"):
        routed.handle.predict.remote(4).result()
    with pytest.raises(InputError, match=r"(?s)'/other'.*/double, /describe"):
        routed.handle.predict_with_route.remote("/other", 4).result()
    assert client.post(routed.url + "other", json=4).status_code == 404
    assert client.post(routed.url, json=4).status_code == 404


def test_one_of_several_routes_may_be_the_root(deploy, client):
    """A graph at "/" is the one that `predict` and the URL itself ask."""
    with InputNode() as inp:
        routes = {"/": double.bind(inp), "/describe": describe.bind(inp)}
    graph = deploy(DAGDriver.bind(routes), http=True)
    assert graph.remote(4).result() == 8
    assert client.post(graph.url, json=4).json() == 8
    assert client.post(graph.url + "describe", json=4).json()["value"] == 4


def test_a_driver_may_have_replicas(deploy, client):
    """The driver scales like any deployment."""
    with InputNode() as inp:
        node = double.bind(inp)
    graph = deploy(DAGDriver.options(num_replicas=2).bind(node), http=True)
    assert [graph.remote(n).result() for n in range(4)] == [0, 2, 4, 6]
    assert client.post(graph.url, json=5).json() == 10
    assert next(one for one in graph.status() if one.name == "DAGDriver").running == 2


def test_several_arguments_by_handle(deploy):
    """`predict(a, b, k=1)` is the input of the graph."""
    with InputNode() as inp:
        node = describe.bind([inp[0], inp[1], inp["k"]])
    graph = deploy(DAGDriver.bind(node))
    assert graph.handle.predict.remote(1, 2, k=3).result()["value"] == [1, 2, 3]


# --- documents -----------------------------------------------------------------------------------


def test_there_are_docs_and_openapi(routed, client):
    """`/docs` shows a form for each route of `/openapi.json`."""
    document = client.get(routed.url + "openapi.json").json()
    assert set(document["paths"]) == {"/double", "/describe"}
    assert all(list(one) == ["post"] for one in document["paths"].values())
    page = client.get(routed.url + "docs")
    assert page.status_code == 200
    assert "openapi.json" in page.text


@pytest.mark.parametrize("prefix", ["/", "/api"])
def test_documents_stand_below_the_prefix(deploy, client, prefix):
    """The page finds its document wherever the graph is, and so does "try it out"."""
    with InputNode() as inp:
        node = double.bind(inp)
    graph = deploy(node, route_prefix=prefix, http=True)
    base = graph.url.rstrip("/")
    page = client.get(base + "/docs").text
    assert f"'{prefix.rstrip('/')}/openapi.json'" in page
    document = client.get(base + "/openapi.json").json()
    server = document.get("servers", [{"url": ""}])[0]["url"]
    (path,) = document["paths"]
    answer = client.post(base.removesuffix(prefix.rstrip("/")) + server + path, json=2)
    assert answer.json() == 4


def test_openapi_describes_what_an_adapter_takes(deploy, client):
    """The parameters and the body of an adapter are in the document."""
    document = client.get(deploy(driver(Item), http=True).url + "openapi.json").json()
    assert set(document["components"]["schemas"]["Item"]["properties"]) == {"name", "count"}


# --- adapters ------------------------------------------------------------------------------------


def test_json_request_is_the_default(deploy, client):
    """The JSON body is the input; it may be named as well."""
    for adapter in (None, http_adapters.json_request):
        graph = deploy(driver(adapter), http=True)
        assert client.post(graph.url, json={"a": 1}).json() == {"type": "dict", "value": {"a": 1}}


def test_starlette_request_travels(deploy, client):
    """The request itself is the input: buffered, so that nodes may read it more than once."""

    @serve.deployment
    async def reads(request):
        return [request.method, request.query_params["q"], await request.json()]

    @serve.deployment
    async def reads_again(request, before):
        return [*before, request.headers["x-own"], (await request.body()).decode()]

    with InputNode() as inp:
        node = reads_again.bind(inp, reads.bind(inp))
    app = DAGDriver.bind(node, http_adapter=http_adapters.starlette_request)
    graph = deploy(app, http=True)
    answer = client.post(graph.url + "?q=2", json=[1], headers={"x-own": "h"})
    assert answer.json() == ["POST", "2", [1], "h", "[1]"]


ARRAYS = {
    "numbers": ({"array": [1, 2]}, [1, 2], "int64"),
    "nested": ({"array": [[1.5], [2]]}, [[1.5], [2.0]], "float64"),
    "with a shape": ({"array": [1, 2, 3, 4], "shape": [2, 2]}, [[1, 2], [3, 4]], "int64"),
    "with a dtype": ({"array": [1, 2], "dtype": "float32"}, [1.0, 2.0], "float32"),
}


@pytest.mark.parametrize(("body", "value", "dtype"), ARRAYS.values(), ids=ARRAYS)
def test_json_to_ndarray(deploy, client, body, value, dtype):
    """An array from JSON, with shape and dtype where they are given."""

    @serve.deployment
    def shows(array):
        assert isinstance(array, np.ndarray)
        return [array, str(array.dtype)]

    graph = deploy(driver(http_adapters.json_to_ndarray, shows), http=True)
    assert client.post(graph.url, json=body).json() == [value, dtype]


@pytest.mark.parametrize(
    "body",
    [
        {"array": [1, 2, 3], "shape": [2, 2]},
        {"array": ["a"], "dtype": "float32"},
        {"array": [1], "dtype": "no such type"},
        {"array": [[1], [2, 3]]},
        {"array": 3},
        {"wrong": [1]},
        [1],
    ],
    ids=str,
)
def test_what_is_no_array_is_422(deploy, client, body):
    """Numbers, shape and dtype that do not fit together are refused with the reason."""
    graph = deploy(driver(http_adapters.json_to_ndarray), http=True)
    answer = client.post(graph.url, json=body)
    assert answer.status_code == 422
    assert answer.json()["error"]


def picture(mode="RGB", form="PNG"):
    """The bytes of a small picture."""
    buffer = io.BytesIO()
    Image.new(mode, (3, 2), 255 if mode == "L" else None).save(buffer, form)
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_image_to_ndarray(deploy, client, mode, form):
    """A picture of any kind becomes an RGB array."""

    @serve.deployment
    def shows(array):
        return [list(array.shape), str(array.dtype)]

    graph = deploy(driver(http_adapters.image_to_ndarray, shows), http=True)
    answer = client.post(graph.url, content=picture(mode, form))
    assert answer.json() == [[2, 3, 3], "uint8"]


@pytest.mark.parametrize("body", [b"", b"not an image", picture()[:40]])
def test_what_is_no_image_is_422(deploy, client, body):
    """A broken picture is refused."""
    graph = deploy(driver(http_adapters.image_to_ndarray), http=True)
    assert client.post(graph.url, content=body).status_code == 422


def test_pandas_read_json(deploy, client):
    """A table from JSON; query parameters go to pandas."""

    @serve.deployment
    def shows(frame):
        assert isinstance(frame, pd.DataFrame)
        return frame.to_dict("list")

    graph = deploy(driver(http_adapters.pandas_read_json, shows), http=True)
    assert client.post(graph.url, json=[{"a": 1}, {"a": 2}]).json() == {"a": [1, 2]}
    answer = client.post(graph.url + "?orient=split", json={"columns": ["a"], "data": [[5]]})
    assert answer.json() == {"a": [5]}
    lines = client.post(graph.url + "?lines=true", content=b'{"a":1}\n{"a":2}\n')
    assert lines.json() == {"a": [1, 2]}


@pytest.mark.parametrize(
    ("query", "body"),
    [("", b"{"), ("?path=/etc/passwd", b"[]"), ("?dtype=x&orient=split", b"[]"), ("", b"3")],
)
def test_what_is_no_table_is_422(deploy, client, query, body):
    """A broken table, and parameters that are not for a client to set, are refused."""
    graph = deploy(driver(http_adapters.pandas_read_json), http=True)
    assert client.post(graph.url + query, content=body).status_code == 422


def test_a_pydantic_model_is_an_adapter(deploy, client):
    """The body is checked against the model, and the input is the model."""

    @serve.deployment
    def shows(item):
        return [type(item).__name__, item.name, item.count]

    graph = deploy(driver(Item, shows), http=True)
    assert client.post(graph.url, json={"name": "n", "count": 2}).json() == ["Item", "n", 2]
    assert client.post(graph.url, json={"name": "n"}).json() == ["Item", "n", 1]


@pytest.mark.parametrize("body", [{}, {"name": "n", "count": "many"}, [1], 3, None])
def test_a_body_of_the_wrong_type_is_422(deploy, client, body):
    """What the model does not take is refused with the place of the mistake."""
    answer = client.post(deploy(driver(Item), http=True).url, json=body)
    assert answer.status_code == 422
    assert answer.json()["error"]


def test_parts_of_a_model_are_parts_of_the_input(deploy, client):
    """`inp.name` is the model's field."""
    with InputNode() as inp:
        node = describe.bind([inp.name, inp.count])
    graph = deploy(DAGDriver.bind(node, http_adapter=Item), http=True)
    assert client.post(graph.url, json={"name": "n"}).json()["value"] == ["n", 1]


def test_any_fastapi_dependency_is_an_adapter(deploy, client):
    """Query parameters, headers, bodies and nested dependencies are declared as in FastAPI."""

    def language(accept_language: str = fastapi.Header("en")) -> str:
        return accept_language

    async def adapter(
        q: str,
        limit: int = fastapi.Query(10, le=100),
        item: Item = fastapi.Body(),
        spoken: str = fastapi.Depends(language),
    ):
        return {"q": q, "limit": limit, "name": item.name, "language": spoken}

    graph = deploy(driver(adapter), http=True)
    answer = client.post(
        graph.url, params={"q": "x"}, json={"name": "n"}, headers={"accept-language": "de"}
    )
    assert answer.json()["value"] == {"q": "x", "limit": 10, "name": "n", "language": "de"}
    assert client.post(graph.url, json={"name": "n"}).status_code == 422
    refused = client.post(graph.url, params={"q": "x", "limit": 1000}, json={"name": "n"})
    assert refused.status_code == 422


def test_an_adapter_may_be_sync_and_refuse(deploy, client):
    """An HTTPException of an adapter is the answer."""

    def adapter(key: str = fastapi.Header()):
        if key != "right":
            raise fastapi.HTTPException(403, "wrong key")
        return key

    graph = deploy(driver(adapter), http=True)
    assert client.post(graph.url, headers={"key": "right"}).json()["value"] == "right"
    answer = client.post(graph.url, headers={"key": "wrong"})
    assert (answer.status_code, answer.json()) == (403, {"error": "wrong key"})


def test_an_adapter_that_fails_shows_nothing(deploy, client):
    """An unexpected error of an adapter is a 500 of the driver, without internals."""

    def adapter(q: str = "x"):
        raise ValueError("secret detail")

    answer = client.post(deploy(driver(adapter), http=True).url)
    assert answer.status_code == 500
    assert answer.json()["node"].startswith("DAGDriver")
    assert "secret" not in answer.text


def test_each_route_may_have_its_adapter(deploy, client):
    """A dict gives adapters by route; routes without one take JSON."""
    with InputNode() as inp:
        routes = {
            "/array": describe.bind(inp),
            "/json": describe.bind(inp),
        }
    app = DAGDriver.bind(routes, http_adapter={"/array": http_adapters.json_to_ndarray})
    graph = deploy(app, http=True)
    assert client.post(graph.url + "array", json={"array": [1]}).json()["type"] == "ndarray"
    assert client.post(graph.url + "json", json={"array": [1]}).json()["type"] == "dict"


def test_routes_of_adapters_need_no_slashes(deploy, client):
    """As those of graphs."""

    def text(q: str) -> str:
        return q

    with InputNode() as request:
        graph = deploy(
            DAGDriver.bind({"a": describe.bind(request)}, http_adapter={"a/": text}), http=True
        )
    assert client.post(graph.url.rstrip("/") + "/a?q=x").json()["value"] == "x"


def test_an_adapter_does_not_matter_to_the_handle(deploy):
    """By handle the input is what is passed."""
    graph = deploy(driver(http_adapters.json_to_ndarray))
    assert graph.remote("as it is").result() == {"type": "str", "value": "as it is"}


def test_a_changed_adapter_replaces_the_driver_alone(deploy, client, signals):
    """The driver's adapter is one of its init args."""

    @serve.deployment
    class Shows:
        def __init__(self):
            signals.note("made")

        def run(self, x):
            return type(x).__name__

    def graph_of(adapter):
        with InputNode() as inp:
            node = Shows.bind().run.bind(inp)
        return deploy(DAGDriver.bind(node, http_adapter=adapter), http=True)

    graph = graph_of(http_adapters.json_request)
    assert client.post(graph.url, json={"array": [1]}).json() == "dict"
    graph = graph_of(http_adapters.json_to_ndarray)
    assert client.post(graph.url, json={"array": [1]}).json() == "ndarray"
    assert graph.deployed.changes.names("replaced") == ("DAGDriver",)
    assert len(signals.notes("made")) == 1


# --- drivers of the user's own -------------------------------------------------------------------


@serve.deployment
async def to_number(text):
    """The number that a text stands for."""
    await asyncio.sleep(0)
    return int(text)


@serve.deployment
async def mean(numbers):
    """The mean of numbers."""
    await asyncio.sleep(0)
    return sum(numbers) / len(numbers)


@serve.deployment
class Weighted:
    def __init__(self, weight):
        self.weight = weight

    async def forward(self, x):
        return f"{self.weight} * {x}"


@serve.deployment
class Choice:
    """Asks both models at once, and combines as the request says."""

    def __init__(self, first, second):
        self.models = (first, second)

    async def run(self, a, b, operation):
        answers = await asyncio.gather(*(one.forward.remote(a + b) for one in self.models))
        return f"{operation} of {answers}" if operation == "sum" else f"max of {answers}"


@serve.deployment(num_replicas=2)
class OwnDriver:
    """Receives requests by handle and over HTTP, and counts them in its own way."""

    def __init__(self, dag):
        self.dag = dag

    async def predict(self, request):
        return await self.dag.remote(request)

    async def __call__(self, http_request):
        return await self.predict(await http_request.json())


@pytest.fixture
def walk_through(deploy):
    """The original walk-through's shape: preprocessors, models, control flow, a driver."""
    with InputNode() as request:
        number = to_number.bind(request[0])
        average = mean.bind(request[1])
        combined = Choice.bind(Weighted.bind(1), Weighted.bind(2)).run.bind(
            number, average, request[2]
        )
    app = OwnDriver.options(route_prefix="/my-dag").bind(combined)
    return deploy(app, http=True)


@pytest.mark.parametrize(
    ("request_value", "expected"),
    [
        (["5", [1, 2], "sum"], "sum of ['1 * 6.5', '2 * 6.5']"),
        (["1", [0, 2], "max"], "max of ['1 * 2.0', '2 * 2.0']"),
    ],
)
def test_the_walk_through_answers(walk_through, client, request_value, expected):
    """By the driver's `predict`, by `remote`, and over HTTP at the driver's route."""
    assert walk_through.handle.predict.remote(request_value).result() == expected
    assert walk_through.remote(request_value).result() == expected
    answer = client.post(walk_through.url, json=request_value)
    assert answer.text == expected
    assert walk_through.url.endswith("/my-dag")


def test_the_walk_through_is_described(walk_through):
    """Its spec lists all seven deployments, who holds whom, and what the calls are made with."""
    text = str(walk_through.spec)
    assert text.startswith("6 deployments, root OwnDriver") or "Weighted_1" in text
    assert [one.name for one in walk_through.spec.deployments] == [
        "to_number",
        "mean",
        "Weighted",
        "Weighted_1",
        "Choice",
        "OwnDriver",
    ]
    choice = walk_through.spec.deployment("Choice")
    assert [edge.deployment for edge in choice.handles] == ["Weighted", "Weighted_1"]
    assert walk_through.spec.call("Choice.run").label == "combined"


def test_the_walk_through_says_what_is_wrong(walk_through, client):
    """A text that is no number is the preprocessor's error; a short list is the caller's."""
    with pytest.raises(ValueError, match="invalid literal") as caught:
        walk_through.remote(["five", [1], "sum"]).result()
    assert caught.value.node == "to_number"
    assert client.post(walk_through.url, json=["five", [1], "sum"]).json()["node"] == "to_number"
    assert client.post(walk_through.url, json=["5"]).status_code == 422


def test_an_edited_model_of_the_walk_through_keeps_the_others(walk_through, deploy):
    """Another weight replaces that model alone."""
    with InputNode() as request:
        combined = Choice.bind(Weighted.bind(1), Weighted.bind(3)).run.bind(
            to_number.bind(request[0]), mean.bind(request[1]), request[2]
        )
    graph = deploy(OwnDriver.options(route_prefix="/my-dag").bind(combined), http=True)
    assert graph.deployed.changes.names("replaced") == ("Weighted_1",)
    assert graph.remote(["1", [1], "sum"]).result() == "sum of ['1 * 2.0', '3 * 2.0']"


def test_an_adapter_may_be_named(deploy, client):
    """A name stands for an adapter of graphnb's, and an unknown one lists those there are."""

    @serve.deployment
    def total(array):
        return float(array.sum())

    with InputNode() as inp:
        node = total.bind(inp)
    graph = deploy(DAGDriver.bind(node, http_adapter="json_to_ndarray"), http=True)
    assert client.post(graph.url, json={"array": [1, 2.5]}).json() == 3.5
    with pytest.raises(errors.DeployError, match="'nothing'; there are: json_request"):
        deploy(DAGDriver.bind(node, http_adapter="nothing"), name="other", http=True)


def test_an_adapter_may_come_from_outside(deploy, client, monkeypatch, executor):
    """An installed package brings adapters under an entry-point group."""
    if executor == "ray":
        pytest.skip("a package that is not really installed is not there in other processes")

    def upper(text: str) -> str:
        return text.upper()

    class Brought:
        name = "upper"

        def load(self):
            return upper

    monkeypatch.setattr(http_adapters, "entry_points", lambda group: [Brought()])

    @serve.deployment
    def same(x):
        return x

    with InputNode() as inp:
        node = same.bind(inp)
    graph = deploy(DAGDriver.bind(node, http_adapter="upper"), http=True)
    assert client.post(graph.url, params={"text": "hi"}).json() == "HI"
