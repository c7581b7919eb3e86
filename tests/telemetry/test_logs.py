"""Lines of several sources: their order, their shares, and how they are shown."""

from dataclasses import replace

import pytest

from graphnb.telemetry.logs import LogLine, NodeLogs, printed_nothing, together


def line(text, at=0.0, **options):
    """A line on stdout, unless told otherwise."""
    return LogLine(text, **{"stream": "out", "at": at, "node": "n", "replica": "r1", **options})


def shown(*lines):
    """The text of these lines."""
    return str(NodeLogs(lines, ("n",), "nothing"))


def texts(lines):
    """What lines say."""
    return [one.text for one in lines]


# --- order ---------------------------------------------------------------------------------------


def test_lines_are_in_the_order_of_their_times():
    """Sources are merged by time."""
    found = together([[line("a", 1), line("c", 3)], [line("b", 2), line("d", 4)]], 10)
    assert texts(found) == ["a", "b", "c", "d"]


def test_lines_of_one_moment_keep_their_order():
    """Of one source, what stands first stays first."""
    found = together([[line("a", 1), line("b", 1)], [line("c", 1)]], 10)
    assert texts(found) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("sizes", "count", "shares"),
    [
        ((5,), 3, (3,)),
        ((5, 5), 6, (3, 3)),
        ((100, 1), 10, (9, 1)),
        ((1, 100, 2), 10, (1, 7, 2)),
        ((3, 3, 3), 100, (3, 3, 3)),
        ((4, 4), 3, (2, 1)),
        ((4, 0), 0, (0, 0)),
        ((), 5, ()),
    ],
)
def test_a_talkative_source_leaves_room_for_the_others(sizes, count, shares):
    """Each gives its last lines, and what one does not need goes to the others."""
    sources = [
        [line(f"{source}-{number}", number, replica=str(source)) for number in range(size)]
        for source, size in enumerate(sizes)
    ]
    found = together(sources, count)
    assert tuple(sum(one.replica == str(i) for one in found) for i in range(len(sizes))) == shares
    for source, share in zip(sources, shares, strict=True):
        assert set(texts(source[len(source) - share :])) <= set(texts(found))


# --- text ----------------------------------------------------------------------------------------


def test_prints_alone_are_shown_as_they_are():
    """One replica that only printed: what it printed, and nothing else."""
    assert shown(line("loading"), line("  loaded")) == "loading\n  loaded"


def test_streams_are_told_apart_where_there_are_several():
    """What came on stderr, or was logged, is marked when not all came on stdout."""
    logged = line("scored", 1.5, stream="log", level="INFO", request_id="ab-1")
    out, err, log = shown(line("a"), line("b", stream="err"), logged).splitlines()
    assert (out, err) == ("out  a", "err  b")
    assert log.endswith(".500 INFO ab-1 scored")


def test_replicas_are_named_where_there_are_several():
    """Each line begins with its replica; with its node as well when there are several."""
    assert shown(line("a"), line("b", replica="r2")) == "[r1] a\n[r2] b"
    assert shown(line("a"), line("b", node="m")) == "[n r1] a\n[m r1] b"


def test_an_end_names_its_replica_once():
    """The line on how a replica ended says which, whether lines begin with that or not."""
    end = line("died at 12:00:00: killed", 2, stream="end")
    assert shown(line("a"), end).splitlines()[1] == "replica r1 died at 12:00:00: killed"
    both = shown(line("a", replica="r2"), end).splitlines()
    assert both == ["[r2] a", "[r1] died at 12:00:00: killed"]


def test_without_lines_the_note_is_shown():
    """Nothing printed is said in words."""
    assert shown() == "nothing"
    assert printed_nothing(["a"]) == "a has printed nothing"
    assert printed_nothing(["a", "b", "c"]) == "a, b and c have printed nothing"


def test_logs_are_a_collection_of_lines():
    """They can be counted, walked through, and asked whether there are any."""
    some = NodeLogs((line("a"), line("b")), ("n",), "")
    assert [str(one) for one in some] == ["a", "b"]
    assert (len(some), bool(some), bool(NodeLogs((), ("n",), ""))) == (2, True, False)
    assert repr(some) == "NodeLogs(n: 2 lines)"


def test_logs_are_frozen_values():
    """Two with the same lines are equal."""
    assert NodeLogs((line("a"),), ("n",), "") == NodeLogs(
        (replace(line("b"), text="a"),), ("n",), ""
    )


def test_a_notebook_shows_text():
    """What a cell displays is the text."""
    assert NodeLogs((line("a"),), ("n",), "")._repr_mimebundle_() == {"text/plain": "a"}
