"""`%%deploy` and `%deploy`: from cells to a graph that answers."""

import json
import re

import pytest
from IPython.core.error import UsageError

import graphnb
from graphnb.errors import DeployError, GraphError
from tests.ipython.notebook import without_port

DOUBLE = """
@serve.deployment
def double(x):
    return 2 * x

with InputNode() as request:
    doubled = double.bind(request)
"""


def deployed(shown):
    """The one line that says what was done; the picture stands beside it."""
    assert shown.success, shown.out + shown.err
    assert len(shown.lines) == 1
    return shown.lines[0]


def svg_of(shown):
    """The one picture of a cell."""
    (picture,) = [one["image/svg+xml"] for one in shown.displays if "image/svg+xml" in one]
    return picture


# --- which graph ---------------------------------------------------------------------------------

BODIES = {
    "the one sink": (DOUBLE, "", 42),
    "the last expression": (
        DOUBLE + "    tripled = double.bind(double.bind(request))\n\ndoubled",
        "",
        42,
    ),
    "--root": (
        DOUBLE + "    quadrupled = double.bind(doubled)\n    other = 1",
        "--root doubled",
        42,
    ),
    "a driver of graphnb's": (DOUBLE + "\napp = DAGDriver.bind(doubled)", "", 42),
    "a driver of the user's": (
        DOUBLE
        + """
@serve.deployment
class Front:
    def __init__(self, graph):
        self.graph = graph

    async def predict(self, x):
        return 1 + await self.graph.remote(x)

front = Front.bind(doubled)
""",
        "",
        43,
    ),
    "a node that two variables hold": (DOUBLE + "\nsame = doubled", "", 42),
    "two branches that meet": (
        """
@serve.deployment
def double(x):
    return 2 * x

@serve.deployment
def add(one, other):
    return one + other

with InputNode() as request:
    left, right = double.bind(request), double.bind(request)
    both = add.bind(left, right)
""",
        "",
        84,
    ),
    "a class's method": (
        """
@serve.deployment
class Scale:
    def __init__(self, factor):
        self.factor = factor

    def apply(self, x):
        return self.factor * x

with InputNode() as request:
    scaled = Scale.bind(2).apply.bind(request)
""",
        "",
        42,
    ),
}


@pytest.mark.parametrize(("body", "options", "answer"), BODIES.values(), ids=BODIES)
def test_a_cell_deploys_the_graph_that_it_makes(notebook, body, options, answer):
    """The graph of the cell is found, drawn and answers; its name holds the running graph."""
    shown = notebook.run(f"%%deploy doubler --no-http {options}\n{body}")
    assert deployed(shown).startswith("doubler: deployed ")
    assert svg_of(shown).startswith("<svg")
    assert isinstance(notebook["doubler"], graphnb.RunningGraph)
    assert notebook.run("doubler.remote(21).result()").value == answer


def test_several_graphs_are_not_guessed_at(notebook):
    """With several sinks the error names each, and both ways to choose one."""
    shown = notebook.run(
        f"%%deploy doubler\n{DOUBLE}    again = double.bind(request)\n    used = double.bind(again)"
    )
    assert not shown.success
    assert shown.displays == []
    assert len(shown.err.splitlines()) == 1
    assert "doubled, used" in shown.err
    assert "--root doubled" in shown.err
    assert "end the cell with its name" in shown.err
    assert graphnb.running() == []


@pytest.mark.parametrize("choice", ["--root used", "\nused"])
def test_the_error_about_several_graphs_can_be_followed(notebook, choice):
    """Either way of choosing that the error names deploys that graph."""
    options, _, last = choice.partition("\n")
    body = f"{DOUBLE}    again = double.bind(request)\n    used = double.bind(again)\n{last}"
    deployed(notebook.run(f"%%deploy doubler --no-http {options}\n{body}"))
    assert notebook.run("%request doubler 1").value == 4


def test_a_cell_without_a_graph_says_so(notebook):
    """A cell that binds nothing is told what to write; nothing is deployed."""
    shown = notebook.run("%%deploy doubler\nx = 1")
    assert not shown.success
    assert "binds no node" in shown.err
    assert graphnb.running() == []


def test_graphs_of_earlier_cells_are_not_the_cells(notebook):
    """Only what the cell itself bound counts; an earlier graph is named by `--root`."""
    notebook.run(DOUBLE)
    assert "binds no node" in notebook.run("%%deploy doubler\nx = 1").err
    deployed(notebook.run("%%deploy doubler --no-http --root doubled\nx = 1"))
    assert notebook.run("%request doubler 2").value == 4


@pytest.mark.parametrize("root", ["doubld", "double", "x"])
def test_a_root_that_is_no_graph_is_named(notebook, root):
    """`--root` with an unknown variable tells the nearest; with another value, what that is."""
    shown = notebook.run(f"%%deploy doubler --root {root}\nx = 1\n{DOUBLE}")
    expected = {
        "doubld": "there is no variable 'doubld'; did you mean doubled?",
        "double": "double is a Deployment, expected a node of a graph",
        "x": "x is a int, expected a node of a graph",
    }
    assert expected[root] in shown.err
    assert graphnb.running() == []


def test_a_dict_of_routes_deploys_a_driver_with_them(notebook):
    """Each route answers over HTTP and by `--route`."""
    shown = notebook.run(
        f"%%deploy routes\n{DOUBLE}    more = double.bind(doubled)\n"
        '{"/twice": doubled, "/more": more}'
    )
    assert deployed(shown).startswith("routes: deployed 3 deployments http://127.0.0.1:")
    assert notebook.run("%request routes 1 --route /twice").value == 2
    assert notebook.run("%request routes 1 --route more").value == 4
    assert notebook.run("%request routes 1 --route /more --http").value == 4


# --- what a body may hold ------------------------------------------------------------------------


def test_a_body_is_a_cell_like_any_other(notebook):
    """Magics, `!`, `?`, top-level await and printing work in the body."""
    shown = notebook.run(
        """
        %%deploy doubler --no-http
        import asyncio
        %time started = True
        factor = await asyncio.sleep(0, result=2)

        @serve.deployment
        def double(x):
            "Twice as much."
            return 2 * x

        double?
        with InputNode() as request:
            doubled = double.bind(request)
        print("bound", factor)
        """
    )
    assert shown.success, shown.out
    assert "bound 2" in shown.lines
    assert shown.lines[-1] == "doubler: deployed 2 deployments"
    assert notebook.run("%request doubler 4").value == 8
    assert notebook["started"] is True


BODIES_OF_ALL_KINDS = {
    "a future import": f"from __future__ import annotations\n{DOUBLE}",
    "a docstring of its own": f'"""A graph that doubles."""\n{DOUBLE}',
    "indented lines": DOUBLE.replace("\n", "\n    "),
    "comments around": f"# first\n{DOUBLE}\n# last",
    "blank lines before": f"\n\n{DOUBLE}",
    "a last expression that is awaited": (
        f"import asyncio\n{DOUBLE}\nawait asyncio.sleep(0, result=doubled)"
    ),
    "a last expression that is hidden": f"{DOUBLE}\ndoubled;",
    "a last line that is a magic": f"{DOUBLE}\n%time x = 1",
    "a last line that asks for help": f"{DOUBLE}\ndouble?",
    "a graph in a block": f"if True:\n{DOUBLE}".replace("\n", "\n    ").rstrip(),
}


@pytest.mark.parametrize("body", BODIES_OF_ALL_KINDS.values(), ids=BODIES_OF_ALL_KINDS)
def test_a_body_may_be_written_as_any_cell(notebook, body):
    """Whatever runs as a cell runs as a body."""
    shown = notebook.run(f"%%deploy doubler --no-http\n{body}")
    assert shown.success, shown.out + shown.err
    assert "doubler: deployed 2 deployments" in shown.lines
    assert notebook.run("%request doubler 21").value == 42


@pytest.mark.parametrize("outer", ["%%time", "%%capture captured"])
def test_a_deploy_stands_below_another_cell_magic(notebook, outer):
    """A deploy can be timed, and its output captured."""
    shown = notebook.run(f"{outer}\n%%deploy doubler --no-http\n{DOUBLE}")
    assert shown.success, shown.out
    assert notebook.run("%request doubler 21").value == 42


def test_a_body_that_fails_below_another_magic_fails_the_cell(notebook):
    """Its error is shown, and the cell has failed."""
    failed = notebook.run("%%time\n%%deploy other --no-http\n1 / 0")
    assert "ZeroDivisionError: division by zero" in failed.out
    assert not failed.success
    assert "graphnb/" not in failed.out


def test_a_deploy_is_called_by_its_name(notebook):
    """`run_cell_magic` does what the cell does, and a body that fails fails the cell."""
    notebook.shell.user_ns["body"] = DOUBLE
    shown = notebook.run("get_ipython().run_cell_magic('deploy', 'doubler --no-http', body)")
    assert shown.success, shown.out
    assert shown.lines == ["doubler: deployed 2 deployments"]
    assert notebook.run("%request doubler 21").value == 42
    failed = notebook.run("get_ipython().run_cell_magic('deploy', 'other', '1 / 0')")
    assert failed.out.count("ZeroDivisionError: division by zero") == 1
    assert "graphnb/" not in failed.out
    assert not failed.success


def test_the_history_has_what_was_written(notebook):
    """`In`, and so `%history` and `%recall`, keep the cell as it is in the notebook."""
    cell = f"%%deploy doubler --no-http\n{DOUBLE}".rstrip()
    number = notebook.run(cell).number
    assert notebook.shell.history_manager.input_hist_raw[number] == cell
    assert "__graphnb" not in notebook["In"][number]


def test_the_source_of_what_a_body_defines_is_found(notebook):
    """`inspect.getsource` and `??` show a function of a body as one of a plain cell."""
    notebook.run(f"%%deploy doubler --no-http\n{DOUBLE}")
    source = notebook.run("import inspect\ninspect.getsource(double.func_or_class)").value
    assert source.splitlines() == ["@serve.deployment", "def double(x):", "    return 2 * x"]


def test_other_cells_are_left_alone(notebook):
    """A text that speaks of `%%deploy`, in a string or in another magic, deploys nothing."""
    for cell in ("x = 1\n'%%deploy doubler'", "# %%deploy doubler\n1", "print('%%deploy doubler')"):
        assert notebook.run(cell).success
    assert graphnb.running() == []


def test_a_body_sees_and_leaves_variables(notebook):
    """The body runs in the notebook's own namespace, and leaves nothing of graphnb's there."""
    notebook.run("factor = 5")
    before = set(notebook.shell.user_ns)
    notebook.run(
        """
        %%deploy scaled --no-http
        @serve.deployment
        def scale(x):
            return factor * x

        with InputNode() as request:
            answer = scale.bind(request)
        answer
        """
    )
    new = {name for name in set(notebook.shell.user_ns) - before if not re.match(r"_i?\d*$", name)}
    assert new == {"scale", "request", "answer", "scaled"}
    assert notebook.run("%request scaled 2").value == 10


def test_what_else_a_cell_ends_with_is_shown(notebook):
    """A last expression that is no graph is displayed as in any cell."""
    shown = notebook.run(f"%%deploy doubler --no-http\n{DOUBLE}\n6 * 7")
    assert shown.texts[0] == "42"
    assert svg_of(shown)


def test_the_picture_is_shown_once(notebook):
    """A graph that is the last expression is not displayed a second time."""
    shown = notebook.run(f"%%deploy doubler --no-http\n{DOUBLE}\ndoubled")
    assert len(shown.displays) == 1


# --- what goes wrong -----------------------------------------------------------------------------


@pytest.fixture
def doubler(notebook):
    """A notebook whose graph `doubler` serves."""
    notebook.run(f"%%deploy doubler --no-http\n{DOUBLE}")
    return notebook


@pytest.mark.parametrize(
    ("body", "error"),
    [
        pytest.param("1 / 0", ZeroDivisionError, id="raises"),
        pytest.param("def", SyntaxError, id="is no Python"),
        pytest.param("await nothing()", NameError, id="raises while it is awaited"),
    ],
)
def test_a_body_that_fails_deploys_nothing(doubler, body, error):
    """Its error is shown once, as in a plain cell; the old graph stays."""
    plain = doubler.run(body)
    assert isinstance(plain.error, error)
    shown = doubler.run(f"%%deploy doubler --no-http\n{DOUBLE.replace('2 *', '3 *')}\n{body}")
    assert shown.out.count(f"{error.__name__}:") == plain.out.count(f"{error.__name__}:")
    assert "graphnb" not in shown.out
    assert shown.displays == []
    assert "doubler: " not in shown.out
    assert doubler.run("%request doubler 1").value == 2


@pytest.mark.parametrize("body", ["1 / 0", "def"])
def test_a_body_that_fails_is_a_cell_that_failed(notebook, body):
    """`Run all` stops at such a cell, as at any other that raises."""
    assert not notebook.run(f"%%deploy doubler\n{body}").success


def test_a_body_has_the_number_of_its_cell(notebook):
    """Python's own tracebacks of a body name the cell that people see, as in a plain cell."""
    notebook.run("x = 1")
    plain = notebook.run("1 / 0")
    body = notebook.run("%%deploy doubler\n1 / 0")
    assert f"Cell In[{plain.number}], line 1" in plain.out
    assert f"Cell In[{body.number}], line " in body.out


def test_a_constructor_that_fails_shows_the_users_frames(doubler):
    """One message: the deployment, its cell, the user's own lines; the old graph still answers."""
    shown = doubler.run(
        """
        %%deploy doubler --no-http
        def parse(text):
            return int(text)

        @serve.deployment
        class Model:
            def __init__(self, path):
                self.size = parse(path)

            def __call__(self, x):
                return x

        with InputNode() as request:
            answer = Model.bind("big").__call__.bind(request)
        """
    )
    assert isinstance(shown.error, DeployError)
    assert shown.displays == []
    assert f"Model (cell {shown.number}) could not start: ValueError" in shown.lines[0]
    assert re.findall(r", in (\w+)", shown.out) == ["__init__", "parse"]
    assert "self.size = parse(path)" in shown.out
    assert "graphnb/" not in shown.out
    assert doubler.run("%request doubler 1").value == 2


def test_a_failed_redeploy_says_that_the_old_graph_serves(doubler):
    """Whoever reads the message knows at once that nothing was lost."""
    failing = """
        @serve.deployment
        class Model:
            def __init__(self):
                raise RuntimeError("no weights")

            def __call__(self, x):
                return x

        with InputNode() as request:
            answer = Model.bind().__call__.bind(request)
        """
    first = doubler.run(f"%%deploy other --no-http{failing}")
    again = doubler.run(f"%%deploy doubler --no-http{failing}")
    assert isinstance(first.error, DeployError)
    assert isinstance(again.error, DeployError)
    says = re.compile(r"still (serves|serving|answers|answering|runs|running)")
    assert says.search(str(again.error))
    assert not says.search(str(first.error))
    assert [one.name for one in graphnb.running()] == ["doubler"]


def test_a_broken_rule_is_one_message(doubler):
    """A graph that breaks a rule is not deployed: code, reason and hint, no traceback."""
    shown = doubler.run(
        """
        %%deploy doubler --no-http
        with InputNode() as one, InputNode() as other:
            answer = double.bind(double.bind(one) if one is other else other)
            both = serve.deployment(lambda a, b: a + b).options(name="both").bind(one, other)
        both
        """
    )
    assert isinstance(shown.error, GraphError)
    assert shown.lines[0].startswith("GraphError: GN105 ")
    assert shown.lines[1].startswith("hint: ")
    assert len(shown.lines) == 2
    assert doubler.run("%request doubler 1").value == 2


def test_an_unknown_place_lists_those_there_are(notebook):
    """`--on nowhere` is one message that says what `--on` takes."""
    notebook.run(DOUBLE)
    shown = notebook.run("%deploy doubled --on nowhere")
    assert isinstance(shown.error, UsageError)
    assert "'nowhere' is not one of: local" in str(shown.error)


def test_warnings_stand_below_the_picture(notebook):
    """What has no effect here is named below the line; a node that nothing uses, on stderr."""
    shown = notebook.run(
        """
        %%deploy doubler --no-http
        @serve.deployment(ray_actor_options={"num_gpus": 1})
        def double(x):
            return 2 * x

        with InputNode() as request:
            doubled = double.bind(request)
            forgotten = double.bind(request)
        doubled
        """
    )
    assert shown.success
    assert "warning: double: ray_actor_options has no effect" in shown.out.splitlines()[-1]
    assert shown.err.startswith("warning: GN113 forgotten is bound")


# --- deploying again -----------------------------------------------------------------------------

PIPELINE = """
import itertools
import os

@serve.deployment
class Model:
    def __init__(self, factor):
        self.factor = factor
        self.token = os.urandom(8).hex()

    def run(self, x):
        return [self.factor * x, self.token]

@serve.deployment
def finish(result):
    return result + [1]

with InputNode() as request:
    model = Model.bind(2)
    answer = finish.bind(model.run.bind(request))
"""


def test_an_edit_replaces_only_what_it_changed(notebook):
    """One line says what changed; the instance of an unchanged class lives on."""
    assert deployed(notebook.run(f"%%deploy g --no-http\n{PIPELINE}")) == (
        "g: deployed 3 deployments"
    )
    _, token, _ = notebook.run("%request g 1").value
    edited = PIPELINE.replace("[1]", "[2]")
    assert deployed(notebook.run(f"%%deploy g --no-http\n{edited}")) == (
        "g: replaced finish; kept 2"
    )
    assert notebook.run("%request g 1").value == [2, token, 2]


def test_the_same_cell_again_changes_nothing(notebook):
    """Running the cell once more, or a comment in it, keeps every instance."""
    notebook.run(f"%%deploy g --no-http\n{PIPELINE}")
    value = notebook.run("%request g 1").value
    for again in (PIPELINE, f"# a comment\n{PIPELINE}"):
        shown = notebook.run(f"%%deploy g --no-http\n{again}")
        assert deployed(shown) == "g: nothing changed (3 kept)"
        assert notebook.run("%request g 1").value == value


def test_a_new_config_reaches_the_live_instance(notebook):
    """A changed `user_config` reconfigures the instance that is there, and the line says so."""
    body = """
import os

@serve.deployment(user_config={"threshold": 1})
class Model:
    def __init__(self):
        self.token = os.urandom(8).hex()

    def reconfigure(self, config):
        self.threshold = config["threshold"]

    def run(self, x):
        return self.threshold, self.token

with InputNode() as request:
    answer = Model.bind().run.bind(request)
"""
    notebook.run(f"%%deploy g --no-http\n{body}")
    one, token = notebook.run("%request g 1").value
    shown = notebook.run(f"%%deploy g --no-http\n{body.replace(': 1', ': 2')}")
    assert deployed(shown) == "g: reconfigured Model; kept 1"
    assert (one, notebook.run("%request g 1").value) == (1, (2, token))


def test_a_request_under_way_is_answered_by_what_it_began_with(notebook, signals):
    """A redeploy does not fail the requests that it overtakes."""
    body = """
@serve.deployment
async def slow(x):
    await signals.anote("began")
    await signals.await_("go")
    return "old"

with InputNode() as request:
    answer = slow.bind(request)
"""
    notebook.run(f"%%deploy g --no-http\n{body}")
    notebook.run("response = g.remote(1)")
    signals.wait_for_notes("began", 1)
    assert notebook.run(f"%%deploy g --no-http\n{body.replace('old', 'new')}").success
    signals.set("go")
    assert notebook.run("response.result()").value == "old"
    assert notebook.run("%request g 1").value == "new"


# --- names and places ----------------------------------------------------------------------------


def test_a_name_that_holds_a_node_keeps_it(notebook):
    """`%%deploy doubled` deploys under that name, and the variable stays the node."""
    notebook.run(f"%%deploy doubled --no-http\n{DOUBLE}")
    assert isinstance(notebook["doubled"], graphnb.authoring.CallNode)
    assert graphnb.get("doubled").remote(2).result() == 4
    assert notebook.run("%request doubled 2").value == 4
    assert notebook.run("%graph doubled --latency").success


def test_a_name_that_holds_anything_else_becomes_the_graph(notebook):
    """The variable of that name is the running graph from then on, deploy after deploy."""
    notebook.run("doubler = 1")
    notebook.run(f"%%deploy doubler --no-http\n{DOUBLE}")
    first = notebook["doubler"]
    notebook.run(f"%%deploy doubler --no-http\n{DOUBLE}")
    assert first is notebook["doubler"] is graphnb.get("doubler")


def test_without_http_there_is_no_address(notebook):
    """`--no-http` leaves the URL out, and `%request --http` says what to do."""
    assert deployed(notebook.run(f"%%deploy g --no-http\n{DOUBLE}")) == "g: deployed 2 deployments"
    assert notebook["g"].url is None
    shown = notebook.run("%request g 1 --http")
    assert not shown.success
    assert "g does not answer HTTP" in shown.out
    assert "graphnb/" not in shown.out


def test_the_first_graph_answers_at_the_top_and_the_next_below(notebook):
    """Without `--route` a graph gets "/" if it is free, else its name; `--route` chooses."""
    notebook.run(DOUBLE)
    lines = [
        deployed(notebook.run(f"%deploy doubled {options}"))
        for options in ("one", "two", "three --route /some/where")
    ]
    assert [re.search(r"http://127\.0\.0\.1:\d+(\S*)", line)[1] for line in lines] == [
        "/",
        "/two",
        "/some/where",
    ]
    for name in ("one", "two", "three"):
        assert notebook.run(f"%request {name} 3 --http").value == 6


def test_a_route_that_is_taken_is_refused(notebook):
    """The message names the graph that has it; neither graph is harmed."""
    notebook.run(DOUBLE)
    notebook.run("%deploy doubled one --route /x")
    shown = notebook.run("%deploy doubled two --route /x")
    assert isinstance(shown.error, DeployError)
    assert "'one' already answers at /x" in shown.lines[0]
    assert [one.name for one in graphnb.running()] == ["one"]
    assert notebook.run("%request one 3 --http").value == 6


@pytest.mark.parametrize("installed", [True, False])
def test_the_way_through_a_remote_lab_is_told(notebook, monkeypatch, installed):
    """Where jupyter-server-proxy is installed the line says the path below the lab."""
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: installed or None if "server_proxy" in name else find(name, *rest),
    )
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ann/")
    line = deployed(notebook.run(f"%%deploy g --route /x\n{DOUBLE}"))
    assert ("/user/ann/proxy/" in line) is installed
    if installed:
        port = re.search(r"127\.0\.0\.1:(\d+)/x", line)[1]
        assert f"/user/ann/proxy/{port}/x" in line


@pytest.mark.parametrize(
    ("line", "name", "held"),
    [
        ("%deploy doubled", "doubled", "; get it by graphnb.get('doubled')"),
        ("%deploy doubled other", "other", ""),
    ],
)
def test_a_graph_of_plain_cells_is_deployed_by_a_line(notebook, line, name, held):
    """`%deploy VAR [NAME]` does for a graph of plain cells what `%%deploy` does.

    Where the variable keeps the node, the line says how to get hold of the graph.
    """
    notebook.run(DOUBLE)
    shown = notebook.run(f"{line} --no-http")
    assert deployed(shown) == f"{name}: deployed 2 deployments{held}"
    assert svg_of(shown)
    assert notebook.run(f"%request {name} 4").value == 8


def test_a_dict_of_routes_is_deployed_by_a_line(notebook):
    """`%deploy VAR` takes a dict from route to node, whose variable stays the dict."""
    notebook.run(f'{DOUBLE}\nroutes = {{"/twice": doubled}}')
    deployed(notebook.run("%deploy routes --no-http"))
    assert isinstance(notebook["routes"], dict)
    assert notebook.run("%request routes 4").value == 8


def test_cell_line_and_function_deploy_the_same(notebook):
    """`%%deploy`, `%deploy` and `graphnb.deploy` in a cell give the same spec and picture."""
    by_cell = notebook.run(f"%%deploy one --no-http\n{DOUBLE}")
    by_line = notebook.run("%deploy doubled two --no-http")
    by_call = notebook.run('graphnb.deploy(doubled, name="three", http=False)')
    specs = {graphnb.get(name).spec for name in ("one", "two", "three")}
    assert len(specs) == 1
    assert svg_of(by_cell) == svg_of(by_line) == svg_of(by_call)
    assert by_cell.texts == by_line.texts == by_call.texts


def test_a_graph_without_input_is_the_same_by_magic_and_by_function(notebook):
    """Labels come from the notebook's variables, also where no `with` block has ended."""
    notebook.run("@serve.deployment\ndef answer(x):\n    return x\n\nconstant = answer.bind(42)")
    call = notebook.run('graphnb.deploy(constant, name="one", http=False).spec').value
    line = notebook.run("%deploy constant two --no-http\ntwo.spec").value
    assert [one.label for one in line.calls] == ["constant"]
    assert call == line


def test_outputs_are_the_same_in_another_notebook(notebook):
    """All that `%%deploy` shows, but for the port, is the same from run to run."""
    first = notebook.run(f"%%deploy g\n{DOUBLE}")
    notebook.run("g.delete()")
    second = notebook.run(f"%%deploy g\n{DOUBLE}")
    assert first.displays == second.displays
    assert without_port(first.out) == without_port(second.out)
    assert json.loads(json.dumps(first.displays)) == first.displays


# --- %deployments, %undeploy ---------------------------------------------------------------------


def test_what_runs_is_listed(notebook):
    """`%deployments` has a line for each deployment, the graph's name and place on its first."""
    notebook.run(PIPELINE)
    notebook.run("%deploy answer one")
    notebook.run("%deploy answer two --no-http")
    lines = notebook.run("%deployments").lines
    assert lines[0].split() == [
        *("graph", "node", "state", "replicas", "busy", "queued", "restarts", "where")
    ]
    table = [re.split(r"\s{2,}", line) for line in lines[1:]]
    assert [row[0] for row in table] == ["one", "", "", "two", "", ""]
    assert [row[1] for row in table[:3]] == ["Model", "finish", "DAGDriver"]
    assert {tuple(row[2:7]) for row in table} == {("running", "1/1", "0", "0", "0")}
    assert without_port(table[0][7]) == "http://PORT/"
    assert table[3][7] == "local"


def test_nothing_runs_is_said(notebook):
    """`%deployments` without graphs says how to deploy one."""
    assert notebook.run("%deployments").out == (
        "no graph is running; deploy one with %%deploy NAME\n"
    )


@pytest.mark.parametrize(
    ("line", "left"),
    [
        pytest.param("%undeploy one", ["two"], id="one by name"),
        pytest.param("%undeploy --all", [], id="all"),
    ],
)
def test_graphs_are_ended(notebook, line, left):
    """`%undeploy` ends the graph of that name, or all; each is said in a line."""
    notebook.run(DOUBLE)
    notebook.run("%deploy doubled one --no-http\n%deploy doubled two --no-http")
    shown = notebook.run(line)
    assert shown.lines == [f"{name} ended" for name in ("one", "two") if name not in left]
    assert [one.name for one in graphnb.running()] == left
    assert "no graph named 'one' is running" in notebook.run("%request one 1").err


def test_the_only_graph_needs_no_name_to_be_ended(notebook):
    """`%undeploy` alone ends the one graph that runs; of several it lists the names."""
    notebook.run(DOUBLE)
    notebook.run("%deploy doubled one --no-http\n%deploy doubled two --no-http")
    assert "name one of the running graphs: one, two" in notebook.run("%undeploy").err
    notebook.run("%undeploy two")
    assert notebook.run("%undeploy").out == "one ended\n"


def test_a_graph_that_has_ended_still_displays(notebook):
    """The variable of a graph that was ended says so, in plain text."""
    notebook.run(f"%%deploy g --no-http\n{DOUBLE}")
    notebook.run("%undeploy g")
    (text,) = notebook.run("g").texts
    assert text.startswith("RunningGraph('g', ended)")
