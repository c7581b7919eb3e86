"""`serve.ingress`: a FastAPI app whose routes are methods of the root."""

import fastapi
import pydantic
import pytest

from graphnb import InputNode, serve
from graphnb.errors import DeployError


class Item(pydantic.BaseModel):
    name: str
    count: int = 1


@serve.deployment
async def double(x):
    """Twice as much."""
    return 2 * x


def service(title="service"):
    """A FastAPI app and a class whose methods are its routes."""
    app = fastapi.FastAPI(title=title)

    @serve.deployment
    @serve.ingress(app)
    class Service:
        def __init__(self, name, dag=None):
            self.name = name
            self.dag = dag
            self.calls = 0

        @app.get("/name")
        async def get_name(self):
            self.calls += 1
            return {"name": self.name, "calls": self.calls}

        @app.get("/sync/{key}")
        def get_in_a_thread(self, key: int, q: str = "none"):
            return {"name": self.name, "key": key, "q": q}

        @app.post("/items")
        async def post_item(self, item: Item):
            return {"double": await self.dag.remote(item.count), "name": item.name}

        @app.get("/fails")
        async def fails(self):
            raise ZeroDivisionError("secret detail")

        @app.get("/teapot")
        async def teapot(self):
            raise fastapi.HTTPException(418, "short and stout")

        async def own(self, x):
            return f"{self.name} {x}"

    return Service


@pytest.fixture
def served(deploy):
    """An ingress that holds a graph."""
    with InputNode() as inp:
        node = double.bind(inp)
    return deploy(service().bind("first", node), http=True)


def test_routes_are_methods_that_see_their_instance(served, client):
    """A route's `self` is the instance, with its init args and its state."""
    for calls in (1, 2):
        answer = client.get(served.url + "name")
        assert answer.json() == {"name": "first", "calls": calls}
    assert client.get(served.url + "sync/7", params={"q": "x"}).json() == {
        "name": "first",
        "key": 7,
        "q": "x",
    }


def test_a_route_runs_a_graph(served, client):
    """A route may call graph handles; bodies are validated by pydantic."""
    answer = client.post(served.url + "items", json={"name": "n", "count": 21})
    assert answer.json() == {"double": 42, "name": "n"}
    assert client.post(served.url + "items", json={"count": 1}).status_code == 422
    assert client.post(served.url + "items", json={"name": "n", "count": "x"}).status_code == 422


def test_fastapi_answers_what_it_always_does(served, client):
    """404, 405, HTTPException, `/docs` and OpenAPI are FastAPI's own."""
    assert client.get(served.url + "nowhere").status_code == 404
    assert client.delete(served.url + "name").status_code == 405
    teapot = client.get(served.url + "teapot")
    assert (teapot.status_code, teapot.json()) == (418, {"detail": "short and stout"})
    assert "/items" in client.get(served.url + "openapi.json").json()["paths"]
    assert "swagger" in client.get(served.url + "docs").text


def test_an_error_in_a_route_names_the_node_and_nothing_else(served, client):
    """An unexpected error is 500 with the root's name and a request id, without internals."""
    answer = client.get(served.url + "fails", headers={"x-request-id": "abc"})
    assert answer.status_code == 500
    assert answer.json()["request_id"] == "abc"
    assert answer.json()["node"].startswith("Service")
    assert "secret" not in answer.text
    assert "ZeroDivision" not in answer.text


def test_methods_are_called_by_handle_too(served):
    """Methods that are no routes, and routes themselves, answer over the handle."""
    assert served.handle.own.remote(3).result() == "first 3"
    assert served.handle.get_name.remote().result()["name"] == "first"


def test_two_graphs_of_one_class_keep_their_instances(deploy, client):
    """Two graphs whose root is the same ingress class each see their own `self`."""
    cls = service()
    first = deploy(cls.bind("first"), name="first", route_prefix="/first", http=True)
    second = deploy(cls.bind("second"), name="second", route_prefix="/second", http=True)
    for _ in range(2):
        assert client.get(first.url + "/name").json()["name"] == "first"
        assert client.get(second.url + "/name").json()["name"] == "second"
        assert client.get(first.url + "/sync/1").json()["name"] == "first"
        assert client.get(second.url + "/sync/1").json()["name"] == "second"
    first.delete()
    assert client.get(second.url + "/name").json()["name"] == "second"


def test_replicas_of_an_ingress_keep_their_instances(deploy, signals, client):
    """With two replicas each request sees the instance that it was given to."""
    app = fastapi.FastAPI()

    @serve.deployment(num_replicas=2, max_ongoing_requests=1)
    @serve.ingress(app)
    class Service:
        def __init__(self):
            self.tag = serve.get_replica_context().replica_tag

        @app.get("/tag")
        def get_tag(self):
            signals.meet("two", 2)
            return [self.tag, serve.get_replica_context().replica_tag]

    graph = deploy(Service.bind(), http=True)
    import concurrent.futures

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: client.get(graph.url + "tag").json(), range(2)))
    assert found[0] != found[1]
    for own, context in found:
        assert own == context


def test_an_update_serves_the_new_instance(deploy, client):
    """After a redeploy with other init args, routes see the new instance."""
    cls = service()
    for name in ("old", "new"):
        graph = deploy(cls.bind(name), http=True)
        assert client.get(graph.url + "name").json() == {"name": name, "calls": 1}


def test_an_app_below_a_prefix(deploy, client):
    """Routes, docs and OpenAPI stand below the route prefix."""
    graph = deploy(service().bind("x"), route_prefix="/api/v1", http=True)
    assert graph.url.endswith("/api/v1")
    assert client.get(graph.url + "/name").json()["name"] == "x"
    assert "/api/v1/openapi.json" in client.get(graph.url + "/docs").text
    assert client.get(graph.url + "/openapi.json").status_code == 200


def test_a_lifespan_runs_with_the_instance(deploy, signals, client):
    """The app's lifespan starts before the first request, and ends with the graph."""
    import contextlib

    @contextlib.asynccontextmanager
    async def lifespan(app):
        await signals.anote("life", "start")
        yield
        await signals.anote("life", "end")

    app = fastapi.FastAPI(lifespan=lifespan)

    @serve.deployment
    @serve.ingress(app)
    class Service:
        @app.get("/")
        async def get(self):
            return "ok"

    graph = deploy(Service.bind(), http=True)
    assert signals.notes("life") == ["start"]
    assert client.get(graph.url).json() == "ok"
    graph.delete()
    assert signals.notes("life") == ["start", "end"]


def test_an_ingress_streams(deploy, client):
    """A route may answer with a streaming response of its own."""
    from starlette.responses import StreamingResponse

    app = fastapi.FastAPI()

    @serve.deployment
    @serve.ingress(app)
    class Service:
        @app.get("/stream")
        async def stream(self):
            async def parts():
                for number in range(3):
                    yield f"{number},"

            return StreamingResponse(parts(), media_type="text/plain")

    graph = deploy(Service.bind(), http=True)
    assert client.get(graph.url + "stream").text == "0,1,2,"


def test_an_ingress_whose_init_fails_is_a_deploy_error(deploy):
    """The constructor of an ingress class fails like any other."""
    app = fastapi.FastAPI()

    @serve.deployment
    @serve.ingress(app)
    class Service:
        def __init__(self):
            raise RuntimeError("no weights")

    with pytest.raises(DeployError, match=r"Service.*no weights"):
        deploy(Service.bind(), http=True)
