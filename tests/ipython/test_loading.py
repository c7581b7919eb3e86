"""`%load_ext graphnb`, and back."""

import os
import subprocess
import sys

import pytest

from graphnb.ipython import load, unload

MAGICS = {
    "deploy",
    "graph",
    "request",
    "bench",
    "trace",
    "deployments",
    "export",
    "promote",
    "undeploy",
}

LOADS = """
import sys
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell()
before = set(sys.modules)
assert shell.run_cell("%load_ext graphnb").success
heavy = {"anywidget", "fastapi", "httpx", "numpy", "pandas", "pydantic", "ray", "starlette"}
heavy |= {"ipywidgets", "uvicorn"}
print(sorted(heavy & (set(sys.modules) - before)))
"""


def registered(notebook):
    """The magics of graphnb that the shell knows."""
    kinds = notebook.shell.magics_manager.magics
    return {name for kind in kinds.values() for name in kind} & MAGICS


def test_loading_imports_nothing_heavy(tmp_path):
    """The extension loads without Ray, and without what graphs need only when they run.

    Graphviz is loaded in the background: the first picture is not far.
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LOADS],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "IPYTHONDIR": str(tmp_path)},
        cwd=tmp_path,
    )
    assert done.stdout.strip() == "[]"


def test_loading_brings_every_magic(bare_notebook):
    """All magics are there after `%load_ext`, and none before."""
    assert registered(bare_notebook) == set()
    shown = bare_notebook.run("%load_ext graphnb")
    assert shown.success
    assert shown.everything.strip() == ""
    assert registered(bare_notebook) == MAGICS


def test_loading_twice_is_loading_once(bare_notebook):
    """A second load adds no listener and no matcher."""
    bare_notebook.run("%load_ext graphnb")
    once = hooks(bare_notebook)
    load(bare_notebook.shell)
    bare_notebook.run("%load_ext graphnb")
    assert hooks(bare_notebook) == once


def hooks(notebook):
    """How many callbacks, matchers and formatters the shell has."""
    shell = notebook.shell
    return (
        len(shell.events.callbacks["post_run_cell"]),
        len(shell.Completer.custom_matchers),
        len(shell.display_formatter.mimebundle_formatter.type_printers),
    )


def test_unloading_takes_everything_back(bare_notebook):
    """Magics, listener, matcher and pictures are gone after `%unload_ext`."""
    before = hooks(bare_notebook)
    bare_notebook.run("%load_ext graphnb")
    shown = bare_notebook.run("%unload_ext graphnb")
    assert shown.success
    assert registered(bare_notebook) == set()
    assert hooks(bare_notebook) == before
    assert "not found" in bare_notebook.run("%deployments").err


def test_unloading_twice_is_unloading_once(bare_notebook):
    """A second unload, by IPython or by hand, does no harm."""
    bare_notebook.run("%load_ext graphnb\n%unload_ext graphnb")
    unload(bare_notebook.shell)
    assert bare_notebook.run("%unload_ext graphnb").success
    assert registered(bare_notebook) == set()


@pytest.mark.parametrize("again", ["%reload_ext graphnb", "%unload_ext graphnb\n%load_ext graphnb"])
def test_graphs_outlive_a_reload(notebook, again):
    """Graphs go on running while the extension goes and comes, and magics find them again."""
    notebook.run(
        """
        %%deploy echo --no-http
        @serve.deployment
        def same(x):
            return x

        with InputNode() as request:
            answer = same.bind(request)
        """
    )
    assert notebook.run(again).success
    assert notebook.run("%request echo 7").value == 7
    assert notebook.run("answer").displays[0].keys() >= {"image/svg+xml"}
