"""Values that go along themselves: which they are, and that they come back as they were."""

import ast
import importlib
import math
import pickle
import sys
import textwrap
import types

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from graphnb.errors import ExportError
from graphnb.promote.artifacts import LiveValues
from graphnb.promote.artifacts.artifact import artifact_of
from graphnb.promote.artifacts.kinds import is_fitted, literal
from graphnb.promote.extract import extract
from tests.promote.cells import cells

POINTS = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]])
MODEL = LogisticRegression().fit(POINTS, [0, 0, 1, 1])


@pytest.fixture
def main(monkeypatch):
    """An empty `__main__`, as a kernel has it."""
    made = types.ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", made)
    return made


@pytest.fixture
def module_of(main, tmp_path, monkeypatch):
    """Runs cells, and gives the module that they become, imported as `app`."""

    def made(text, root="answer", kept=()):
        found = cells(textwrap.dedent(text))
        for one in found:
            exec(compile(one.transformed, "cell", "exec"), vars(main))
        values = LiveValues(vars(main), kept)
        module = extract(found, root, values=values, end="")
        (tmp_path / "artifacts").mkdir(exist_ok=True)
        for name, one in values.artifacts.items():
            if name in module.given:
                one.write(tmp_path / "artifacts")
        (tmp_path / "app.py").write_text(module.text)
        scope = types.ModuleType("app")
        scope.__file__ = str(tmp_path / "app.py")
        monkeypatch.setitem(sys.modules, "app", scope)
        monkeypatch.setitem(sys.modules, "__main__", types.ModuleType("__main__"))
        exec(compile(module.text, "app.py", "exec"), vars(scope))
        return module, values, scope

    return made


FORMATS = [
    ({"a": [1, 2.5, None, "é"]}, "json"),
    ({"a": (1, 2)}, "pkl"),
    ({1: "a"}, "pkl"),
    ({"not a number": math.nan}, "pkl"),
    (np.arange(6).reshape(2, 3), "npy"),
    (np.array(["a", "bc"]), "npy"),
    (np.array([{}, None], dtype=object), "pkl"),
    (MODEL, "joblib"),
    (b"bytes", "pkl"),
]


@pytest.mark.parametrize(
    ("value", "form"), FORMATS, ids=[f"{i}-{f}" for i, (_, f) in enumerate(FORMATS)]
)
def test_each_value_comes_back_from_its_file(tmp_path, value, form):
    """In the plainest format that holds it."""
    artifact = artifact_of("value", value)
    assert artifact.file == f"value.{form}"
    (tmp_path / "artifacts").mkdir()
    assert artifact.write(tmp_path) == (tmp_path / artifact.file).stat().st_size
    module = artifact.module
    scope = {"folder": tmp_path, module: __import__(module)}
    exec(artifact.loaded(module, "folder"), scope)
    assert pickle.dumps(scope["value"]) == pickle.dumps(value)


@pytest.mark.parametrize(
    "tensors",
    [
        {"weight": np.arange(6.0).reshape(2, 3).T, "bias": np.zeros(0, np.float32)},
        {"layer.0": np.arange(10, dtype=np.int16)[::3], "on": np.array([True, False])},
        {"one": np.array(1.5), "swapped": np.arange(3, dtype=">i4")},
    ],
    ids=["strides", "slices", "scalars"],
)
def test_tensors_by_name_are_kept_by_safetensors(tmp_path, tensors):
    """Whatever their layout is in memory."""
    artifact = artifact_of("weights", tensors)
    assert artifact.file == "weights.safetensors"
    artifact.write(tmp_path)
    scope = {"folder": tmp_path, "library": importlib.import_module(artifact.module)}
    exec(artifact.loaded("library", "folder"), scope)
    assert scope["weights"].keys() == tensors.keys()
    for name, one in tensors.items():
        found = scope["weights"][name]
        assert found.dtype.newbyteorder("=") == one.dtype.newbyteorder("=")
        np.testing.assert_array_equal(found, one, strict=one.dtype.isnative)


def test_what_cannot_be_pickled_is_told():
    """By its name and type, with what to do."""
    with pytest.raises(ExportError, match="lock, a lock, cannot be saved") as caught:
        artifact_of("lock", __import__("threading").Lock())
    assert "__init__" in caught.value.hint


LITERALS = [1, -2.5, "a'b", None, True, (1, 2), [1, [2]], {"a": {1}}, b"x", float("inf")]


@pytest.mark.parametrize("value", LITERALS, ids=map(repr, LITERALS))
def test_a_short_plain_value_is_a_literal(value):
    """Which Python reads back as the same."""
    assert eval(literal(value)) == value


@pytest.mark.parametrize(
    "value", [list(range(1000)), object(), np.arange(3)], ids=["long", "object", "array"]
)
def test_other_values_take_a_file(value):
    """They would be hard to read, or are none that Python could read."""
    assert literal(value) is None


def test_models_are_known_by_what_they_learned():
    """Alone, in pipelines, in containers, and in objects of the notebook's own classes."""
    assert not is_fitted(LogisticRegression())
    assert is_fitted(MODEL)
    assert is_fitted(make_pipeline(StandardScaler(), MODEL))
    assert is_fitted({"a": [MODEL]})
    assert is_fitted({"a": [{"b": [[make_pipeline(make_pipeline(StandardScaler(), MODEL))]]}]})
    loop = [LogisticRegression()]
    loop.append(loop)
    assert not is_fitted(loop)
    own = type("Own", (), {"__module__": "__main__"})()
    own.model = MODEL
    assert is_fitted(own)
    own.model = own  # a cycle ends
    assert not is_fitted(own)


TRAINED = """
import numpy as np
from sklearn.linear_model import LogisticRegression
# %%
points = np.random.default_rng(0).normal(size=(20, 2))
model = LogisticRegression()
# %%
model.fit(points, points[:, 0] > 0)
# %%
answer = [model.predict([[1, 0]]).tolist()]
"""


def test_training_stays_behind(module_of):
    """The value that was asked for is all that is left of it."""
    module, _, scope = module_of(TRAINED)
    assert scope.answer == [[True]]
    assert "fit" not in module.text
    assert "points" not in module.text
    assert not module.obstacles


def test_a_model_that_is_used_is_loaded(module_of):
    """Its data are not."""
    used = TRAINED.rpartition("# %%")[0] + "# %%\ndef answer():\n    return model\n"
    module, values, scope = module_of(used)
    assert module.given == {"model", "_ARTIFACTS"}
    assert list(values.artifacts) == ["model"]
    assert scope.answer().predict([[1, 0]]).tolist() == [True]


def test_objects_of_own_classes_are_the_modules(module_of):
    """An instance that is loaded is one of the class that the module defines."""
    _, _, scope = module_of(
        """
        class Model:
            def fit(self, x):
                self.mean = sum(x) / len(x)
                return self
        # %%
        model = Model().fit([1, 2, 6])
        # %%
        def answer():
            return model
        """
    )
    assert type(scope.answer()) is scope.Model
    assert scope.answer().mean == 3


SOURCE = [
    "answer = [1, 2, 3]",
    "import numpy as np\nanswer = np.array([1.5, 2.5], dtype=np.float32)",
    "import re\nanswer = re.compile('a+')",
    "import logging\nanswer = logging.getLogger('x')",
    "from collections import namedtuple\nanswer = namedtuple('P', 'x y')",
    "import os\nanswer = os.environ.get('HOME')",
    "from sklearn.linear_model import LogisticRegression\nanswer = LogisticRegression(C=2)",
    "sizes = [1, 2]\nanswer = sum(sizes)",
]


@pytest.mark.parametrize("text", SOURCE)
def test_source_that_says_the_value_stays(module_of, text):
    """It is easier to read, and to trust."""
    module, _, _ = module_of(text)
    assert not module.given
    assert ast.parse(text).body[-1].targets[0].id == "answer"


VALUES = [
    "import random\nanswer = random.random()",
    "import numpy as np\nanswer = np.random.rand(3)",
    "answer = {str(n): n for n in range(3000)}\nanswer = dict(answer)",
    "import datetime\nanswer = datetime.datetime.now().isoformat()",
]


@pytest.mark.parametrize("text", VALUES)
def test_chance_and_time_do_not_come_again(module_of, main, text):
    """The value that the notebook saw is the one that goes along."""
    module, _, scope = module_of(text)
    assert "answer" in module.given
    assert np.array_equal(scope.answer, main.answer)


def test_a_variable_is_taken_along_on_request(module_of):
    """Whatever made it."""
    module, _, scope = module_of("answer = len([1, 2])", kept=["answer"])
    assert "answer = 2  # len([1, 2]), in cell 1" in module.text
    assert scope.answer == 2
    with pytest.raises(ExportError, match="no variable 'other'"):
        LiveValues({}, ["other"])


def test_names_of_the_notebook_are_not_taken(module_of):
    """What loads a value has its own name where the notebook uses that for something else."""
    module, _, scope = module_of(
        """
        import numpy as np
        from sklearn.linear_model import LogisticRegression
        joblib, Path, json, _ARTIFACTS = 1, 2, 3, 4
        model = LogisticRegression().fit([[0], [1]], [0, 1])
        # %%
        def answer():
            return joblib, Path, json, _ARTIFACTS, model.predict([[1]])[0]
        """
    )
    assert scope.answer() == (1, 2, 3, 4, 1)
    assert "import joblib as _joblib" in module.text


def test_what_cannot_be_saved_is_made_anew(module_of):
    """And that is said."""
    module, values, scope = module_of(
        """
        import threading
        class Model:
            def fit(self):
                self.lock = threading.Lock()
                return self
        model = Model().fit()
        def answer():
            return model
        """
    )
    assert "model = Model().fit()" in module.text
    assert scope.answer().lock.acquire()
    (lost,) = values.lost
    assert "cannot be saved" in lost.message
