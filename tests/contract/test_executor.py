"""An executor's own life: it starts with its first graph, and can be closed."""

import threading

import httpx
import pytest

from graphnb import HttpOptions, InputNode, serve
from graphnb.executors.local import LocalExecutor
from graphnb.session.target import graph_of


@serve.deployment
def echo(x):
    """Gives back what it gets."""
    return x


@pytest.fixture
def echo_graph():
    """A graph of one node, not deployed."""
    with InputNode() as inp:
        return graph_of(echo.bind(inp))


def engine_threads():
    """The threads of engines that run."""
    return [one for one in threading.enumerate() if one.name == "graphnb-engine"]


def test_a_closed_executor_leaves_no_thread_and_no_port(echo_graph):
    """After `close` the engine's thread has ended, and nobody listens any more."""
    before = len(engine_threads())
    executor = LocalExecutor()
    application = executor.application("own")
    result = application.apply(echo_graph, http=HttpOptions(), route_prefix=None)
    assert httpx.post(result.url, json=3, trust_env=False).json() == 3
    assert len(engine_threads()) == before + 1
    application.close()
    executor.close()
    assert len(engine_threads()) == before
    with pytest.raises(httpx.ConnectError):
        httpx.post(result.url, json=3, trust_env=False)


def test_two_executors_do_not_share_anything(echo_graph):
    """Each has its own loop, its own graphs and its own port."""
    executors = [LocalExecutor(), LocalExecutor()]
    applications = [one.application("same") for one in executors]
    urls = [
        one.apply(echo_graph, http=HttpOptions(), route_prefix=None).url for one in applications
    ]
    assert urls[0] != urls[1]
    for url in urls:
        assert httpx.post(url, json=4, trust_env=False).json() == 4
    applications[0].close()
    executors[0].close()
    assert applications[1].handle("echo").remote(5).result() == 5
    applications[1].close()
    executors[1].close()
