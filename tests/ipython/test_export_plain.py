"""`%export --plain`: a notebook's graph as plain Ray Serve code."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import graphnb
from graphnb.errors import PromoteError
from graphnb.promote.bundle import read_bundle
from graphnb.promote.release.package import packed
from tests.ipython.notebook import SETUP, Notebook

MODEL = """
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
import shapes

def halved(x):
    return np.asarray(x) / 2

rng = np.random.default_rng(0)
points = rng.normal(size=(40, 2))
model = make_pipeline(FunctionTransformer(halved), LogisticRegression())
model.fit(points, points[:, 0] > 0)
"""

GRAPH = """
%%deploy flowers
from graphnb.http_adapters import json_to_ndarray

@serve.deployment(num_replicas=2)
class Classifier:
    "Says on which side a point lies."

    def __init__(self, model):
        self.model = model

    def run(self, x):
        return bool(self.model.predict_proba([x])[0, 1] > 0.5)

@serve.deployment
def shown(side, size):
    return {"side": side, "size": size, "deployment": serve.get_replica_context().deployment}

with InputNode() as request:
    side = Classifier.bind(model).run.bind(request)
    flowers_graph = DAGDriver.bind(
        shown.bind(side, shapes.size.bind(request)), http_adapter=json_to_ndarray
    )
"""

HELPER = """
from graphnb import serve

@serve.deployment(max_ongoing_requests=3)
def size(x):
    return list(x.shape)
"""


@pytest.fixture(scope="module")
def plain(ipython_dir, tmp_path_factory):
    """The folder of the bundle of a notebook's graph, whose module stands beside it."""
    folder = tmp_path_factory.mktemp("plain")
    golden = "[{'array': [1.0, 0.0]}, {'array': [-1.0, 0.0]}]"
    notebook = Notebook(ipython_dir)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(str(folder))
        Path("shapes.py").write_text(HELPER)
        for one in (SETUP, "from graphnb import DAGDriver", MODEL, GRAPH):
            found = notebook.run(one)
            assert found.error is None, found.err
        shown = notebook.run(f'%export flowers out --plain --golden "{golden}"')
        assert shown.error is None, shown.err
        assert "imports without graphnb, 2 golden requests answered" in shown.out
    yield folder / "out"
    del sys.modules["shapes"]
    graphnb.serve.shutdown()
    notebook.close()


def test_nothing_of_graphnb_is_in_it(plain):
    """In no file that is code, and in no requirement."""
    for file in plain.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [one.name for one in getattr(node, "names", ()) if isinstance(one, ast.alias)]
            assert not [one for one in [*names, getattr(node, "module", None)] if one == "graphnb"]
    assert "graphnb" not in (plain / "requirements.txt").read_text()
    assert not (plain / "wheels").exists()


def test_what_the_graph_needs_comes_along(plain):
    """Its classes as they were written, what was learned, the helpers, and the libraries."""
    text = (plain / "app.py").read_text()
    assert '"Says on which side a point lies."' in text
    assert "Classifier.bind(model)" in text
    assert "InputNode" not in text
    assert [one.name for one in (plain / "artifacts").iterdir()] == ["model.pkl"]
    assert "def halved(x):" in text  # which only the file refers to
    assert (plain / "shapes.py").read_text() == HELPER.replace("from graphnb", "from ray")
    assert "numpy==" in (plain / "requirements.txt").read_text()


def test_its_serve_yaml_has_the_options_of_every_deployment(plain):
    """As that of the other form has."""
    (application,) = yaml.safe_load((plain / "serve.yaml").read_text())["applications"]
    assert application["import_path"] == "app:app"
    found = {one["name"]: one for one in application["deployments"]}
    assert found.keys() == {"Classifier", "shown", "size", "DAGDriver"}
    assert found["Classifier"]["num_replicas"] == 2
    assert found["size"]["max_ongoing_requests"] == 3


def test_it_is_not_promoted_by_graphnb(plain):
    """Which says what deploys it."""
    with (
        pytest.raises(PromoteError, match="is plain Ray Serve code") as raised,
        packed(read_bundle(plain)),
    ):
        pass
    assert "serve deploy serve.yaml" in str(raised.value.hint)


def test_a_module_becomes_plain_code(tmp_path):
    """By the command line: its graph and its definitions stand in one file."""
    (tmp_path / "flow.py").write_text(
        "from graphnb import InputNode, serve\n\n"
        "@serve.deployment\ndef twice(x):\n    return 2 * x\n\n"
        "with InputNode() as request:\n    best = twice.bind(request)\n"
    )
    graphnb_command = str(Path(sys.executable).with_name("graphnb"))
    command = [graphnb_command, "export", "flow:best", "out", "--plain"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "out" / "app.py").read_text()
    assert "def twice(x):" in text
    assert "InputNode" not in text
    assert json.loads((tmp_path / "out" / "tests" / "golden.json").read_text()) == []


@pytest.mark.timeout(400)
def test_a_bundle_is_proved_with_its_requirements_installed(tmp_path):
    """In an environment of its own, with graphnb from the wheel that it brings."""
    (tmp_path / "flow.py").write_text(
        "from graphnb import InputNode, serve\n\n"
        "@serve.deployment\ndef twice(x):\n    return 2 * x\n\n"
        "with InputNode() as request:\n    best = twice.bind(request)\n"
    )
    command = [Path(sys.executable).with_name("graphnb"), "export", "flow:best", "out", "--venv"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "installing its requirements in a fresh environment" in done.stderr
    assert "builds the same graph" in done.stdout
