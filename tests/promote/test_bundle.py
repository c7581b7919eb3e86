"""The files of a bundle, each by itself."""

import base64
import hashlib
import json
import pickle
import subprocess
import sys
import zipfile

import pytest

from graphnb.errors import ExportError
from graphnb.promote.bundle.bundle import Bundle, paths_of
from graphnb.promote.bundle.helpers import helpers_of
from graphnb.promote.bundle.requirements import requirements
from graphnb.promote.bundle.secrets import SecretFinder, masked
from graphnb.promote.bundle.variables import variables_in
from graphnb.promote.bundle.wheel import wheel
from graphnb.promote.golden import same


@pytest.fixture(scope="module")
def own_wheel(tmp_path_factory):
    """Graphnb's wheel as a file."""
    name, data = wheel()
    path = tmp_path_factory.mktemp("wheel") / name
    path.write_bytes(data)
    return path


def test_the_wheel_is_the_same_each_time(own_wheel):
    """Byte for byte."""
    assert wheel() == (own_wheel.name, own_wheel.read_bytes())


def test_the_wheels_record_is_right(own_wheel):
    """Each file is in it with its hash and its size."""
    with zipfile.ZipFile(own_wheel) as archive:
        (record,) = (one for one in archive.namelist() if one.endswith("/RECORD"))
        lines = [one.rsplit(",", 2) for one in archive.read(record).decode().splitlines()]
        assert {one[0] for one in lines} == set(archive.namelist())
        for path, said, size in lines:
            if path != record:
                digest = hashlib.sha256(archive.read(path)).digest()
                encoded = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
                assert (said, int(size)) == (f"sha256={encoded}", len(archive.read(path)))


def test_the_wheel_installs(own_wheel, tmp_path):
    """With pip, and then it is what is imported."""
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", str(tmp_path / "there"), str(own_wheel)], check=True)
    there = str(tmp_path / "there")
    code = f"import sys; sys.path.insert(0, {there!r}); import graphnb; print(graphnb.__file__)"
    found = subprocess.run(
        [sys.executable, "-Ic", code], capture_output=True, text=True, check=True
    )
    assert found.stdout.startswith(str(tmp_path / "there"))
    assert (tmp_path / "there" / "graphnb" / "views" / "widget" / "static").is_dir()


def test_requirements_are_what_is_imported():
    """By distribution, at the version that is here; of what is not here nothing is known."""
    modules = ["sklearn.linear_model", "PIL.Image", "os", "graphnb", "no_such_module", "mine"]
    found = [str(one).partition("==")[0] for one in requirements(modules, ["mine"])]
    assert found == ["pillow", "ray[serve]", "scikit-learn"]


def test_of_a_namespace_the_distribution_that_has_the_module():
    """Several share its top."""
    found = {one.name for one in requirements(["opentelemetry.sdk.trace"])}
    assert "opentelemetry-sdk" in found
    assert "opentelemetry-api" not in found


READS = """
import os
from os import environ, getenv
a = os.environ["A"]; b = os.environ.get("B"); c = getenv("C", "x"); d = environ["D"]
e = {"not": os}["not"]; f = os.environ.pop("F", None)
"""


def test_variables_that_code_reads_are_found():
    """In whatever way it reads them."""
    assert variables_in(READS) == {"A", "B", "C", "D", "F"}


@pytest.fixture
def beside(tmp_path):
    """Writes files beside a notebook."""

    def write(**texts):
        for name, text in texts.items():
            path = tmp_path / name.replace("__DOT__", ".").replace("__IN__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


def test_packages_come_along_without_what_tools_left(beside):
    """Hidden files and caches stay behind; data files do not."""
    folder = beside(
        kit__IN____init____DOT__py="from kit import parts",
        kit__IN__parts__DOT__py="import numpy",
        kit__IN__words__DOT__json="{}",
        kit__IN____DOT__env="KEY=1",
        kit__IN____DOT__git__IN__config="",
        kit__IN____pycache____IN__x__DOT__pyc="",
        other__DOT__py="",
    )
    found, modules = helpers_of(["kit"], folder)
    assert [one.path for one in found] == ["kit/__init__.py", "kit/parts.py", "kit/words.json"]
    assert "numpy" in modules


def test_a_folder_without_init_comes_along(beside, monkeypatch):
    """As Python imports it."""
    folder = beside(nslib_here__IN__util__DOT__py="X = 1")
    monkeypatch.syspath_prepend(str(folder))
    found, _ = helpers_of(["nslib_here.util"], folder)
    assert [one.path for one in found] == ["nslib_here/util.py"]


def test_a_module_with_a_name_of_the_bundles_own_is_told(beside):
    """It would take the place of the graph's module."""
    with pytest.raises(
        ExportError, match=r"'app' at app\.py has a name that the bundle itself needs"
    ):
        helpers_of(["app"], beside(app__DOT__py="X = 1"))


def test_a_module_that_cannot_be_read_is_copied_as_it_is(beside, tmp_path):
    """What it imports is not known; the proof says whether that matters."""
    folder = beside(old__DOT__py="print 'x'")
    found, modules = helpers_of(["old"], folder)
    assert [one.path for one in found] == ["old.py"]
    assert modules == {"old"}


ENVIRONMENT = {
    "SHOP_TOKEN": "kokoschka-1886",
    "LINES_SECRET": "first-line-of-it\nsecond-line-of-it",
    "QUOTED_PASSWORD": 'pä"ss\\word-long',
    "HOME_PATH_KEYBOARD": "not-secret-at-all",
    "TINY_KEY": "abc",
}
SECRET_TEXTS = [
    "x = 'kokoschka-1886'",
    json.dumps(ENVIRONMENT["LINES_SECRET"]),
    json.dumps(ENVIRONMENT["QUOTED_PASSWORD"]),
    repr(ENVIRONMENT["QUOTED_PASSWORD"]),
    base64.b64encode(b"a kokoschka-1886 b").decode(),
    base64.b64encode(b"ab kokoschka-1886 b").decode(),
    "kokoschka-1886".encode("utf-32-le").decode("latin-1"),
    "token = 'hf_abcdefghijklmnopqrstuvwx'",
    "Authorization: Bearer abcdefghijklmnop1234",
    "Server=x;Password=longenough;",
]


@pytest.mark.parametrize("text", SECRET_TEXTS, ids=range(len(SECRET_TEXTS)))
def test_secrets_are_found_in_whatever_form(text):
    """Values of the environment as text, escaped, or encoded; tokens by their form."""
    data = text.encode("latin-1") if "\0" in text else text.encode()
    assert SecretFinder(ENVIRONMENT).find("file.bin", data) is not None


HARMLESS = [
    "not-secret-at-all",
    "abc",
    "tokens = tokenize.bind(request['text'])",
    "model = 'distilbert-base-uncased-finetuned-sst-2-english'",
    "sha256 = '3b7a2b2b1f9f4ad5a9e7c1b2d3e4f5a6b7c8d9e0'",
]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_harmless_is_left_alone(text):
    """A finder that cries wolf is turned off."""
    assert SecretFinder(ENVIRONMENT).find("app.py", text.encode()) is None


def test_what_the_author_allows_is_none_anywhere():
    """The comment stands once, in the source."""
    finder = SecretFinder({})
    line = 'password = "hunter2222"'
    assert finder.find("other.py", line.encode()) is not None
    assert finder.find("app.py", f"{line}  # pragma: allowlist secret".encode()) is None
    assert finder.find("graph.json", b'"password": "hunter2222"') is None


def test_messages_have_stars(monkeypatch):
    """In place of what must not be shown."""
    monkeypatch.setenv("SHOP_TOKEN", "kokoschka-1886")
    said = masked("no kokoschka-1886 and no ghp_abcdefghijklmnopqrstuvwxyz0123456789")
    assert said == "no *** and no ***"


def test_answers_are_compared_as_json_has_them():
    """Fractions to nine digits, all else exactly."""
    assert same({"a": [1.0, 2]}, {"a": [1.0 + 1e-12, 2]})
    assert same(1, 1.0)
    assert not same(10**12, 10**12 + 1)
    assert not same(True, 1)
    assert not same([1], [1, 2])
    assert not same({"a": 1}, {"b": 1})


def test_tokens_in_files_of_any_form_are_found():
    """What can be read in a pickle is read."""
    token = "hf_" + "aB3dE5gH7jK9mN1pQ3sT5vW7"  # pragma: allowlist secret
    found = SecretFinder({}).find("kept.pkl", pickle.dumps({"k": [token], "n": b"\xff" * 9}))
    assert found is not None
    assert (found.line, found.kind) == (0, "Hugging Face Token")
    assert SecretFinder({}).find("kept.pkl", pickle.dumps({"k": ["words"], "n": b"\xff"})) is None


def test_data_of_packages_count(tmp_path):
    """What is not code, and not the bundle's own."""

    def data_hash(**files):
        for path, text in files.items():
            (tmp_path / path.replace("_", "/", 1).replace("_", ".")).write_text(text)
        sizes = dict.fromkeys(paths_of(tmp_path), 1)
        return Bundle(tmp_path, "it", "id", None, sizes).data_hash

    (tmp_path / "kitchen").mkdir()
    (tmp_path / "serve.yaml").write_text("applications: []")
    assert data_hash(kitchen_menu_py="1") == ""
    first = data_hash(kitchen_menu_json="[1]")
    assert first
    assert data_hash(kitchen_menu_json="[2]") not in ("", first)
