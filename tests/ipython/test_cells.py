"""Where things stand in a notebook: labels from its variables, cells in its errors."""

import pytest

from graphnb.errors import DeployError, NodeError

FUNCTION = """
@serve.deployment
def divide(x):
    return 1 / x
"""

CLASS = """
@serve.deployment
class Model:
    def __init__(self, divisor=1):
        self.share = 1 / divisor

    def run(self, x):
        return self.share / x
"""

GRAPHS = {
    "a function": (
        FUNCTION,
        "with InputNode() as request:\n    answer = divide.bind(request)\n",
    ),
    "a class": (
        CLASS,
        "with InputNode() as request:\n    answer = Model.bind().run.bind(request)\n",
    ),
}


def cell_in(shown):
    """The cell that an error names."""
    assert isinstance(shown.error, NodeError | DeployError), shown.out
    return getattr(shown.error, "cell", None)


# --- cells in errors -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", GRAPHS)
def test_an_error_names_the_cell_of_the_definition(notebook, kind):
    """Not the cell that bound it, nor the one that deployed it, nor the one that asked."""
    definition, graph = GRAPHS[kind]
    defined = notebook.run(definition)
    notebook.run(graph)
    notebook.run("%deploy answer g --no-http")
    shown = notebook.run("%request g 0")
    assert cell_in(shown) == f"cell {defined.number}"
    assert f"(cell {defined.number}) raised ZeroDivisionError" in shown.out


@pytest.mark.parametrize("kind", GRAPHS)
def test_an_error_names_the_cell_of_a_deploy_body(notebook, kind):
    """What a `%%deploy` body defines stands in that cell."""
    shown = notebook.run("%%deploy g --no-http\n" + "".join(GRAPHS[kind]))
    assert shown.success, shown.out
    assert cell_in(notebook.run("%request g 0")) == f"cell {shown.number}"


@pytest.mark.parametrize("kind", GRAPHS)
def test_an_error_names_the_cell_that_is_still_running(notebook, kind):
    """A cell may define and deploy in one go, by `graphnb.deploy`."""
    definition, graph = GRAPHS[kind]
    whole = notebook.run(f"{definition}\n{graph}\ng = graphnb.deploy(answer, name='g', http=False)")
    assert cell_in(notebook.run("%request g 0")) == f"cell {whole.number}"


@pytest.mark.parametrize("kind", GRAPHS)
def test_an_error_names_the_cell_that_was_run_again(notebook, kind):
    """A definition that was run anew stands in the newer cell, also where a comment differs."""
    definition, graph = GRAPHS[kind]
    notebook.run(definition)
    for again in (definition, f"# another comment\n{definition}"):
        newer = notebook.run(again)
        notebook.run(f"{graph}\n%deploy answer g --no-http")
        assert cell_in(notebook.run("%request g 0")) == f"cell {newer.number}"
        notebook.run("%undeploy g")


def test_an_error_names_the_cell_of_what_still_serves(notebook):
    """A class that was replaced in the notebook, and not in the graph, stands in its old cell."""
    definition, graph = GRAPHS["a class"]
    old = notebook.run(definition)
    notebook.run(f"{graph}\n%deploy answer g --no-http")
    notebook.run(definition.replace("self.share / x", "x"))
    assert cell_in(notebook.run("%request g 0")) == f"cell {old.number}"


def test_several_classes_in_one_cell_and_one_class_in_several(notebook):
    """Each error names the cell of the class that raised."""
    first = notebook.run(CLASS + "\nFirst = Model")
    second = notebook.run(CLASS + "\nSecond = Model")
    notebook.run(
        """
        with InputNode() as request:
            one = First.bind().run.bind(request)
            other = Second.bind().run.bind(request)
        %deploy one first --no-http
        %deploy other second --no-http
        """
    )
    assert cell_in(notebook.run("%request first 0")) == f"cell {first.number}"
    assert cell_in(notebook.run("%request second 0")) == f"cell {second.number}"


def test_a_failed_start_names_the_cell(notebook):
    """So does the message of a constructor that failed."""
    defined = notebook.run(CLASS)
    notebook.run("with InputNode() as request:\n    answer = Model.bind(0).run.bind(request)")
    shown = notebook.run("%deploy answer g --no-http")
    assert f"Model (cell {defined.number}) could not start: ZeroDivisionError" in shown.out


def test_a_definition_of_a_module_names_its_file(notebook, tmp_path, monkeypatch):
    """A helper module beside the notebook is named by file and line, without its folder."""
    (tmp_path / "helper_of_a_notebook.py").write_text(
        "def divide(x):\n    return 1 / x\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(tmp_path)
    notebook.run(
        """
        %%deploy g --no-http
        from helper_of_a_notebook import divide

        with InputNode() as request:
            answer = serve.deployment(divide).bind(request)
        """
    )
    shown = notebook.run("%request g 0")
    assert cell_in(shown) == "helper_of_a_notebook.py:1"


# --- labels --------------------------------------------------------------------------------------


def labels(notebook, expression):
    """The labels of the calls of a graph."""
    return [one.label for one in notebook.run(f"{expression}.spec").value.calls]


def test_calls_are_labelled_by_their_variables(notebook):
    """The notebook's names are the graph's: in the text, in traces, for `.node`."""
    notebook.run(
        """
        @serve.deployment
        def double(x):
            return 2 * x

        @serve.deployment
        def add(a, b):
            return a + b

        with InputNode() as request:
            small = double.bind(request["a"])
            large = double.bind(request["b"])
            total = add.bind(small, add.bind(large, 1))
        g = graphnb.deploy(total, name="g", http=False)
        """
    )
    assert labels(notebook, "g") == ["small", "large", None, "total"]
    assert notebook.run("g.node('large').remote(4).result()").value == 8


def test_a_variable_that_moved_on_gives_its_name_to_the_new_node(notebook):
    """An edited cell that was run again has the labels of its variables, not of older nodes."""
    body = "@serve.deployment\ndef double(x):\n    return 2 * x\n"
    graph = "with InputNode() as request:\n    answer = double.bind(request)\n"
    notebook.run(f"%%deploy g --no-http\n{body}{graph}")
    notebook.run(f"%%deploy g --no-http\n{body}{graph}    answer = double.bind(answer)\n")
    assert labels(notebook, "g") == [None, "answer"]


def test_labels_of_a_function_are_its_variables(notebook):
    """A graph that a function makes is labelled by the function's variables."""
    notebook.run(
        """
        @serve.deployment
        def double(x):
            return 2 * x

        def graph():
            with InputNode() as request:
                inner = double.bind(request)
            return inner

        g = graphnb.deploy(graph(), name="g", http=False)
        """
    )
    assert labels(notebook, "g") == ["inner"]


def test_hidden_variables_are_no_labels(notebook):
    """Neither `_` and `Out`, nor names that begin with an underscore."""
    notebook.run(
        """
        @serve.deployment
        def double(x):
            return 2 * x

        with InputNode() as request:
            _hidden = double.bind(request)
        _hidden
        """
    )
    notebook.run("graphnb.deploy(_hidden, name='g', http=False)")
    assert labels(notebook, "graphnb.get('g')") == [None]


def test_the_input_is_labelled_by_its_variable(notebook):
    """The request shows under the name that the `with` block gave it."""
    notebook.run(
        """
        @serve.deployment
        def double(x):
            return 2 * x

        with InputNode() as picture:
            answer = double.bind(picture["pixels"])
        """
    )
    assert "x ← picture['pixels']" in notebook.run("answer").texts[0]
