"""`%bench` and `%trace`: where the time goes."""

import io
import re

import pytest

from graphnb.errors import NodeError
from graphnb.ipython.progress import BenchLine, bench_line
from graphnb.session.bench import BenchProgress

WORK = """
%%deploy work --no-http
@serve.deployment(max_ongoing_requests=100)
async def look(x):
    await signals.anote("seen", x)
    if x == "bad":
        raise ValueError("cannot look")
    if isinstance(x, list):
        await signals.ameet(*x)
    if x == "slow":
        await signals.await_("go")
    return x

@serve.deployment
def finish(x):
    return x

with InputNode() as request:
    looked = look.bind(request)
    done = finish.bind(looked)
"""

PROGRESS = re.compile(
    r"\rbench work  (█+)(░+)   50 %  1 request  [\d.,]+/s  p50 [\d.]+ ms  waiting for 1"
)


@pytest.fixture
def work(notebook):
    """A notebook with a graph whose nodes do what the request says."""
    assert notebook.run(WORK).success
    return notebook


def screen(text):
    """What a terminal, or a notebook, shows of a text with carriage returns."""
    lines = []
    for line in text.split("\n"):
        shown = ""
        for part in line.split("\r"):
            shown = part + shown[len(part) :]
        lines.append(shown.rstrip())
    return lines


class Printed(io.StringIO):
    """A buffer that tells of what is written to it."""

    def __init__(self, wrote):
        super().__init__()
        self._wrote = wrote

    def write(self, text):
        self._wrote(text)
        return super().write(text)


def table(shown):
    """The rows of the table that `%bench` shows: name and cells."""
    rows = [line for line in shown.texts[0].splitlines() if not line.startswith("─")]
    return {row[0]: row[1:] for row in (re.split(r"\s{2,}", line.strip()) for line in rows)}


# --- %bench --------------------------------------------------------------------------------------


def test_a_bench_shows_a_line_a_table_and_the_overlay(work):
    """What clients saw in one line; then node by node; then on the picture."""
    shown = work.run("%bench work 'x' --count 7")
    assert shown.success
    line, loop = [one for one in screen(shown.out) if one]
    assert re.fullmatch(
        r"7 requests in [\d.]+ s: [\d.]+/s, p50 [\d.]+ ms, p95 [\d.]+ ms, p99 [\d.]+ ms", line
    )
    assert loop == "closed loop, 1 client"
    first, second = shown.displays
    assert set(first) == {"text/plain", "text/html"}
    rows = table(shown)
    assert list(rows) == ["node", "DAGDriver.predict", "looked", "done", "requests"]
    assert {row[0] for name, row in rows.items() if name != "node"} == {"7"}
    assert {"count", "p50", "p95", "p99", "queued p50", "critical path"} <= set(rows["node"])
    assert "<table" in first["text/html"]
    assert second["text/plain"] == work.run("%graph work").texts[0]
    assert re.search(r"\d ms", second["image/svg+xml"])


def test_a_bench_sends_a_hundred_unless_told(work):
    """Without `--count` and `--duration` it is 100 requests, after one that is not measured."""
    shown = work.run("%bench work 'x'")
    assert screen(shown.out)[0].startswith("100 requests in ")
    assert len(work["signals"].notes("seen")) == 101


def test_inputs_of_a_list_are_sent_in_turn(work, signals):
    """A list is many requests; its order is kept."""
    work.run("%bench work ['a', 'b', 'c'] -n 5")
    assert signals.notes("seen") == ["a", "a", "b", "c", "a", "b"]


def test_a_variable_holds_the_inputs(work, signals):
    """The expression may be a variable of the notebook."""
    work.run("inputs = ['p', 'q']\n%bench work inputs -n 2")
    assert signals.notes("seen") == ["p", "p", "q"]


def test_so_many_requests_are_under_way_at_a_time(work, signals):
    """With `--concurrency 4` four meet in a node, where three would wait for ever."""
    work.run("graph = work\nmeeting = [['four', 4]]")
    work.run("for _ in range(3): work.remote(['four', 4])")
    shown = work.run("%bench work meeting --count 8 --concurrency 4")
    assert screen(shown.out)[0].startswith("8 requests in ")
    assert table(shown)["requests"][:2] == ["8", "0"]


def test_requests_come_at_a_rate(work, signals):
    """With `--rps` four meet in a node, though no client waits for the others; and it says so."""
    work.run("meeting = [['four', 4]]")
    work.run("for _ in range(3): work.remote(['four', 4])")
    shown = work.run("%bench work meeting --rps 500 -n 8 --seed 7")
    first, second = [one for one in screen(shown.out) if one][:2]
    assert first.startswith("8 requests in ")
    assert second == (
        "open loop, Poisson arrivals at 500/s, latency from when each request was due"
    )
    assert table(shown)["requests"][:2] == ["8", "0"]


def test_a_generator_of_the_notebook_is_drawn(work, signals):
    """An expression may make one: a request for each item, then the bench ends."""
    shown = work.run("%bench work (name for name in 'abc') -n 50 -c 2")
    assert screen(shown.out)[0].startswith("3 requests in ")
    assert sorted(signals.notes("seen")) == ["a", "a", "b", "c"]


def test_a_generator_that_fails_is_one_message(work):
    """What it raised, in one line."""
    shown = work.run("%bench work (1 // number for number in [1, 0]) -n 50")
    assert shown.err.startswith("UsageError: %bench: the inputs raised ZeroDivisionError: ")
    assert len(shown.err.splitlines()) == 1


@pytest.mark.parametrize("line", ["-d 0.05", "--duration 0.05", "-n 3 -d 60", "-n 1000000 -d 0.05"])
def test_a_bench_ends_with_its_count_or_its_time(work, line):
    """Whichever comes first."""
    shown = work.run(f"%bench work 'x' {line}")
    count = int(screen(shown.out)[0].split()[0])
    assert count == 3 if "-n 3" in line else 0 < count < 1_000_000


def test_failures_are_counted_and_the_first_is_shown(work):
    """Requests that fail do not end a bench; the table says where they failed."""
    shown = work.run("%bench work ['good', 'bad'] -n 6")
    assert shown.success
    lines = screen(shown.out)
    assert lines[0].startswith("6 requests in ")
    assert ", 3 failed: " in lines[0]
    assert lines[1] == "closed loop, 1 client"
    assert re.fullmatch(r"first error: look \(cell \d+\) raised ValueError: cannot look", lines[2])
    rows = table(shown)
    assert rows["looked"][:2] == ["6", "3"]
    assert rows["done"][:2] == ["3", "0"]
    assert rows["requests"][:2] == ["6", "3"]
    assert shown.displays[1]["image/svg+xml"] != work.run("%graph work").displays[0]


def test_progress_is_shown_and_then_erased(work, signals, monkeypatch):
    """While it goes on one line tells how far it is; nothing of it is left at the end."""
    monkeypatch.delenv("PYTEST_VERSION")
    progress = []

    def wrote(text):
        if shown := PROGRESS.match(text):
            progress.append(shown)
            signals.set("go")

    # The warm-up alone passes before there is progress: it goes first.
    shown = work.run("%bench work ['x', 'slow'] --count 2", out=Printed(wrote))
    assert shown.success, shown.out
    assert abs(len(progress[0][1]) - len(progress[0][2])) <= 1
    lines = screen(shown.out)
    assert lines[0].startswith("2 requests in ")
    assert not any("bench" in one or "█" in one for one in lines)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("%bench work", "what to send is missing"),
        ("%bench other 1", "no graph named 'other' is running; there are: work"),
        ("%bench work 1 --count many", "invalid int value: 'many'"),
        ("%bench work 1 --count 0", "count"),
        ("%bench work 1 --concurrency 0", "concurrency"),
        ("%bench work 1 --duration 0", "duration"),
        ("%bench work 1 --rps many", "invalid float value: 'many'"),
        ("%bench work 1 --rps 0", "rps is 0.0, expected requests per second above 0"),
        ("%bench work 1 --rps 5 -c 2", "many are under way; leave one of them out"),
        ("%bench work 1 --seed 5", "give rps, or leave the seed out"),
        ("%bench work []", "empty"),
        ("%bench work nothing_here", "nothing_here"),
    ],
)
def test_a_line_that_does_not_do_is_one_message(work, signals, line, says):
    """A number below its least, or no input, is a mistake in the line: no traceback."""
    shown = work.run(line)
    assert not shown.success
    assert says in shown.err
    assert shown.err.startswith("UsageError: ")
    assert len(shown.err.splitlines()) == 1
    assert "graphnb/" not in shown.out
    assert shown.displays == []
    assert signals.notes("seen") == []


@pytest.mark.parametrize(
    ("told", "columns", "line"),
    [
        pytest.param(
            ("warm-up", 0, 0, 1, 0.0, 0.0, None, 0.0, 0.0),
            79,
            "bench demo  ░░░░░░░░░░░░░░░░    0 %  warming up",
            id="warm-up",
        ),
        pytest.param(
            ("sending", 0, 0, 1, 0.0, 0.2, 1.8, 0.0, 0.0),
            79,
            "bench demo  ░░░░░░░░░░░░░░░░    0 %  0 requests  2 s left",
            id="no answer yet",
        ),
        pytest.param(
            ("sending", 620, 0, 1, 0.62, 0.5, 4.0, 1234.4, 0.0121),
            79,
            "bench demo  ████████░░░░░░   62 %  620 requests  1,234/s  p50 12.1 ms  4 s left",
            id="the bar takes the room that is left",
        ),
        pytest.param(
            ("sending", 620, 3, 1, 0.62, 0.5, 4.0, 1234.4, 0.0121),
            79,
            "bench demo  ██░░   62 %  620 requests  1,234/s  p50 12.1 ms  3 failed  4 s left",
            id="failures",
        ),
        pytest.param(
            ("waiting", 900, 0, 12, 0.99, 60.0, 0.6, 9.4, 12.0),
            79,
            "bench demo  ██████████░   99 %  900 requests  9.4/s  p50 12.0 s  waiting for 12",
            id="the last ones",
        ),
        pytest.param(
            ("sending", 12_345_678, 0, 1, 0.25, 600.0, 1800.0, 20_576.1, 0.001),
            79,
            "bench demo  ██░░░░░░   25 %  12.3M requests  20,576/s  p50 1.00 ms  30 min left",
            id="very many",
        ),
        pytest.param(
            ("sending", 620, 3, 1, 0.62, 0.5, 4.0, 1234.4, 0.0121),
            40,
            "bench demo  ██░░   62 %  620 requests  …",
            id="a narrow terminal",
        ),
    ],
)
def test_a_line_of_progress(told, columns, line):
    """A bar, then the figures; never longer than there is room."""
    made = bench_line("bench demo", BenchProgress(*told), columns)
    assert made == line
    assert len(made) <= columns


def test_a_line_of_progress_is_plain_and_short(monkeypatch):
    """One line of 79 characters at the most, of characters of one column, also for a long name."""
    monkeypatch.delenv("PYTEST_VERSION")
    out = io.StringIO()
    monkeypatch.setattr("sys.stdout", out)
    with BenchLine("a_graph_with_a_name_that_is_far_too_long") as shown:
        shown.update(BenchProgress("sending", 99_999, 9_999, 1, 0.5, 9.0, 9.0, 1e5, 1.0))
    line, blank = out.getvalue().split("\r")[1:3]
    assert line.startswith("bench a_graph_with_a_name…  ██░░   50 %  99,999 requests  100k/s")
    assert len(line) <= 79
    assert blank == " " * len(line)
    assert out.getvalue().endswith("\r")


# --- %trace --------------------------------------------------------------------------------------


@pytest.fixture
def traced(work, signals):
    """Three requests: a slow one that outlasts a fast one, then one that fails, then a last one."""
    work.run("slow = work.remote('slow')")
    signals.wait_for_notes("seen", 1)
    work.run("fast = work.remote('fast')\nfast.result()")
    signals.set("go")
    work.run("slow.result()")
    assert isinstance(work.run("bad = work.remote('bad')\nbad.result()").error, NodeError)
    work.run("last = work.remote('last')\nlast.result()")
    return work


@pytest.mark.parametrize(
    ("which", "request_of"),
    [
        ("", "last"),
        ("last", "last"),
        ("slowest", "slow"),
        ("failed", "bad"),
        ("{fast.request_id}", "fast"),
    ],
)
def test_a_trace_shows_one_request(traced, which, request_of):
    """The last one unless told; the slowest, the last that failed, or one by its id."""
    if which.startswith("{"):
        which = traced["fast"].request_id
    shown = traced.run(f"%trace work {which}")
    assert shown.success, shown.err
    (bundle,) = shown.displays
    assert set(bundle) == {"text/plain", "image/svg+xml", "text/html"}
    assert traced[request_of].request_id in bundle["text/plain"].splitlines()[0]


def test_a_trace_has_a_bar_for_each_call(traced):
    """Calls by their variables, what each waited for, and the critical path."""
    lines = traced.run("%trace work").texts[0].splitlines()
    assert [re.sub(r"^● ", "", line).split()[0] for line in lines[1:4]] == [
        "DAGDriver.predict",
        "looked",
        "done",
    ]
    assert lines[3].endswith("after looked")
    assert "critical path" in lines[-1]


def test_a_trace_of_a_failure_says_where(traced):
    """The failed request's headline has the error, and the node's row says so."""
    lines = traced.run("%trace work failed").texts[0].splitlines()
    assert "ValueError: cannot look" in lines[0]
    (row,) = [line for line in lines if " looked " in line]
    assert "✗ error" in row


@pytest.mark.parametrize("which", ["", "failed", "slowest", "0123"])
def test_a_trace_that_is_not_there_is_a_usage_error(work, which):
    """Before the first request, and for an unknown id, one message says what may stand there."""
    shown = work.run(f"%trace work {which}")
    assert not shown.success
    assert shown.err.startswith("UsageError: %trace: ")
    assert "last, slowest, failed" in shown.err
    assert shown.displays == []
