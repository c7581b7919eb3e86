"""What Tab offers on the lines of magics."""

import pytest

from graphnb.ipython.arguments import MAGICS, parser_of


@pytest.fixture
def graphs(notebook):
    """Two graphs in variables, one of them running, and other variables beside them."""
    notebook.run(
        """
        @serve.deployment
        def double(x):
            return 2 * x

        with InputNode() as request:
            doubled = double.bind(request)
            redoubled = double.bind(doubled)
        routes = {"/twice": doubled}
        numbers = [1, 2]
        config = {"a": 1}
        _private = doubled
        %deploy doubled running --no-http
        """
    )
    return notebook


@pytest.mark.parametrize("magic", MAGICS)
def test_options_are_offered(graphs, magic):
    """After two dashes Tab offers exactly the options that the magic parses."""
    offered = graphs.complete(f"{magic} name --")
    assert sorted(offered) == sorted(parser_of(magic).options())
    assert graphs.complete(f"{magic} name --hel") == ["--help"]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("%request running --t", ["--timeout"]),
        ("%request running {'a': 1} --v", ["--values"]),
        ("%deploy doubled other --ro", ["--route"]),
        ("%%deploy other --ro", ["--root", "--route"]),
        ("%bench running inputs --con", ["--concurrency"]),
        ("%bench running inputs --r", ["--rps"]),
        ("%bench running inputs --rps 50 --se", ["--seed"]),
        ("%graph running --l", ["--latency", "--live"]),
        ("%undeploy --a", ["--all"]),
    ],
)
def test_options_are_completed(graphs, line, offered):
    """Wherever on the line an option begins, it is completed."""
    assert sorted(graphs.complete(line)) == offered


@pytest.mark.parametrize("magic", ["%deploy", "%graph"])
def test_variables_that_hold_graphs_are_offered(graphs, magic):
    """Nodes and dicts of routes; no other variable, and none that begins with an underscore."""
    offered = set(graphs.complete(f"{magic} "))
    assert {"doubled", "redoubled", "routes"} <= offered
    assert not offered & {"numbers", "config", "double", "_private", "request"}
    assert graphs.complete(f"{magic} red") == ["redoubled"]


@pytest.mark.parametrize(
    "magic", ["%graph", "%request", "%%request", "%bench", "%trace", "%undeploy"]
)
def test_running_graphs_are_offered(graphs, magic):
    """Where a running graph's name belongs, Tab offers those there are."""
    assert "running" in graphs.complete(f"{magic} ")
    assert graphs.complete(f"{magic} run") == ["running"]


@pytest.mark.parametrize(
    "line",
    ["%request --http run", "%request --timeout 5 run", "%bench -n 10 --rps 2 run", "%trace run"],
)
def test_a_name_is_offered_behind_options(graphs, line):
    """Options, and their values, before the name do not count as the name."""
    assert graphs.complete(line) == ["running"]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("%deploy doubled --on ", ["local"]),
        ("%deploy doubled --on lo", ["local"]),
        ("%trace running ", ["failed", "last", "slowest"]),
        ("%trace running s", ["slowest"]),
        ("%%deploy other --root dou", ["doubled"]),
    ],
)
def test_values_are_offered(graphs, line, offered):
    """What an option or an argument may be is offered in its place."""
    assert sorted(graphs.complete(line)) == offered


@pytest.mark.parametrize("line", ["doub", "x = dou", "'%graph doub"])
def test_other_lines_complete_as_ever(graphs, line):
    """Python, and other magics, are none of graphnb's business."""
    offered = graphs.complete(line)
    assert not any(one.startswith("--") for one in offered)
    if not line.startswith("'"):
        assert {"double", "doubled"} <= set(offered)


def test_methods_of_a_bound_class_are_offered(notebook):
    """A bound class offers its methods, a running graph what it can do."""
    notebook.run(
        """
        @serve.deployment
        class Model:
            def score(self, x):
                return x

            def _hidden(self):
                pass

        model = Model.bind()
        """
    )
    assert notebook.complete("model.sc") in (["score"], ["model.score"], [".score"])
    assert not [one for one in notebook.complete("model._h") if "hidden" in one]
    notebook.run("running = graphnb.deploy(model.score.bind(1), http=False)")
    assert [one for one in notebook.complete("running.ben") if one.endswith("bench")]


def test_a_cell_magic_is_completed_on_its_own_line(graphs):
    """In a cell of several lines the line of the cursor counts, wherever the cursor stands."""
    cell = "%%request running --v\n{}"
    assert graphs.complete(cell, cell.index("\n")) == ["--values"]
    cell = "x = 1\n%request running --v\ny = 2"
    assert graphs.complete(cell, cell.index("--v") + 3) == ["--values"]
    assert "--values" not in graphs.complete(cell, 1)
