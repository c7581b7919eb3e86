"""Graphs as plain text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from graphnb.views import to_text
from tests.views.graphs import EXAMPLES, ensemble, grouped, hostile


def test_a_graph_reads_from_its_input_to_its_driver():
    """Inputs, calls with their sources first, then who holds whom."""
    assert to_text(ensemble()).splitlines() == [
        "graph root DAGDriver: 6 deployments, 3 calls",
        "  request",
        "  tokens  = tokenize(text ← request['text'])",
        "  average = average(data ← request[1]) [timeout 2 s, 1 retry]",
        "  best    = Combiner.run(words ← tokens, mean ← average) [3 replicas]",
        "  Model [2 replicas]",
        "  Model_1 [batch 8, 0.5 GPU]",
        "  Combiner ⇢ Model, Model_1",
        "  DAGDriver runs best",
    ]


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_deployment_is_named(name):
    """Text has each example's deployments, and is the same each time."""
    spec = EXAMPLES[name]
    text = to_text(spec)
    assert text == to_text(spec)
    assert text.startswith("graph root ")


def test_several_graphs_say_where_they_go():
    """A driver of several graphs names each one's place."""
    assert "DAGDriver runs query as dag['/embed']" in to_text(grouped())


def test_calls_come_after_their_sources():
    """A spec whose calls are in no order is sorted."""
    spec = ensemble()
    backwards = replace(spec, calls=tuple(reversed(spec.calls)))
    assert to_text(backwards).splitlines()[-5].startswith("  best")


def test_one_line_for_each_thing():
    """Line breaks in names break no line."""
    assert len(to_text(hostile()).splitlines()) == 6
