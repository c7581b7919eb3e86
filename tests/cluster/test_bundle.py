"""A bundle without `graphnb promote`: Ray Serve's own command line, and the bundle's own tests."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cluster.conftest import start_shop
from tests.cluster.graphs import LEARNED, ask

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


@pytest.fixture(params=["", "--plain"], ids=["own", "plain"])
def bundle(request, cluster, images_folder, notebook):
    """A bundle in a folder that the cluster's nodes can import from; the shop is there again after.

    Where a bundle of plain code runs, nothing can import graphnb. `serve deploy` ends the
    applications that its file does not name.
    """
    assert notebook.run(LEARNED).error is None
    folder = images_folder / "learned"
    exported = notebook.run(f'%export learned {folder} --golden "[2.0, 0.5]" {request.param}')
    assert exported.error is None, exported.error
    held = [folder, shutil.copy(folder / "app.py", images_folder)]
    held.append(shutil.copytree(folder / "artifacts", images_folder / "artifacts"))
    if request.param:
        held.append(shutil.copytree(folder / "driving", images_folder / "driving"))
        held.append(images_folder / "graphnb.py")
        held[-1].write_text('raise ImportError("plain code imports graphnb")')
    yield folder
    for one in map(Path, held):
        shutil.rmtree(one) if one.is_dir() else one.unlink()
    start_shop(cluster)


def test_serve_deploy_takes_it_and_its_tests_pass(cluster, bundle):
    """Nodes hold the folder, as those of an image do; golden requests get their answers."""
    environment = {
        **os.environ,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": cluster.token,
        "NO_PROXY": "127.0.0.1",
    }
    serve = Path(sys.executable).with_name("serve")
    done = subprocess.run(
        [serve, "deploy", "serve.yaml", "--address", cluster.dashboard],
        cwd=bundle,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    until = time.monotonic() + 90
    while True:
        found = cluster.get("/api/serve/applications/").json()["applications"]
        if found.get("learned", {}).get("status") == "RUNNING":
            break
        assert time.monotonic() < until, found
        time.sleep(0.2)
    assert ask(cluster, 2.0) == 5.0
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=bundle,
        env={**environment, "GRAPHNB_URL": cluster.http},
        capture_output=True,
        text=True,
        check=False,
    )
    assert tested.returncode == 0, tested.stdout
    assert "3 passed" in tested.stdout
