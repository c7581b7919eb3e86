"""Live pictures and changes in place, wherever the graph runs."""

from __future__ import annotations

import os

import pytest

from graphnb import InputNode, serve
from graphnb.errors import DeployError, NodeError, NotRunningError
from tests.contract.waiting import eventually, status_of
from tests.session.front_end import FrontEnd


@serve.deployment
class Scorer:
    def __init__(self):
        self.calls = 0

    async def score(self, x):
        self.calls += 1
        if x == 13:
            raise ValueError("an unlucky number")
        return self.calls, os.getpid()


@serve.deployment
async def double(x):
    """Twice as much."""
    return 2 * x


@pytest.fixture
def graph(deploy):
    """A function, and a class that counts; it answers over HTTP as well."""
    with InputNode() as request:
        return deploy(Scorer.bind().score.bind(double.bind(request)), http=True)


@pytest.fixture
def view(graph):
    """An open view of its live picture."""
    found = FrontEnd(graph.live())
    found.ask("open")
    yield found
    found.close()


def test_figures_follow_requests_by_handle(graph, view):
    """Count, latency and errors of each node, as they happen."""
    for x in (1, 2, 3):
        graph.remote(x).result()
    with pytest.raises(NodeError):
        graph.remote(6.5).result()
    view.until(lambda: view.node("node-Scorer.score")["count"] == "4×")
    view.until(lambda: view.node("node-Scorer.score")["errors"] == "1 error")
    assert view.node("node-double")["errors"] == ""
    assert view.node("node-double")["p"][0].endswith(" ms")


def test_figures_follow_requests_over_http(graph, view, client):
    """They may begin in another process."""
    for x in range(5):
        assert client.post(graph.url, json=x).status_code == 200
    view.until(lambda: view.frame["head"]["requests"] == "5 requests")
    view.until(lambda: view.node("node-double")["count"] == "5×")


def test_a_view_that_opens_later_has_what_came_before(graph, client):
    """By handle and over HTTP."""
    graph.remote(1).result()
    assert client.post(graph.url, json=1).status_code == 200
    view = FrontEnd(graph.live())
    view.ask("open")
    view.until(lambda: view.node("node-double")["count"] == "2×")
    view.close()


def test_replicas_are_shown(graph, view):
    """Those that are wanted and those that answer."""
    view.until(lambda: view.node("node-Scorer.score")["replicas"] == "1/1")


def test_the_last_error_of_a_node_has_its_traceback(graph, view):
    """From user code on, in the words of whoever wrote it."""
    with pytest.raises(NodeError):
        graph.remote(6.5).result()
    error = eventually(lambda: view.ask("node", node="node-Scorer.score")["error"])
    assert 'raise ValueError("an unlucky number")' in error["traceback"]
    assert "an unlucky number" in error["message"]


def test_the_last_request_can_be_sent_again(graph, view):
    """With the arguments that this process sent."""
    graph.remote(1).result()
    found = view.ask("again")
    assert eventually(lambda: graph.trace(found["request"])).outcome == "ok"


def test_replicas_change_in_place(graph, view):
    """What runs goes on: the replica that counted counts on, beside a new one."""
    calls, process = graph.remote(1).result()
    code = graph.scale("Scorer", num_replicas=2)
    assert code == "Scorer = Scorer.options(num_replicas=2)"
    eventually(lambda: status_of(graph, "Scorer").running == 2)
    answers = [graph.remote(1).result() for _ in range(12)]
    assert max(count for count, one in answers if one == process) > calls
    graph.scale("Scorer", num_replicas=1, max_ongoing_requests=2)
    eventually(lambda: status_of(graph, "Scorer").running == 1)
    assert graph.spec.deployment("Scorer").options["max_ongoing_requests"] == 2


def test_what_cannot_be_changed_changes_nothing(graph):
    """A number that does not do, or a node that is not there."""
    before = graph.spec
    with pytest.raises(DeployError, match="0"):
        graph.scale("Scorer", num_replicas=0)
    with pytest.raises(NotRunningError):
        graph.scale("nobody", num_replicas=2)
    assert graph.spec == before
    assert graph.remote(1).result()[0] == 1


def test_deploying_again_takes_a_change_back(graph, deploy):
    """The code says how many there are."""
    graph.scale("Scorer", num_replicas=2)
    with InputNode() as request:
        again = deploy(Scorer.bind().score.bind(double.bind(request)), http=True)
    eventually(lambda: status_of(again, "Scorer").replicas == 1)
