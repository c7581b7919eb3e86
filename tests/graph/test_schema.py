"""Specs as JSON: versioned, without pickle, and the same after a round trip."""

import json

import pytest
from hypothesis import given

from graphnb.errors import GraphnbError
from graphnb.graph import spec_from_json, spec_to_json
from tests import strategies
from tests.graph.test_spec import example


@given(strategies.specs())
def test_a_spec_survives_json(spec):
    """What is read is what was written, and hashes alike."""
    read = spec_from_json(spec_to_json(spec))
    assert read == spec
    assert hash(read) == hash(spec)


@given(strategies.specs())
def test_the_text_after_a_round_trip_is_the_same(spec):
    """A spec that was saved draws and prints as before."""
    assert str(spec_from_json(spec_to_json(spec, indent=2))) == str(spec)


def test_json_has_a_version_and_plain_data():
    """The text is JSON that any reader understands, with a version number."""
    data = json.loads(spec_to_json(example()))
    assert data["version"] == 1
    assert [one["name"] for one in data["deployments"]] == ["tokenize", "Scorer", "Driver"]
    assert data["calls"][0]["edges"] == [
        {"source": "input", "path": [{"kind": "item", "key": "text"}], "argument": "text"}
    ]


@pytest.mark.parametrize("text", ["", "[]", "3", "{}", "null", '{"root": "x"}'])
def test_other_text_is_no_spec(text):
    """Text that is not a spec is refused with an error of graphnb's."""
    with pytest.raises(GraphnbError, match="not a graph spec"):
        spec_from_json(text)


def test_another_version_says_what_to_do():
    """A spec of a later version is refused, with the two versions and a hint."""
    data = json.loads(spec_to_json(example())) | {"version": 99}
    with pytest.raises(GraphnbError, match=r"version 99.*version 1") as caught:
        spec_from_json(json.dumps(data))
    assert "install" in caught.value.hint


@pytest.mark.parametrize("missing", ["root", "deployments", "calls", "inputs", "route_prefix"])
def test_a_damaged_spec_is_refused(missing):
    """A spec that lacks a part is refused, not half read."""
    data = json.loads(spec_to_json(example()))
    del data[missing]
    with pytest.raises(GraphnbError, match="damaged"):
        spec_from_json(json.dumps(data))


@pytest.mark.parametrize(
    "damage",
    [
        {"deployments": 3},
        {"deployments": [3]},
        {"calls": [{"id": "a"}]},
        {"calls": "abc"},
        {"inputs": [{"id": "a", "label": "b", "more": 1}]},
        {"deployments": [{"name": "a", "options": 3, "handles": [], "graphs": []}]},
    ],
    ids=str,
)
def test_a_spec_with_parts_of_another_kind_is_refused(damage):
    """Parts of the wrong kind give an error of graphnb's, not whatever Python meets first."""
    data = json.loads(spec_to_json(example())) | damage
    with pytest.raises(GraphnbError, match="damaged"):
        spec_from_json(json.dumps(data))
