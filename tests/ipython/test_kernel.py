"""A real kernel: its loop runs while cells do, its outputs travel, Ctrl-C is a signal."""

import re
import textwrap

import pytest

GRAPH = """
%%deploy work --no-http
import asyncio

@serve.deployment
async def look(x):
    print("looking at", x)
    if x == "stuck":
        print("stuck", flush=True)
        try:
            await signals.await_("never")
        except asyncio.CancelledError:
            signals.note("cancelled")
            raise
    return x

@serve.deployment
def finish(x):
    print("finishing", x)
    if x == "bad":
        raise ValueError("unfinished")
    return [x]

with InputNode() as request:
    looked = look.bind(request)
    done = finish.bind(looked)
"""


@pytest.fixture
def work(kernel):
    """The kernel with a graph that prints, fails and gets stuck on demand."""
    answered = kernel.run(GRAPH)
    assert answered.status == "ok", answered.traceback
    return kernel


def test_a_deploy_shows_picture_and_line(kernel):
    """The picture in every form, and one line with the address."""
    answered = kernel.run(GRAPH.replace(" --no-http", ""))
    assert answered.status == "ok"
    (bundle,) = answered.displays
    assert set(bundle) == {"text/plain", "image/svg+xml", "text/html"}
    assert re.fullmatch(
        r"work: deployed 3 deployments http://127\.0\.0\.1:\d+/( \(in a remote lab: \S+\))?\n",
        answered.out,
    )
    assert answered.err == ""
    over_http = kernel.run("%request work 'x' --http")
    assert over_http.texts == ["['x']"]


@pytest.mark.parametrize(
    "ask",
    [
        "work.remote('x').result()",
        "await work.remote('x')",
        "%request work 'x'",
        '%%request work\n"x"',
    ],
)
def test_an_answer_comes_in_a_cell(work, ask):
    """Waiting and awaiting both work while the kernel's own loop runs the cell."""
    answered = work.run(ask)
    assert answered.status == "ok", answered.traceback
    assert answered.texts == ["['x']"]


def test_many_answers_are_awaited_together(work):
    """Responses are awaitables of the kernel's loop like any other."""
    answered = work.run(
        """
        import asyncio
        await asyncio.gather(*(work.remote(one) for one in "abc"))
        """
    )
    assert answered.texts == ["[['a'], ['b'], ['c']]"]


def test_a_stream_is_read_in_a_cell(kernel):
    """By `async for` and by `for`."""
    kernel.run(
        """
        %%deploy counts --no-http
        @serve.deployment
        async def count(n):
            for number in range(n):
                yield number

        with InputNode() as request:
            numbers = count.bind(request)
        """
    )
    kernel.run("streaming = counts.options(stream=True)")
    assert kernel.run("[one async for one in streaming.remote(3)]").texts == ["[0, 1, 2]"]
    assert kernel.run("list(streaming.remote(3))").texts == ["[0, 1, 2]"]


@pytest.mark.parametrize("ask", ["work.remote('x').result()", "await work.remote('x')"])
def test_what_nodes_print_belongs_to_the_cell_that_asked(work, ask):
    """Sync and async nodes print into the cell that waits for them, not the one that deployed."""
    answered = work.run(ask)
    assert sorted(answered.out.splitlines()) == ["finishing x", "looking at x"]
    assert answered.elsewhere == []


def test_a_node_that_fails_is_an_error_of_the_cell(work):
    """Front ends get the error's name, and a traceback of the user's frames alone."""
    answered = work.run("work.remote('bad').result()")
    assert (answered.status, answered.error) == ("error", "NodeError")
    assert re.findall(r", in (\w+)", answered.traceback) == ["finish"]
    assert "graphnb/" not in answered.traceback
    assert answered.traceback.splitlines()[-1].endswith("raised ValueError: unfinished")


def test_debug_enters_the_failing_node(work):
    """`%debug` asks over the kernel's own input channel, and stands in the node."""
    work.run("%request work 'bad'")
    answered = work.run("%debug", stdin=["p x", "q"])
    assert "finish(" in answered.out
    assert "'bad'" in answered.out


def test_a_body_may_await(kernel):
    """Top-level `await` works in a `%%deploy` body, as in a plain cell."""
    answered = kernel.run(
        """
        %%deploy late --no-http
        import asyncio
        factor = await asyncio.sleep(0, result=3)

        @serve.deployment
        def scale(x):
            return factor * x

        with InputNode() as request:
            answer = scale.bind(request)
        """
    )
    assert answered.status == "ok", answered.traceback
    assert answered.error is None, answered.traceback
    assert kernel.run("late.remote(2).result()").texts == ["6"]


@pytest.mark.parametrize("body", ["1 / 0", "def", "await nothing()"])
def test_a_body_that_fails_is_a_cell_that_failed(kernel, body):
    """The reply's status is "error": front ends stop `Run all` there. The error is shown once."""
    plain = kernel.run(body)
    answered = kernel.run(f"%%deploy late --no-http\n{body}")
    assert (answered.status, answered.error) == ("error", plain.error)
    assert "graphnb/" not in answered.traceback
    assert answered.displays == []


@pytest.mark.parametrize(
    ("cell", "error", "lines"),
    [
        ("looked.bind(1)", "GraphAttributeError", 2),
        ("serve.deployment(num_replicas=0)(len)", "GraphValueError", 2),
        ("graphnb.get('nothing')", "NotRunningError", 2),
    ],
)
def test_a_mistake_is_one_message(work, cell, error, lines):
    """A message and its hint; no traceback."""
    answered = work.run(cell)
    assert (answered.status, answered.error) == ("error", error)
    assert len(answered.traceback.splitlines()) == lines
    assert answered.traceback.startswith(f"{error}: ")


def test_a_usage_error_is_one_line(work):
    """A bad line is an error of the cell, in one line on stderr."""
    answered = work.run("%trace work --nope")
    assert answered.status == "error"
    assert answered.err == (
        "UsageError: %trace: unrecognized arguments: --nope (see %trace --help)\n"
    )


# --- Ctrl-C --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ask", ["work.remote('stuck').result()", "%request work 'stuck'", '%%request work\n"stuck"']
)
def test_an_interrupt_ends_the_wait_and_the_request(work, signals, ask):
    """Ctrl-C gives the cell back, and the node that was at work is cancelled."""
    answered = work.run(ask, interrupt_at="stuck\n")
    assert answered.status == "error"
    assert "Interrupt" in answered.error
    assert len(signals.wait_for_notes("cancelled", 1)) == 1
    assert work.run("work.remote('x').result()").texts == ["['x']"]
    assert work.run("[one.outcome for one in work.traces(2)]").texts == ["['cancelled', 'ok']"]


@pytest.mark.parametrize("ask", ["%request work 'stuck'", '%%request work\n"stuck"'])
def test_an_interrupted_magic_shows_no_frame_of_graphnb(work, ask):
    """Who presses Ctrl-C knows why the cell ended: no traceback through graphnb."""
    answered = work.run(ask, interrupt_at="stuck\n")
    assert answered.status == "error"
    assert "graphnb/" not in answered.traceback


@pytest.mark.parametrize("loop", ["", "--rps 200"])
@pytest.mark.parametrize(
    ("inputs", "count"),
    [
        pytest.param("'stuck'", 0, id="before it measures"),
        pytest.param("['x', 'x', 'stuck']", 2, id="while it measures"),
    ],
)
def test_an_interrupt_ends_a_bench(work, signals, inputs, count, loop):
    """Requests under way are cancelled; what was measured so far is shown, with its pictures."""
    answered = work.run(f"%bench work {inputs} --count 1000 {loop}", interrupt_at="stuck\n")
    assert answered.status == "ok", answered.traceback
    assert signals.wait_for_notes("cancelled", 1)
    measured = re.search(r"\b(\d+) requests in .*, interrupted: ", answered.out)
    assert loop or int(measured[1]) == count  # at a rate, those after the stuck one count too
    assert len(answered.displays) == 2
    assert work.run("work.remote('x').result()").texts == ["['x']"]


def test_an_interrupt_ends_a_deploy(kernel, signals):
    """A constructor that takes too long is given up; the graph that was there still answers."""
    body = """
    @serve.deployment
    class Model:
        def __init__(self):
            pass

        def run(self, x):
            return x

    with InputNode() as request:
        answer = Model.bind().run.bind(request)
    """
    kernel.run("%%deploy late --no-http\n" + textwrap.dedent(body))
    stuck = body.replace("pass", 'print("loading", flush=True); signals.wait("never")')
    stuck = stuck.replace("return x", "return -x")
    answered = kernel.run(
        "%%deploy late --no-http\n" + textwrap.dedent(stuck), interrupt_at="loading\n"
    )
    signals.set("never")
    assert answered.status == "error"
    assert "graphnb/" not in answered.traceback
    assert answered.displays == []
    assert kernel.run("late.remote(1).result()").texts == ["1"]


# --- the editor's questions ----------------------------------------------------------------------


def test_a_front_end_completes_options_and_names(work):
    """Over the kernel's protocol, in the line of the cursor."""
    assert work.complete("%request wo") == ["work"]
    assert work.complete("x = 1\n%request work --val") == ["--values"]
    cell = "%%request work --ti\n{}"
    assert work.complete(cell, cell.index("\n")) == ["--timeout"]


def test_bind_offers_the_parameters_of_the_callable(kernel):
    """An editor that asks for `bind` gets the user's own signature and docstring."""
    kernel.run('def scale(x, *, factor=2):\n    "Scales."\nscaling = serve.deployment(scale)')
    text = kernel.inspect("scaling.bind")
    assert "(x, *, factor=2)" in text
    assert "Scales." in text
