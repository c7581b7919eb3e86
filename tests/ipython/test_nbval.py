"""Notebooks that use graphnb, compared with their saved outputs by nbval."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
from nbval.plugin import get_sanitize_patterns

CONFIG = Path(__file__).parents[2] / "graphnb" / "ipython" / "nbval.cfg"

EARLIER = """
%%capture
import os

if "EARLIER_GRAPH" in os.environ:

    @serve.deployment
    def divide(x):
        return 2 / x

    with InputNode() as request:
        divided = divide.bind(request)
    graphnb.deploy(divided, name="g")
"""

CELLS = [
    "%load_ext graphnb\nimport graphnb\nfrom graphnb import InputNode, serve",
    EARLIER.strip(),
    """
%%deploy g
@serve.deployment
def divide(x):
    return 1 / x

with InputNode() as request:
    divided = divide.bind(request)
""".strip(),
    "divided",
    "%graph g",
    "%request g 4",
    "%request g 4 --http",
    "g.url, g",
    "g.remote(1).request_id",
    "%deployments",
    "%deploy divided other --route /other",
]
EDITED = "with InputNode() as request:\n    quotient = divide.bind(request)\nquotient"
FAILS = new_code_cell("%request g 0", metadata={"tags": ["raises-exception"]})
MEASURES = [
    new_code_cell(one, metadata={"tags": ["nbval-ignore-output"]})
    for one in ("%bench g 1 -n 5", "%trace g", "%graph g --latency")
]


def free_port():
    """A port that nobody listens on now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """What nbval says of a notebook that was saved by another run, and then edited in one cell.

    The run that was saved had another port, and another graph was there before, so that each
    deploy says something else.
    """
    folder = tmp_path_factory.mktemp("notebooks")
    env = {name: one for name, one in os.environ.items() if not name.startswith("GRAPHNB_")}
    env |= {"IPYTHONDIR": str(folder / "ipython"), "JUPYTER_RUNTIME_DIR": str(folder / "runtime")}
    saved = new_notebook(
        cells=[*map(new_code_cell, CELLS), FAILS, *MEASURES, new_code_cell(EDITED)]
    )
    port, other = free_port(), free_port()
    NotebookClient(saved, extra_arguments=["--log-level=ERROR"], timeout=60).execute(
        env={**env, "GRAPHNB_HTTP_PORT": str(port), "EARLIER_GRAPH": "1"}, cwd=str(folder)
    )
    saved.cells[-1].source = EDITED.replace("quotient", "product")
    nbformat.write(saved, folder / "saved.ipynb")
    done = subprocess.run(
        [
            *(sys.executable, "-W", "error", "-m", "pytest", "-p", "no:cacheprovider", "-rA", "-q"),
            *("--rootdir", str(folder), "-c", os.devnull),
            *("-p", "nbval.plugin", "--nbval", "--nbval-current-env"),
            *("--nbval-sanitize-with", str(CONFIG), "saved.ipynb"),
        ],
        # Without other plugins: only what compares notebooks is loaded.
        env={**env, "GRAPHNB_HTTP_PORT": str(other), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return saved, done.stdout, (port, other)


def outcomes(report):
    """Outcome of each cell, in order."""
    found = re.findall(r"^(PASSED|FAILED|ERROR) saved.ipynb::Cell (\d+)", report, re.MULTILINE)
    return [outcome for outcome, _ in sorted(found, key=lambda one: int(one[1]))]


def outputs(saved, cell):
    """What a cell of the saved notebook printed."""
    return "".join(one.get("text", "") for one in saved.cells[cell].outputs)


def test_the_two_runs_differ(compared):
    """The saved run had another port and said other things about its deploys."""
    saved, report, (port, other) = compared
    assert outputs(saved, 2).startswith(f"g: replaced divide; kept 1 http://127.0.0.1:{port}/")
    assert port != other
    assert str(port) not in report


def test_a_notebook_passes_with_other_ports_and_deploy_lines(compared):
    """Every cell compares equal to its saved outputs, pictures included."""
    _, report, _ = compared
    assert outcomes(report)[:-1] == ["PASSED"] * (len(CELLS) + 1 + len(MEASURES)), report


def test_another_graph_fails(compared):
    """The sanitizer takes nothing away that says what the graph is."""
    _, report, _ = compared
    assert outcomes(report)[-1] == "FAILED", report


def sanitized(text):
    """What nbval compares of a text."""
    for pattern, replacement in get_sanitize_patterns(CONFIG.read_text()):
        text = re.sub(pattern, replacement, text)
    return text


def test_nbval_takes_every_entry():
    """What nbval cannot read of its configuration it skips without a word."""
    entries = re.findall(r"^\[\w+\]$", CONFIG.read_text(), re.MULTILINE)
    assert len(get_sanitize_patterns(CONFIG.read_text())) == len(entries)


def test_the_lines_around_a_deploy_depend_on_the_executor_and_are_not_compared():
    """A Ray that started, and what this process leaves out, are told in lines of their own."""
    note = "Ray 2.60.0 started for this notebook, with 64 logical CPUs: they order\n"
    warning = "warning: scorer: ray_actor_options has no effect in this process\n"
    deployed = "g: deployed 3 deployments http://127.0.0.1:8000/\n"
    assert sanitized(f"1\n{note}{deployed}2\n") == "1\ng: deployed\n2\n"
    assert sanitized(f"{deployed}{warning}{warning}") == "g: deployed\n"
    assert sanitized("warning: GN111 scorer\n") == "warning: GN111 scorer\n"


def test_two_promotions_differ_in_what_means_nothing():
    """Releases, times and how far it is at a moment."""
    said = [
        f"rolling out: gate 0/1 updating ...\r\ngates, release {release} -> there\n"
        f"  runs at http://127.0.0.1:8000 ({seconds} s, 3 golden requests answered)\n"
        f"proved in {seconds} s: imports alone\n{release}  {time}  runs\n"
        for release, seconds, time in (
            ("0123456789ab", "9.9", "2026-01-31T12:00:00.123+00:00"),
            ("fedcba987654", "10.2", "2027-02-28T01:02:03.456+00:00"),
        )
    ]
    assert sanitized(said[0]) == sanitized(said[1])
    assert "3 golden requests answered" in sanitized(said[0])
    assert "rolling out" not in sanitized(said[0])
