"""The verbs of the command line and the notebook, against a real cluster."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from graphnb.cli import main
from tests.cluster.graphs import EDITED, GRAPH, LEARNED, ask, replicas

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300), pytest.mark.usefixtures("ended")]

# Its replica never comes to be, on a cluster.
WAITS = EDITED.replace(
    "@serve.deployment\nclass Second:\n    def __init__(self):\n",
    """@serve.deployment(graceful_shutdown_timeout_s=1)
class Second:
    def __init__(self):
        while "RAY_RAYLET_PID" in os.environ:
            time.sleep(0.1)
""",
).replace("import os\n", "import os\nimport time\n")


@pytest.fixture
def run(cluster, tmp_path, monkeypatch):
    """Runs `graphnb` where a target `there` is in the settings, with a namespace of its own."""
    monkeypatch.setenv("VERBS_TOKEN", cluster.token)

    def run(*arguments):
        settings = (
            f'[targets.there]\naddress = "{cluster.dashboard}"\ntoken_env = "VERBS_TOKEN"\n'
            'namespace = "team"\n'
        )
        monkeypatch.chdir(tmp_path)
        (tmp_path / "graphnb.toml").write_text(settings)
        found = CliRunner().invoke(main, [*map(str, arguments), "--to", "there"])
        assert cluster.token not in found.output
        return found

    return run


def test_from_a_dry_run_to_a_rollback(cluster, run, bundle_of, tmp_path):
    """Exit codes say whether there is something to do; a saved plan is done as it is."""
    first, second = bundle_of(GRAPH), bundle_of(EDITED)
    dry = run("promote", first.folder, "--dry-run", "--name", "verbs", "--save-plan", "plan.json")
    assert dry.exit_code == 2, dry.output
    assert "+ First" in dry.output
    assert cluster.token not in (tmp_path / "plan.json").read_text()
    assert json.loads((tmp_path / "plan.json").read_text())["application"] == "team.verbs"
    applied = run("apply", "plan.json", first.folder)
    assert applied.exit_code == 0, applied.output
    assert ask(cluster)["x"] == 5
    assert run("promote", first.folder, "--dry-run", "--name", "verbs").exit_code == 0
    assert "has changed since the plan" in run("apply", "plan.json", first.folder).output
    assert run("promote", second.folder, "--name", "verbs").exit_code == 0
    listed = run("releases", "verbs").output
    assert [one.split()[0] for one in listed.splitlines()] == [first.release, second.release]
    there = run("status", second.folder, "--name", "verbs")
    assert there.exit_code == 0, there.output
    assert f"team.verbs  RUNNING  release {second.release}" in there.output
    assert "shop  RUNNING  of another namespace" in there.output
    assert run("status", first.folder, "--name", "verbs").exit_code == 2
    assert run("rollback", "verbs").exit_code == 0
    assert ask(cluster)["second"][1] == 1
    assert "no earlier release" in run("rollback", "verbs", "--release", "nothing").output


def test_an_edit_on_the_cluster_is_seen(cluster, run, bundle_of):
    """By status, and by the next plan."""
    bundle = bundle_of(GRAPH)
    run("promote", bundle.folder, "--name", "verbs")
    with cluster.client() as client:
        path = "/api/serve/applications/"
        found = client.get(path).json()
        configs = [one["deployed_app_config"] for one in found["applications"].values()]
        (entry,) = (one for one in configs if one["name"] == "team.verbs")
        next(one for one in entry["deployments"] if one["name"] == "First")["num_replicas"] = 2
        client.put(path, json={"http_options": found["http_options"], "applications": configs})
    assert "edited there since" in run("status").output
    planned = run("promote", bundle.folder, "--name", "verbs", "--dry-run")
    assert "num_replicas 2 -> 1" in planned.output


def test_ctrl_c_in_the_middle_takes_it_back(cluster, run, bundle_of):
    """The release before runs as it did, and nothing of the new one is left."""
    first = bundle_of(GRAPH)
    assert run("promote", first.folder, "--name", "verbs").exit_code == 0
    before, listed = replicas(cluster, "team.verbs"), run("releases", "verbs").output
    process = subprocess.Popen(
        [
            # Where tests run in the background, shells have SIGINT ignored.
            "env", "--default-signal=INT",
            Path(sys.executable).with_name("graphnb"), "promote", bundle_of(WAITS).folder,
            "--name", "verbs", "--to", "there",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    told = []
    try:
        for line in process.stderr:
            told.append(line)
            if "Second 1/1 updating" in line:
                process.send_signal(signal.SIGINT)
                break
        out, rest = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        there = cluster.get("/api/serve/applications/").json()["applications"]["team.verbs"]
        pytest.fail(f"it does not end: {told}, {there['status']}, {there['deployments']}")
    finally:
        process.kill()
        process.communicate()
    said = "".join([*told, rest, out])
    assert process.returncode == 1, said
    assert "putting back what ran before" in said
    assert "what ran before runs again" in said
    assert replicas(cluster, "team.verbs")["First"] == before["First"]
    assert replicas(cluster, "team.verbs")["Second"] == before["Second"]
    assert ask(cluster)["second"][1] == 1
    assert run("releases", "verbs").output == listed
    assert run("status", first.folder, "--name", "verbs").exit_code == 0


def test_a_notebook_promotes_its_graph(cluster, run, notebook, bundle_of, tmp_path):
    """With what it computed, and golden requests that the cluster answers."""
    run("status")  # writes the settings
    assert notebook.run(LEARNED).error is None
    run("promote", bundle_of(GRAPH).folder, "--name", "verbs")
    taken = notebook.run("%promote learned --to there --dry-run")
    assert "the route / is taken there, by the application team.verbs" in str(taken.error)
    run("status")  # writes the settings
    settings = (tmp_path / "graphnb.toml").read_text()
    (tmp_path / "graphnb.toml").write_text(f'{settings}route_prefix = "/learned"\n')
    dry = notebook.run("%promote learned --to there --dry-run")
    assert dry.error is None, dry.error
    assert "+ guess" in dry.out
    shown = notebook.run('%promote learned --to there --golden "[2.0, 0.5]"')
    assert shown.error is None, shown.error
    assert "2 golden requests answered" in shown.out
    assert ask(cluster, 2.0, "/learned") == 5.0
