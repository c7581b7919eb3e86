"""What a cluster is to have, and what that changes: without a cluster."""

from dataclasses import replace

import pytest

from graphnb.errors import PromoteError
from graphnb.promote.release.changes import changes_between, differ
from graphnb.promote.release.desired import application_config, check_entry
from graphnb.promote.release.history import Release, as_user_config, history_of
from graphnb.promote.release.installing import required_by, with_requirements
from graphnb.promote.release.plan import check_holds, fingerprint, plan_of
from graphnb.promote.release.rollout import Rollout
from graphnb.promote.release.target import Target
from graphnb.rayserve.rest import LiveApplication, LiveCluster


def release(*required, **options):
    """One of two deployments; `options` are those of the second."""
    return Release(
        id="0123456789ab",
        at="2026-01-31T12:00:00+00:00",
        base="gcs://_ray_pkg_0.zip",
        versions={"first": "1", "second": "1"},
        packages={"first": "gcs://_ray_pkg_0.zip", "second": "gcs://_ray_pkg_0.zip"},
        options={"first": {}, "second": options},
        route_prefix="/",
        requirements=list(required),
    )


def config_of(one):
    """What Ray Serve is told."""
    return application_config("app", one, [], environment={}, surges=True)


def environments(config):
    """The runtime environment of each deployment of the graph."""
    entries = [one for one in config["deployments"] if one["name"] in ("first", "second")]
    return {one["name"]: one["ray_actor_options"]["runtime_env"] for one in entries}


class Folder:
    """A bundle, as far as its requirements go."""

    def __init__(self, folder, text):
        (folder / "requirements.txt").write_text(text)
        self.folder = folder


def test_what_the_cluster_has_is_not_installed(tmp_path):
    """Ray and graphnb are there; all else has the notebook's version."""
    text = "./wheels/graphnb-0.1.0-py3-none-any.whl\nray[serve]==2.60.0\nnumpy==2.1\n# a note\n"
    assert required_by(Folder(tmp_path, text)) == ["numpy==2.1"]


def test_each_deployment_and_the_application_install_the_same():
    """An equal list is installed once on each node."""
    config = config_of(release("numpy==2.1"))
    assert config["runtime_env"]["pip"] == ["numpy==2.1"]
    assert {tuple(one["pip"]) for one in environments(config).values()} == {("numpy==2.1",)}


def test_without_install_nothing_is_said_of_it():
    """Neither by the application nor by its deployments."""
    config = config_of(release())
    assert "pip" not in config["runtime_env"]
    assert not any("pip" in one for one in environments(config).values())


OWN = [
    (["numpy==1.26"], ["numpy==1.26", "scipy==1.14"]),
    (["emoji"], ["emoji", "numpy==2.1", "scipy==1.14"]),
    (
        {"packages": ["NumPy"], "pip_check": True},
        {"packages": ["NumPy", "scipy==1.14"], "pip_check": True},
    ),
]


@pytest.mark.parametrize(("own", "expected"), OWN, ids=["same", "another", "settings"])
def test_what_a_deployment_lists_itself_counts(own, expected):
    """The rest of the requirements comes to it."""
    made = with_requirements("first", {"pip": own}, ["numpy==2.1", "scipy==1.14"])
    assert made["pip"] == expected


@pytest.mark.parametrize("other", ["conda", "uv", "image_uri"])
def test_an_environment_that_something_else_makes_is_refused(other):
    """Ray takes one of them; which deployment it is, is said."""
    with pytest.raises(PromoteError, match=f"first has '{other}' in its runtime_env"):
        with_requirements("first", {other: "x"}, ["numpy"])
    assert with_requirements("first", {other: "x"}, []) == {other: "x"}


def test_changed_requirements_restart_every_deployment():
    """As Ray Serve does; the plan says why."""
    before, after = release("numpy==2.1"), release("numpy==2.2")
    found = changes_between(after, before, config_of(after), config_of(before))
    assert {one.kind for one in found} == {"restarted"}
    assert {one.reasons for one in found} == {("what it requires has changed",)}
    edited = replace(after, versions={"first": "2", "second": "1"})
    first, second = changes_between(edited, before, config_of(edited), config_of(before))
    assert first.reasons == ("its code has changed", "what it requires has changed")
    assert second.reasons == ("what it requires has changed",)


def test_equal_requirements_restart_nothing():
    """A deployment of which only an option changes goes on."""
    before, after = release("numpy==2.1"), release("numpy==2.1", max_ongoing_requests=9)
    first, second = changes_between(after, before, config_of(after), config_of(before))
    assert first.kind == "unchanged"
    assert second.kind == "changed in place"


def test_requirements_that_somebody_edited_are_seen():
    """By status."""
    assert differ(config_of(release("numpy==2.1")), config_of(release("numpy==2.2")))


def test_a_history_from_before_has_no_requirements():
    """It is read all the same."""
    said = as_user_config([release("numpy==2.1")])
    (found,) = history_of({"deployments": [{"name": "graphnb_releases", "user_config": said}]})
    assert found == release("numpy==2.1")
    (entry,) = said["graphnb_history"]
    del entry["requirements"]
    (found,) = history_of({"deployments": [{"name": "graphnb_releases", "user_config": said}]})
    assert found == release()


def test_what_is_ending_makes_no_plan_stale():
    """An application that is gone in a moment is not part of what the cluster is told to run."""
    ending = LiveApplication("old", "DELETING", "", "declarative", {"name": "old"}, "/old", {})
    assert fingerprint(LiveCluster({"old": ending}, {}, {})) == fingerprint(LiveCluster({}, {}, {}))
    running = replace(ending, status="RUNNING")
    assert fingerprint(LiveCluster({"old": running}, {}, {})) != fingerprint(
        LiveCluster({}, {}, {})
    )


def test_a_library_that_is_missing_there_is_told_with_two_ways():
    """Installing it, and an image; nothing of the kind for other errors."""
    target = Target("there", "https://x.example")
    rollout = Rollout(None, target, print)
    hint = rollout._hint("first: ModuleNotFoundError: No module named 'numpy'")
    assert "install = true" in hint
    assert "Dockerfile" in hint
    assert rollout._hint("first: ValueError: no such model") is None
    installs = Rollout(None, replace(target, install=True), print)
    assert "requirements.txt" in installs._hint("No module named 'numpy'")


def live(one, prefix="/"):
    """A cluster on which a release runs."""
    config = application_config("app", one, [], environment={}, surges=True)
    there = LiveApplication("app", "RUNNING", "", "declarative", config, prefix, {})
    return LiveCluster({"app": there}, {}, {})


HERE = Target("here", "http://127.0.0.1:1")


def test_a_plan_holds_where_it_was_made():
    """Not for another cluster, and not if it would do something else by now."""
    there = live(release())
    wanted = replace(release(num_replicas=2), id="other")
    plan = plan_of(wanted, HERE, there, name="app", ray="2.60.0")
    check_holds(plan, there, HERE, ray="2.60.0")
    with pytest.raises(PromoteError, match=r"the plan is for http://127\.0\.0\.1:1, and"):
        check_holds(plan, there, Target("other", "http://127.0.0.1:2"), ray="2.60.0")
    with pytest.raises(PromoteError, match="has changed since"):
        check_holds(plan, live(release(num_replicas=3)), HERE, ray="2.60.0")


def test_a_plan_holds_for_the_values_that_replicas_are_given(monkeypatch):
    """Another value makes replicas anew, which the plan does not say."""
    there = live(release())
    given = replace(HERE, env=("A_VALUE",))
    monkeypatch.setenv("A_VALUE", "one")
    plan = plan_of(replace(release(), id="other"), HERE, there, name="app", ray="2.60.0")
    with pytest.raises(PromoteError, match="something else would change"):
        check_holds(plan, there, given, ray="2.60.0")


def test_another_route_is_something_to_do():
    """Though nothing is made anew."""
    there = live(release(), "/before")
    plan = plan_of(replace(release(), id="other"), HERE, there, name="app", ray="2.60.0")
    assert plan
    assert "~ the route changes: /before -> /" in str(plan)
    assert not plan_of(release(), HERE, live(release()), name="app", ray="2.60.0")


ENTRY = {
    "name": "app",
    "route_prefix": "/",
    "import_path": "app:app",
    "deployments": [{"name": "first"}, {"name": "second"}],
}


def test_an_edited_file_that_a_promotion_can_follow_passes():
    """Options of deployments are edited there."""
    check_entry(ENTRY, ["second", "first"])


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({**ENTRY, "runtime_env": {"env_vars": {}}}, "'runtime_env' for the whole application"),
        ({**ENTRY, "deployments": [{"name": "first"}]}, "the same deployments: second"),
        ({**ENTRY, "deployments": [*ENTRY["deployments"], {"name": "x"}]}, "deployments: x"),
    ],
)
def test_what_a_promotion_would_drop_is_refused(entry, said):
    """Rather than be lost without a word."""
    with pytest.raises(PromoteError, match=said):
        check_entry(entry, ["first", "second"])
