"""Applications on the same Ray Serve that graphnb did not deploy: they are left alone."""

import pytest
from ray import serve as ray_serve

import graphnb
from graphnb import InputNode, serve
from graphnb.errors import DeployError

pytestmark = [pytest.mark.ray, pytest.mark.timeout(120)]


@ray_serve.deployment
class Theirs:
    """Somebody else's."""

    async def __call__(self, x):
        return f"theirs {x}"


@serve.deployment
async def ours(x):
    """A node of a graph."""
    return f"ours {x}"


@serve.deployment
class Broken:
    """Cannot start."""

    def __init__(self):
        raise OSError("no weights")

    async def __call__(self, x):
        return x


@pytest.fixture
def theirs(quick_ends):
    """A handle of an application that graphnb does not know."""
    from graphnb.rayserve.cluster import ensure_serve

    ensure_serve()
    yield ray_serve.run(Theirs.bind(), name="taken", route_prefix="/theirs")
    graphnb.serve.shutdown()
    ray_serve.delete("taken")


@pytest.mark.parametrize("node", [ours, Broken], ids=["one that would start", "one that would not"])
def test_an_application_of_that_name_is_neither_replaced_nor_ended(theirs, node):
    """The deploy is refused, and says why; the application goes on."""
    with InputNode() as request:
        graph = ours.bind(request) if node is ours else Broken.bind()
    with pytest.raises(DeployError, match="'taken' that graphnb did not deploy"):
        graphnb.deploy(graph, name="taken", on="ray", http=False)
    assert theirs.remote(1).result() == "theirs 1"
    assert graphnb.running() == []


def test_other_names_are_free(theirs):
    """Graphs and other applications share one Ray Serve."""
    with InputNode() as request:
        graph = graphnb.deploy(ours.bind(request), name="free", on="ray", http=False)
    assert graph.remote(1).result() == "ours 1"
    assert theirs.remote(1).result() == "theirs 1"
