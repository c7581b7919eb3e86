"""Rules that a finished spec is judged by, whoever made it."""

import dataclasses

import pytest

from graphnb.graph import CallSpec, DataEdge, DeploymentSpec, GraphEdge, GraphSpec, InputSpec
from graphnb.graph import Options as Given
from graphnb.graph.rules import RULES
from graphnb.graph.validate import validate

ROOT = DeploymentSpec("root", "class", "Root", graphs=(GraphEdge("f", "dag"),))
F = DeploymentSpec("f", "function", "f")
CALLS = (CallSpec("f", "f", "__call__"),)


def spec(*deployments, calls=CALLS, inputs=()):
    """A spec with that root."""
    return GraphSpec("root", deployments, calls, inputs)


def edge(source):
    """An edge from that source."""
    return DataEdge(source, (), "x")


CASES = {
    "empty": (spec(calls=()), "GN115", None, "no deployment"),
    "route below the root": (
        spec(dataclasses.replace(F, options=Given({"route_prefix": "/x"})), ROOT),
        "GN109",
        "f",
        "/x",
    ),
    "two inputs": (
        spec(
            F,
            ROOT,
            calls=(CallSpec("f", "f", "__call__", edges=(edge("input"), edge("input_1"))),),
            inputs=(InputSpec("input", "first"), InputSpec("input_1", "second")),
        ),
        "GN105",
        "f",
        "first and second",
    ),
    "a generator feeds": (
        spec(
            F,
            ROOT,
            calls=(
                CallSpec("g", "f", "g", streams=True),
                CallSpec("f", "f", "__call__", edges=(edge("g"),)),
            ),
        ),
        "GN112",
        "g",
        "feeds f",
    ),
    "a generator that is tried again": (
        spec(F, ROOT, calls=(CallSpec("f", "f", "f", streams=True, retries=1),)),
        "GN117",
        "f",
        "generator",
    ),
    "a batch that never fills": (
        spec(dataclasses.replace(F, max_batch_size=10), ROOT),
        "GN111",
        "f",
        "batch of 10",
    ),
}


@pytest.mark.parametrize(("bad", "code", "node", "text"), CASES.values(), ids=CASES)
def test_a_broken_rule_is_found(bad, code, node, text):
    """A finding has the rule's code, the node, a message that names the thing, and a hint."""
    (found,) = validate(bad)
    assert (found.code, found.node) == (code, node)
    assert text in found.message
    assert found.hint
    assert str(found) == f"{code} {found.message}\nhint: {found.hint}"


def test_a_good_spec_has_no_findings():
    """Nothing is said of a graph that keeps every rule."""
    assert validate(spec(F, ROOT)) == ()
    full = dataclasses.replace(F, max_batch_size=10, options=Given({"max_ongoing_requests": 10}))
    assert validate(spec(full, ROOT)) == ()


def test_a_root_may_have_a_route():
    """The route prefix belongs to the root."""
    root = dataclasses.replace(ROOT, options=Given({"route_prefix": "/x"}))
    assert validate(spec(F, root)) == ()


def test_errors_come_before_warnings():
    """What keeps a graph from running is told first."""
    batched = dataclasses.replace(F, max_batch_size=10, options=Given({"route_prefix": "/x"}))
    assert [one.severity for one in validate(spec(batched, ROOT))] == ["error", "warning"]


def test_each_rule_has_a_code_of_its_own():
    """Codes run from GN101 without a gap, and each rule says what to do."""
    assert [one.code for one in RULES] == [f"GN{number}" for number in range(101, 122)]
    for rule in RULES:
        assert rule.title
        assert rule.fix
        assert rule.severity in ("error", "warning")


def test_a_finding_becomes_an_error_with_the_same_words():
    """What a linter shows is what Python raises."""
    (found,) = validate(CASES["a generator feeds"][0])
    error = found.error()
    assert (error.code, error.node, str(error)) == ("GN112", "g", str(found))
