"""HTTP of a running graph: what the environment sets, and what never shows."""

import logging
import os
import socket
import subprocess
import sys

import httpx
import pytest

import graphnb
from graphnb import HttpOptions
from graphnb.errors import DeployError, GraphnbError, RequestError, RequestTimeoutError
from graphnb.session.http_client import proxy_hint, send_http
from graphnb.session.http_settings import http_options

TOKEN = "a-token-that-nobody-sees-4711"


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    for name in ("PORT", "TOKEN", "MAX_BODY"):
        monkeypatch.delenv(f"GRAPHNB_HTTP_{name}", raising=False)


@pytest.fixture
def with_token(monkeypatch):
    """The environment asks for a bearer token."""
    monkeypatch.setenv("GRAPHNB_HTTP_TOKEN", TOKEN)


# --- settings ------------------------------------------------------------------------------------


def test_options_of_the_call_come_before_the_environment(monkeypatch):
    """`http=HttpOptions(...)` is taken as it is; False is no HTTP; True asks the environment."""
    monkeypatch.setenv("GRAPHNB_HTTP_PORT", "12345")
    monkeypatch.setenv("GRAPHNB_HTTP_TOKEN", TOKEN)
    monkeypatch.setenv("GRAPHNB_HTTP_MAX_BODY", "10")
    own = HttpOptions(port=1)
    assert http_options(own) is own
    assert http_options(False) is None
    assert http_options(True) == HttpOptions(port=12345, token=TOKEN, max_body=10)


def test_without_an_environment_there_are_defaults(monkeypatch):
    """Variables that are unset, or empty, say nothing."""
    assert http_options(True) == HttpOptions()
    monkeypatch.setenv("GRAPHNB_HTTP_PORT", "")
    monkeypatch.setenv("GRAPHNB_HTTP_TOKEN", "")
    assert http_options(True) == HttpOptions()


@pytest.mark.parametrize("variable", ["GRAPHNB_HTTP_PORT", "GRAPHNB_HTTP_MAX_BODY"])
@pytest.mark.parametrize("text", ["eighty", "80.5", "-1", "²"])
def test_a_variable_that_is_no_number_is_named(double, monkeypatch, variable, text):
    """The message says which variable it is and what it holds; nothing is deployed."""
    monkeypatch.setenv(variable, text)
    with pytest.raises(DeployError, match=f"{variable} is {text!r}, expected a number"):
        graphnb.deploy(double)
    assert graphnb.running() == []


def test_a_body_above_the_limit_is_refused(double, monkeypatch, client):
    """GRAPHNB_HTTP_MAX_BODY bounds the body: 413 above it."""
    monkeypatch.setenv("GRAPHNB_HTTP_MAX_BODY", "10")
    graph = graphnb.deploy(double)
    assert client.post(graph.url, content=b"21").json() == 42
    answer = client.post(graph.url, content=b"2" * 11)
    assert answer.status_code == 413
    assert "10 bytes" in answer.json()["error"]


PORTS = """
import os, sys
import graphnb
from graphnb import InputNode, serve

@serve.deployment
def same(x):
    return x

with InputNode() as request:
    answer = same.bind(request)
first, second = sys.argv[1:]
os.environ["GRAPHNB_HTTP_PORT"] = first
graph = graphnb.deploy(answer)
print(graph.url)
os.environ["GRAPHNB_HTTP_PORT"] = second
try:
    graphnb.deploy(answer, name="other")
except graphnb.errors.DeployError as error:
    print(error)
print(graph.remote(1).result())
graphnb.serve.shutdown()
print(graphnb.deploy(answer).url)
"""


def test_the_port_is_the_environments(tmp_path):
    """Graphs share one port; another one is refused while they run, and taken afterwards."""
    with socket.socket() as one, socket.socket() as other:
        for sock in (one, other):
            sock.bind(("127.0.0.1", 0))
        first, second = one.getsockname()[1], other.getsockname()[1]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PORTS, str(first), str(second)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert lines[0] == f"http://127.0.0.1:{first}/"
    assert lines[1] == f"this process answers HTTP on port {first}, not on {second}"
    assert lines[2].startswith("hint: delete the graphs that run")
    assert lines[3:] == ["1", f"http://127.0.0.1:{second}/"], done.stderr


def test_a_port_that_is_taken_is_refused(tmp_path):
    """A port that somebody else listens on is named, and nothing runs."""
    code = PORTS.partition("first, second")[0] + "print(graphnb.deploy(answer).url)"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            env={**os.environ, "GRAPHNB_HTTP_PORT": port},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert f"port {port} of 127.0.0.1 is taken" in done.stderr
    assert done.stdout == ""


# --- the token -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (None, 401),
        ("Bearer wrong", 401),
        (TOKEN, 401),
        (f"Basic {TOKEN}", 401),
        (f"Bearer {TOKEN}", 200),
        (f"bearer {TOKEN}", 200),
    ],
)
def test_a_request_needs_the_token(double, with_token, client, authorization, status):
    """401 without it, and the graph is not run; the scheme's name is read in any case."""
    graph = graphnb.deploy(double)
    headers = {} if authorization is None else {"authorization": authorization}
    answer = client.post(graph.url, content=b"21", headers=headers)
    assert answer.status_code == status
    assert len(graph.traces()) == (1 if status == 200 else 0)
    if status == 401:
        assert answer.headers["www-authenticate"] == "Bearer"
        assert TOKEN not in answer.text
        assert "error" in answer.json()


@pytest.mark.parametrize("path", ["docs", "openapi.json", "nothing"])
def test_no_path_goes_without_the_token(double, with_token, client, path):
    """Neither the documentation nor what is not there tells anything."""
    graph = graphnb.deploy(double)
    assert client.get(graph.url + path).status_code == 401


def test_requests_of_graphnb_carry_the_token(double, with_token):
    """What `%request --http` calls answers, since it knows the environment too."""
    assert send_http(graphnb.deploy(double), 21).value == 42


def test_requests_of_graphnb_carry_the_graphs_own_token(double):
    """A token that was given to `deploy` is known as well."""
    graph = graphnb.deploy(double, http=HttpOptions(token=TOKEN))
    assert send_http(graph, 21).value == 42


def test_a_token_that_changed_is_the_one_that_counts(double, monkeypatch, client):
    """A new deploy takes the environment's token of that moment."""
    monkeypatch.setenv("GRAPHNB_HTTP_TOKEN", "old")
    graphnb.deploy(double)
    monkeypatch.setenv("GRAPHNB_HTTP_TOKEN", "new")
    graph = graphnb.deploy(double)
    statuses = [
        client.post(graph.url, content=b"1", headers={"authorization": f"Bearer {one}"}).status_code
        for one in ("old", "new")
    ]
    assert statuses == [401, 200]


def test_the_token_is_never_shown(double, with_token, client, caplog):
    """Not by any repr, URL, status, trace, log or error."""
    caplog.set_level(logging.DEBUG)
    options = http_options(True)
    graph = graphnb.deploy(double, name="g")
    client.post(graph.url, content=b"21", headers={"authorization": f"Bearer {TOKEN}"})
    send_http(graph, None)
    shown = [
        *map(repr, (options, graph, graph.spec, graph.status(), graph.traces(), graph.deployed)),
        *map(str, (options, graph, graph.url, graph.spec)),
        caplog.text,
    ]
    with pytest.raises(DeployError) as caught:
        graphnb.deploy(double, name="h", http=HttpOptions(port=1, token=TOKEN))
    shown += [str(caught.value), repr(caught.value)]
    assert TOKEN not in "\n".join(shown)
    assert "***" in repr(options)


# --- what a client gets --------------------------------------------------------------------------


def test_an_answer_has_status_type_and_value(double):
    """JSON comes back as what it holds."""
    answer = send_http(graphnb.deploy(double), [1])
    assert (answer.status, answer.media_type, answer.value, answer.reason) == (
        200,
        "application/json",
        [1, 1],
        "",
    )


def test_a_failure_has_a_status_and_a_reason(double):
    """The node is named, its error is not told over HTTP."""
    answer = send_http(graphnb.deploy(double), None)
    assert answer.status == 500
    assert answer.reason == "double failed"
    assert answer.value["node"] == "double"


def test_the_url_answers_with_and_without_a_slash(double, client):
    """Never by a redirect."""
    graph = graphnb.deploy(double, route_prefix="/below/here")
    for url in (graph.url.rstrip("/"), graph.url.rstrip("/") + "/"):
        assert client.post(url, content=b"21").json() == 42


def test_a_proxy_of_the_environment_is_not_asked(double, monkeypatch):
    """What goes to this machine goes there directly."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert send_http(graphnb.deploy(double), 21).value == 42


def test_a_time_out_is_told_to_the_server(gated, signals):
    """The graph gives up itself, names the node and cancels it."""
    answer = send_http(graphnb.deploy(gated), 1, timeout_s=0.05)
    assert answer.status == 504
    assert "wait" in answer.reason
    assert signals.wait_for_notes("ended by", 1) == ["CancelledError"]


@pytest.mark.parametrize(
    ("failure", "error", "says"),
    [
        (httpx.ReadTimeout("nothing came"), RequestTimeoutError, "no answer from"),
        (httpx.ConnectError("refused"), RequestError, "cannot be reached: refused"),
    ],
)
def test_no_answer_at_all_is_told(double, monkeypatch, failure, error, says):
    """Where not even the server answers, the message names the address."""

    def post(self, url, **_options):
        raise failure

    graph = graphnb.deploy(double)
    monkeypatch.setattr(httpx.Client, "post", post)
    with pytest.raises(error, match=says) as caught:
        send_http(graph, 1)
    assert graph.url in str(caught.value)


def test_a_graph_without_http_says_how_to_get_it(double):
    """The hint is what to write."""
    with pytest.raises(GraphnbError, match="does not answer HTTP") as caught:
        send_http(graphnb.deploy(double, http=False), 1)
    assert caught.value.hint == "deploy it with http=True"


def test_a_value_without_json_form_is_named(double):
    """The type is named; nothing is sent."""
    graph = graphnb.deploy(double)
    with pytest.raises(RequestError, match="object has no JSON form"):
        send_http(graph, object())
    assert graph.traces() == []


@pytest.mark.parametrize(
    ("url", "prefix", "hint"),
    [
        (None, "/user/ann/", ""),
        ("http://127.0.0.1:81/", "/user/ann/", " (in a remote lab: /user/ann/proxy/81/)"),
        ("http://127.0.0.1:81/x", None, " (in a remote lab: /proxy/81/x)"),
    ],
)
def test_the_way_through_a_remote_lab(monkeypatch, url, prefix, hint):
    """Below the lab's own prefix, where jupyter-server-proxy is installed."""
    pytest.importorskip("jupyter_server_proxy")
    monkeypatch.delenv("JUPYTERHUB_SERVICE_PREFIX", raising=False)
    if prefix:
        monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", prefix)
    assert proxy_hint(url) == hint
