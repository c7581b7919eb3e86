"""A graph is promoted to a real cluster, which is reached by REST alone."""

import shutil
import threading

import pytest

from graphnb.errors import ClusterError, PromoteError
from graphnb.promote.bundle import read_bundle
from graphnb.promote.promotion import apply_plan, plan_promotion, promote, releases, rollback
from graphnb.promote.release.plan import plan_from_json, plan_to_json
from graphnb.promote.release.target import Target
from tests.cluster.graphs import BROKEN, EDITED, GRAPH, ask, kinds, numbered, quiet

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300), pytest.mark.usefixtures("ended")]

THIRD = """
@serve.deployment
def third(x):
    return {**x, "third": 3}
"""


def test_a_graph_comes_to_the_cluster_and_answers(cluster, target, bundle_of, shop_stays):
    """All of it is new; the other application is listed, and left alone."""
    done = promote(bundle_of(GRAPH), target, name="steps", progress=quiet)
    assert set(kinds(done.plan).values()) == {"added"}
    assert done.plan.others == ("shop",)
    assert ask(cluster)["x"] == 5
    assert done.rolled.url == cluster.http
    again = promote(bundle_of(GRAPH), target, name="steps", progress=quiet)
    assert not again.plan
    assert "nothing to do" in str(again)


def test_an_edit_restarts_what_the_plan_says(cluster, target, bundle_of, load, shop_stays):
    """One deployment of three; no request is lost meanwhile, and nothing else is made anew."""
    promote(bundle_of(GRAPH), target, name="steps", progress=quiet)
    before = ask(cluster)
    load.start(cluster.http, 5)
    done = promote(bundle_of(EDITED), target, name="steps", progress=quiet)
    load.stop()
    assert kinds(done.plan) == {
        "First": "unchanged",
        "Second": "restarted",
        "DAGDriver": "unchanged",
    }
    assert "its code has changed" in str(done.plan)
    after = ask(cluster)
    assert after["first"] == before["first"]
    assert after["second"][1] == 2
    assert load.failures == []
    assert len(load.answers) > 20
    assert {one["second"][1] for one in load.answers} == {1, 2}


def test_a_rollback_brings_the_earlier_release_again(cluster, target, bundle_of):
    """With what it takes, and nothing else made anew."""
    first = bundle_of(GRAPH)
    promote(first, target, name="steps", progress=quiet)
    promote(bundle_of(EDITED), target, name="steps", progress=quiet)
    before = ask(cluster)
    done = rollback(target, "steps", progress=quiet)
    assert done.plan.release.id == first.release
    assert kinds(done.plan)["First"] == "unchanged"
    after = ask(cluster)
    assert after["second"][1] == 1
    assert after["first"] == before["first"]
    assert releases(target, "steps")[-1].id == first.release


def test_what_does_not_start_is_taken_back(cluster, target, bundle_of, load, shop_stays):
    """The error is the user's own, and the release before serves throughout."""
    good = bundle_of(GRAPH)
    promote(good, target, name="steps", progress=quiet)
    before = ask(cluster)
    load.start(cluster.http, 5)
    broken = bundle_of(BROKEN)
    with pytest.raises(PromoteError) as caught:
        promote(broken, target, name="steps", progress=quiet)
    load.stop()
    assert "no such model" in str(caught.value)
    assert "what ran before runs again" in str(caught.value)
    assert ask(cluster) == before
    assert load.failures == []
    assert releases(target, "steps")[-1].id == good.release


def test_options_change_in_place(cluster, target, bundle_of):
    """More replicas of what runs: nothing is made anew."""
    promote(bundle_of(GRAPH), target, name="steps", progress=quiet)
    before = ask(cluster)
    more = GRAPH.replace(
        "@serve.deployment\nclass Second", "@serve.deployment(max_ongoing_requests=9)\nclass Second"
    )
    done = promote(bundle_of(more), target, name="steps", progress=quiet)
    assert kinds(done.plan)["Second"] == "changed in place"
    assert "max_ongoing_requests 5 -> 9" in str(done.plan)
    assert ask(cluster) == before


def test_another_deployment_makes_all_anew(cluster, target, bundle_of, load):
    """As the plan says, and why; no request is lost."""
    promote(bundle_of(GRAPH), target, name="steps", progress=quiet)
    load.start(cluster.http, 5)
    longer = GRAPH.replace("with InputNode()", f"{THIRD}\n\nwith InputNode()")
    longer = longer.replace("answer = Second", "answer = third.bind(Second") + ")\n"
    done = promote(bundle_of(longer), target, name="steps", progress=quiet)
    load.stop()
    assert kinds(done.plan) == {
        "First": "restarted", "Second": "restarted", "third": "added", "DAGDriver": "restarted",
    }  # fmt: skip
    assert "the graph has other deployments" in str(done.plan)
    assert ask(cluster)["third"] == 3
    assert load.failures == []


def test_a_plan_holds_for_the_cluster_that_it_saw(target, bundle_of):
    """Saved and read again it does what it says; not if the cluster moved on."""
    first = bundle_of(numbered(11))
    plan = plan_from_json(plan_to_json(plan_promotion(first, target, name="steps", progress=quiet)))
    second = bundle_of(numbered(12))
    promote(second, target, name="steps", progress=quiet)
    with pytest.raises(PromoteError, match="has changed since the plan was made"):
        apply_plan(plan, first, target, progress=quiet)
    with pytest.raises(PromoteError, match="the plan is for release"):
        apply_plan(plan, second, target, progress=quiet)
    assert releases(target, "steps")[-1].id == second.release


def test_an_application_of_somebody_else_is_not_adopted(target, bundle_of, shop_stays):
    """Refused, with how to go on; and so is a route that is taken."""
    bundle = bundle_of(GRAPH)
    with pytest.raises(PromoteError, match="graphnb did not promote") as caught:
        promote(bundle, target, name="shop", progress=quiet)
    assert "--name" in str(caught.value.hint)
    taken = Target(target.name, target.address, token_env=target.token_env, route_prefix="/shop")
    with pytest.raises(
        PromoteError, match="the route /shop is taken there, by the application shop"
    ):
        promote(bundle, taken, name="other", progress=quiet)


def test_a_wrong_token_is_told(target, bundle_of, monkeypatch):
    """And never shown."""
    monkeypatch.setenv("CLUSTER_TOKEN", "wrong-token-wrong-token-wrong-token")
    with pytest.raises(ClusterError, match="does not take the token") as caught:
        promote(bundle_of(GRAPH), target, name="steps", progress=quiet)
    assert "wrong-token" not in f"{caught.value}{caught.value.hint}"


def test_two_at_once_one_wins_and_the_other_is_told(cluster, target, bundle_of, shop_stays):
    """Whoever loses says so; what runs is whole."""
    promote(bundle_of(GRAPH), target, name="steps", progress=quiet)
    bundles = [bundle_of(numbered(11)), bundle_of(numbered(12))]
    plans = [plan_promotion(one, target, name="steps", progress=quiet) for one in bundles]
    told = []

    def run(plan, bundle):
        try:
            apply_plan(plan, bundle, target, progress=quiet)
            told.append(bundle.release)
        except PromoteError as error:
            told.append(error)

    threads = [threading.Thread(target=run, args=one) for one in zip(plans, bundles, strict=True)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    winners = [one for one in told if isinstance(one, str)]
    (loser,) = [one for one in told if isinstance(one, PromoteError)]
    assert len(winners) == 1
    assert "meanwhile" in str(loser) or "has changed since" in str(loser)
    assert releases(target, "steps")[-1].id == winners[0]
    answered = ask(cluster)["second"][1]
    assert bundles[answered - 11].release == winners[0]


def test_golden_requests_are_sent_to_the_cluster(cluster, target, bundle_of, tmp_path):
    """One that is answered otherwise takes the release back."""
    good = bundle_of(GRAPH)
    promote(good, target, name="steps", progress=quiet)
    folder = shutil.copytree(bundle_of(EDITED).folder, tmp_path / "bundle")
    golden = folder / "tests" / "golden.json"
    golden.write_text(
        '[{"path": "", "request": {"json": 5}, "status": 200, "answer": {"json": 6}}]'
    )
    with pytest.raises(PromoteError, match="golden request 1: got") as caught:
        promote(read_bundle(folder), target, name="steps", progress=quiet)
    assert "what ran before runs again" in str(caught.value)
    assert ask(cluster)["second"][1] == 1
