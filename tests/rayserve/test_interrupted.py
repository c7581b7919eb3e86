"""Ctrl-C while a graph on Ray is deployed or ended: nothing is left that nobody can get hold of."""

import pytest
from ray import serve as ray_serve

import graphnb
from graphnb import InputNode, serve
from graphnb.executors.ray import application
from graphnb.rayserve.collector import collector_name, find_collector
from tests.contract.waiting import eventually

pytestmark = [pytest.mark.ray, pytest.mark.timeout(120)]


@serve.deployment
async def double(x):
    """A node."""
    return 2 * x


@pytest.fixture
def deploy(quick_ends):
    """Deploys a graph of one node on Ray; ends all graphs after the test."""

    def deploy_here():
        with InputNode() as request:
            return graphnb.deploy(double.bind(request), name="stopped", on="ray", http=False)

    yield deploy_here
    graphnb.serve.shutdown()


def interrupted(*_args):
    """Stands in for what Ctrl-C interrupts."""
    raise KeyboardInterrupt


def test_an_interrupted_end_is_an_end(deploy, monkeypatch):
    """Who does not want to wait for requests under way has ended the graph all the same."""
    graph = deploy()
    with monkeypatch.context() as patch:
        patch.setattr(application.RayApplication, "_let_end", interrupted)
        with pytest.raises(KeyboardInterrupt):
            graph.delete()
    eventually(lambda: "stopped" not in ray_serve.status().applications)
    eventually(lambda: find_collector(collector_name("stopped")) is None)
    assert graphnb.running() == []
    assert deploy().remote(2).result() == 4


def test_a_deploy_that_is_interrupted_late_is_known(deploy, monkeypatch):
    """What runs already when Ctrl-C comes can be asked, and ended."""
    with monkeypatch.context() as patch:
        patch.setattr(application, "_publish", interrupted)
        with pytest.raises(KeyboardInterrupt):
            deploy()
    graph = graphnb.get("stopped")
    assert graph.remote(2).result() == 4
    graph.delete()
    assert graphnb.running() == []
