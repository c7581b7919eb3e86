"""One cluster for all tests of this folder, with an application on it that nobody may touch."""

import hashlib
import io
import time
import zipfile

import httpx
import pytest

from graphnb.ipython.exporting import export_source
from graphnb.promote.release.target import Target
from tests.cluster.cluster import Cluster
from tests.cluster.graphs import quiet
from tests.cluster.load import Load
from tests.ipython.conftest import bare_notebook, ipython_dir, notebook

__all__ = ["bare_notebook", "ipython_dir", "notebook"]

SHOP = """
from ray import serve
import os

@serve.deployment
class Shop:
    async def __call__(self, request):
        return {"pid": os.getpid()}

app = Shop.bind()
"""


@pytest.fixture(scope="session")
def images_folder(tmp_path_factory):
    """What nodes can import, as from an image that they were started from."""
    return tmp_path_factory.mktemp("image")


@pytest.fixture(scope="session")
def wheels_folder(tmp_path_factory):
    """The index of packages that `pip` has there."""
    return tmp_path_factory.mktemp("wheels")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory, images_folder, wheels_folder):
    """Three nodes, token authentication, and the application `shop`."""
    environment = {"PYTHONPATH": str(images_folder), "PIP_NO_INDEX": "1"}
    environment |= {"PIP_FIND_LINKS": str(wheels_folder)}
    # Sockets have short paths, and pytest's folders have long ones.
    made = Cluster(tmp_path_factory.mktemp("c"), nodes=3, environment=environment)
    try:
        start_shop(made)
        yield made
    finally:
        made.close()


def start_shop(cluster):
    """Has the application `shop` run, that no test may touch."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("shop.py", SHOP)
    name = f"_ray_pkg_{hashlib.sha256(file.getvalue()).hexdigest()[:20]}.zip"
    entry = {
        "name": "shop",
        "route_prefix": "/shop",
        "import_path": "shop:app",
        "runtime_env": {"working_dir": f"gcs://{name}"},
    }
    config = {
        "http_options": {"host": "127.0.0.1", "port": cluster.http_port},
        "applications": [entry],
    }
    with cluster.client() as client:
        client.put(f"/api/packages/gcs/{name}", content=file.getvalue()).raise_for_status()
        client.get(f"/api/packages/gcs/{name}").raise_for_status()
        client.put("/api/serve/applications/", json=config).raise_for_status()
        until = time.monotonic() + 60
        while time.monotonic() < until:
            found = client.get("/api/serve/applications/").json()["applications"].get("shop", {})
            if found.get("status") == "RUNNING":
                return
            time.sleep(0.2)
    raise RuntimeError(f"the shop does not run: {found}")


@pytest.fixture(scope="session")
def bundle_of(tmp_path_factory):
    """Makes bundles of sources, of each one once; nobody changes them."""
    made = {}

    def make(source):
        if source not in made:
            folder = tmp_path_factory.mktemp("bundle")
            (folder / "steps.py").write_text(source)
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(folder)
                patch.syspath_prepend(str(folder))
                result = export_source(
                    "steps:answer", folder / "bundle",
                    name="steps", root=None, venv=False, progress=quiet,
                )  # fmt: skip
            made[source] = result.bundle
        return made[source]

    return make


@pytest.fixture(scope="module")
def ended(cluster):
    """What these tests promote ends with them."""
    yield
    path = "/api/serve/applications/"
    with cluster.client() as client:
        found = client.get(path).json()
        kept = [
            one["deployed_app_config"]
            for one in found["applications"].values()
            if one["name"] == "shop"
        ]
        client.put(path, json={"http_options": found["http_options"], "applications": kept})
        until = time.monotonic() + 60
        while client.get(path).json()["applications"].keys() - {"shop"}:
            assert time.monotonic() < until, "what these tests promoted does not end"
            time.sleep(0.2)


@pytest.fixture
def target(cluster, monkeypatch):
    """The cluster as a target."""
    monkeypatch.setenv("CLUSTER_TOKEN", cluster.token)
    return Target("there", cluster.dashboard, token_env="CLUSTER_TOKEN")


@pytest.fixture
def shop_stays(cluster):
    """Fails a test after which the other application is another one than before."""
    before = httpx.post(f"{cluster.http}/shop", trust_env=False).json()
    yield
    assert httpx.post(f"{cluster.http}/shop", trust_env=False).json() == before


@pytest.fixture
def load():
    """Sends requests all the while; the test says to where."""
    made = Load()
    yield made
    made.stop()
