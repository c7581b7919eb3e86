"""What breaks while a graph is promoted, and after: each time there is a clear end."""

import contextlib
import json
import os
import shutil
import signal
import threading
import time
from dataclasses import replace

import httpx
import pytest

from graphnb.errors import ClusterError
from graphnb.promote import golden
from graphnb.promote.bundle import read_bundle
from graphnb.promote.promotion import promote, releases
from graphnb.promote.release.target import Target
from graphnb.rayserve import rest
from graphnb.rayserve.rest import ServeRest
from tests.cluster.cluster import Cluster
from tests.cluster.graphs import EDITED, GRAPH, STEADY, ask, numbered, quiet, replicas

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

FORGETS_S = 10  # what nobody refers to is forgotten after so long, rather than ten minutes


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A cluster whose parts may be ended."""
    variables = {"RAY_RUNTIME_ENV_TEMPORARY_REFERENCE_EXPIRATION_S": str(FORGETS_S)}
    folder = tmp_path_factory.mktemp("f")
    made = Cluster(folder, nodes=2, environment=variables, guarded=False)
    try:
        config = {"http_options": {"host": "127.0.0.1", "port": made.http_port}}
        with made.client() as client:
            client.put("/api/serve/applications/", json={**config, "applications": []})
        yield made
    finally:
        made.close()


@pytest.fixture
def target(cluster, monkeypatch):
    """The cluster as a target."""
    monkeypatch.setenv("CLUSTER_TOKEN", cluster.token)
    return Target("there", cluster.dashboard, token_env="CLUSTER_TOKEN")


def test_a_dashboard_that_dies_in_the_middle_of_an_upload_is_told(
    cluster, target, bundle_of, monkeypatch
):
    """Nothing has changed, and the next attempt works."""
    bundle = bundle_of(GRAPH)
    commands = []
    pieces = rest._pieces

    def dying(file):
        for piece in pieces(file):
            yield piece[:1000]
            if not commands:
                commands.append(cluster.kill_dashboard())
            yield piece[1000:]

    monkeypatch.setattr(rest, "_pieces", dying)
    with pytest.raises(ClusterError, match="cannot be reached") as caught:
        promote(bundle, target, name="steps", progress=quiet)
    assert cluster.token not in str(caught.value)
    cluster.start_dashboard(commands[0])
    assert cluster.get("/api/serve/applications/").json()["applications"] == {}
    promote(bundle, target, name="steps", progress=quiet)
    assert ask(cluster)["x"] == 5


def test_a_dashboard_that_dies_while_it_rolls_out_is_waited_for(cluster, target, bundle_of, load):
    """The rollout goes on without it; what was promoted runs when it is back."""
    promote(bundle_of(GRAPH), target, name="steps", progress=quiet)
    load.start(cluster.http, 5)
    commands = []

    def progress(stage):
        if stage.startswith("rolling out") and not commands:
            commands.append(cluster.kill_dashboard())
            threading.Thread(target=cluster.start_dashboard, args=(commands[0],)).start()

    edited = bundle_of(EDITED)
    promote(edited, target, name="steps", progress=progress)
    load.stop()
    assert commands
    assert ask(cluster)["second"][1] == 2
    assert releases(target, "steps")[-1].id == edited.release
    assert load.failures == []


def test_a_replica_that_dies_during_golden_requests_is_replaced(
    cluster, target, bundle_of, monkeypatch, tmp_path
):
    """They are sent again to its successor."""
    folder = shutil.copytree(bundle_of(STEADY).folder, tmp_path / "bundle")
    answer = {"first": ["first", 1], "second": ["second", 1], "x": 5}
    one = {"path": "", "request": {"json": 5}, "status": 200, "answer": {"json": answer}}
    (folder / "tests" / "golden.json").write_text(json.dumps([one] * 20))
    bundle = read_bundle(folder)
    killed, sent = [], []
    send = golden._send

    def dying(*args):
        sent.append(send(*args))
        if not killed:
            ((pid, _),) = replicas(cluster)["Second"]
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)
        return sent[-1]

    monkeypatch.setattr(golden, "_send", dying)
    promotion = promote(bundle, target, name="steps", progress=quiet)
    assert promotion.rolled.golden == 20
    assert sent[-1] == (200, answer)
    assert killed[0] not in [pid for pid, _ in replicas(cluster)["Second"]]
    assert releases(target, "steps")[-1].id == bundle.release


def test_an_answer_that_is_lost_is_asked_for(cluster, target, bundle_of, monkeypatch):
    """The cluster took the configuration, and did not come to say so: the rollout goes on."""
    bundle = bundle_of(numbered(12))
    configure = ServeRest.configure

    def lost(self, settings, configs):
        configure(self, settings, configs)
        raise ClusterError("the answer is lost", unreachable=True)

    monkeypatch.setattr(ServeRest, "configure", lost)
    promote(bundle, target, name="steps", progress=quiet)
    assert ask(cluster)["second"][1] == 12


def test_replicas_start_on_other_nodes_long_after(cluster, target, bundle_of, tmp_path):
    """The package of a release is there for as long as it runs, whoever dies; or in a folder."""
    promote(bundle_of(GRAPH), target, name="steps", progress=quiet)
    promote(bundle_of(EDITED), target, name="steps", progress=quiet)
    place = (tmp_path / "shared").as_uri()
    stored = replace(target, packages=place, route_prefix="/stored")
    done = promote(bundle_of(GRAPH), stored, name="stored", progress=quiet)
    assert done.plan.release.base.startswith(place)
    assert releases(stored, "stored")[-1].all_packages == [done.plan.release.base]
    assert not promote(bundle_of(GRAPH), stored, name="stored", progress=quiet).rolled
    forgotten = time.monotonic() + 1.5 * FORGETS_S
    cluster.add_node()
    time.sleep(max(0, forgotten - time.monotonic()))  # the moment has no event
    cluster.end(cluster.nodes[1])  # what it had unpacked is gone
    until = time.monotonic() + 120
    while True:
        with contextlib.suppress(httpx.HTTPError, AssertionError, KeyError):
            if ask(cluster)["second"][1] == 2 and ask(cluster, route="/stored")["x"] == 5:
                break
        assert time.monotonic() < until, cluster.get("/api/serve/applications/").text[-3000:]
        time.sleep(0.5)
