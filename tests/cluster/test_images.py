"""The notebook on images promotes its graph from its own kernel: eleven deployments."""

import json
import shutil
from pathlib import Path

import httpx
import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

from tests.cluster.graphs import replicas

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600), pytest.mark.usefixtures("ended")]

SAVED = Path(__file__).parents[2] / "notebooks" / "02_images.ipynb"
PROMOTE = (
    "%promote images --to there --value origin"
    " --golden \"[asked('china.jpg', 1), ('/vote', asked('flower.jpg', 7))]\""
)


class Kernel:
    """The notebook in a kernel of its own.

    Attributes:
        notebook: as it was saved.
    """

    def __init__(self, client):
        self.notebook = client.nb
        self._client = client

    def run(self, source):
        """What a cell printed, and the text of what it was worth."""
        cell = new_code_cell(source)
        self.notebook.cells.append(cell)
        self._client.execute_cell(cell, len(self.notebook.cells) - 1)
        texts = [one.get("text") or one.get("data", {}).get("text/plain") for one in cell.outputs]
        return "".join(one for one in texts if one)

    def source_with(self, text):
        """The cell that has a text."""
        (found,) = (
            one.source
            for one in self.notebook.cells
            if one.cell_type == "code" and text in one.source
        )
        return found


@pytest.fixture
def kernel(cluster, tmp_path, monkeypatch):
    """The notebook's kernel, before its graph ends; where a target `there` is in the settings."""
    monkeypatch.setenv("IMAGES_TOKEN", cluster.token)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (tmp_path / "graphnb.toml").write_text(
        f'[targets.there]\naddress = "{cluster.dashboard}"\ntoken_env = "IMAGES_TOKEN"\n'
    )
    file = shutil.copy(SAVED, tmp_path)
    saved = nbformat.read(file, as_version=4)
    client = NotebookClient(
        saved, timeout=280, resources={"metadata": {"path": str(tmp_path)}},
        extra_arguments=["--log-level=ERROR"],
    )  # fmt: skip
    with client.setup_kernel():
        for number, cell in enumerate(saved.cells):
            if cell.cell_type == "code" and "images.delete()" not in cell.source:
                client.execute_cell(cell, number)
            if "def asked(" in cell.source:
                break
        yield Kernel(client)
        kernel = Kernel(client)
        kernel.run(kernel.source_with("images.delete()"))


def test_the_images_notebook_is_promoted_edited_and_promoted_again(cluster, kernel):
    """Its routes answer there as here; what is made anew is what the plan says."""
    first = kernel.run(PROMOTE)
    assert "2 golden requests answered" in first
    assert first.count("added") == 11
    assert_same_answers(cluster, kernel)
    before = replicas(cluster, "images")
    caption = kernel.source_with("class Caption")
    edited = caption.replace('around it."', 'all around."')
    assert edited != caption
    deploy = kernel.source_with("%%deploy images")
    kernel.run(edited)
    assert "replaced Caption" in kernel.run(deploy)
    second = kernel.run(PROMOTE)
    assert "2 golden requests answered" in second
    restarted = [line.split()[1] for line in second.splitlines() if line.startswith("  ! ")]
    assert restarted == ["Caption"]
    after = replicas(cluster, "images")
    changed = {name for name in after if after[name] != before[name]}
    assert changed - {"graphnb_releases"} == set(restarted)
    assert "all around." in assert_same_answers(cluster, kernel)


def assert_same_answers(cluster, kernel):
    """Compares what both answer on every route, byte for byte; gives the caption."""
    asked = kernel.run("import json; print(json.dumps(asked('flower.jpg', 5769)))")
    here = kernel.run("print(images.url.rstrip('/'))").strip()
    for route in ("/draw", "/vote", ""):
        found = [
            httpx.post(f"{url}{route}", json=json.loads(asked), trust_env=False, timeout=60)
            for url in (here, cluster.http)
        ]
        assert [one.status_code for one in found] == [200, 200]
        assert found[0].content == found[1].content
    return found[1].json()["text"]
