"""Programs of plain Ray Serve in cells: drawn, deployed and measured as graphs are."""

import pytest

import graphnb

PROGRAM = """
from ray import serve
from ray.serve.handle import DeploymentHandle

@serve.deployment
class Model:
    def __init__(self, weight):
        self.weight = weight

    def __call__(self, x):
        return self.weight * x

@serve.deployment(max_ongoing_requests=20)
class Both:
    def __init__(self, *models: DeploymentHandle):
        self.models = models

    async def __call__(self, x):
        return [await model.remote(x) for model in self.models]
"""

BOUND = """
small, large = Model.bind(2), Model.bind(3)
app = Both.bind(small, large)
"""


@pytest.fixture
def written(notebook):
    """A notebook in which the program is written, and nothing is bound."""
    assert notebook.run(PROGRAM).success
    return notebook


def test_a_bound_application_shows_its_picture(written):
    """As a cell's value an application is a picture, with plain text beside it."""
    shown = written.run(f"{BOUND}\napp")
    (picture,) = shown.displays
    for name in ("Model", "Model_1", "Both"):
        assert name in picture["image/svg+xml"]
        assert name in picture["text/plain"]


def test_a_cell_that_binds_an_application_deploys_it(written):
    """`%%deploy` finds the application that holds the others; the name is bound to the graph."""
    shown = written.run(f"%%deploy pair\n{BOUND}")
    assert shown.success, shown.everything
    assert graphnb.get("pair").spec.root == "Both"
    assert written.run("%request pair 10").value == [20, 30]
    assert written.shell.user_ns["pair"] is graphnb.get("pair")


def test_applications_of_earlier_cells_are_not_the_cells_own(written):
    """Only what the cell binds is deployed, and several are told apart by `--root`."""
    written.run("other = Model.bind(5)")
    assert written.run(f"%%deploy pair\n{BOUND}").success
    shown = written.run("%%deploy pair\none, two = Model.bind(1), Model.bind(2)")
    assert "the cell makes 2 graphs, one, two" in shown.everything
    assert written.run("%%deploy pair --root two\none, two = Model.bind(1), Model.bind(2)").success
    assert written.run("%request pair 10").value == 20


def test_line_magics_take_applications(written):
    """`%deploy VAR NAME`, `%graph VAR` and completion know a variable that holds one."""
    written.run(BOUND)
    drawn = written.run("%graph app")
    assert "Model_1" in drawn.everything
    assert written.run("%deploy app pair").success
    assert written.run("%deploy app").success
    assert {one.name for one in graphnb.running()} == {"pair", "app"}
    assert type(written.shell.user_ns["app"]).__name__ == "Application"
    assert "app" in written.complete("%deploy a")


def test_an_edited_class_replaces_its_deployments_alone(written):
    """Running cells again and deploying keeps what is the same, and says what is not."""
    written.run(f"%%deploy pair\n{BOUND}")
    written.run(PROGRAM)
    assert "nothing changed (3 kept)" in written.run(f"%%deploy pair\n{BOUND}").everything
    written.run(PROGRAM.replace("self.weight * x", "-self.weight * x"))
    assert "replaced Model, Model_1; kept 1" in written.run(f"%%deploy pair\n{BOUND}").everything
    assert written.run("%request pair 10").value == [-20, -30]


def test_a_failing_deployment_names_its_cell(written):
    """An error in a plain deployment names the node and the cell that defined it."""
    written.run(PROGRAM.replace("self.weight * x", "self.weight / x"))
    written.run(f"%%deploy pair\n{BOUND}")
    shown = written.run("%request pair 0")
    assert isinstance(shown.error, ZeroDivisionError)
    assert shown.error.node == "Model.__call__"
    assert shown.error.cell.startswith("cell ")


def test_a_bench_measures_each_node(written):
    """`%bench` shows a row for each method that handles called."""
    written.run(f"%%deploy pair\n{BOUND}")
    table = written.run("%bench pair 10 --count 3").everything
    for node in ("Both.__call__", "Model.__call__", "Model_1.__call__"):
        assert node in table
