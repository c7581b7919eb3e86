"""Names, routes, targets, and the verbs on running graphs."""

import threading

import pytest

import graphnb
from graphnb import DAGDriver, InputNode, serve
from graphnb.errors import DeployError, NotRunningError, RequestError


@serve.deployment
async def increment(x):
    """One more."""
    return x + 1


@pytest.fixture
def node():
    """A graph of one node."""
    with InputNode() as inp:
        return increment.bind(inp)


# --- names ---------------------------------------------------------------------------------------


def test_a_graph_is_found_by_its_name(deploy, node):
    """`get` finds it, `running` lists all in the order of deploying."""
    first, second = deploy(node, name="first"), deploy(node, name="second")
    assert graphnb.get("first") is first
    assert graphnb.running() == [first, second]
    assert [first.name, second.name] == ["first", "second"]


def test_an_unknown_graph_lists_the_known(deploy, node):
    """`get` of a name that does not run lists those that do."""
    deploy(node, name="first")
    with pytest.raises(NotRunningError, match="'second'") as caught:
        graphnb.get("second")
    assert "first" in caught.value.hint
    assert isinstance(caught.value, LookupError)


@pytest.mark.parametrize("name", ["", "a b", "a/b", "1st", "../x", "ä", "a.b"])
def test_a_name_that_does_not_do_is_refused(deploy, node, name):
    """Names are letters, digits, - and _: they go into paths and commands."""
    with pytest.raises(DeployError, match="name"):
        deploy(node, name=name)
    assert graphnb.running() == []


def test_graphs_do_not_know_each_other(deploy):
    """Two graphs with deployments of the same names run side by side."""

    def graph_of(n, name):
        @serve.deployment
        def number(x):
            return n

        with InputNode() as inp:
            return deploy(number.bind(inp), name=name)

    first, second = graph_of(1, "first"), graph_of(2, "second")
    assert (first.remote(0).result(), second.remote(0).result()) == (1, 2)
    first.delete()
    assert second.remote(0).result() == 2
    assert graphnb.running() == [second]


def test_an_ended_graph_is_forgotten(deploy, node):
    """After `delete` a graph is neither listed nor found, and says so itself."""
    graph = deploy(node, name="gone")
    assert repr(graph) == f"RunningGraph('gone' on {graph.on}, root DAGDriver)"
    graph.delete()
    assert graphnb.running() == []
    with pytest.raises(NotRunningError):
        graphnb.get("gone")
    with pytest.raises(NotRunningError):
        _ = graph.spec
    assert repr(graph) == "RunningGraph('gone', ended)"


def test_deleting_twice_is_no_harm(deploy, node):
    """A graph that has ended can be deleted again, and does not end its successor."""
    graph = deploy(node)
    graph.delete()
    graph.delete()
    again = deploy(node)
    graph.delete()
    assert graphnb.running() == [again]
    assert again.remote(1).result() == 2


def test_serve_delete_and_shutdown_end_graphs(deploy, node):
    """`serve.delete(name)` ends one, `serve.shutdown()` all."""
    for name in ("a", "b", "c"):
        deploy(node, name=name)
    serve.delete("b")
    assert [one.name for one in graphnb.running()] == ["a", "c"]
    with pytest.raises(NotRunningError):
        serve.delete("b")
    serve.shutdown()
    assert graphnb.running() == []


def test_a_slow_deploy_stops_no_other(deploy, signals, node):
    """While one graph's constructor takes its time, others are deployed, updated and deleted."""

    @serve.deployment
    class Slow:
        def __init__(self):
            signals.note("constructing")
            signals.wait("go")

        def __call__(self, x):
            return x

    other = deploy(node, name="other")
    thread = threading.Thread(target=lambda: deploy(Slow.bind(), name="slow"))
    thread.start()
    signals.wait_for_notes("constructing", 1)
    done = threading.Event()

    def meanwhile():
        deploy(node, name="third").delete()
        deploy(node, name="other")
        other.delete()
        done.set()

    second = threading.Thread(target=meanwhile)
    second.start()
    in_time = done.wait(3)
    signals.set("go")
    thread.join()
    second.join()
    assert in_time
    assert graphnb.get("slow").remote(3).result() == 3


def test_ctrl_c_ends_a_deploy(deploy, signals, node, ctrl_c):
    """A KeyboardInterrupt while a graph is deployed leaves what was there, and nothing else."""

    @serve.deployment
    class Slow:
        async def __init__(self):
            await signals.anote("constructing")
            await signals.await_("go")

        def __call__(self, x):
            return x

    graph = deploy(node)

    def interrupt():
        signals.wait_for_notes("constructing", 1)
        ctrl_c()

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        deploy(Slow.bind())
    thread.join()
    assert graph.remote(1).result() == 2
    assert graphnb.running() == [graph]
    assert deploy(node).remote(2).result() == 3


# --- targets -------------------------------------------------------------------------------------


def test_serve_run_gives_the_roots_handle(deploy, executor, node):
    """`serve.run` deploys and returns the handle, as Ray Serve's does."""
    handle = serve.run(DAGDriver.bind(node), name="run", on=executor)
    assert handle.predict.remote(1).result() == 2
    assert graphnb.get("run").remote(1).result() == 2


def test_serve_status_tells_of_every_graph(deploy, node):
    """`serve.status()` has the deployments of each running graph."""
    deploy(node, name="a")
    found = serve.status()
    assert list(found) == ["a"]
    assert [(one.name, one.replicas, one.running) for one in found["a"]] == [
        ("increment", 1, 1),
        ("DAGDriver", 1, 1),
    ]
    assert [one.error for one in found["a"]] == [None, None]


def test_the_root_with_predict_is_asked_by_predict(deploy):
    """`graph.remote` calls the root's `predict` if it has one, else its `__call__`."""

    @serve.deployment
    class Predicts:
        async def predict(self, x):
            return ["predict", x]

        async def __call__(self, x):
            return ["call", x]

    @serve.deployment
    class Calls:
        def __call__(self, x):
            return ["call", x]

    assert deploy(Predicts.bind()).remote(1).result() == ["predict", 1]
    assert deploy(Calls.bind(), name="calls").remote(1).result() == ["call", 1]


def test_a_class_without_either_says_what_is_missing(deploy):
    """A root that has neither is called by its methods only."""

    @serve.deployment
    class Neither:
        def score(self, x):
            return x

    graph = deploy(Neither.bind())
    assert graph.handle.score.remote(1).result() == 1
    with pytest.raises((AttributeError, TypeError, RequestError), match=r"Neither.*__call__"):
        graph.remote(1).result()


def test_an_unknown_executor_is_refused(node):
    """`on=` takes the executors that there are, and lists them."""
    with pytest.raises(DeployError, match="'nowhere'") as caught:
        graphnb.deploy(node, on="nowhere")
    assert "local" in caught.value.hint


def test_the_environment_chooses_the_executor(monkeypatch, deploy, executor, node):
    """Without `on=` the variable GRAPHNB_ON says where a graph runs."""
    monkeypatch.setenv("GRAPHNB_ON", executor)
    assert graphnb.deploy(node, name="chosen", http=False).on == executor
    monkeypatch.setenv("GRAPHNB_ON", "nowhere")
    with pytest.raises(DeployError, match="'nowhere'"):
        graphnb.deploy(node, name="other", http=False)


@pytest.mark.parametrize("executor", ["local"], indirect=False)
def test_without_anything_a_graph_runs_here(monkeypatch, deploy, node, executor):
    """The default is this process."""
    monkeypatch.delenv("GRAPHNB_ON", raising=False)
    assert graphnb.deploy(node, name="chosen", http=False).on == "local"


@pytest.mark.parametrize("executor", ["local"])
def test_what_this_process_leaves_out_is_warned_of_by_name(deploy, executor):
    """Options that mean nothing here are told once per deployment; the graph runs."""

    @serve.deployment(ray_actor_options={"num_gpus": 1}, autoscaling_config={"min_replicas": 1})
    def wants_a_gpu(x):
        return x

    @serve.deployment(num_replicas="auto")
    def wants_to_scale(x):
        return x

    @serve.deployment(num_replicas=2)
    def content(x):
        return x

    with InputNode() as inp:
        node = content.bind(wants_to_scale.bind(wants_a_gpu.bind(inp)))
    graph = deploy(node)
    assert graph.remote(1).result() == 1
    first, second = graph.deployed.warnings
    assert first.startswith("wants_a_gpu: ")
    assert "ray_actor_options" in first
    assert "autoscaling_config" in first
    assert second.startswith("wants_to_scale: ")
    assert "num_replicas" in second


# --- routes --------------------------------------------------------------------------------------


def test_without_http_there_is_no_url(deploy, node):
    """`http=False` publishes nothing."""
    assert deploy(node, http=False).url is None


def test_the_first_graph_is_at_the_root_and_the_next_at_its_name(deploy, node, client):
    """Without a prefix a graph gets "/" if that is free, else "/NAME"."""
    first = deploy(node, name="first", http=True)
    second = deploy(node, name="second", http=True)
    assert first.url.endswith("/")
    assert second.url == first.url + "second"
    assert [client.post(one.url, json=1).json() for one in (first, second)] == [2, 2]


def test_a_graph_keeps_its_route_when_it_is_updated(deploy, node):
    """An update without a prefix keeps what the graph had."""
    first = deploy(node, name="first", http=True)
    second = deploy(node, name="second", http=True)
    url = second.url
    first.delete()
    assert deploy(node, name="second", http=True).url == url


def test_a_route_is_given(deploy, node, client):
    """`route_prefix=` wins over the root's own, and that over the default."""
    own = DAGDriver.options(route_prefix="/own").bind(node)
    assert deploy(own, http=True).url.endswith("/own")
    graph = deploy(own, route_prefix="/given", http=True)
    assert graph.url.endswith("/given")
    assert client.post(graph.url, json=1).json() == 2
    assert client.post(graph.url.replace("/given", "/own"), json=1).status_code == 404


@pytest.mark.parametrize("prefix", ["x", "", "x/"])
def test_a_route_begins_with_a_slash(deploy, node, prefix):
    """A prefix without a slash is refused."""
    with pytest.raises(DeployError, match="slash"):
        deploy(node, route_prefix=prefix, http=True)
    assert graphnb.running() == []


def test_a_route_that_is_taken_is_refused(deploy, node, client):
    """The error names the other graph, which goes on."""
    first = deploy(node, name="first", route_prefix="/x", http=True)
    with pytest.raises(DeployError, match=r"'first'.*/x") as caught:
        deploy(node, name="second", route_prefix="/x/", http=True)
    assert "route_prefix" in caught.value.hint
    assert graphnb.running() == [first]
    assert client.post(first.url, json=1).json() == 2


def test_a_route_is_free_after_the_end(deploy, node, client):
    """Deleting a graph, and giving it another route, frees what it had."""
    first = deploy(node, name="first", route_prefix="/x", http=True)
    deploy(node, name="first", route_prefix="/y", http=True)
    second = deploy(node, name="second", route_prefix="/x", http=True)
    second.delete()
    assert client.post(second.url or first.url[:-2] + "/x", json=1).status_code == 404
    third = deploy(node, name="third", route_prefix="/x", http=True)
    assert client.post(third.url, json=1).json() == 2


def test_the_longest_route_answers(deploy, client):
    """Below "/a/b" the graph of that route answers, below "/a" the other one."""

    def graph_of(name, prefix):
        @serve.deployment
        class Says:
            def __call__(self, request):
                return f"{name} {request.url.path}"

        return deploy(Says.bind(), name=name, route_prefix=prefix, http=True)

    outer, inner, root = graph_of("outer", "/a"), graph_of("inner", "/a/b"), graph_of("root", "/")
    base = root.url.rstrip("/")
    found = {path: client.get(base + path).text for path in ("/a", "/a/c", "/a/b", "/a/b/c", "/ab")}
    assert {path: text.split()[0] for path, text in found.items()} == {
        "/a": "outer",
        "/a/c": "outer",
        "/a/b": "inner",
        "/a/b/c": "inner",
        "/ab": "root",
    }
    assert outer.url == base + "/a"
    assert inner.url == base + "/a/b"


def test_http_may_be_turned_off_and_on(deploy, node, client):
    """An update with `http=False` ends what was published; another one brings it back."""
    graph = deploy(node, http=True)
    url = graph.url
    assert deploy(node, http=False).url is None
    assert client.post(url, json=1).status_code == 404
    assert deploy(node, http=True).url == url
    assert client.post(url, json=1).json() == 2
