"""Promotions that live pictures ask for, from the kernel's side."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import graphnb
from graphnb import InputNode, serve
from graphnb.errors import PromoteError
from graphnb.promote.promotion import standings
from graphnb.promote.release.target import read_target
from graphnb.session.live.promotion import Promotion, choice_of_targets
from tests.contract.waiting import eventually
from tests.ipython.conftest import bare_notebook, ipython_dir, notebook
from tests.session.dashboard import Dashboard
from tests.session.front_end import FrontEnd, Refused
from tests.views.test_frame import fields

__all__ = ["bare_notebook", "ipython_dir", "notebook"]

PROJECT = Path(__file__).parents[2]
CELL = """
%%deploy doubler --no-http
import os, sys, time

FACTOR = 2

@serve.deployment
def times(x):
    return FACTOR * x

with InputNode() as request:
    doubled = times.bind(request)
"""
# Where the bundle is proved, it takes its time to import.
SLOW = CELL.replace(
    "FACTOR = 2",
    "FACTOR = 2\nPAUSE = time.sleep(60 if 'graphnb.promote.prove.clean' in sys.orig_argv else 0)",
).replace("return FACTOR", "return PAUSE or FACTOR")


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Where the kernel runs, and where folders for a while are made."""
    for name in ("here", "temporary"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path


@pytest.fixture
def dashboard(place):
    """A cluster that is a target, named `there`."""
    made = Dashboard()
    Path("graphnb.toml").write_text(f'[targets.there]\naddress = "{made.address}"\n')
    yield made
    made.close()


@pytest.fixture
def deployed(notebook):
    """Runs a cell that deploys the graph; the graph."""

    def run(cell=CELL):
        assert notebook.run(cell).error is None
        return graphnb.get("doubler")

    return run


class Panel(FrontEnd):
    """A view whose panel is open: what it is told of the promotion."""

    def __init__(self, graph, view="view-1"):
        self.promotion = {"revision": -1}
        self.seen = []
        super().__init__(graph.live(), view)
        self.ask("open")

    def _heard(self, message):
        if message["type"] == "promotion":
            with self._changed:
                told = message["promotion"]
                self.seen.append(told)
                if told["revision"] >= self.promotion["revision"]:
                    self.promotion = told
                self._changed.notify_all()
        else:
            super()._heard(message)

    def plan(self, target="there", application="doubler"):
        """Presses Plan."""
        return self.ask("plan", target=target, application=application)

    def comes_to(self, stage):
        """Waits until the promotion is at that stage."""
        self.until(lambda: self.promotion.get("stage") in (stage, "failed"))
        assert self.promotion["stage"] == stage, self.promotion["error"]
        return self.promotion


def folders(place):
    """What is left of promotions."""
    return [one.name for one in (place / "temporary").glob("graphnb-promote-*")]


def test_both_halves_speak_of_the_same_promotion(monkeypatch):
    """What the kernel tells is what the browser's types declare, name by name."""
    monkeypatch.chdir(PROJECT)
    assert list(Promotion().plain()) == fields("Promotion")
    assert list(choice_of_targets("doubler")) == fields("Targets")


def test_a_plan_is_seen_and_then_done(deployed, dashboard, place):
    """By all pictures of the graph alike; a second click begins nothing more."""
    graph = deployed()
    panel, other = Panel(graph), Panel(graph, "view-2")
    asked = panel.ask("promotion")
    assert (asked["targets"], asked["name"], asked["none"]) == (["there"], "doubler", None)
    assert panel.plan(application="twice")["stage"] == "planning"
    assert other.plan(application="thrice")["application"] == "twice"
    planned = panel.comes_to("planned")
    assert [one["sign"] for one in planned["plan"]] == ["", "+", "+"]
    assert "reading the cells" in [one["said"] for one in planned["steps"]]
    assert dashboard.puts == 0
    assert len(folders(place)) == 1
    dashboard.settles = False
    assert other.ask("roll_out", plan=planned["number"])["stage"] == "rolling out"
    assert panel.ask("roll_out", plan=planned["number"])["stage"] == "rolling out"
    panel.until(lambda: panel.promotion["steps"] and panel.promotion["steps"][-1]["parts"])
    assert "times 0/1 updating" in panel.promotion["steps"][-1]["parts"]
    dashboard.settles = True
    assert panel.comes_to("done")["url"] == "http://127.0.0.1:8123"
    assert other.comes_to("done") == panel.promotion == other.ask("promotion")["promotion"]
    assert list(dashboard.configs) == ["twice"]
    assert dashboard.puts == 1
    eventually(lambda: not folders(place))
    with pytest.raises(Refused, match="no longer the one that waits"):
        panel.ask("roll_out", plan=planned["number"])


def test_a_rollout_that_is_cancelled_is_taken_back(deployed, dashboard, place):
    """Once, however often it is said; what ran before is what the cluster is told."""
    panel = Panel(deployed())
    panel.plan()
    number = panel.comes_to("planned")["number"]
    dashboard.settles = False
    panel.ask("roll_out", plan=number)
    eventually(lambda: dashboard.puts == 1)
    assert panel.ask("cancel")["cancelling"]
    panel.ask("cancel")
    failed = panel.comes_to("failed")
    assert failed["error"]["message"] == "it was cancelled\nnothing of it is left there"
    assert not failed["cancelling"]
    assert dashboard.configs == {}
    assert dashboard.puts == 2
    eventually(lambda: not folders(place))


def test_what_is_cancelled_before_it_changes_anything_changes_nothing(deployed, dashboard):
    """As while the package is sent."""
    panel = Panel(deployed())
    panel.plan()
    number = panel.comes_to("planned")["number"]
    dashboard.takes.clear()
    panel.ask("roll_out", plan=number)
    panel.until(lambda: "sending" in str(panel.promotion["steps"]))
    panel.ask("cancel")
    dashboard.takes.set()
    assert panel.comes_to("failed")["error"]["message"] == "it was cancelled"
    assert dashboard.puts == 0


def test_a_plan_can_be_cancelled_while_it_is_proved(deployed, dashboard, place):
    """The process that proves it ends, and another plan can be made."""
    panel = Panel(deployed(SLOW))
    panel.plan()
    panel.until(lambda: "importing" in str(panel.promotion["steps"]))
    panel.ask("cancel")
    assert panel.comes_to("failed")["error"]["message"] == "it was cancelled"
    assert panel.plan()["number"] == 2
    panel.until(lambda: "importing" in str(panel.promotion["steps"]))
    graphnb.serve.delete("doubler")
    assert panel.comes_to("failed")["error"]["message"] == "doubler has ended"
    eventually(lambda: not folders(place))


def test_a_plan_is_of_the_graph_that_it_was_made_of(deployed, dashboard, place):
    """Deployed anew, it has to be planned anew; a plan that waits goes with the graph."""
    panel = Panel(deployed())
    panel.plan()
    number = panel.comes_to("planned")["number"]
    graph = deployed(CELL.replace("FACTOR = 2", "FACTOR = 3"))
    panel.ask("roll_out", plan=number)
    assert "has changed here since the plan" in panel.comes_to("failed")["error"]["message"]
    assert dashboard.puts == 0
    panel.plan()
    panel.comes_to("planned")
    graph.delete()
    assert panel.comes_to("failed")["error"]["message"] == "doubler has ended"
    eventually(lambda: not folders(place))


def test_without_a_target_it_is_said_how_one_is_written(deployed):
    """In the words of whoever looks for it."""
    asked = Panel(deployed()).ask("promotion")
    assert asked["targets"] == []
    assert "write [targets.production] with address" in asked["none"]["hint"]
    assert asked["none"]["example"].startswith("[targets.production]\n")


@pytest.mark.parametrize(
    ("target", "application", "said"),
    [
        ("nowhere", "doubler", "there is no target 'nowhere'"),
        ("http://127.0.0.1:1", "doubler", "there is no target 'http://127.0.0.1:1'"),
        (["there"], "doubler", "expected text"),
        ("there", "../doubler", "does not do as the name"),
        ("there", "", "does not do as the name"),
        ("there", None, "expected text"),
    ],
)
def test_what_a_page_sends_is_checked(deployed, dashboard, target, application, said):
    """A target is one of the settings, and a name is a name."""
    with pytest.raises(Refused, match=said):
        Panel(deployed()).plan(target, application)


def test_settings_that_cannot_be_read_are_told(deployed):
    """When the panel opens."""
    Path("graphnb.toml").write_text("[targets")
    with pytest.raises(Refused, match="cannot be read"):
        Panel(deployed()).ask("promotion")


def test_a_graph_of_no_notebook_says_so(dashboard):
    """Its source is not known, so there is nothing to take along."""

    @serve.deployment
    def double(x):
        return 2 * x

    with InputNode() as request:
        graph = graphnb.deploy(double.bind(request), name="plain", http=False)
    with pytest.raises(Refused, match="was not deployed from this notebook"):
        Panel(graph).plan()


def test_no_secret_is_shown(monkeypatch):
    """Neither in what failed, nor in what to do about it."""
    monkeypatch.setenv("RAY_TOKEN", "so-it-goes-on")
    error = PromoteError("no so-it-goes-on", hint="try so-it-goes-on")
    assert "so-it-goes-on" not in str(Promotion().failed(error).plain())


ENDING = """
import sys
from tests.ipython.notebook import SETUP, Notebook
from tests.session.test_promoter import Panel, SLOW
import graphnb

notebook = Notebook(sys.argv[1])
notebook.run(SETUP)
assert notebook.run(SLOW).error is None
panel = Panel(graphnb.get("doubler"))
panel.plan()
panel.until(lambda: "importing" in str(panel.promotion["steps"]))
"""


def test_a_kernel_that_ends_leaves_no_folder(dashboard, place):
    """Nor the process that proves the bundle in it."""
    environment = {**os.environ, "TMPDIR": str(place / "temporary"), "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(
        [sys.executable, "-c", ENDING, str(place / "ipython")],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert folders(place) == []
    commands = [one.read_bytes() for one in Path("/proc").glob("[0-9]*/cmdline")]
    assert not any(str(place).encode() in one for one in commands)


def test_values_that_replicas_are_given_are_shown_nowhere(notebook, dashboard, monkeypatch):
    """Neither in plans, nor in what is said of them, nor in what a replica dies of."""
    value = "https://inner.example/of-42"
    monkeypatch.setenv("SERVICE_ADDRESS", value)
    with Path("graphnb.toml").open("a") as settings:
        settings.write('env = ["SERVICE_ADDRESS"]\n')
    assert notebook.run(CELL).error is None
    shown = [notebook.run("%promote doubler --to there --dry-run")]
    dashboard.fails = f"RuntimeError: {value} does not answer"
    shown.append(notebook.run("%promote doubler --to there"))
    assert "RuntimeError: *** does not answer" in str(shown[-1].error)
    assert "nothing of it is left there" in str(shown[-1].error)
    dashboard.fails = ""
    shown.append(notebook.run("%promote doubler --to there"))
    assert shown[-1].error is None
    told = json.dumps(dashboard.configs)
    assert f'"SERVICE_ADDRESS": "{value}"' in told
    history = dashboard.configs["doubler"]["deployments"][-1]["user_config"]
    said = [*(f"{one.out}{one.err}{one.error}" for one in shown), json.dumps(history)]
    said += map(str, standings(read_target("there", Path.cwd())))
    assert not [one for one in said if value in one]


def test_a_route_that_changes_is_something_to_do(notebook, dashboard):
    """And once it is done, nothing is."""
    assert notebook.run(CELL).error is None
    assert notebook.run("%promote doubler --to there").error is None
    assert "nothing to do" in notebook.run("%promote doubler --to there --dry-run").out
    with Path("graphnb.toml").open("a") as settings:
        settings.write('route_prefix = "/v2"\n')
    assert "~ the route changes: / -> /v2" in notebook.run("%promote doubler --to there").out
    assert dashboard.configs["doubler"]["route_prefix"] == "/v2"
    assert "nothing to do" in notebook.run("%promote doubler --to there --dry-run").out
