"""Graphs as DOT text."""

from __future__ import annotations

import re

import pytest

from graphnb.graph.schema import spec_from_json, spec_to_json
from graphnb.graph.topology import induced_subgraph
from graphnb.telemetry.summary import GraphSummary, summarize
from graphnb.views import to_dot
from tests.views.graphs import (
    EXAMPLES,
    chain,
    ensemble,
    fan,
    grouped,
    handles_only,
    hostile,
    request,
)


def edges(dot):
    """The attributes of each edge."""
    return re.findall(r"^\s*n\d+ -> n\d+ \[(.*)\]$", dot, re.MULTILINE)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_same_spec_gives_the_same_bytes(name):
    """DOT text depends on the spec's value alone."""
    spec = EXAMPLES[name]
    assert to_dot(spec) == to_dot(spec_from_json(spec_to_json(spec)))


def test_parts_of_the_request_stand_on_its_edges():
    """An edge from the input says which part it takes."""
    labelled = [edge for edge in edges(to_dot(ensemble())) if 'id="edge-request' in edge]
    assert any("label=\"['text']\"" in edge for edge in labelled)
    assert any('label="[1]"' in edge for edge in labelled)


def test_arguments_stand_on_edges_where_they_tell_more():
    """Several parameters are named; a single one, or the items of a list, are not."""
    assert "label=words" in to_dot(ensemble())
    assert "label=x" not in to_dot(chain())
    assert "items[" not in "".join(re.findall("label=[^ ]*", to_dot(fan())))


def test_kinds_of_edges_differ():
    """Data, handle, graph and fallback edges are drawn apart."""
    dot = to_dot(ensemble()) + to_dot(grouped())
    kinds = {re.search(r"kind=\"?(\w+)", edge)[1]: edge for edge in edges(dot)}
    assert set(kinds) == {"data", "handle", "graph", "fallback"}
    assert "style=dashed" in kinds["handle"]
    assert "arrowhead=vee" in kinds["handle"]
    assert "arrowhead=odiamond" in kinds["graph"]
    assert "style=dotted" in kinds["fallback"]


def test_several_calls_of_a_deployment_are_one_group():
    """A deployment with two calls is a cluster with its name; with one it is a box."""
    dot = to_dot(grouped())
    assert dot.count("subgraph") == 1
    assert 'subgraph "cluster-Embed"' in dot
    assert 'id="deployment-Embed"' in dot


def test_a_deployment_reached_by_handle_alone_is_a_box():
    """Models that no call names are on the picture, under the deployment's id."""
    assert 'id="deployment-Model_1"' in to_dot(ensemble())
    assert len(edges(to_dot(handles_only()))) == 2


def test_options_that_matter_stand_on_the_node():
    """Replicas, batch sizes, resources, time-outs and retries are read off the picture."""
    dot = to_dot(ensemble())
    for note in ("3 replicas", "batch 8", "0.5 GPU", "timeout 2 s", "1 retry"):
        assert note in dot


def test_ids_are_stable_and_fit_for_xml():
    """Ids are made of letters, digits and a few signs, whatever the names are, each used once."""
    ids = re.findall(r' id="?([^" ]+)', to_dot(hostile()))
    assert len(ids) == len(set(ids)) == 9
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]*", one) for one in ids)
    assert 'id="node-Combiner.run"' in to_dot(ensemble())
    assert 'id="edge-tokenize--Combiner.run"' in to_dot(ensemble())


def test_a_chain_runs_down_and_a_fan_runs_sideways():
    """The direction is the one that a notebook's width shows best."""
    assert "rankdir=TB" in to_dot(chain(10))
    assert "rankdir=LR" in to_dot(chain(2))
    assert "rankdir=LR" in to_dot(fan(10))


def test_metrics_stand_on_their_nodes():
    """A summary adds median, count, errors, share and the critical path."""
    spec = ensemble()
    dot = to_dot(spec, summarize([request(spec), request(spec, outcome="error")]))
    assert 'p50="304.0 ms"' in dot
    assert 'count="2×"' in dot
    assert 'errors="1 error"' in dot
    assert re.search(
        r'id="edge-average--Combiner.run".*critical=true|critical=true.*id="edge-average--Combiner.run"',
        dot,
    )
    assert not re.search(r'critical=true [^\n]*id="edge-tokenize--Combiner.run"', dot)


def test_a_node_that_was_never_called_says_so():
    """An empty summary puts a dash on each node, and no share."""
    dot = to_dot(ensemble(), GraphSummary())
    assert dot.count('p50="–"') == 6
    assert "not called" in dot


def test_part_of_a_graph_can_be_drawn():
    """An induced subgraph, its fallback gone, is a picture too."""
    part = induced_subgraph(grouped(), ["rank", "Embed"])
    assert "fallback-" not in to_dot(part)
