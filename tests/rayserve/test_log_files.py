"""Ray's files of what processes print: which are whose, their ends, and what lines are."""

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

import graphnb
from graphnb.rayserve import log_files, print_times
from graphnb.rayserve.log_files import read_printed, read_records, worker_files
from graphnb.rayserve.print_times import TimedStream, read_print_times

OWNER = "ServeReplica:g:node"
HEAD = f":job_id:01000000\n:actor_name:{OWNER}\n"
OURS = Path(graphnb.__file__).parent / "engine" / "run.py"


@pytest.fixture
def file(tmp_path):
    """A file with Ray's head and these lines."""

    def made(*lines, name="worker-ab-01000000-7.err", head=HEAD):
        path = tmp_path / name
        path.write_text(head + "".join(f"{one}\n" for one in lines))
        return path

    return made


def record(message, *, level="INFO", second=1, request="", replica="ab12cd34"):
    """A line of Ray Serve's logger."""
    words = [level, f"2026-01-31 12:00:{second:02},250", "g_node", replica, request]
    return " ".join([one for one in words if one] + ["--", message])


def moment(second, micro=250_000):
    """Seconds since the epoch of a record's time."""
    return datetime(2026, 1, 31, 12, 0, second, micro).astimezone().timestamp()


def read(path, *, stream="err", count=100, everything=False):
    """The last lines of a file."""
    return read_printed(path, stream, count, everything=everything)


def texts(lines):
    """What lines say."""
    return [one.text for one in lines]


# --- whose files ---------------------------------------------------------------------------------


def test_the_files_of_a_process_are_found_by_its_number(file):
    """Both streams; files of other processes are not."""
    out = file("a", name="worker-ab-01000000-7.out")
    err = file("b", name="worker-ab-01000000-7.err")
    file("c", name="worker-ef-01000000-77.err")
    assert worker_files(out.parent, 7, OWNER) == (out, err)
    assert worker_files(out.parent, 8, OWNER) == (None, None)


def test_a_number_that_came_again_does_not_confuse(file):
    """Of two processes of one number, that of the right deployment counts."""
    mine = file("a", name="worker-ab-01000000-7.out")
    file("b", name="worker-cd-01000000-7.out", head=":actor_name:ServeReplica:g:node_2\n")
    assert worker_files(mine.parent, 7, OWNER) == (mine, None)


# --- lines ---------------------------------------------------------------------------------------


def test_marks_of_ray_are_no_lines(file):
    """What Ray writes at the head of each file, and what ran in the process before, is left out."""
    path = file("mine", head=f":job_id:01\n:task_name:f\nof a task\n:actor_name:{OWNER}\n")
    assert texts(read(path)) == ["mine"]
    assert texts(read(path, everything=True)) == ["mine"]


def test_a_record_is_taken_apart(file):
    """Time, level, request and message of what was logged."""
    (one,) = read(file(record("a -- b", level="WARNING", request="f0-1")))
    assert (one.text, one.level, one.request_id) == ("a -- b", "WARNING", "f0-1")
    assert (one.stream, one.replica, one.at) == ("log", "ab12cd34", moment(1))
    (one,) = read(file(record("a -- b")))
    assert (one.text, one.request_id) == ("a -- b", "")


def test_what_has_no_time_stands_with_what_is_before_it(file):
    """Prints between records keep their place; those before the first one, too."""
    path = file("a", record("b", second=1), "c", record("d", second=2), "e")
    assert [(one.text, one.at) for one in read(path)] == [
        ("a", moment(1)),
        ("b", moment(1)),
        ("c", moment(1)),
        ("d", moment(2)),
        ("e", moment(2)),
    ]


def test_without_any_time_the_last_write_counts(file):
    """The lines of a file that tells no time were there when it was last written to."""
    path = file("a", "b")
    os.utime(path, (5, 1234))
    assert [one.at for one in read(path, stream="out")] == [1234, 1234]


@pytest.mark.parametrize(
    "message",
    [
        "CALL graphnb_call OK 7.4ms",
        "CALL predict CANCELLED 12.0ms",
        "GET /score 200 3.1ms",
        "127.0.0.1:5000 POST / 500 3.1ms",
        "Started initializing replica.",
        "Initialized DeploymentHandle 1a2b3c4d for Deployment(name='a', app='g').",
        "Got updated replicas for Deployment(name='a', app='g'): 1 total (+1 added, -0 removed).",
        "Graceful shutdown complete; replica exiting.",
    ],
)
def test_what_serve_says_of_itself_is_left_out_unless_asked_for(file, message):
    """Each call, and the life of a replica, are no news; all else is there."""
    path = file(record(message), "printed", record("mine", second=2))
    assert texts(read(path)) == ["printed", "mine"]
    assert texts(read(path, everything=True)) == [message, "printed", "mine"]


@pytest.mark.parametrize(
    "message", ["Deleting old cache", "Started training", "CALL me", "GET a life", "Draining pool"]
)
def test_what_the_user_logs_stays(file, message):
    """Words that Ray Serve uses as well are the user's own."""
    assert texts(read(file(record(message)))) == [message]


def test_warnings_of_serve_stay(file):
    """What is above level INFO is left out only where it tells how calls find a replica."""
    routing = "Replica at capacity of max_ongoing_requests=1, rejecting request 1."
    path = file(record("Something is slow", level="WARNING"), record(routing, level="WARNING"))
    assert texts(read(path)) == ["Something is slow"]
    assert texts(read(path, everything=True)) == ["Something is slow", routing]


def test_rays_own_lines_are_left_out_unless_they_warn(file):
    """Of Ray's machinery only trouble is shown, such as a process's last words."""
    trouble = "[2026-01-31 12:00:02,000 E 101 102] logging.cc:501: *** SIGSEGV received"
    path = file(
        "[2026-01-31 12:00:01,000 I 101 102] core_worker.cc:1: connected", trouble, "  at f"
    )
    assert [(one.text, one.at) for one in read(path)] == [
        (trouble, moment(2, 0)),
        ("  at f", moment(2, 0)),
    ]
    assert len(read(path, everything=True)) == 3


def test_a_progress_bar_is_its_last_state(file):
    """What a line was before a carriage return is not shown, as in a terminal."""
    path = file("10%\r50%\r100%", "windows\r")
    assert texts(read(path)) == ["100%", "windows"]


def test_bytes_that_are_no_text_are_shown_as_such(file):
    """A line with other bytes breaks nothing."""
    path = file()
    path.write_bytes(HEAD.encode() + b"a\xffb\n")
    assert texts(read(path)) == ["a\ufffdb"]


def test_an_endless_line_is_cut(file):
    """A line of a million characters says how long it was."""
    (one,) = read(file("x" * 100_000))
    assert len(one.text) < 11_000
    assert one.text.endswith("(100000 characters)")


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("Authorization: Bearer abc.def-123", "Authorization: ***"),
        ("{'authorization': 'Bearer abc.def-123'}", "{'authorization': '***'}"),
        ("sent Bearer abc.def-123 to x", "sent Bearer *** to x"),
        ("Authorization=Basic YWJjOmRlZg==", "Authorization=***"),
        ("the bearer of news", "the bearer of news"),
        ("a basic model", "a basic model"),
    ],
)
def test_tokens_are_not_shown(file, line, shown):
    """Whatever stands where a token stands in a header is masked."""
    assert texts(read(file(line))) == [shown]


def test_json_records_are_taken_apart(file):
    """Where Ray Serve's file is asked to be JSON, it says the same."""
    found = {
        "asctime": "2026-01-31 12:00:01,250",
        "levelname": "INFO",
        "message": "mine",
        "request_id": "f0-1",
    }
    path = file(json.dumps(found), '{"levelname": 1}', "{", name="replica_g_node_ab12cd34.log")
    one, *others = read(path, stream="log")
    assert (one.text, one.level, one.at, one.request_id) == ("mine", "INFO", moment(1), "f0-1")
    assert texts(others) == ['{"levelname": 1}', "{"]


# --- a request that failed -----------------------------------------------------------------------

FAILED = f"""\
Traceback (most recent call last):
  File "{OURS}", line 10, in call
    return await work
           ^^^^^^^^^^
  File "/home/me/models.py", line 3, in score
    raise ValueError("no\\nway")
ValueError: no
way

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "{OURS}", line 20, in fail
    raise failure
graphnb.rayserve.wire.RemoteFailure: score raised ValueError: no""".splitlines()


def test_a_failed_request_is_told_by_the_users_error(file):
    """Of the way of an error through Ray Serve and graphnb, the user's own frames are left."""
    begin = record("Request failed.", level="ERROR")
    path = file(begin, *FAILED, record("CALL score ERROR 1.0ms"), "printed")
    assert texts(read(path)) == [
        "Request failed.",
        '  File "/home/me/models.py", line 3, in score',
        '    raise ValueError("no\\nway")',
        "ValueError: no",
        "way",
        "printed",
    ]
    whole = texts(read(path, everything=True))
    assert len(whole) == len(FAILED) + 3


def test_a_failure_that_is_passed_on_is_one_line(file):
    """A driver whose node failed says which, and why."""
    begin = record("Request failed.", level="ERROR")
    path = file(begin, *FAILED[-4:], record("CALL predict ERROR 1.0ms"))
    assert texts(read(path)) == ["Request failed.", "score raised ValueError: no"]


def test_an_error_without_a_traceback_is_told_as_well(file):
    """The first of a chain may never have been raised here."""
    begin = record("Request failed.", level="ERROR")
    path = file(begin, "models.Gone: no answer", *FAILED[8:], record("CALL predict ERROR 1.0ms"))
    assert texts(read(path)) == ["Request failed.", "models.Gone: no answer"]


def test_a_traceback_that_the_user_prints_is_left_alone(file):
    """Only what Ray Serve logs of failed requests is shortened."""
    assert texts(read(file(*FAILED)))[: len(FAILED) - 1] == FAILED[:-1]


def test_many_failures_in_a_row_are_told(file):
    """However many there are."""
    begin = record("Request failed.", level="ERROR")
    one = [begin, *FAILED[-4:], record("CALL predict ERROR 1.0ms")]
    found = read(file(*one * 2_000), count=10_000)
    assert texts(found) == ["Request failed.", "score raised ValueError: no"] * 2_000


# --- the end of a file ---------------------------------------------------------------------------


def test_the_last_lines_count(file):
    """As many as are asked for, and none that is cut in two."""
    path = file(*(f"line {number}" for number in range(100_000)))
    assert texts(read(path, count=3)) == ["line 99997", "line 99998", "line 99999"]


def test_a_last_line_without_an_end_counts(file):
    """What a process wrote before it died may lack its newline."""
    path = file("whole")
    with path.open("a") as opened:
        opened.write("cut sho")
    assert texts(read(path)) == ["whole", "cut sho"]


def test_more_is_read_while_there_are_too_few_lines(file, monkeypatch):
    """Lines behind many that are left out are found; up to a limit."""
    monkeypatch.setattr(log_files, "_WINDOWS", (1_000, 100_000))
    noise = [record("CALL score OK 1.0ms")] * 500
    assert texts(read(file("mine", *noise))) == ["mine"]
    assert texts(read(file("mine", *noise * 10))) == []


def test_an_empty_file_has_no_lines(file):
    """Nor has one with Ray's marks alone."""
    assert read(file()) == []
    assert read(file(head="")) == []


# --- Ray Serve's own file ------------------------------------------------------------------------


def test_what_stderr_has_is_not_told_twice(file):
    """Of a record in both, and all its lines, one is left; what only the file has stays."""
    both = [record("a"), "  more of a", record("b", second=2)]
    beside = read(file(*both))
    path = file(*both, record("c", second=3), "  more of c", name="replica.log", head="")
    found = read_records(path, beside, 100, everything=False)
    assert texts(found) == ["c", "  more of c"]
    assert {one.stream for one in found} == {"log"}


# --- when lines were printed ---------------------------------------------------------------------


def test_prints_are_noted_with_their_times(tmp_path, monkeypatch):
    """Lines of a process that notes its prints have times of their own, whoever else writes."""
    clock = iter([moment(1), moment(2), moment(3)])
    monkeypatch.setattr(print_times.time, "time", lambda: next(clock))
    path = tmp_path / "worker-ab-01-7.out"
    notes = print_times.notes_of(path)
    with path.open("w") as opened, notes.open("wb") as beside:
        stream = TimedStream(opened, print_times._Notes(opened.fileno(), beside.fileno()))
        opened.write(HEAD)
        opened.flush()
        print("a", 1, file=stream, flush=True)
        stream.write("b")
        stream.write("c\n")
        stream.flush()
        opened.write("past it\n")
        opened.flush()
        stream.writelines(["d\n"])
    assert [(one.text, one.at) for one in read(path, stream="out")] == [
        ("a 1", moment(1)),
        ("bc", moment(2)),
        ("past it", moment(2)),
        ("d", moment(3)),
    ]


def test_times_in_a_file_go_forward(file):
    """A line is never put before one that it follows, though its record's time is earlier."""
    path = file(record("a", second=2), record("b", second=1), "c")
    assert [one.at for one in read(path)][2] >= moment(2)


def test_notes_that_are_cut_short_do(file):
    """A note that was not written to its end is left out."""
    path = file("a")
    note = print_times._NOTE.pack(0, moment(1))
    print_times.notes_of(path).write_bytes(note + note[:5])
    assert read_print_times(path).at(0) == moment(1)
    assert read_print_times(path.with_name("none")).at(0) == 0


NOTES = """
import sys
from graphnb.rayserve.print_times import note_print_times
kept = sys.stdout
note_print_times()
note_print_times()
print("a", sys.stdout is kept, sys.stdout.encoding == kept.encoding)
"""


def test_a_process_notes_its_prints_beside_its_files(tmp_path):
    """Once asked, or twice; its stdout is in all else what it was."""
    path = tmp_path / "worker-ab-01-7.out"
    with path.open("wb") as out:
        subprocess.run([sys.executable, "-c", NOTES], stdout=out, check=True)
    assert path.read_text() == "a False True\n"
    assert len(read_print_times(path).offsets) == 1
    assert abs(read_print_times(path).at(0) - path.stat().st_mtime) < 1


def test_a_process_without_files_notes_nothing(tmp_path):
    """Where stdout is no file, as in a notebook, it stays what it is."""
    command = [sys.executable, "-c", NOTES]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == "a True True\n"
    assert list(tmp_path.iterdir()) == []
