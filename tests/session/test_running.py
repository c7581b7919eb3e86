"""`RunningGraph`: what a user holds of a graph that runs."""

import signal
import threading

import pytest

import graphnb
from graphnb import InputNode, serve
from graphnb.errors import NodeError, NotRunningError, RequestError, RequestTimeoutError
from graphnb.session.http_client import send_http
from tests.contract.signals import PATIENCE_S
from tests.contract.waiting import eventually


@pytest.fixture
def chain():
    """A graph of a function and a class's method: 2 * x + offset; 0 fails at the second."""

    @serve.deployment
    def double(x):
        return 2 * x

    @serve.deployment(num_replicas=2)
    class Offset:
        def __init__(self, offset):
            self.offset = offset

        def add(self, x):
            if not x:
                raise ValueError("nothing to add to")
            return x + self.offset

    with InputNode() as request:
        doubled = double.bind(request)
        total = Offset.bind(10).add.bind(doubled)
    return graphnb.deploy(total, name="chain", http=False)


# --- what it is ----------------------------------------------------------------------------------


def test_it_knows_what_it_is(chain):
    """Name, place, spec and URL are those that it was deployed with."""
    assert (chain.name, chain.on, chain.url) == ("chain", "local", None)
    assert chain.spec.root == "DAGDriver"
    assert [one.id for one in chain.spec.calls] == ["double", "Offset.add"]
    assert str(chain.deployed.changes) == "deployed 3 deployments"


def test_its_repr_is_short_and_stable(chain):
    """No address, time or port; nothing is computed for it."""
    assert repr(chain) == "RunningGraph('chain' on local, root DAGDriver)"


def test_its_status_counts_replicas_and_calls(chain):
    """One line for each deployment, in the spec's order."""
    assert [(one.name, one.replicas, one.running, one.ongoing) for one in chain.status()] == [
        ("double", 1, 1, 0),
        ("Offset", 2, 2, 0),
        ("DAGDriver", 1, 1, 0),
    ]
    assert {(one.queued, one.restarts, one.error) for one in chain.status()} == {(0, 0, None)}


def test_its_status_follows_calls(gated, signals):
    """Calls under way and waiting are counted while they are."""
    graph = graphnb.deploy(gated, http=False)
    responses = [graph.remote(one) for one in range(3)]
    signals.wait_for_notes("began", 3)
    assert {one.name: one.ongoing for one in graph.status()} == {"wait": 3, "DAGDriver": 3}
    assert graph.metrics().in_flight == 3
    signals.set("go")
    assert [one.result() for one in responses] == [0, 1, 2]
    assert {one.ongoing for one in graph.status()} == {0}
    assert graph.metrics().in_flight == 0


def test_its_metrics_outlast_what_knows_of_its_state(chain, monkeypatch):
    """Figures are there, also when nobody says what is under way."""
    chain.remote(1).result()

    def gone():
        raise ConnectionError("the cluster is gone")

    monkeypatch.setattr(chain._application, "status", gone)
    assert (chain.metrics().requests, chain.metrics().in_flight) == (1, 0)


def test_its_metrics_tell_what_is_under_way(gated, signals):
    """Beside the figures of those that ended, for each node and for the whole."""
    graph = graphnb.deploy(gated, http=False)
    first = graph.remote(0)
    signals.wait_for_notes("began", 1)
    first.cancel()
    eventually(lambda: graph.metrics().requests == 1)
    response = graph.remote(1)
    signals.wait_for_notes("began", 2)
    metrics = graph.metrics()
    assert (metrics.requests, metrics.in_flight) == (1, 1)
    assert {name: one.in_flight for name, one in metrics.nodes.items()} == {
        "wait": 1,
        "DAGDriver.predict": 1,
    }
    signals.set("go")
    response.result()
    graph.delete()
    assert graph.metrics().in_flight == 0


# --- calling -------------------------------------------------------------------------------------


def test_the_root_is_called_by_predict_or_call(chain):
    """`remote` takes the root's `predict` if it has one, else its `__call__`."""

    @serve.deployment
    class Plain:
        def __call__(self, x):
            return -x

    assert chain.remote(1).result() == 12
    assert graphnb.deploy(Plain.bind(), name="plain", http=False).remote(1).result() == -1


def test_one_node_is_called_alone(chain):
    """By a deployment's name and a method, a call's id, or the variable of the call."""
    assert chain.node("double").remote(4).result() == 8
    assert chain.node("doubled").remote(4).result() == 8
    assert chain.node("Offset").add.remote(1).result() == 11
    assert chain.node("Offset.add").remote(1).result() == 11
    assert chain.node("total").remote(1).result() == 11


def test_an_unknown_node_lists_those_there_are(chain):
    """The error is a LookupError with the known names."""
    with pytest.raises(NotRunningError) as caught:
        chain.node("offset")
    assert isinstance(caught.value, LookupError)
    assert {"double", "Offset", "DAGDriver"} <= set(caught.value.known)


def test_options_make_another_view_of_the_same_graph(gated, signals):
    """Options do not change the graph that they were asked of, and add up."""
    graph = graphnb.deploy(gated, http=False)
    hasty = graph.options(timeout_s=0.05)
    with pytest.raises(RequestTimeoutError):
        hasty.remote(1).result()
    with pytest.raises(RequestTimeoutError):
        hasty.options(stream=False).remote(1).result()
    patient = graph.remote(1)
    signals.set("go")
    assert patient.result() == 1
    assert (hasty.name, hasty.spec, hasty.on) == (graph.name, graph.spec, graph.on)
    assert len(graphnb.running()) == 1


def test_a_stream_needs_its_option():
    """With `stream=True` the answer is an iterator; without it the call is an error."""

    @serve.deployment
    def count(n):
        yield from range(n)

    with InputNode() as request:
        numbers = count.bind(request)
    graph = graphnb.deploy(numbers, http=False)
    assert list(graph.options(stream=True).remote(3)) == [0, 1, 2]
    with pytest.raises(RequestError, match="stream=True"):
        graph.remote(3).result()


def test_values_are_kept_for_one_request_alone(chain):
    """A request that asks for them has what went into and came out of each node."""
    response = chain.entry(values=True).remote(4)
    assert response.result() == 18
    seen = {one.node: (one.args, one.result) for one in response.request.values}
    assert seen["double"] == ((4,), 8)
    assert seen["Offset.add"] == ((8,), 18)
    plain = chain.remote(4)
    assert plain.result() == 18
    assert plain.request.values is None


def test_an_interrupt_that_another_thread_took_ends_the_wait(gated, signals):
    """Ctrl-C ends `.result()` although the signal did not wake the thread that waits."""
    graph = graphnb.deploy(gated, http=False)
    interrupted = threading.Event()
    late = []

    def interrupt():
        signals.wait_for_notes("began", 1)
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        late.append(not interrupted.wait(PATIENCE_S - 1))
        signals.set("go")

    pressed = threading.Thread(target=interrupt)
    pressed.start()
    with pytest.raises(KeyboardInterrupt):
        graph.remote(1).result()
    interrupted.set()
    pressed.join()
    assert late == [False]


# --- what happened -------------------------------------------------------------------------------


def test_traces_are_the_last_requests(chain):
    """Oldest first, so many as asked for, each with a span for each call."""
    responses = [chain.remote(one) for one in (1, 2, 3)]
    for one in responses:
        one.result()
    assert {one.request_id for one in chain.traces()} == {one.request_id for one in responses}
    assert len(chain.traces(2)) == 2
    assert chain.traces(0) == []
    (trace,) = chain.traces(1)
    assert [one.node for one in trace.spans] == ["double", "Offset.add", "DAGDriver.predict"]
    assert {one.outcome for one in trace.spans} == {trace.outcome} == {"ok"}


def test_a_trace_is_found(chain, gated, signals):
    """The last, the slowest, the last that failed, and one by its id."""
    graph = graphnb.deploy(gated, name="gated", http=False)
    slow = graph.remote("slow")
    signals.wait_for_notes("began", 1)
    signals.set("go")
    slow.result()
    fast = graph.remote("fast")
    fast.result()
    assert graph.trace().request_id == graph.trace("last").request_id == fast.request_id
    assert graph.trace(slow.request_id).request_id == slow.request_id
    totals = [one.total_s for one in graph.traces()]
    assert graph.trace("slowest").total_s == max(totals)
    bad = chain.remote(0)
    with pytest.raises(NodeError):
        bad.result()
    chain.remote(1).result()
    assert chain.trace("failed").request_id == bad.request_id
    assert "nothing to add to" in chain.trace("failed").error


@pytest.mark.parametrize("which", ["last", "slowest", "failed", "no-such-id"])
def test_a_trace_that_is_not_there_is_told(chain, which):
    """The error says what may be asked for."""
    with pytest.raises(NotRunningError) as caught:
        chain.trace(which)
    assert caught.value.known == ("last", "slowest", "failed")


def test_metrics_sum_up_the_last_requests(chain):
    """Counts and errors for each node, over all requests that are kept, or the last few."""
    for one in (1, 2, 3):
        chain.remote(one).result()
    with pytest.raises(NodeError):
        chain.remote(0).result()
    summary = chain.metrics()
    assert (summary.requests, summary.errors) == (4, 1)
    assert {name: (one.count, one.errors) for name, one in summary.nodes.items()} == {
        "double": (4, 0),
        "Offset.add": (4, 1),
        "DAGDriver.predict": (4, 1),
    }
    assert summary.critical_path == ("DAGDriver.predict", "double", "Offset.add")
    assert sum(one.share for one in summary.nodes.values()) == pytest.approx(1)
    assert (chain.metrics(1).requests, chain.metrics(1).errors) == (1, 1)


def test_metrics_outlive_an_update(double):
    """A redeploy keeps the graph's name, handles, and what happened before."""
    graph = graphnb.deploy(double, name="g", http=False)
    handle = graph.handle
    graph.remote(1).result()
    graphnb.deploy(double, name="g", http=False)
    graph.remote(1).result()
    assert graph.metrics().requests == 2
    assert handle.predict.remote(2).result() == 4


# --- the end -------------------------------------------------------------------------------------


def test_a_graph_is_deleted_once_and_again(double):
    """The second time nothing happens."""
    graph = graphnb.deploy(double, name="g", http=False)
    graph.delete()
    graph.delete()
    assert graphnb.running() == []


def test_a_graph_that_has_ended_says_so(double):
    """Whatever is asked of it is a NotRunningError, but its name and its repr."""
    graph = graphnb.deploy(double, name="g", http=False)
    graph.remote(1).result()
    graph.delete()
    assert graph.name == "g"
    assert graph.url is None
    assert repr(graph) == "RunningGraph('g', ended)"
    for ask in (
        lambda: graph.spec,
        lambda: graph.remote(1),
        graph.status,
        lambda: graph.node("double"),
        lambda: graph.handle,
    ):
        with pytest.raises(NotRunningError, match="'g'"):
            ask()


def test_a_request_under_way_is_answered_before_the_end(gated, signals):
    """`delete` waits for requests that have begun."""
    graph = graphnb.deploy(gated, http=False)
    response = graph.remote(1)
    signals.wait_for_notes("began", 1)
    ending = threading.Thread(target=graph.delete)
    ending.start()
    signals.set("go")
    ending.join()
    assert response.result() == 1


def test_deleting_an_ended_graph_leaves_its_namesake_alone(double):
    """A newer graph of the same name is another graph: it stays, and answers."""
    old = graphnb.deploy(double, name="g")
    old.delete()
    new = graphnb.deploy(double, name="g")
    old.delete()
    assert graphnb.running() == [new]
    assert graphnb.get("g") is new
    assert new.remote(1).result() == 2
    assert send_http(new, 1).value == 2


def test_a_graph_is_the_same_object_until_it_ends(double):
    """`deploy`, `get` and `running` give one object for one name; a new graph gets a new one."""
    graph = graphnb.deploy(double, name="g", http=False)
    assert graphnb.deploy(double, name="g", http=False) is graph is graphnb.get("g")
    graph.delete()
    assert graphnb.deploy(double, name="g", http=False) is not graph
