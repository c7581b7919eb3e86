"""What goes wrong can be seen: users' errors with users' frames, mistakes in one message."""

import re
import sys

import pytest

from graphnb.errors import GraphError, InputError, NodeError, RequestError

FRAGILE = """
%%deploy fragile --no-http
def ratio(a, b):
    numerator = a
    return numerator / b

@serve.deployment
async def start(x):
    return x

@serve.deployment
def divide(x):
    share = ratio(1, x)
    return share

@serve.deployment
class Model:
    async def invert(self, x):
        inner = x - 1
        return ratio(1, inner)

@serve.deployment
class Choose:
    def __init__(self, model):
        self.model = model

    async def run(self, x):
        return await self.model.invert.remote(x)

with InputNode() as request:
    started = start.bind(request)
    model = Model.bind()
    answer = Choose.bind(model).run.bind(divide.bind(started))
"""

ASKS = {
    "result": "fragile.remote({}).result()",
    "await": "await fragile.remote({})",
    "magic": "%request fragile {}",
    "cell magic": "%%request fragile\n{}",
    "in a function": "def ask(x):\n    return fragile.remote(x).result()\n\nask({})",
}


@pytest.fixture
def fragile(notebook):
    """A notebook with a graph that divides: 0 fails in `divide`, 1 in `Model` behind a handle."""
    shown = notebook.run(FRAGILE)
    assert shown.success, shown.out
    notebook.cell = shown.number
    return notebook


def frames(text):
    """The functions of the frames that a traceback in a cell shows."""
    plain = re.findall(r'^  (?:File ".*"|Cell In\[\d+\]), line \d+, in (\S+)', text, re.MULTILINE)
    rich = re.findall(r"^(?:File|Cell) .*?(?:, in |line \d+, in )(\w+)", text, re.MULTILINE)
    return plain or rich


# --- errors of nodes -----------------------------------------------------------------------------


@pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS)
def test_an_error_shows_the_users_frames_alone(fragile, ask):
    """From the node's function on, with its lines; no frame of graphnb, asyncio or IPython."""
    shown = fragile.run(ask.format(0))
    assert isinstance(shown.error, NodeError)
    assert isinstance(shown.error, ZeroDivisionError)
    assert frames(shown.out) == ["divide", "ratio"]
    assert "share = ratio(1, x)" in shown.out
    assert "graphnb/" not in shown.out
    assert shown.lines[-1] == (
        f"NodeError: divide (cell {fragile.cell}) raised ZeroDivisionError: division by zero"
    )


@pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS)
def test_an_error_behind_a_handle_names_the_node_that_raised(fragile, ask):
    """The innermost node is named, not those that passed the error on."""
    shown = fragile.run(ask.format(1))
    assert shown.error.node == "Model.invert"
    assert frames(shown.out) == ["invert", "ratio"]
    assert "graphnb/" not in shown.out


def test_a_traceback_calls_cells_by_their_numbers(fragile):
    """A cell is "Cell In[4]", as IPython has it, not the file that a kernel pretends there is."""
    shown = fragile.run(ASKS["result"].format(0))
    number = fragile.cell
    assert f"  Cell In[{number}], line 12, in divide" in shown.out
    assert f"  Cell In[{number}], line 4, in ratio" in shown.out
    assert "ipykernel" not in shown.out
    assert 'File "' not in shown.out


def test_an_errors_chain_is_kept(notebook):
    """What a node caught before it raised is shown above, in the user's frames."""
    notebook.run(
        """
        %%deploy chained --no-http
        @serve.deployment
        def parse(text):
            try:
                return int(text)
            except ValueError as error:
                raise KeyError("no number") from error

        with InputNode() as request:
            number = parse.bind(request)
        """
    )
    shown = notebook.run("%request chained 'x'")
    assert isinstance(shown.error, KeyError)
    assert "ValueError: invalid literal" in shown.out
    assert "direct cause" in shown.out
    assert frames(shown.out) == ["parse", "parse"]


def test_an_error_in_a_librarys_code_keeps_the_way_there(notebook):
    """Frames below the user's function, in a library that it calls, are shown."""
    notebook.run(
        """
        %%deploy reads --no-http
        import json

        @serve.deployment
        def read(text):
            return json.loads(text)

        with InputNode() as request:
            value = read.bind(request)
        """
    )
    found = frames(notebook.run("%request reads '{'").out)
    assert found[0] == "read"
    assert found[1:3] == ["loads", "decode"]


def test_a_missing_part_of_the_input_is_one_message(notebook):
    """It says what is missing and what there is; no traceback."""
    notebook.run(
        """
        %%deploy parts --no-http
        @serve.deployment
        def same(x):
            return x

        with InputNode() as request:
            answer = same.bind(request["text"])
        """
    )
    shown = notebook.run("%request parts {'txt': 1}")
    assert isinstance(shown.error, InputError)
    assert shown.lines == [
        "InputError: the input has no ['text']",
        "hint: it has the keys 'txt'",
    ]


@pytest.mark.parametrize("arguments", ["", "1, 2, 3", "x=1"])
def test_arguments_that_do_not_fit_are_the_askers_mistake(notebook, arguments):
    """Calling one node alone with the wrong arguments shows no frame of graphnb."""
    notebook.run(
        """
        %%deploy adds --no-http
        @serve.deployment
        def add(a, b):
            return a + b

        with InputNode() as request:
            answer = add.bind(request["a"], request["b"])
        """
    )
    shown = notebook.run(f"adds.node('add').remote({arguments}).result()")
    assert isinstance(shown.error, RequestError)
    assert "argument" in shown.out
    assert "graphnb/" not in shown.out


@pytest.mark.parametrize("stream", ["list(stream)", "[one async for one in stream]"])
def test_an_error_in_a_stream_shows_the_users_frames_alone(notebook, stream):
    """An item that fails is shown as a call that fails is."""
    notebook.run(
        """
        %%deploy counts --no-http
        @serve.deployment
        async def count(n):
            for number in range(n):
                yield 1 / (1 - number)

        with InputNode() as request:
            numbers = count.bind(request)
        """
    )
    shown = notebook.run(f"stream = counts.options(stream=True).remote(2)\n{stream}")
    assert isinstance(shown.error, ZeroDivisionError)
    assert frames(shown.out) == ["count"]
    assert "graphnb/" not in shown.out


# --- %debug --------------------------------------------------------------------------------------


def last_frame():
    """Where a post-mortem debugger begins."""
    traceback = sys.last_traceback
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback.tb_frame


@pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS)
@pytest.mark.parametrize(
    ("x", "local"), [(0, {"numerator": 1, "b": 0}), (1, {"numerator": 1, "b": 0})]
)
def test_post_mortem_begins_in_the_failing_function(fragile, ask, x, local):
    """The last frame is the one that raised, with its variables; the node's is above it."""
    fragile.run(ask.format(x))
    frame = last_frame()
    assert frame.f_code.co_name == "ratio"
    assert local.items() <= frame.f_locals.items()
    assert frame.f_back is None or frame.f_back.f_code.co_name in ("divide", "invert")


def test_debug_enters_the_failing_node(fragile):
    """`%debug` stands in the node's function and prints its variables."""
    fragile.run("%request fragile 0")
    shown = fragile.run("%debug", stdin=["p numerator, b", "up", "p x", "q"])
    assert "ratio()" in shown.out
    assert "(1, 0)" in shown.out
    assert re.search(r"divide\(\)\n.*share = ratio\(1, x\)", shown.out, re.DOTALL)


def test_debug_enters_the_node_that_was_called_alone(fragile):
    """So it does after `.node(name).remote(...)`."""
    fragile.run("fragile.node('Model').invert.remote(1).result()")
    shown = fragile.run("%debug", stdin=["up", "p inner", "q"])
    assert "invert()" in shown.out
    assert re.search(r"\b0\b", shown.out)


def test_debug_enters_the_last_error_and_no_older_one(fragile):
    """An ordinary error in a cell before does not stand in the way."""
    fragile.run("older = 1\nolder / 0")
    fragile.run("%request fragile 0")
    shown = fragile.run("%debug", stdin=["p numerator, b", "q"])
    assert "ratio()" in shown.out
    assert "(1, 0)" in shown.out


def test_debug_enters_a_constructor_that_failed(notebook):
    """After a deploy that failed, `%debug` stands in the user's `__init__`."""
    notebook.run(
        """
        %%deploy broken --no-http
        @serve.deployment
        class Model:
            def __init__(self, path):
                length = len(path)
                self.first = path[length]

            def __call__(self, x):
                return x

        with InputNode() as request:
            answer = Model.bind("abc").__call__.bind(request)
        """
    )
    shown = notebook.run("%debug", stdin=["p length, path", "q"])
    assert "__init__(" in shown.out
    assert "(3, 'abc')" in shown.out


def test_debug_after_a_body_that_failed_enters_the_body(notebook):
    """A `%%deploy` body that raises is debugged as a plain cell is."""
    notebook.run("%%deploy g\ndef half(x):\n    whole = x\n    return whole / 0\n\nhalf(5)")
    shown = notebook.run("%debug", stdin=["p whole", "q"])
    assert "half(" in shown.out
    assert "5" in shown.lines[-1] + shown.lines[-2]


# --- mistakes ------------------------------------------------------------------------------------

PREPARED = """
@serve.deployment
def add(a, b=0):
    return a + b

@serve.deployment
class Model:
    def __init__(self, weight):
        self.weight = weight

    def run(self, x):
        return x

@serve.deployment
def count(n):
    yield n

request = InputNode()
with request as inside:
    added = add.bind(inside)
    counted = count.bind(inside)
"""

MISTAKES = {
    "GN101 a method that is not there": "Model.bind(1).rum.bind(1)",
    "GN102 too many arguments": "with request: add.bind(request, 1, 2)",
    "GN102 a missing init argument": "Model.bind()",
    "GN103 the input in init args": "with request: Model.bind(request)",
    "GN104 the input after its block": "add.bind(request)",
    "GN106 binding what is bound": "added.bind(1)",
    "GN107 remote on a node": "added.remote(1)",
    "GN107 remote on a deployment": "add.remote(1)",
    "GN108 one name twice": (
        "one = Model.options(name='m').bind(1)\nother = Model.options(name='m').bind(2)\n"
        "graphnb.deploy(add.bind(one.run.bind(1), other.run.bind(1)), http=False)"
    ),
    "GN109 a route below the root": (
        "graphnb.deploy(add.options(route_prefix='/x').bind(1), http=False)"
    ),
    "GN110 an option that is not there": "serve.deployment(num_replica=2)(print)",
    "GN112 a generator that feeds a node": "graphnb.deploy(add.bind(counted), http=False)",
    "GN114 an init argument that cannot travel": (
        "import threading\nmodel = Model.bind(threading.Lock())\n"
        "graphnb.deploy(model.run.bind(1), http=False)"
    ),
    "GN115 nothing to deploy": "graphnb.deploy({}, http=False)",
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_a_graph_is_one_message(notebook, mistake):
    """Code, what was found, and a hint on its own line: two lines, and no traceback."""
    assert notebook.run(PREPARED).success
    shown = notebook.run(MISTAKES[mistake])
    assert isinstance(shown.error, GraphError)
    assert shown.error.code == mistake[:5]
    assert re.match(rf"Graph\w*Error: {mistake[:5]} ", shown.lines[0])
    assert shown.lines[1].startswith("hint: ")
    assert len(shown.lines) == 2
    assert shown.displays == []


def test_a_mistake_can_be_caught(notebook):
    """In Python it is an exception with the rule's code and the node."""
    notebook.run(PREPARED)
    shown = notebook.run(
        """
        try:
            Model.bind(1).rum
        except graphnb.errors.GraphError as error:
            found = error.code, error.node
        found
        """
    )
    assert shown.value == ("GN101", "Model")
