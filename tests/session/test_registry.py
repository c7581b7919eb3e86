"""The running graphs of a process, by name."""

import subprocess
import sys
import threading

import pytest

import graphnb
from graphnb import InputNode, serve
from graphnb.errors import DeployError, GraphError, NotRunningError


def test_graphs_are_listed_in_the_order_of_their_deploy(double):
    """`running` lists them, an update does not move them."""
    assert graphnb.running() == []
    first = graphnb.deploy(double, name="first", http=False)
    second = graphnb.deploy(double, name="second", http=False)
    graphnb.deploy(double, name="first", http=False)
    assert graphnb.running() == [first, second]


def test_the_default_name_is_default(double):
    """A graph without a name is `default`."""
    assert graphnb.deploy(double, http=False).name == "default"
    assert graphnb.get().name == "default"


def test_an_unknown_name_lists_those_there_are(double):
    """`get` and `delete` name the running graphs."""
    graphnb.deploy(double, name="one", http=False)
    for ask in (graphnb.get, serve.delete):
        with pytest.raises(NotRunningError) as caught:
            ask("other")
        assert caught.value.known == ("one",)
        assert str(caught.value) == "no running graph is named 'other'\nhint: there are: one"


@pytest.mark.parametrize("name", ["", "1x", "a b", "a/b", "-x", "é", "x\n"])
def test_a_name_that_does_not_do_is_refused(double, name):
    """The message says what a name may hold."""
    with pytest.raises(DeployError, match="does not do as the name") as caught:
        graphnb.deploy(double, name=name, http=False)
    assert "letters, digits, - and _" in caught.value.hint
    assert graphnb.running() == []


@pytest.mark.parametrize(
    ("target", "says"),
    [
        pytest.param(None, "a NoneType is not a graph", id="nothing"),
        pytest.param({}, "an empty dict is not a graph", id="an empty dict"),
        pytest.param(InputNode(), "an InputNode alone is not a graph", id="the input alone"),
        pytest.param("graph", "a str is not a graph", id="a text"),
    ],
)
def test_what_is_no_graph_is_refused(target, says):
    """GN115 says what was given."""
    with pytest.raises(GraphError, match=says) as caught:
        graphnb.deploy(target, http=False)
    assert caught.value.code == "GN115"


def test_a_deployment_that_is_not_bound_is_refused():
    """The hint is what to write."""
    named = serve.deployment(lambda x: x).options(name="same")
    with pytest.raises(GraphError, match="same, which is not bound") as caught:
        graphnb.deploy(named, http=False)
    assert caught.value.hint == "write same.bind(...)"


def test_where_a_graph_runs_comes_from_the_environment(double, monkeypatch):
    """`on=None` is what GRAPHNB_ON says; an executor that is not there is named."""
    monkeypatch.setenv("GRAPHNB_ON", "local")
    assert graphnb.deploy(double, http=False).on == "local"
    monkeypatch.setenv("GRAPHNB_ON", "nowhere")
    with pytest.raises(DeployError, match="'nowhere'") as caught:
        graphnb.deploy(double, http=False)
    assert "local" in caught.value.hint
    assert graphnb.deploy(double, on="local", http=False).on == "local"


def test_a_deploy_that_failed_leaves_no_graph():
    """A first deploy that fails leaves no name behind."""

    @serve.deployment
    class Broken:
        def __init__(self):
            raise RuntimeError("no weights")

        def __call__(self, x):
            return x

    with pytest.raises(DeployError, match="no weights"):
        graphnb.deploy(Broken.bind(), name="g")
    assert graphnb.running() == []
    with pytest.raises(NotRunningError):
        graphnb.get("g")


def test_deploys_from_many_threads_are_one_after_the_other(double):
    """Threads that deploy the same and other names at once end with one graph for each name."""
    names = ["a", "b", "a", "b", "a"]
    threads = [
        threading.Thread(target=lambda name=name: graphnb.deploy(double, name=name, http=False))
        for name in names
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(one.name for one in graphnb.running()) == ["a", "b"]
    assert [one.remote(1).result() for one in graphnb.running()] == [2, 2]


def test_serve_runs_and_deletes_by_name(double):
    """`serve.run` gives the root's handle; `serve.status`, `delete` and `shutdown` know it."""
    handle = serve.run(double, name="g")
    assert handle.predict.remote(3).result() == 6
    assert [one.name for one in serve.status()["g"]] == ["double", "DAGDriver"]
    serve.delete("g")
    assert serve.status() == {}
    serve.run(double, name="h")
    serve.shutdown()
    assert graphnb.running() == []


LEAVES = """
import graphnb
from graphnb import InputNode, serve

@serve.deployment
def same(x):
    return x

with InputNode() as request:
    answer = same.bind(request)
graph = graphnb.deploy(answer)
print(graph.remote(1).result())
"""


def test_a_process_ends_with_graphs_that_run(tmp_path):
    """A script need not end its graphs: the process goes at once and quietly."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LEAVES],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert done.stdout == "1\n"
    assert done.stderr == ""
