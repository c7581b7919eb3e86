"""The logs of graphs that run in this process, and of none."""

import pytest

import graphnb
from graphnb.errors import NotRunningError
from graphnb.session.logs import ended_logs


def test_a_node_of_this_process_says_where_its_prints_are(double):
    """Its logs are empty, and a note; by each name that the node has."""
    graph = graphnb.deploy(double, name="here", http=False)
    found = graph.logs("double")
    assert not found
    assert str(found).startswith("double runs in this process: its prints are ")
    assert graph.logs(graph.spec.calls[0].id) == found
    assert set(graph.logs().nodes) == {"double", "DAGDriver"}


def test_an_unknown_node_is_named_with_those_there_are(double):
    """As `graph.node` does."""
    graph = graphnb.deploy(double, name="here", http=False)
    with pytest.raises(NotRunningError, match="no node is named 'single'") as caught:
        graph.logs("single")
    assert set(caught.value.known) == {"double", "DAGDriver"}


def test_a_graph_that_ended_in_this_process_has_left_nothing(double):
    """The graph itself says that it has ended; of its name nothing is known any more."""
    graph = graphnb.deploy(double, name="here", http=False)
    graph.delete()
    with pytest.raises(NotRunningError, match="no running graph is named 'here'"):
        graph.logs()
    assert ended_logs("here", "double") is None
