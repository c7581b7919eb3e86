"""What differs between two specs, and what an update has to do about it."""

import dataclasses

import pytest
from hypothesis import given

from graphnb.graph import CallSpec, DeploymentSpec, GraphEdge, GraphSpec, HandleEdge, Options, diff
from tests import strategies

A = DeploymentSpec("a", "function", "a", digest="1")
B = DeploymentSpec("b", "class", "B", Options({"num_replicas": 1, "user_config": {"x": 1}}), "2")
ROOT = DeploymentSpec("root", "class", "Root", graphs=(GraphEdge("a", "dag"),))
CALL = CallSpec("a", "a", "__call__")


def graph(*deployments, calls=(CALL,), root="root"):
    """A spec of these deployments."""
    return GraphSpec(root, deployments, calls)


def options(**changed):
    """The deployment B with other options."""
    return dataclasses.replace(B, options=Options({**B.options, **changed}))


@pytest.mark.parametrize(
    ("after", "kind"),
    [
        pytest.param(B, "unchanged", id="nothing"),
        pytest.param(dataclasses.replace(B, digest="3"), "replaced", id="its code"),
        pytest.param(
            dataclasses.replace(B, handles=(HandleEdge("a", "m"),)), "replaced", id="its handles"
        ),
        pytest.param(
            dataclasses.replace(B, graphs=(GraphEdge("a", "m"),)), "replaced", id="its graphs"
        ),
        pytest.param(options(user_config={"x": 2}), "reconfigured", id="its user_config"),
        pytest.param(
            options(user_config={"x": 2}, num_replicas=2), "reconfigured", id="config and number"
        ),
        pytest.param(options(num_replicas=2), "rescaled", id="its number of replicas"),
        pytest.param(options(max_ongoing_requests=7), "rescaled", id="a limit that it got"),
        pytest.param(
            options(ray_actor_options={"num_cpus": 2}), "replaced", id="resources of its replicas"
        ),
        pytest.param(dataclasses.replace(B, options=Options()), "reconfigured", id="no options"),
    ],
)
def test_a_deployment_changes_by(after, kind):
    """Each change of a deployment has its kind: what it asks of the replicas."""
    found = diff(graph(A, B, ROOT), graph(A, after, ROOT))
    assert [(one.name, one.kind) for one in found.changes] == [
        ("a", "unchanged"),
        ("b", kind),
        ("root", "unchanged"),
    ]
    assert found.names(kind).count("b") == 1


def test_new_and_missing_deployments_are_told():
    """What is in one of two specs only was added or removed; removed ones come last."""
    found = diff(graph(A, ROOT), graph(B, ROOT))
    assert [(one.name, one.kind) for one in found.changes] == [
        ("b", "added"),
        ("root", "unchanged"),
        ("a", "removed"),
    ]
    assert str(found) == "added b; removed a; kept 1"


def test_everything_is_new_where_nothing_ran():
    """Without an old spec all deployments are added, and nothing was rewired."""
    found = diff(None, graph(A, B, ROOT))
    assert found.names("added") == ("a", "b", "root")
    assert not found.rewired
    assert bool(found)


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(
            graph(A, B, ROOT, calls=(dataclasses.replace(CALL, arguments="9"),)), id="an argument"
        ),
        pytest.param(graph(A, B, ROOT, calls=()), id="a call less"),
        pytest.param(
            graph(A, B, ROOT, calls=(dataclasses.replace(CALL, retries=1),)), id="an option"
        ),
        pytest.param(graph(A, B, ROOT, root="b"), id="the root"),
        pytest.param(
            graph(A, B, dataclasses.replace(ROOT, graphs=(GraphEdge("b", "dag"),))),
            id="another graph at the same place",
        ),
    ],
)
def test_other_calls_rewire_and_replace_nobody(after):
    """When calls or edges alone differ, every replica stays."""
    found = diff(graph(A, B, ROOT), after)
    assert found.rewired
    assert bool(found)
    assert found.names("unchanged") == ("a", "b", "root")
    assert str(found) == "rewired; kept 3"


@given(strategies.specs())
def test_a_spec_does_not_differ_from_itself(spec):
    """A spec compared with itself shows no change."""
    found = diff(spec, spec)
    assert not found
    assert str(found) == f"nothing changed ({len(spec.deployments)} kept)"


@given(strategies.specs(), strategies.specs())
def test_each_deployment_of_either_spec_has_one_change(old, new):
    """No deployment is forgotten, and none is told twice."""
    found = diff(old, new)
    told = [one.name for one in found.changes]
    assert len(told) == len(set(told))
    assert set(told) == {one.name for spec in (old, new) for one in spec.deployments}
    olds = {one.name for one in old.deployments}
    news = {one.name for one in new.deployments}
    assert set(found.names("added")) == news - olds
    assert set(found.names("removed")) == olds - news
