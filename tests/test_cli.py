"""The command line."""

import configparser
import json
import re
import subprocess
import sys
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest
from click.testing import CliRunner

from graphnb.cli import main


def run(*arguments):
    """Runs `graphnb` with those arguments."""
    return CliRunner().invoke(main, arguments)


def sanitizers():
    """The sanitizer's rules: pattern and replacement."""
    config = configparser.RawConfigParser()
    config.read_string(run("nbval-config").output)
    return [(config[name]["regex"], config[name]["replace"]) for name in config.sections()]


def sanitized(text):
    """A text as nbval compares it."""
    for pattern, replacement in sanitizers():
        text = re.sub(pattern, replacement, text)
    return text


def test_the_command_is_installed():
    """`graphnb` runs `graphnb.cli:main`."""
    (command,) = entry_points(group="console_scripts", name="graphnb")
    assert command.load() is main


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_lists_the_verbs(flag):
    """The help of the command lists its verbs, each verb has its own."""
    done = run(flag)
    assert done.exit_code == 0
    assert "nbval-config" in done.output
    assert "--path" in run("nbval-config", flag).output


@pytest.mark.parametrize("words", [["--nothing"], ["promote"], ["export", "a", "b", "--nothing"]])
def test_a_wrong_command_line_is_an_error(words):
    """It ends with 1, as all errors do: 2 says that there is something to do."""
    done = run(*words)
    assert done.exit_code == 1
    assert "Usage:" in done.output


def test_the_version_is_the_packages():
    """`--version` says what is installed."""
    assert version("graphnb") in run("--version").output


def test_the_sanitizer_is_printed():
    """`nbval-config` prints rules that nbval reads: each a pattern and its replacement."""
    done = run("nbval-config")
    assert done.exit_code == 0
    assert done.output.endswith("\n")
    assert not done.output.endswith("\n\n")
    for pattern, _ in sanitizers():
        re.compile(pattern)


def test_the_path_is_that_of_a_file_with_the_same_text():
    """`nbval-config --path` prints one line: a file for `--nbval-sanitize-with`."""
    done = run("nbval-config", "--path")
    assert done.exit_code == 0
    assert Path(done.output.removesuffix("\n")).read_text(encoding="utf-8") == (
        run("nbval-config").output
    )


def test_the_command_runs_as_a_process(tmp_path):
    """The command answers in a process of its own, without importing Ray."""
    code = (
        "import sys; from graphnb.cli import main; main(['nbval-config'], standalone_mode=False);"
        "print('ray' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.endswith("False\n")
    assert done.stderr == ""


def test_an_unknown_verb_is_named():
    """A mistake ends with a message and exit code 1."""
    done = run("nothing")
    assert done.exit_code == 1
    assert "nothing" in done.output


ADDRESS = " http://127.0.0.1:8000/x (in a remote lab: /user/ann/proxy/8000/x)"

DEPLOY_LINES = [
    "deployed 3 deployments",
    "nothing changed (3 kept)",
    "replaced scorer; kept 2",
    "added a, b; removed c; rewired; kept 1",
    "reconfigured a; rescaled b; kept 0",
    "removed c; kept 1",
    "rewired; kept 3",
]


@pytest.mark.parametrize("address", ["", ADDRESS, ADDRESS.replace("8000", "54321")])
@pytest.mark.parametrize("said", DEPLOY_LINES)
def test_whatever_a_deploy_says_compares_equal(said, address):
    """A deploy line is reduced to the graph's name, whatever changed and whatever the port."""
    assert sanitized(f"my-graph_2: {said}{address}\n") == "my-graph_2: deployed\n"


@pytest.mark.parametrize(
    ("text", "compared"),
    [
        ("http://127.0.0.1:54321/x/y", "http://127.0.0.1:PORT/x/y"),
        ("graph g: added later", "graph g: added later"),
        ("one = tokenize(text ← request['text'])", "one = tokenize(text ← request['text'])"),
        ("first line\ng: deployed 2 deployments\nlast", "first line\ng: deployed\nlast"),
    ],
)
def test_other_texts_keep_what_they_say(text, compared):
    """Addresses lose their port; nothing else is touched."""
    assert sanitized(text) == compared


def test_request_ids_compare_equal():
    """The id of a request, as responses and traces show it, is replaced."""
    from graphnb.engine import Request

    ids = {Request(None).request_id for _ in range(5)}
    assert len(ids) == 5
    assert {sanitized(f"request {one}: ok") for one in ids} == {"request REQUEST: ok"}


NOTEBOOK = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {},
    "cells": [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": "A graph."},
        {"cell_type": "code", "id": "b", "metadata": {}, "execution_count": 1, "outputs": [],
         "source": "%load_ext graphnb\nfrom graphnb import InputNode, serve\nSTEP = 2"},
        {"cell_type": "code", "id": "c", "metadata": {}, "execution_count": 2,
         "outputs": [{"output_type": "error", "ename": "E", "evalue": "", "traceback": []}],
         "source": "STEP = 1 / 0"},
        {"cell_type": "code", "id": "d", "metadata": {}, "execution_count": 3, "outputs": [],
         "source": ["%%deploy steps\n", "@serve.deployment\n", "def up(x):\n",
                    "    return x + STEP\n", "with InputNode() as request:\n",
                    "    higher = up.bind(request)\n"]},
    ],
}  # fmt: skip


@pytest.fixture
def saved(tmp_path):
    """A notebook's file."""
    path = tmp_path / "steps.ipynb"
    path.write_text(json.dumps(NOTEBOOK))
    return path


def test_a_saved_notebook_is_exported(saved, tmp_path):
    """Without its kernel; cells that failed are left out."""
    done = run("export", str(saved), str(tmp_path / "bundle"))
    assert done.exit_code == 0, done.output
    assert "steps, release" in done.output
    assert "proved in" in done.output
    text = (tmp_path / "bundle" / "app.py").read_text()
    assert "STEP = 2" in text
    assert "1 / 0" not in text


def test_a_module_is_exported(tmp_path, monkeypatch):
    """The file is one cell."""
    source = "from graphnb import InputNode, serve\n\n@serve.deployment\ndef up(x):\n    return x\n"
    bound = "with InputNode() as request:\n    best = up.bind(request)\n"
    (tmp_path / "stairs.py").write_text(f"{source}\n{bound}")
    monkeypatch.chdir(tmp_path)
    done = run("export", "stairs:best", "bundle")
    assert done.exit_code == 0, done.output
    assert "best, release" in done.output


WRONG_SOURCES = [
    ("nothing.ipynb", "no notebook that can be read"),
    ("nothing", "neither a notebook nor MODULE:VARIABLE"),
    ("no_such_module:graph", "there is no module 'no_such_module' here"),
]


@pytest.mark.parametrize(("source", "said"), WRONG_SOURCES)
def test_a_source_that_does_not_do_is_told(tmp_path, source, said):
    """In one line, with what to do; and nothing is written."""
    done = run("export", source, str(tmp_path / "bundle"))
    assert done.exit_code == 1
    assert said in done.output
    assert "Traceback" not in done.output
    assert not (tmp_path / "bundle").exists()


def test_a_graph_that_is_not_deployed_is_told(saved, tmp_path):
    """With those that are."""
    done = run("export", str(saved), str(tmp_path / "bundle"), "--name", "stairs")
    assert done.exit_code == 1
    assert "there are: steps" in done.output
