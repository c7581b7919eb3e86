"""Who feeds whom in a spec."""

import pytest
from hypothesis import given

from graphnb.graph import CallSpec, DataEdge, DeploymentSpec, GraphEdge, GraphSpec, HandleEdge
from graphnb.graph import topology as walk
from tests import strategies


def call(name, *sources, fallback=None):
    """A call of the deployment of its name."""
    edges = tuple(DataEdge(source, (), "x") for source in sources)
    return CallSpec(name, name.partition("#")[0], "__call__", edges=edges, fallback=fallback)


@pytest.fixture
def diamond():
    """A join of left and right, both fed by load; aside stands alone, spare is a fallback."""
    calls = (
        call("load", "input"),
        call("left", "load"),
        call("spare", "load"),
        call("right", "load", "load", fallback="spare"),
        call("join", "left", "right"),
        call("aside", "input"),
    )
    deployments = tuple(DeploymentSpec(one.deployment, "function", one.id) for one in calls)
    return GraphSpec("join", deployments, calls)


def test_parents_and_children_mirror_each_other(diamond):
    """A call's sources and users are told once each, in order."""
    assert walk.parents(diamond)["join"] == ("left", "right")
    assert walk.parents(diamond)["right"] == ("load",)
    assert walk.parents(diamond)["load"] == ()
    assert walk.children(diamond)["load"] == ("left", "spare", "right")
    assert walk.children(diamond)["join"] == ()


def test_ancestors_and_descendants_reach_all_the_way(diamond):
    """Everything that a call needs, or that needs it, and never the call itself."""
    assert walk.ancestors(diamond, "join") == {"left", "right", "load"}
    assert walk.descendants(diamond, "load") == {"left", "right", "spare", "join"}
    assert walk.ancestors(diamond, "aside") == frozenset()


def test_a_graph_is_what_its_root_needs(diamond):
    """Calls that the root does not need, and calls of fallbacks, are no part of a run."""
    assert walk.graph_calls(diamond, "join") == ("load", "left", "right", "join")
    assert walk.graph_calls(diamond, "aside") == ("aside",)


@given(strategies.specs())
def test_a_topological_sort_has_sources_first(spec):
    """Each call stands after all that it needs."""
    order = walk.topological_sort(spec)
    assert sorted(order) == sorted(one.id for one in spec.calls)
    for name, sources in walk.parents(spec).items():
        assert all(order.index(source) < order.index(name) for source in sources)


def test_an_induced_subgraph_keeps_the_edges_among_its_deployments(diamond):
    """A part of a spec has no edge to what was left out."""
    found = walk.induced_subgraph(diamond, ["left", "join"])
    assert [one.id for one in found.calls] == ["left", "join"]
    assert found.call("left").edges == ()
    assert [edge.source for edge in found.call("join").edges] == ["left"]
    assert [one.name for one in found.deployments] == ["left", "join"]


def test_an_induced_subgraph_keeps_handles_and_graphs_among_its_deployments():
    """Handle and graph edges follow the deployments and calls that they lead to."""
    holder = DeploymentSpec(
        "holder",
        "class",
        "Holder",
        handles=(HandleEdge("a", "x"), HandleEdge("b", "y")),
        graphs=(GraphEdge("a", "z"), GraphEdge("b", "w")),
    )
    others = tuple(DeploymentSpec(name, "function", name) for name in "ab")
    spec = GraphSpec("holder", (*others, holder), (call("a"), call("b")))
    found = walk.induced_subgraph(spec, ["a", "holder"]).deployment("holder")
    assert found.handles == (HandleEdge("a", "x"),)
    assert found.graphs == (GraphEdge("a", "z"),)
