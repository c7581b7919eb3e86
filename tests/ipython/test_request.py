"""`%request` and `%%request`: one request, and its answer."""

import pytest

from graphnb.errors import NodeError, NotSerializableError, RequestTimeoutError

ECHO = """
%%deploy echo
@serve.deployment
def same(x):
    return x

with InputNode() as request:
    answer = same.bind(request)
"""

CHAIN = """
%%deploy chain --no-http
@serve.deployment
def first(x):
    return [x, x]

@serve.deployment
class Second:
    def __init__(self, offset):
        self.offset = offset

    async def add(self, pair, *, extra=0):
        return sum(pair) + self.offset + extra

with InputNode() as request:
    pair = first.bind(request["x"])
    total = Second.bind(10).add.bind(pair, extra=request["extra"])
"""


@pytest.fixture
def echo(notebook):
    """A notebook in which the graph `echo` answers with its request."""
    assert notebook.run(ECHO).success
    return notebook


@pytest.fixture
def chain(notebook):
    """A notebook in which the graph `chain` runs: two nodes, one after the other."""
    assert notebook.run(CHAIN).success
    return notebook


EXPRESSIONS = [
    "1",
    "-1",
    "{'a': 1, 'b': [1, 2]}",
    '{"a": "b c", "d": "e\'f"}',
    "'two  spaces   inside'",
    '"$HOME and {braces} and $dollars"',
    "'%d %s {x} {{y}} $z'",
    "f'{factor} times'",
    "[one * factor for one in range(3)]",
    "{name: len(name) for name in ('a', 'bb')}",
    "'--http'",
    "'text' + ' --values'",
    "factor - -factor",
    "'a # no comment'",
    "'back\\\\slash'",
    "'it''s'",
    "(lambda x: x + 1)(2)",
    "'ünï ← 図'",
    "None",
]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_reaches_the_graph_as_python_has_it(echo, expression):
    """Spaces, quotes, braces and dollar signs belong to the expression, wherever options stand."""
    echo.run("factor = 3")
    expected = echo.run(f"expected = {expression}\nexpected").value
    lines = (
        f"%request echo {expression}",
        f"%request --timeout 9 echo {expression}",
        f"%request echo --timeout 9 {expression}",
        f"%request echo {expression} --timeout 9",
    )
    for line in lines:
        shown = echo.run(line)
        assert shown.success, shown.err + shown.out
        assert shown.value == expected


def test_the_answer_is_the_cells_value(echo):
    """It is displayed as any value, and can be kept."""
    assert echo.run("%request echo [1, 2]").texts == ["[1, 2]"]
    assert echo.run("kept = %request echo 'x'\nkept").value == "x"
    assert echo.run("%request echo None").displays == []


def test_a_value_given_with_an_equals_sign_is_an_option_too(echo):
    """`--timeout=9` does what `--timeout 9` does, as for every other magic."""
    for line in ("%request --timeout=9 echo 1", "%request echo 1 --timeout=9"):
        shown = echo.run(line)
        assert shown.success, shown.err
        assert shown.value == 1


def test_variables_of_the_notebook_are_seen(echo):
    """The expression is evaluated in the notebook's namespace."""
    echo.run("payload = {'k': 'v'}")
    assert echo.run("%request echo payload").value == {"k": "v"}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("%request echo", "what to send is missing"),
        ("%request", "NAME"),
        ("%request echo {'a':", "is not an expression"),
        ("%request echo nothing_here", "NameError: name 'nothing_here' is not defined"),
        ("%request echo 1 / 0", "ZeroDivisionError: division by zero"),
        ("%request other 1", "no graph named 'other' is running; there are: echo"),
        ("%request echo 1 --timeout soon", "--timeout: invalid float value: 'soon'"),
    ],
)
def test_a_line_that_does_not_do_is_a_usage_error(echo, line, says):
    """One line says what is wrong; nothing is sent."""
    shown = echo.run(line)
    assert not shown.success
    assert shown.err.startswith("UsageError: ")
    assert says in shown.err
    assert shown.out == ""


@pytest.mark.parametrize("line", ["--nope echo 1", "echo --nope 1", "echo 1 --nope"])
def test_an_unknown_option_is_named_as_one(echo, line):
    """An option that does not exist is called that, not a missing name or a variable."""
    shown = echo.run(f"%request {line}")
    assert not shown.success
    assert "--nope" in shown.err
    assert "NameError" not in shown.err
    assert "required" not in shown.err


# --- how it is sent ------------------------------------------------------------------------------


def test_over_http_the_answer_is_json(echo):
    """`--http` posts the value as JSON and shows what comes back."""
    assert echo.run("%request echo (1, 'ü') --http").value == [1, "ü"]


def test_over_http_a_failure_is_a_status_with_a_reason(notebook):
    """The status and the failing node are printed; nothing internal is."""
    notebook.run(
        """
        %%deploy broken
        @serve.deployment
        def divide(x):
            secret = "hunter2"
            return 1 / x

        with InputNode() as request:
            answer = divide.bind(request)
        """
    )
    shown = notebook.run("%request broken 0 --http")
    assert shown.out == "HTTP 500: divide failed\n"
    assert shown.displays == []


def test_what_has_no_json_form_is_one_message(echo):
    """A value that JSON cannot hold is a mistake of the user's: no traceback."""
    shown = echo.run("%request echo object() --http")
    assert not shown.success
    assert "object has no JSON form" in shown.everything
    assert "graphnb/" not in shown.out


def test_what_cannot_travel_is_one_message(echo):
    """A value that cannot be serialized is named, without a traceback."""
    shown = echo.run("%request echo __import__('threading').Lock()")
    assert isinstance(shown.error, NotSerializableError)
    assert "cannot be serialized" in shown.out
    assert "graphnb/" not in shown.out


def test_an_image_is_shown_as_one(notebook):
    """A picture that a graph answers over HTTP with is displayed."""
    notebook.run(
        """
        %%deploy pictures
        from starlette.responses import Response

        @serve.deployment
        def draw(x):
            return Response(b"\\x89PNG\\r\\n\\x1a\\n" + bytes(20), media_type="image/png")

        with InputNode() as request:
            picture = draw.bind(request)
        """
    )
    (bundle,) = notebook.run("%request pictures 1 --http").displays
    assert "image/png" in bundle


def test_one_node_is_called_alone(chain):
    """`--node` takes a deployment's name, a call's id, or its variable."""
    for node in ("first", "pair"):
        assert chain.run(f"%request chain 4 --node {node}").value == [4, 4]
    for node in ("total", "Second.add"):
        assert chain.run(f"%request chain [1, 2] --node {node}").value == 13


def test_an_unknown_node_lists_those_there_are(chain):
    """One message names the graph's nodes."""
    shown = chain.run("%request chain 4 --node third")
    assert not shown.success
    assert "no node is named 'third'" in shown.everything
    assert "first, Second, DAGDriver" in shown.everything
    assert "graphnb/" not in shown.out


@pytest.mark.parametrize("line", ["--http --node same", "--http --values"])
def test_options_that_do_not_go_together_are_refused(echo, line):
    """What `--http` cannot do is said, instead of being left out silently."""
    shown = echo.run(f"%request echo 1 {line}")
    assert not shown.success
    assert shown.err.startswith("UsageError: ")
    assert line.split()[1] in shown.err


def test_a_time_out_names_the_node(notebook, signals):
    """`--timeout` gives up with one message that names who was at work; the node is cancelled."""
    notebook.run(
        """
        %%deploy waits
        @serve.deployment
        async def stuck(x):
            try:
                await signals.await_("never")
            finally:
                signals.note("ended")

        with InputNode() as request:
            answer = stuck.bind(request)
        """
    )
    shown = notebook.run("%request waits 1 --timeout 0.05")
    assert isinstance(shown.error, RequestTimeoutError)
    assert "longer than its 0.05 s; stuck was at work" in shown.out
    assert "graphnb/" not in shown.out
    assert len(signals.wait_for_notes("ended", 1)) == 1
    over_http = notebook.run("%request waits 1 --timeout 0.05 --http")
    assert over_http.out.startswith("HTTP 504: ")
    assert "stuck" in over_http.out


def test_a_stream_is_shown_as_its_items(notebook):
    """A graph whose root is a generator answers `%request` too."""
    notebook.run(
        """
        %%deploy counts
        @serve.deployment
        async def count(n):
            for number in range(n):
                yield number

        with InputNode() as request:
            numbers = count.bind(request)
        """
    )
    shown = notebook.run("%request counts 3")
    assert shown.success, shown.out
    assert list(shown.value) == [0, 1, 2]
    assert notebook.run("%request counts 3 --http").value.split() == ["0", "1", "2"]


# --- %%request -----------------------------------------------------------------------------------


def test_a_body_is_json(echo):
    """The cell's text is the request, over as many lines as it takes."""
    shown = echo.run('%%request echo\n{"a": [1, null, true],\n "b": "$x {y}"}')
    assert shown.value == {"a": [1, None, True], "b": "$x {y}"}
    assert echo.run("%%request echo --http\n[1, 2]").value == [1, 2]


@pytest.mark.parametrize("body", ['{"a": ', "{'a': 1}", "nothing"])
def test_a_body_that_is_no_json_is_a_usage_error(echo, body):
    """One line says where it stops being JSON."""
    shown = echo.run(f"%%request echo\n{body}")
    assert not shown.success
    assert shown.err.startswith("UsageError: %%request: the cell is not JSON: ")
    assert "line" in shown.err
    assert len(shown.err.splitlines()) == 1


def test_a_body_takes_the_options_of_the_line(chain):
    """`--values` and `--node` stand beside the name."""
    shown = chain.run("%%request chain --node pair --values\n3")
    assert shown.value == [3, 3]
    assert len(shown.lines) == 1
    assert shown.lines[0].startswith("first")
    assert shown.lines[0].endswith("(3) -> [3, 3]")


# --- --values ------------------------------------------------------------------------------------


def without_driver(shown):
    """The lines of the graph's own nodes."""
    return [line for line in shown.lines if not line.startswith("DAGDriver")]


def test_values_of_each_node_are_shown(chain):
    """What went into each node, and what came out, by name; the answer as ever."""
    shown = chain.run("%request chain {'x': 2, 'extra': 5} --values")
    assert shown.value == 19
    assert without_driver(shown) == ["first(2) -> [2, 2]", "Second.add([2, 2], extra=5) -> 19"]


def test_values_are_shown_for_this_request_only(chain):
    """The next request shows none, and traces keep none."""
    chain.run("%request chain {'x': 123454321, 'extra': 0} --values")
    assert chain.run("%request chain {'x': 1, 'extra': 0}").out == ""
    assert "123454321" not in repr(chain.run("chain.traces(10)").value)


def test_values_are_shortened(notebook):
    """Long texts, lists and arrays are cut; one line for each node."""
    notebook.run(
        """
        %%deploy sizes --no-http
        import numpy

        @serve.deployment
        def grow(x):
            return {"text": "line\\n" * 1000, "list": list(range(1000))}

        @serve.deployment
        def image(grown):
            return numpy.zeros((480, 640, 3), "uint8")

        with InputNode() as request:
            picture = image.bind(grow.bind(request))
        """
    )
    lines = without_driver(notebook.run("%request sizes 1 --values"))
    assert len(lines) == 2
    assert max(map(len, lines)) < 400
    assert lines[1].endswith("-> ndarray[480x640x3 uint8]")


def test_values_show_what_went_in(notebook):
    """A node that changes its argument does not change what is shown of it."""
    notebook.run(
        """
        %%deploy pops --no-http
        @serve.deployment
        def last(items):
            return items.pop()

        with InputNode() as request:
            answer = last.bind(request)
        """
    )
    shown = notebook.run("%request pops [1, 2, 3] --values")
    assert without_driver(shown) == ["last([1, 2, 3]) -> 3"]


def test_values_of_a_request_that_fails_are_shown(notebook, signals):
    """What happened until then: the node that failed has its error, its sibling has not."""
    notebook.run(
        """
        %%deploy fails --no-http
        @serve.deployment
        def start(x):
            return x + 1

        @serve.deployment
        async def breaks(x):
            await signals.await_("both")
            raise ValueError("too much")

        @serve.deployment
        async def waits(x):
            await signals.aset("both")
            await signals.await_("never")

        @serve.deployment
        def join(a, b):
            return a, b

        with InputNode() as request:
            started = start.bind(request)
            joined = join.bind(breaks.bind(started), waits.bind(started))
        """
    )
    shown = notebook.run("%request fails 1 --values")
    assert isinstance(shown.error, NodeError)
    lines = dict(line.split("(", 1) for line in without_driver(shown)[:3])
    assert lines["start"] == "1) -> 2"
    assert "ValueError: too much" in lines["breaks"]
    assert "ValueError" not in lines["waits"]
