"""A spec is a value: it compares, hashes, prints and finds its parts."""

import dataclasses

import pytest
from hypothesis import given

from graphnb.graph import (
    CallSpec,
    DataEdge,
    DeploymentSpec,
    GraphEdge,
    GraphSpec,
    HandleEdge,
    InputSpec,
    Key,
    Options,
    path_text,
    spec_from_json,
    spec_to_json,
)
from tests import strategies


def example():
    """A small spec with every kind of edge."""
    return GraphSpec(
        root="Driver",
        deployments=(
            DeploymentSpec("tokenize", "function", "tokenize", digest="a1"),
            DeploymentSpec("Scorer", "class", "Scorer", Options({"num_replicas": 2})),
            DeploymentSpec(
                "Driver",
                "class",
                "Driver",
                handles=(HandleEdge("Scorer", "scorer"),),
                graphs=(GraphEdge("Scorer.score", "dag"),),
            ),
        ),
        calls=(
            CallSpec(
                "tokenize",
                "tokenize",
                "__call__",
                "tokens",
                (DataEdge("input", (Key("item", "text"),), "text"),),
            ),
            CallSpec(
                "Scorer.score", "Scorer", "score", edges=(DataEdge("tokenize", (), "tokens"),)
            ),
        ),
        inputs=(InputSpec("input", "request"),),
        route_prefix="/score",
    )


@given(strategies.specs())
def test_specs_with_equal_parts_are_equal(spec):
    """Equality and hash go by content, however a spec was made."""
    copy = dataclasses.replace(spec, deployments=tuple(map(dataclasses.replace, spec.deployments)))
    assert copy == spec
    assert hash(copy) == hash(spec)


@pytest.mark.parametrize(
    "change",
    [
        {"root": "Scorer"},
        {"route_prefix": None},
        {"inputs": ()},
        {"calls": ()},
        {"deployments": ()},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_spec_differs_by_any_part(change):
    """A spec whose root, route, inputs, calls or deployments differ is another spec."""
    assert dataclasses.replace(example(), **change) != example()


def test_a_spec_cannot_be_changed():
    """Specs and their parts are frozen."""
    spec = example()
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.root = "other"
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.deployments[0].name = "other"
    with pytest.raises(TypeError):
        spec.deployments[1].options["num_replicas"] = 3


@given(strategies.specs())
def test_the_text_of_a_spec_lists_every_deployment(spec):
    """`str(spec)` has a line for each deployment, and names each call."""
    lines = str(spec).splitlines()
    for one in spec.deployments:
        assert any(line.startswith(f"  {one.name} = {one.kind} ") for line in lines)
    for call in spec.calls:
        assert any(line.strip().startswith(f"{call.id}(") for line in lines)


def test_the_text_of_a_spec_reads_like_the_graph():
    """The text tells of options, handles, graphs, and where a call's arguments come from."""
    assert str(example()).splitlines() == [
        "3 deployments, root Driver",
        "  tokenize = function tokenize",
        "    tokenize(text=request['text'])",
        "  Scorer = class Scorer num_replicas=2",
        "    Scorer.score(tokens=tokenize)",
        "  Driver = class Driver",
        "    holds Scorer as scorer",
        "    runs Scorer.score as dag",
    ]


def test_parts_are_found_by_name():
    """`deployment`, `call` and `calls_of` find parts; an unknown name is a KeyError."""
    spec = example()
    assert spec.deployment("Scorer").options["num_replicas"] == 2
    assert spec.call("tokenize").label == "tokens"
    assert spec.calls_of("Scorer") == (spec.call("Scorer.score"),)
    assert spec.calls_of("Driver") == ()
    with pytest.raises(KeyError):
        spec.deployment("nobody")
    with pytest.raises(KeyError):
        spec.call("nobody")


def test_a_path_reads_as_python():
    """Items show in brackets, attributes after a dot."""
    path = (Key("item", "text"), Key("item", 0), Key("attr", "mean"))
    assert path_text(path) == "['text'][0].mean"
    assert path_text(()) == ""


def test_options_compare_by_content():
    """The order in which options were given does not count, values and their types do."""
    first, second = Options({"a": 1, "b": [1, 2]}), Options({"b": [1, 2], "a": 1})
    assert first == second
    assert hash(first) == hash(second)
    assert dict(first) == {"a": 1, "b": [1, 2]}
    assert Options({"a": 1}) != Options({"a": 1.5})
    assert Options({"a": 1}) != Options({"a": True})
    assert len(Options()) == 0


def test_what_an_option_holds_cannot_be_changed_through_it():
    """Reading an option gives a copy, so that a spec stays what it is."""
    options = Options({"user_config": {"threshold": 1}})
    options["user_config"]["threshold"] = 2
    assert options["user_config"] == {"threshold": 1}


@given(strategies.specs())
def test_equal_specs_have_equal_json(spec):
    """JSON is a normal form of a spec."""
    assert spec_to_json(spec_from_json(spec_to_json(spec))) == spec_to_json(spec)
