"""The command line."""

import configparser
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
    """A mistake ends with a message and exit code 2."""
    done = run("nothing")
    assert done.exit_code == 2
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
