"""The lines of magics: help, and mistakes."""

import pytest

from graphnb.ipython.arguments import MAGICS, help_of, parser_of

NAMES = [
    "%%deploy",
    "%deploy",
    "%graph",
    "%request",
    "%%request",
    "%bench",
    "%trace",
    "%logs",
    "%deployments",
    "%undeploy",
    "%export",
    "%promote",
]


NEEDS = {"%export": "folder", "%promote": "--to there"}  # beside a name


def registered(notebook, magic):
    """The function behind a magic."""
    kind = "cell" if magic.startswith("%%") else "line"
    return notebook.shell.find_magic(magic.lstrip("%"), kind)


def as_cell(magic, line):
    """A cell with that magic; cell magics need a body."""
    return f"{magic} {line}" + ("\nnever = 'run'" if magic.startswith("%%") else "")


def test_every_magic_is_in_the_table(notebook):
    """What is registered, what is parsed and what is completed are one list."""
    assert list(MAGICS) == NAMES
    assert all(registered(notebook, magic) for magic in NAMES)


@pytest.mark.parametrize("flag", ["--help", "-h"])
@pytest.mark.parametrize("magic", NAMES)
def test_help_is_printed(notebook, magic, flag):
    """`--help` prints the help, runs nothing, and is no error."""
    shown = notebook.run(as_cell(magic, flag))
    assert shown.success, shown.err
    assert shown.out == help_of(magic)
    assert shown.out.startswith(f"usage: {magic}")
    assert shown.displays == []
    assert "never" not in notebook.shell.user_ns


@pytest.mark.parametrize("magic", NAMES)
def test_help_is_the_docstring(notebook, magic):
    """`%deploy?` says what `%deploy --help` prints."""
    assert registered(notebook, magic).__doc__ == help_of(magic)


@pytest.mark.parametrize("magic", NAMES)
def test_help_is_the_same_in_any_terminal(notebook, monkeypatch, magic):
    """A saved notebook may hold it: it does not depend on how wide a terminal is."""
    for columns in ("40", "200"):
        monkeypatch.setenv("COLUMNS", columns)
        shown = notebook.run(as_cell(magic, "--help"))
        assert shown.out == registered(notebook, magic).__doc__


@pytest.mark.parametrize("magic", NAMES)
def test_help_speaks_of_every_option(magic):
    """Each option has a sentence of its own in the help."""
    parser = parser_of(magic)
    assert parser.description
    for action in parser._actions:
        assert action.help, action.dest
        for name in action.option_strings:
            assert name in help_of(magic)


@pytest.mark.parametrize("magic", NAMES)
@pytest.mark.parametrize("line", ["--nope name", "name --nope"])
def test_an_unknown_option_is_a_usage_error(notebook, magic, line):
    """One line, which names the magic and the option, and nothing runs."""
    line = f"{NEEDS.get(magic, '')} {line}"
    shown = notebook.run(as_cell(magic, line))
    assert not shown.success
    assert shown.err.startswith(f"UsageError: {magic}: ")
    assert "--nope" in shown.err
    assert len(shown.err.splitlines()) == 1
    assert shown.out == ""
    assert "never" not in notebook.shell.user_ns


@pytest.mark.parametrize(
    "magic", [one for one in NAMES if one not in ("%deployments", "%undeploy")]
)
def test_a_missing_name_is_a_usage_error(notebook, magic):
    """The magic says what it needs, and where more is said."""
    shown = notebook.run(as_cell(magic, ""))
    assert not shown.success
    assert shown.err.startswith(f"UsageError: {magic}: ")
    assert shown.out == ""


@pytest.mark.parametrize("magic", ["%%deploy", "%deploy", "%graph", "%trace", "%logs", "%undeploy"])
def test_a_quote_that_is_not_closed_is_a_usage_error(notebook, magic):
    """The line is read as a shell reads it."""
    shown = notebook.run(as_cell(magic, "'name"))
    assert shown.err.startswith(f"UsageError: {magic}: No closing quotation")


@pytest.mark.parametrize("line", ["--time 9 g 1", "g 1 --time 9"])
def test_an_option_is_written_out(notebook, line):
    """The beginning of an option's name does not stand for it."""
    shown = notebook.run(f"%request {line}")
    assert not shown.success
    assert shown.out == ""


@pytest.mark.parametrize(
    "magic", ["%graph", "%request", "%%request", "%bench", "%trace", "%logs", "%undeploy"]
)
def test_a_graph_that_does_not_run_is_named_with_those_that_do(notebook, magic):
    """One line lists the running graphs, or says how to deploy one."""
    line = "other 1" if magic in ("%request", "%bench") else "other"
    cell = f"{magic} {line}" + ("\n1" if magic.startswith("%%") else "")
    none = notebook.run(cell)
    assert "no graph named 'other' is running" in none.err
    assert "%%deploy NAME" in none.err
    notebook.run(
        """
        @serve.deployment
        def same(x):
            return x

        """
    )
    notebook.run("node = same.bind(1)\n%deploy node one --no-http\n%deploy node two --no-http")
    some = notebook.run(cell)
    assert "no graph named 'other' is running" in some.err
    assert "one, two" in some.err
    assert len(some.err.splitlines()) == 1


def test_lines_are_not_expanded(notebook):
    """Braces and dollar signs of a line are its own: IPython fills in nothing."""
    notebook.run("name = 'expanded'")
    for line in (
        "%graph {name}",
        "%deploy $name",
        "%trace {name}",
        "%logs {name}",
        "%undeploy $name",
    ):
        assert "expanded" not in notebook.run(line).err


def test_a_magic_works_inside_code(notebook):
    """Line magics stand in functions and loops, and take variables through `run_line_magic`."""
    notebook.run(
        """
        @serve.deployment
        def same(x):
            return x

        node = same.bind(1)
        for name in ("one", "two"):
            get_ipython().run_line_magic("deploy", f"node {name} --no-http")
        """
    )
    assert [row.split()[0] for row in notebook.run("%deployments").lines[1::2]] == ["one", "two"]
