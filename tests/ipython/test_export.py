"""`%export`: a notebook's graph as a bundle that runs elsewhere."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from graphnb.errors import ExportError, ProofError
from graphnb.promote.bundle import read_bundle

NUMBERS = """
import math
SCALE = 3

def scaled(x):
    return SCALE * math.floor(x)
"""

GRAPH = """
%%deploy numbers
@serve.deployment(num_replicas=2, max_ongoing_requests=7, user_config={"offset": 1})
class Add:
    "Adds an offset."

    def reconfigure(self, config):
        self.offset = config["offset"]

    def __call__(self, x):
        return scaled(x) + self.offset

@serve.deployment
def shown(x):
    return {"answer": x}

with InputNode() as request:
    answer = shown.bind(Add.bind().__call__.bind(request["x"]))
"""

MODEL = """
import numpy as np
from sklearn.linear_model import LogisticRegression

rng = np.random.default_rng(0)
points = rng.normal(size=(40, 2))
model = LogisticRegression().fit(points, points[:, 0] > 0)
cut = float(np.quantile(model.predict_proba(points)[:, 1], 0.5))
"""

CLASSIFIER = """
%%deploy classifier
@serve.deployment
class Classifier:
    def __init__(self, model):
        self.model = model

    def run(self, x):
        return bool(self.model.predict_proba([x])[0, 1] > cut)

with InputNode() as request:
    found = Classifier.bind(model).run.bind(request)
"""


def run(notebook, *cells):
    """Runs cells, each of which goes well."""
    for one in cells:
        assert notebook.run(one).error is None


@pytest.fixture
def numbers(notebook):
    """A notebook in which the graph `numbers` runs."""
    run(notebook, NUMBERS, GRAPH)
    return notebook


@pytest.fixture
def exported(numbers, tmp_path):
    """The folder of that graph's bundle."""
    shown = numbers.run(f"%export numbers {tmp_path}/bundle --golden \"[{{'x': 2.5}}]\"")
    assert shown.error is None, shown.err
    return tmp_path / "bundle"


def test_the_module_is_the_source_of_the_graph_alone(exported):
    """What the graph needs, as it was written, and the application at the end."""
    text = (exported / "app.py").read_text()
    assert "SCALE * math.floor(x)" in text
    assert '"Adds an offset."' in text
    assert "%%deploy" not in text
    last = ast.parse(text).body[-1]
    assert ast.unparse(last) == "app = serve.build(answer, import_path='app:app')"


def test_the_bundle_says_what_it_is(exported):
    """Its files are there, and read again it is the same graph."""
    bundle = read_bundle(exported)
    assert bundle.name == "numbers"
    assert {"app.py", "serve.yaml", "graph.json", "requirements.txt", "Dockerfile"} < set(
        bundle.files
    )
    assert [one.name for one in bundle.spec.deployments] == ["Add", "shown", "DAGDriver"]
    assert bundle.release in (exported / "README.md").read_text()
    assert json.loads((exported / "PROVENANCE.json").read_text())["release"] == bundle.release


def test_every_deployments_options_are_there_to_edit(exported):
    """As the user gave them, and else Ray Serve's own defaults."""
    (application,) = yaml.safe_load((exported / "serve.yaml").read_text())["applications"]
    assert application["import_path"] == "app:app"
    options = {one.pop("name"): one for one in application["deployments"]}
    assert options["Add"] == {
        "num_replicas": 2,
        "max_ongoing_requests": 7,
        "user_config": {"offset": 1},
        "ray_actor_options": {"num_cpus": 1},
    }
    assert options["shown"]["num_replicas"] == 1


def test_golden_requests_keep_their_answers(exported):
    """They are sent when the bundle is made."""
    (golden,) = json.loads((exported / "tests" / "golden.json").read_text())
    assert golden["request"] == {"json": {"x": 2.5}}
    assert golden["answer"] == {"json": {"answer": 7}}
    assert golden["status"] == 200


def test_the_bundles_own_tests_pass(exported):
    """Somebody else runs them, in the folder."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=exported, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_the_same_graph_has_the_same_bytes(numbers, exported, tmp_path):
    """Its release too; where and when it was made is left out of that."""
    assert numbers.run(f"%export numbers {tmp_path}/again --golden \"[{{'x': 2.5}}]\"").success
    first, second = read_bundle(exported), read_bundle(tmp_path / "again")
    assert first.release == second.release
    for path in first.files:
        if path != "PROVENANCE.json":
            assert (exported / path).read_bytes() == (tmp_path / "again" / path).read_bytes()


def test_another_graph_is_another_release(numbers, exported, tmp_path):
    """Whatever changed of it."""
    run(numbers, NUMBERS.replace("3", "4"), GRAPH, f"%export numbers {tmp_path}/again")
    assert read_bundle(tmp_path / "again").release != read_bundle(exported).release


def test_what_was_learned_goes_along_as_a_file(notebook, tmp_path):
    """A model is not trained again, and what was computed of it is a number."""
    run(notebook, MODEL, CLASSIFIER)
    shown = notebook.run(f'%export classifier {tmp_path}/bundle --golden "[[1.0, 2.0]]"')
    assert shown.error is None
    text = (tmp_path / "bundle" / "app.py").read_text()
    assert 'model = joblib.load(_ARTIFACTS / "model.joblib")' in text
    assert f"cut = {notebook['cut']}" in text
    assert "fit" not in text
    assert "rng" not in text
    assert "model, a LogisticRegression, went into artifacts/model.joblib" in shown.out
    assert "proved in" in shown.out
    assert "1 golden requests answered" in shown.out
    assert "no variable holds" not in shown.out
    assert "scikit-learn==" in (tmp_path / "bundle" / "requirements.txt").read_text()


def test_a_model_that_no_variable_holds_is_told(notebook, tmp_path):
    """Nothing takes it along: the module trains it anew."""
    made = CLASSIFIER.replace(
        "bind(model)", "bind(LogisticRegression().fit(points, points[:, 0] > 0))"
    )
    run(notebook, MODEL, made)
    shown = notebook.run(f"%export classifier {tmp_path}/bundle")
    assert shown.error is None
    assert "the init argument 0 of Classifier is a model that no variable holds" in shown.out


def test_cells_from_before_the_extension_count(bare_notebook, tmp_path):
    """What ran before %load_ext is known from the shell's history."""
    run(bare_notebook, "SCALE = 5", "%load_ext graphnb\nfrom graphnb import InputNode, serve")
    run(bare_notebook, GRAPH.replace("scaled(x)", "SCALE * x"), f"%export numbers {tmp_path}/b")
    assert "SCALE = 5" in (tmp_path / "b" / "app.py").read_text()


def test_a_graph_without_a_variable_is_found_by_its_cell(notebook, tmp_path):
    """The last expression of the cell that deploys it."""
    run(notebook, NUMBERS, GRAPH + "\nDAGDriver.bind({'/a': answer})")
    run(notebook, f"%export numbers {tmp_path}/b")
    assert 'serve.build(DAGDriver.bind({"/a": answer})' in (tmp_path / "b" / "app.py").read_text()


def test_helpers_beside_the_notebook_come_along(notebook, tmp_path, monkeypatch):
    """Modules that nobody has installed, with what they import."""
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "kitchen.py").write_text(
        "from pantry import SALT\n\ndef season(x):\n    return x + SALT\n"
    )
    (folder / "pantry.py").write_text("SALT = 2\n")
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    run(
        notebook,
        "from kitchen import season",
        """
        %%deploy kitchen
        @serve.deployment
        def cook(x):
            return season(x)

        with InputNode() as request:
            meal = cook.bind(request)
        """,
        f'%export kitchen {tmp_path}/b --golden "[1]"',
    )
    assert (tmp_path / "b" / "pantry.py").read_text() == "SALT = 2\n"
    assert (tmp_path / "b" / "kitchen.py").exists()
    for one in ("kitchen", "pantry"):
        sys.modules.pop(one, None)


SECRETS = [
    ('KEY = "AKIAIOSFODNN7EXAMPLE"', "AWS Access Key"),
    ('url = "https://someone:passw0rd12@example.com/x"', "Basic Auth Credentials"),
    ('gh = "ghp_abcdefghijklmnopqrstuvwxyz0123456789"', "GitHub Token"),
]


@pytest.mark.parametrize(("line", "kind"), SECRETS)
def test_what_looks_like_a_token_is_refused(notebook, tmp_path, line, kind):
    """By its cell, never by its value; and nothing is left behind."""
    name, _, value = line.partition(" = ")
    run(notebook, line, GRAPH.replace("scaled(x)", f"len({name}) * x"))
    shown = notebook.run(f"%export numbers {tmp_path}/b")
    assert isinstance(shown.error, ExportError)
    assert kind in str(shown.error)
    assert "cell 2" in str(shown.error)
    assert ast.literal_eval(value) not in shown.everything + str(shown.error)
    assert list(tmp_path.iterdir()) == []


def test_values_of_the_environment_are_refused(notebook, tmp_path, monkeypatch):
    """Those whose names say that they are secret, wherever they turn up; reading them is fine."""
    monkeypatch.setenv("SHOP_TOKEN", "kokoschka-1886")
    run(notebook, 'word = "kokoschka-" + str(1886)', 'import os\nread = os.environ["SHOP_TOKEN"]')
    run(notebook, GRAPH.replace("scaled(x)", "len(read) * x"))
    assert notebook.run(f"%export numbers {tmp_path}/b").success
    assert 'os.environ["SHOP_TOKEN"]' in (tmp_path / "b" / "app.py").read_text()
    assert "#   SHOP_TOKEN" in (tmp_path / "b" / "serve.yaml").read_text()
    assert "kokoschka-1886" not in "".join(
        one.read_text() for one in (tmp_path / "b").rglob("*.*") if one.suffix != ".whl"
    )
    options = GRAPH.replace('{"offset": 1}', '{"offset": 1, "word": read}')
    run(notebook, options.replace("scaled(x)", "x"))
    shown = notebook.run(f"%export numbers {tmp_path}/c")
    assert "the environment variable SHOP_TOKEN" in str(shown.error)
    assert "kokoschka" not in shown.everything


def test_what_is_not_the_source_is_told_by_name(notebook, tmp_path):
    """An object that was changed where no source shows it: the graph would be another one."""
    run(notebook, "table = {1: 2}", "import operator\noperator.setitem(table, 3, 4)")
    run(notebook, GRAPH.replace("scaled(x)", "table.get(x, 0)"))
    shown = notebook.run(f"%export numbers {tmp_path}/b")
    assert isinstance(shown.error, ProofError)
    assert "Add differs" in str(shown.error)
    assert "what table holds is not what the code makes" in str(shown.error)
    assert notebook.run(f"%export numbers {tmp_path}/b --value table").success
    assert "table = {1: 2, 3: 4}" in (tmp_path / "b" / "app.py").read_text()


def test_a_cell_that_was_edited_and_not_deployed_is_told(numbers, tmp_path):
    """The bundle would not be what runs."""
    run(numbers, NUMBERS.replace("3", "4"))
    run(numbers, GRAPH.replace("%%deploy numbers\n", ""))
    shown = numbers.run(f"%export numbers {tmp_path}/b")
    assert isinstance(shown.error, ExportError)
    assert "Add has changed in the notebook since numbers was deployed" in str(shown.error)


def test_a_file_that_is_read_late_is_missed(notebook, tmp_path, monkeypatch):
    """The proof runs in the bundle's folder: files beside the notebook are not there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "words.txt").write_text("a b")
    run(
        notebook,
        """
        %%deploy reader
        @serve.deployment
        class Reader:
            def __init__(self):
                with open("words.txt") as file:
                    self.words = file.read().split()

            def __call__(self, x):
                return self.words

        with InputNode() as request:
            words = Reader.bind().__call__.bind(request)
        """,
    )
    shown = notebook.run(f"%export reader {tmp_path}/b")
    assert isinstance(shown.error, ProofError)
    assert "words.txt" in str(shown.error)
    assert "read it in a cell" in str(shown.error)


def test_a_folder_with_anything_else_is_left_alone(numbers, tmp_path):
    """Nothing of it is touched."""
    (tmp_path / "mine.txt").write_text("mine")
    shown = numbers.run(f"%export numbers {tmp_path}")
    assert isinstance(shown.error, ExportError)
    assert [one.name for one in tmp_path.iterdir()] == ["mine.txt"]


def test_a_bundle_that_fails_leaves_the_one_before(numbers, exported):
    """Written aside, it takes the place of the other only when it is whole."""
    release = read_bundle(exported).release
    run(numbers, 'KEY = "AKIAIOSFODNN7EXAMPLE"', GRAPH.replace("scaled(x)", "len(KEY)"))
    assert not numbers.run(f"%export numbers {exported}").success
    assert read_bundle(exported).release == release


def test_a_graph_from_elsewhere_is_told(notebook, tmp_path):
    """Its name is asked for; mistakes are one line."""
    shown = notebook.run(f"%export nothing {tmp_path}/b")
    assert "nothing" in shown.err
    assert "Traceback" not in shown.err


def test_it_runs_without_this_process(exported, tmp_path):
    """Behind a fence: nothing is importable that the bundle does not name."""
    program = "import sklearn"
    (exported / "app.py").write_text(f"{program}\n" + (exported / "app.py").read_text())
    from graphnb.promote.prove import prove

    with pytest.raises(ProofError, match="No module named 'sklearn'") as caught:
        prove(read_bundle(exported))
    assert "import sklearn" in str(caught.value.hint)
    assert "app.py" in str(caught.value)
    assert str(Path(exported)) not in str(caught.value)


TOKEN = "kokoschka-1886"
LEAKS = [
    # in an object that is pickled
    """
    class Client:
        def __init__(self):
            self.key = os.environ["SHOP_TOKEN"]
            self.model = LogisticRegression().fit([[0], [1]], [0, 1])
    kept = Client()
    """,
    # in data that take a file, as text and as bytes
    'kept = [(os.environ["SHOP_TOKEN"], random.random()) for _ in range(40)]',
    'kept = {"a": [(f"x{os.environ[\'SHOP_TOKEN\']}".encode(), random.random())] * 40}',
]


@pytest.mark.parametrize("leak", LEAKS, ids=["object", "text", "bytes"])
def test_secrets_in_files_of_any_form_are_refused(notebook, tmp_path, monkeypatch, leak):
    """Not in source alone; the bundle of before stays."""
    monkeypatch.setenv("SHOP_TOKEN", TOKEN)
    run(notebook, "import os, random\nfrom sklearn.linear_model import LogisticRegression", leak)
    run(notebook, GRAPH.replace("scaled(x)", "len(str(kept)) * 0 + x"))
    shown = notebook.run(f"%export numbers {tmp_path}/b --value kept")
    assert "the environment variable SHOP_TOKEN" in str(shown.error)
    assert TOKEN not in shown.everything + str(shown.error)
    assert list(tmp_path.iterdir()) == []


def test_golden_answers_hold_no_secret(notebook, tmp_path, monkeypatch):
    """Neither as text nor as bytes."""
    monkeypatch.setenv("SHOP_TOKEN", TOKEN)
    run(notebook, "import os", GRAPH.replace("scaled(x)", 'os.environ["SHOP_TOKEN"][:x] and x'))
    shown = notebook.run(f"%export numbers {tmp_path}/b --golden \"[{{'x': 3, 'y': '{TOKEN}'}}]\"")
    assert "tests/golden.json" in str(shown.error)
    assert TOKEN not in str(shown.error)


def test_errors_of_the_bundles_own_code_show_no_secret(notebook, tmp_path, monkeypatch):
    """They are told with stars where it stood."""
    monkeypatch.setenv("SHOP_TOKEN", TOKEN)
    body = """
    import os, sys
    def check():
        if "graphnb.promote.prove.clean" in sys.orig_argv:
            raise ValueError("cannot log in with " + os.environ["SHOP_TOKEN"])
        return 1
    """
    run(notebook, body, GRAPH.replace("class Add:", "class Add:\n    size = check()"))
    run(notebook, NUMBERS)
    run(notebook, GRAPH.replace("class Add:", "class Add:\n    size = check()"))
    shown = notebook.run(f"%export numbers {tmp_path}/b")
    assert "cannot log in with ***" in str(shown.error)
    assert TOKEN not in shown.everything + str(shown.error)


def test_a_bundle_that_prints_much_is_proved(notebook, tmp_path):
    """What it prints fills no pipe."""
    loud = "def load():\n    for n in range(20_000):\n        print('epoch', n)\n    return object"
    run(notebook, loud, "Kind = load()", GRAPH.replace("scaled(x)", "len(Kind.__name__) * 0 + x"))
    assert notebook.run(f"%export numbers {tmp_path}/b").success


def test_a_bundle_that_was_edited_is_not_replaced(numbers, exported):
    """What somebody changed there, or put beside it, would be lost."""
    (exported / "NOTES.md").write_text("mine")
    shown = numbers.run(f"%export numbers {exported}")
    assert "was changed after it was written" in str(shown.error)
    assert (exported / "NOTES.md").read_text() == "mine"


def test_where_the_kernel_runs_is_no_place(numbers, tmp_path, monkeypatch):
    """Neither it nor a folder above it."""
    monkeypatch.chdir(tmp_path)
    shown = numbers.run("%export numbers .")
    assert "is where this runs" in str(shown.error)
    assert Path.cwd() == tmp_path


SUBTLE = {
    "scalar": "cut = np.argmax([1, 3])\nans = lambda: (type(cut).__name__, cut * 2)",
    "records": "m = np.rec.fromarrays([np.arange(3)], names='a')\nans = lambda: m.a.tolist()",
    "masked": "m = np.ma.masked_array(np.arange(3) + 0, [0, 1, 0])\nans = lambda: m.sum()",
    "frame": "frame = pd.DataFrame({'a': [1, 2]})\nans = lambda: int(frame.a.sum())",
    "cython": "model = K(1).fit([[0], [1]], [0, 1])\nans = lambda: model.predict([[1]]).tolist()",
    "set": "words = {'b', 'a'} | set('c')\nans = lambda: sorted(words)",
}
LIBRARIES = """
import numpy as np
import pandas as pd
from sklearn.neighbors import KNeighborsClassifier as K
"""


@pytest.mark.parametrize("cell", SUBTLE.values(), ids=SUBTLE)
def test_values_stay_what_they_are(notebook, tmp_path, cell):
    """Golden requests get the notebook's answers."""
    run(notebook, LIBRARIES, cell, GRAPH.replace("scaled(x) + self.offset", "str(ans())"))
    shown = notebook.run(f"%export numbers {tmp_path}/b --golden \"[{{'x': 1}}]\"")
    assert shown.error is None, shown.error
    assert "1 golden requests answered" in shown.out


def test_an_object_of_an_earlier_class_is_not_one_of_the_new(notebook, tmp_path):
    """It is told, rather than given the new methods."""
    old = """
    class Scorer:
        def fit(self):
            self.done = True
            return self
        def score(self):
            return "old"
    """
    run(notebook, old, "made = {'a': Scorer().fit()}", old.replace('"old"', '"new"'))
    run(notebook, GRAPH.replace("scaled(x) + self.offset", "made['a'].score()"))
    shown = notebook.run(f"%export numbers {tmp_path}/b --value made")
    assert isinstance(shown.error, ProofError) or "is not what it was" in shown.out
