"""HTTP over a real socket: what is answered, and what is refused."""

import dataclasses
import datetime as dt
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pydantic
import pytest
from starlette.responses import PlainTextResponse, Response

import graphnb
from graphnb import DAGDriver, HttpOptions, InputNode, serve
from graphnb.errors import DeployError
from tests.contract.waiting import eventually, trace_of


@dataclasses.dataclass
class Box:
    x: int


class Item(pydantic.BaseModel):
    name: str


@serve.deployment
async def echo(x):
    """Gives back what it gets."""
    return x


@serve.deployment
async def double(x):
    """Twice as much."""
    return 2 * x


@serve.deployment
def fails(x):
    """Always raises."""
    raise ValueError("secret detail")


@pytest.fixture
def echoing(deploy):
    """A graph that answers what it is sent."""
    with InputNode() as inp:
        return deploy(echo.bind(inp), http=True)


def graph_of(deploy, function, **options):
    """Deploys a graph of one function."""
    with InputNode() as inp:
        return deploy(function.bind(inp), **{"http": True, **options})


# --- answers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [None, True, 3, 1.5, "text", [1, [2]], {"a": {"b": None}}, "ä☃"])
def test_json_in_json_out(echoing, client, body):
    """The body is the input, and the answer is its JSON."""
    answer = client.post(echoing.url, content=json.dumps(body))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == body


@pytest.mark.parametrize("prefix", ["/", "/x", "/x/y"])
def test_the_url_answers_with_and_without_a_slash(deploy, client, prefix):
    """Neither form is a redirect, so that a POST keeps its body through any proxy."""
    graph = graph_of(deploy, double, route_prefix=prefix)
    for url in (graph.url.rstrip("/"), graph.url.rstrip("/") + "/"):
        answer = client.post(url, json=4)
        assert (answer.status_code, answer.json()) == (200, 8)
        assert client.post(url + "?q=1", json=4).json() == 8


def test_routes_of_a_driver_answer_with_and_without_a_slash(deploy, client):
    """The same holds for each route of a driver, below any prefix."""
    with InputNode() as inp:
        routes = {"/double": double.bind(inp), "/deep/echo": echo.bind(inp)}
    graph = deploy(routes, route_prefix="/p", http=True)
    for path, expected in (("/double", 6), ("/deep/echo", 3)):
        for slash in ("", "/"):
            answer = client.post(graph.url + path + slash, json=3)
            assert (answer.status_code, answer.json()) == (200, expected)


JSON_VALUES = {
    "an array": (lambda: np.arange(4).reshape(2, 2), [[0, 1], [2, 3]]),
    "a numpy number": (
        lambda: {"score": np.float32(0.5), "n": np.int64(3)},
        {"score": 0.5, "n": 3},
    ),
    "a set": (lambda: {3, 1, 2}, [1, 2, 3]),
    "a tuple": (lambda: (1, (2,)), [1, [2]]),
    "an array in a dict": (lambda: {"a": np.zeros(2)}, {"a": [0.0, 0.0]}),
}


@pytest.mark.parametrize(("make", "expected"), JSON_VALUES.values(), ids=JSON_VALUES)
def test_what_models_return_has_a_json_form(deploy, client, make, expected):
    """Arrays, numbers of numpy, sets and tuples are answered as JSON."""

    @serve.deployment
    def makes(x):
        return make()

    assert client.post(graph_of(deploy, makes).url, json=1).json() == expected


def test_a_data_frame_and_models_have_a_json_form(deploy, client):
    """Frames are lists of records; dataclasses, pydantic models and dates are plain data."""

    @serve.deployment
    def makes(x):
        return {
            "frame": pd.DataFrame({"a": [1, 2]}),
            "box": Box(1),
            "item": Item(name="n"),
            "date": dt.date(2024, 1, 2),
        }

    assert client.post(graph_of(deploy, makes).url, json=1).json() == {
        "frame": [{"a": 1}, {"a": 2}],
        "box": {"x": 1},
        "item": {"name": "n"},
        "date": "2024-01-02",
    }


def test_a_value_without_json_form_says_so(deploy, client):
    """What cannot be JSON is a 500 that shows nothing of the value."""

    @serve.deployment
    def makes(x):
        return object()

    answer = client.post(graph_of(deploy, makes).url, json=1)
    assert answer.status_code == 500
    assert "0x" not in answer.text


def test_numbers_that_json_lacks_are_still_json(deploy, client):
    """NaN and infinity do not make an answer that no parser reads."""

    @serve.deployment
    def makes(x):
        return [float("nan"), float("inf"), 1.0]

    answer = client.post(graph_of(deploy, makes).url, json=1)
    strict = json.loads(answer.text, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
    assert answer.status_code == 500 or strict == [None, None, 1.0]


def test_bytes_are_sent_as_they_are(deploy, client):
    """Bytes, such as a picture, are not JSON."""

    @serve.deployment
    def makes(x):
        return b"\x89PNG\x00"

    answer = client.post(graph_of(deploy, makes).url, json=1)
    assert answer.content == b"\x89PNG\x00"
    assert answer.headers["content-type"] == "application/octet-stream"


def test_a_response_is_sent_as_it_is(deploy, client):
    """A node may answer with a Starlette response: status, headers and type are its own."""

    @serve.deployment
    def makes(x):
        return Response(b"<svg/>", 201, {"x-own": "1"}, media_type="image/svg+xml")

    answer = client.post(graph_of(deploy, makes).url, json=1)
    assert (answer.status_code, answer.text) == (201, "<svg/>")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["x-own"] == "1"
    assert answer.headers["x-request-id"]


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"{", b"not json", b"", b"\xff\xfe", b"[1,]"])
def test_a_body_that_is_not_json_is_400(echoing, client, body):
    """The reason is told; no node is called."""
    answer = client.post(echoing.url, content=body)
    assert answer.status_code == 400
    assert "JSON" in answer.text
    assert all(one.deployment != "echo" for trace in echoing.traces(1) for one in trace.spans)


def test_a_missing_key_is_422(deploy, client):
    """A part that the input lacks is told with what there is, and no values."""
    with InputNode() as inp:
        graph = deploy(echo.bind(inp["user"]), http=True)
    answer = client.post(graph.url, json={"name": "s3cret"})
    assert answer.status_code == 422
    assert "['user']" in answer.text
    assert "'name'" in answer.text
    assert "s3cret" not in answer.text
    assert client.post(graph.url, json=[1]).status_code == 422
    assert client.post(graph.url, json=3).status_code == 422


def test_a_body_that_is_too_large_is_413(deploy, client):
    """The limit holds for bodies that tell their length, and for those that do not."""
    graph = graph_of(deploy, echo, http=HttpOptions(max_body=100))
    assert client.post(graph.url, json="x" * 90).status_code == 200
    assert client.post(graph.url, json="x" * 200).status_code == 413

    def chunks():
        for _ in range(20):
            yield b"x" * 20

    answer = client.post(graph.url, content=chunks())
    assert answer.status_code == 413
    assert "100" in answer.json()["error"]
    assert [one.outcome for one in eventually(lambda: graph.traces(10))] == ["ok"]


@pytest.mark.parametrize(
    "header",
    [None, "Bearer wrong", "bearer", "Basic czNjcmV0", "Bearer s3cre", "Bearer s3crett", "s3cret"],
)
def test_without_the_token_it_is_401(deploy, client, header):
    """A graph with a token answers those who carry it, and nobody else."""
    graph = graph_of(deploy, echo, http=HttpOptions(token="s3cret"))
    headers = {} if header is None else {"authorization": header}
    answer = client.post(graph.url, json=1, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "s3cret" not in answer.text
    assert graph.traces(1) == []
    answer = client.post(graph.url, json=1, headers={"authorization": "Bearer s3cret"})
    assert answer.json() == 1


def test_a_token_guards_documents_too(deploy, client):
    """`/docs` and `/openapi.json` need the token as well."""
    graph = graph_of(deploy, echo, http=HttpOptions(token="s3cret"))
    for path in ("docs", "openapi.json"):
        assert client.get(graph.url + path).status_code == 401


def test_a_token_is_each_graphs_own(deploy, client):
    """One graph's token says nothing about another graph."""
    closed = graph_of(deploy, echo, name="closed", http=HttpOptions(token="s3cret"))
    opened = graph_of(deploy, echo, name="opened")
    assert client.post(closed.url, json=1).status_code == 401
    assert client.post(opened.url, json=1).status_code == 200


def test_a_token_is_not_shown():
    """The repr of the options hides the token."""
    assert "s3cret" not in repr(HttpOptions(token="s3cret"))


def test_an_unknown_route_is_404(deploy, client, executor):
    """Paths that no graph answers are 404, with the routes there are; on Ray its proxy says so."""
    graph = graph_of(deploy, echo, route_prefix="/x")
    answer = client.post(graph.url.replace("/x", "/y"), json=1)
    assert answer.status_code == 404
    if executor == "local":
        assert "/x" in answer.json()["error"]
    assert client.post(graph.url + "/deeper", json=1).status_code == 404
    assert client.post(graph.url + "x", json=1).status_code == 404


def test_a_wrong_method_is_405(echoing, client):
    """A graph is asked by POST."""
    assert client.get(echoing.url).status_code == 405


# --- errors --------------------------------------------------------------------------------------


def test_a_nodes_error_is_500_with_its_name_and_nothing_else(deploy, client):
    """The node's name and the request's id are told; type, text and trace are not."""
    with InputNode() as inp:
        graph = deploy(echo.bind(fails.bind(inp)), http=True)
    answer = client.post(graph.url, json=1)
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "error": "fails failed",
        "node": "fails",
        "request_id": answer.headers["x-request-id"],
    }
    assert trace_of(graph, answer.json()["request_id"]).outcome == "error"


def test_an_error_of_the_root_class_is_500_too(deploy, client):
    """A plain class that raises answers in the same form."""

    @serve.deployment
    class Root:
        async def __call__(self, request):
            raise ValueError("secret detail")

    answer = client.get(deploy(Root.bind(), http=True).url)
    assert answer.status_code == 500
    assert answer.json()["node"].startswith("Root")
    assert "secret" not in answer.text
    assert "ValueError" not in answer.text


def test_the_server_goes_on_after_errors(deploy, client):
    """A connection that saw a 500 can be used again."""
    with InputNode() as inp:
        graph = deploy({"/bad": fails.bind(inp), "/good": echo.bind(inp)}, http=True)
    for _ in range(3):
        assert client.post(graph.url + "bad", json=1).status_code == 500
        assert client.post(graph.url + "good", json=1).json() == 1


def test_an_own_error_response_of_the_root_is_kept(deploy, client):
    """A 5xx that user code answers on purpose goes out as it is."""

    @serve.deployment
    class Root:
        async def __call__(self, request):
            return PlainTextResponse("down for repair", 503)

    answer = client.get(deploy(Root.bind(), http=True).url)
    assert (answer.status_code, answer.text) == (503, "down for repair")


# --- ids -----------------------------------------------------------------------------------------


def test_the_request_id_is_echoed(echoing, client):
    """A given `x-request-id` comes back and names the trace; without one there is a new one."""
    answer = client.post(echoing.url, json=1, headers={"x-request-id": "abc-1.2:3_4"})
    assert answer.headers["x-request-id"] == "abc-1.2:3_4"
    assert trace_of(echoing, "abc-1.2:3_4").outcome == "ok"
    made = [client.post(echoing.url, json=1).headers["x-request-id"] for _ in range(3)]
    assert len(set(made)) == 3


@pytest.mark.parametrize("wrong", ["a b", "x" * 200, "<script>", "a;b", "é"])
def test_an_id_that_is_no_id_is_replaced(echoing, client, wrong):
    """What may not stand in a header or a log is not echoed."""
    answer = client.post(echoing.url, json=1, headers={"x-request-id": wrong.encode()})
    assert answer.status_code == 200
    assert answer.headers["x-request-id"] != wrong


def test_errors_carry_the_id_that_was_given(deploy, client):
    """The client finds its own id in the error."""
    answer = client.post(graph_of(deploy, fails).url, json=1, headers={"x-request-id": "mine"})
    assert answer.json()["request_id"] == "mine"
    assert answer.headers["x-request-id"] == "mine"


# --- a class as the root -------------------------------------------------------------------------

ROOTS = {
    "text": (lambda: "héllo", "text/plain", "héllo"),
    "a dict": (lambda: {"a": [1]}, "application/json", '{"a":[1]}'),
    "bytes": (lambda: b"raw", "application/octet-stream", "raw"),
    "a number": (lambda: 3, "application/json", "3"),
    "none": (lambda: None, "application/json", "null"),
    "a response": (lambda: PlainTextResponse("x", 201), "text/plain", "x"),
    "a generator": (lambda: (n for n in range(2)), "application/x-ndjson", "0\n1\n"),
}


@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
@pytest.mark.parametrize(("make", "kind", "text"), ROOTS.values(), ids=ROOTS)
def test_a_root_class_answers_with(deploy, client, make, kind, text, is_async):
    """`__call__(request)` may return text, data, bytes, a response or a generator."""

    @serve.deployment(name="Root")
    class Root:
        async def __call__(self, request):
            return make()

    @serve.deployment(name="Root")
    class SyncRoot:
        def __call__(self, request):
            return make()

    answer = client.get(deploy((Root if is_async else SyncRoot).bind(), http=True).url)
    assert answer.headers["content-type"].startswith(kind)
    assert answer.text == text


def test_a_root_class_gets_the_request(deploy, client):
    """Method, path, query, headers and body are those of the client."""

    @serve.deployment
    class Root:
        async def __call__(self, request):
            return {
                "method": request.method,
                "path": request.url.path,
                "query": dict(request.query_params),
                "header": request.headers["x-own"],
                "body": (await request.body()).decode(),
            }

    graph = deploy(Root.bind(), route_prefix="/api", http=True)
    answer = client.put(graph.url + "/deep/er?a=1&b=2", content="körper", headers={"x-own": "h"})
    assert answer.json() == {
        "method": "PUT",
        "path": "/api/deep/er",
        "query": {"a": "1", "b": "2"},
        "header": "h",
        "body": "körper",
    }


def test_a_sync_root_class_blocks_nobody(deploy, signals, client):
    """A sync `__call__(request)` runs in a thread: two of them meet at a barrier."""

    @serve.deployment
    class Root:
        def __call__(self, request):
            signals.meet("two", 2)
            return [threading.get_ident(), request.method]

    url = deploy(Root.bind(), http=True).url
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(client.get(url).json())) for _ in range(2)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len({ident for ident, _method in found}) == 2
    assert {method for _ident, method in found} == {"GET"}


def test_a_root_class_calls_its_graphs(deploy, client):
    """A root of the user's own reads the request and runs its graph."""

    @serve.deployment
    class Root:
        def __init__(self, dag):
            self.dag = dag

        async def __call__(self, request):
            return await self.dag.remote(await request.json())

    with InputNode() as inp:
        node = double.bind(inp["x"])
    graph = deploy(Root.bind(node), http=True)
    assert client.post(graph.url, json={"x": 21}).json() == 42
    assert client.post(graph.url, json={"y": 21}).status_code == 422


def test_a_large_answer_arrives_whole(deploy, client):
    """Megabytes go in and come out unharmed."""
    graph = graph_of(deploy, echo)
    body = "x" * 3_000_000
    assert client.post(graph.url, json=body).json() == body


def test_many_requests_over_one_connection(echoing, client):
    """A connection is kept, and answers in order."""
    assert [client.post(echoing.url, json=n).json() for n in range(50)] == list(range(50))


def test_requests_over_http_run_together(deploy, signals, client):
    """Five clients at once are served at once."""
    import concurrent.futures

    @serve.deployment
    async def meets(x):
        await signals.ameet("five", 5)
        return x

    graph = graph_of(deploy, meets)
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        found = list(pool.map(lambda n: client.post(graph.url, json=n).json(), range(5)))
    assert found == [0, 1, 2, 3, 4]


def test_an_ended_graph_answers_404(deploy, client):
    """After `delete` its route is gone, while the server goes on for others."""
    first = graph_of(deploy, echo, name="first", route_prefix="/first")
    second = graph_of(deploy, echo, name="second", route_prefix="/second")
    url = first.url
    first.delete()
    assert client.post(url, json=1).status_code == 404
    assert client.post(second.url, json=1).json() == 1


def test_a_request_under_way_is_answered_before_the_end(deploy, signals, client):
    """`delete` waits for a request over HTTP as for any other."""

    @serve.deployment
    async def waits(x):
        await signals.anote("began")
        await signals.await_("go")
        return x

    graph = graph_of(deploy, waits)
    found = []
    url = graph.url
    asking = threading.Thread(target=lambda: found.append(client.post(url, json=7)))
    asking.start()
    signals.wait_for_notes("began", 1)
    ending = threading.Thread(target=graph.delete)
    ending.start()
    eventually(lambda: graphnb.running() == [])
    signals.set("go")
    asking.join()
    ending.join()
    assert (found[0].status_code, found[0].json()) == (200, 7)


def test_a_request_that_outlives_its_graph_is_a_server_error(deploy, signals, client):
    """A client whose request was cut off by the end of its graph is told by a 5xx."""

    @serve.deployment(graceful_shutdown_timeout_s=0.05)
    async def waits(x):
        await signals.anote("began")
        await signals.await_("never")

    with InputNode() as inp:
        node = waits.bind(inp)
    target = DAGDriver.options(graceful_shutdown_timeout_s=0.05).bind(node)
    graph = deploy(target, http=True)
    url, found = graph.url, []
    asking = threading.Thread(target=lambda: found.append(client.post(url, json=7)))
    asking.start()
    signals.wait_for_notes("began", 1)
    graph.delete()
    asking.join()
    assert found[0].status_code >= 500
    assert found[0].json()["request_id"] == found[0].headers["x-request-id"]


def test_a_client_that_goes_away_while_it_sends_is_no_harm(echoing, client):
    """Half a body reaches no node, and the server goes on."""
    host, _, port = echoing.url.removeprefix("http://").partition("/")[0].partition(":")
    with socket.create_connection((host, int(port))) as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n[1, 2")
    assert client.post(echoing.url, json=1).json() == 1
    assert len(eventually(lambda: echoing.traces(10))) == 1


def test_a_class_that_answers_no_http_says_so(deploy, client):
    """A root without `__call__` serves its handle; over HTTP the error is a plain one."""

    @serve.deployment
    class Quiet:
        def score(self, x):
            return x

    graph = deploy(Quiet.bind(), http=True)
    assert graph.handle.score.remote(1).result() == 1
    answer = client.get(graph.url)
    assert answer.status_code >= 400
    assert "Quiet" in answer.text
    assert answer.json()["error"]


# --- the port ------------------------------------------------------------------------------------


def test_it_listens_on_this_machine_only(echoing):
    """The server is bound to 127.0.0.1, and to no other address."""
    assert echoing.url.startswith("http://127.0.0.1:")
    port = int(echoing.url.rsplit(":", 1)[1].strip("/"))
    with pytest.raises(OSError), socket.create_connection(("127.0.0.2", port), timeout=1):
        pass


def test_another_port_than_the_one_in_use_is_refused(deploy, echoing):
    """This process has one HTTP port; asking for another one says which it is."""
    port = int(echoing.url.rsplit(":", 1)[1].strip("/"))
    with pytest.raises(DeployError, match=str(port)):
        graph_of(deploy, echo, name="other", http=HttpOptions(port=port + 1))
    assert graph_of(deploy, echo, name="same", http=HttpOptions(port=port)).url


PORT_SCRIPT = """
import sys, httpx, graphnb
from graphnb import InputNode, serve
from graphnb.errors import DeployError

@serve.deployment
def echo(x):
    return x

with InputNode() as inp:
    node = echo.bind(inp)
try:
    graph = graphnb.deploy(node, name="g", on="local")
except DeployError as error:
    print("refused", error.message)
    sys.exit()
token = {"authorization": "Bearer s3cret"}
with httpx.Client(trust_env=False) as client:
    print(graph.url, *(
        client.post(graph.url, json=body, headers=headers).status_code
        for body, headers in ((1, {}), (1, token), ("x" * 300, token))
    ))
"""


def run_with(**environment):
    """What the script prints in a fresh process with that environment."""
    root = str(Path(graphnb.__file__).parents[1])
    given = {**os.environ, "PYTHONPATH": root, **environment}
    found = subprocess.run(
        [sys.executable, "-c", PORT_SCRIPT],
        env=given,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    return found.stdout.split()


@pytest.fixture
def taken_port():
    """A port that somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def port_8000_is_taken():
    """Port 8000 is listened on: by this fixture, or by whoever was first."""
    try:
        server = socket.create_server(("127.0.0.1", 8000))
    except OSError:
        yield
        return
    with server:
        yield


def test_a_free_port_is_taken_where_8000_is_in_use(port_8000_is_taken):
    """Nobody has to choose a port: the URL says which one it is."""
    url, *statuses = run_with()
    assert not url.startswith("http://127.0.0.1:8000/")
    assert statuses == ["200", "200", "200"]


def test_a_port_that_was_asked_for_and_is_taken_is_refused(taken_port):
    """GRAPHNB_HTTP_PORT names a port; when it is taken the error says so."""
    found = run_with(GRAPHNB_HTTP_PORT=str(taken_port))
    assert found[0] == "refused"
    assert str(taken_port) in found


def test_the_environment_sets_token_and_limit(port_8000_is_taken):
    """GRAPHNB_HTTP_TOKEN and GRAPHNB_HTTP_MAX_BODY hold for every graph."""
    _url, *statuses = run_with(GRAPHNB_HTTP_TOKEN="s3cret", GRAPHNB_HTTP_MAX_BODY="200")
    assert statuses == ["401", "200", "413"]


def test_a_setting_that_is_no_number_is_refused():
    """A variable of the environment that does not do is named."""
    found = run_with(GRAPHNB_HTTP_PORT="eight")
    assert found[:2] == ["refused", "GRAPHNB_HTTP_PORT"]
