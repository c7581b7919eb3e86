"""`%logs`: what nodes printed, where that is kept, and what is said where it is not."""

import pytest

from graphnb.ipython import magics
from graphnb.ipython.arguments import help_of, parser_of
from graphnb.session import RunningGraph
from graphnb.telemetry.logs import LogLine, NodeLogs

HELLO = NodeLogs((LogLine("hello", "out", 1.0),), ("scorer",), "")


@pytest.fixture
def work(notebook):
    """A graph of one node that runs in this process."""
    notebook.run(
        """
        @serve.deployment
        def scorer(x):
            print("scoring", x)
            return x

        with InputNode() as request:
            scored = scorer.bind(request)
        %deploy scored work --no-http
        """
    )
    return notebook


@pytest.fixture
def asked(work, monkeypatch):
    """What the running graph was asked for; it answers with one line."""
    calls = []

    def logs(_graph, node=None, **options):
        calls.append((node, options))
        return HELLO

    monkeypatch.setattr(RunningGraph, "logs", logs)
    return calls


def test_in_this_process_prints_are_in_the_cell(work):
    """A node that runs in the kernel prints into the notebook, and `%logs` says so."""
    assert "scoring 3" in work.run("%request work 3").out
    shown = work.run("%logs work.scorer")
    assert shown.success
    assert shown.out.startswith("scorer runs in this process: its prints are ")
    assert work.run("%logs work").success


def test_a_nodes_logs_are_printed(work, asked):
    """The text of the logs is the cell's output; the node and the options reach the graph."""
    assert work.run("%logs work.scorer").out == "hello\n"
    assert work.run("%logs work --lines 5 --all").out == "hello\n"
    assert asked == [
        ("scorer", {"lines": 200, "everything": False}),
        (None, {"lines": 5, "everything": True}),
    ]


def test_a_variable_that_holds_the_graph_does(work, asked):
    """As with the other magics."""
    work.run("held = graphnb.get('work')")
    assert work.run("%logs held.scorer").out == "hello\n"


def test_logs_as_a_cells_value_are_text(work):
    """`graph.logs(...)` at the end of a cell shows what the magic prints."""
    shown = work.run("work.logs('scorer')")
    assert shown.texts == [work.run("%logs work.scorer").out.rstrip("\n")]


def test_a_graph_that_could_not_start_has_logs(work, monkeypatch):
    """Where no graph of that name runs, what is left of one is shown."""
    found = {"failed": HELLO}
    monkeypatch.setattr(magics, "ended_logs", lambda name, node, **_: found.get(name))
    assert work.run("%logs failed.scorer").out == "hello\n"
    shown = work.run("%logs other.scorer")
    assert shown.err.startswith("UsageError: no graph named 'other' is running; there are: work")


def test_an_unknown_node_is_a_usage_error(work):
    """With the names of those there are."""
    shown = work.run("%logs work.score")
    assert not shown.success
    assert shown.err.startswith("UsageError: %logs: no node is named 'score'")
    assert "scorer" in shown.err


@pytest.mark.parametrize("count", ["0", "-1", "many", "1.5"])
def test_a_number_of_lines_is_a_number(work, count):
    """Anything else is a mistake in the line."""
    shown = work.run(f"%logs work --lines {count}")
    assert not shown.success
    assert shown.err.startswith("UsageError: %logs: ")
    assert len(shown.err.splitlines()) == 1


def test_graphs_and_their_nodes_are_offered(work):
    """Tab completes the graph, then its node."""
    assert {"work", "work.scorer", "work.DAGDriver"} <= set(work.complete("%logs "))
    assert work.complete("%logs work.sc") == ["work.scorer"]
    assert work.complete("%logs work.scorer --li") == ["--lines"]


def test_help_names_what_it_takes():
    """Every option is in the help."""
    assert set(parser_of("%logs").options()) == {"--help", "--lines", "--all"}
    assert "NAME[.NODE]" in help_of("%logs")


@pytest.mark.ray
@pytest.mark.usefixtures("quick_ends")
def test_on_ray_a_node_prints_into_its_logs(notebook):
    """Cells that deploy, request and end a graph show nothing of Ray; `%logs` has the prints."""
    cells = [
        """
        @serve.deployment
        def scorer(x):
            print("scoring", x)
            return x

        with InputNode() as request:
            scored = scorer.bind(request)
        """,
        "%deploy scored onray --on ray --no-http",
        "%request onray 3",
    ]
    shown = [notebook.run(one) for one in cells]
    assert notebook.run("%logs onray.scorer").out == "scoring 3\n"
    assert notebook.run("%logs onray.DAGDriver").out == "DAGDriver has printed nothing\n"
    assert notebook.run("%logs onray.score").err.startswith("UsageError: %logs: no node is named")
    shown.append(notebook.run("%undeploy onray"))
    assert all(one.success for one in shown)
    assert not any("INFO" in one.out + one.err or "scoring" in one.out for one in shown)
