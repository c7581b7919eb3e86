"""What a process keeps of its requests until a collector has it."""

from __future__ import annotations

import pickle
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphnb.telemetry.buffer import Batch, Buffer, Inbox
from graphnb.telemetry.digest import TraceDigest
from tests.telemetry.traces import call, chain, trace


def filled(count, **limits):
    """A buffer with so many requests."""
    buffer = Buffer("replica", **limits)
    for number in range(count):
        buffer.add(trace(request=f"r{number}", at=float(number)))
    return buffer


def requests(batch):
    """The ids of the traces in a batch."""
    return [one.request_id for one in batch.traces]


def test_a_batch_has_what_came_since_the_last_one():
    """A batch counts all requests and has their traces; the next one starts anew."""
    buffer = filled(2)
    batch = buffer.take()
    assert (batch.source, batch.sequence, batch.lost) == ("replica", 1, 0)
    assert requests(batch) == ["r0", "r1"]
    assert batch.digest.summary().requests == 2
    buffer.add(trace(request="later"))
    assert requests(buffer.take()) == ["later"]


def test_nothing_new_gives_no_batch():
    """Without requests there is nothing to send."""
    buffer = filled(1)
    assert buffer.take() is not None
    assert buffer.take() is None


def test_traces_are_bounded_and_the_others_counted():
    """Of very many requests the last traces are sent, and all of them are in the figures."""
    batch = filled(100, max_traces=10).take()
    assert requests(batch) == [f"r{number}" for number in range(90, 100)]
    assert (batch.digest.requests, batch.lost) == (100, 90)


def test_failures_are_kept_beside_the_others():
    """A failed request's trace is there after any number of requests that went well."""
    buffer = filled(5, max_traces=10, max_failed=2)
    for number in range(3):
        buffer.add(trace(request=f"bad{number}", at=10.0 + number, outcome="error"))
    for number in range(50):
        buffer.add(trace(request=f"good{number}", at=20.0 + number))
    kept = requests(buffer.take())
    assert kept[:2] == ["bad1", "bad2"]
    assert len(kept) == 12


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=40))
def test_spans_are_bounded(shapes):
    """However many spans the requests have, few are kept, and every request is counted."""
    buffer = Buffer("replica", max_traces=8, max_failed=3, max_spans=20)
    for number, fails in shapes:
        spans = [call(one + 1, "a") for one in range(number)]
        buffer.add(trace(*spans, outcome="error" if fails else "ok"))
    batch = buffer.take()
    if batch is not None:
        assert sum(len(one.spans) for one in batch.traces) <= 20
        assert batch.lost == buffer.lost == len(shapes) - len(batch.traces)
        assert batch.digest.requests == len(shapes)


def test_a_batch_that_did_not_arrive_is_sent_again():
    """What was given back comes next, the same as before; what came meanwhile comes after it."""
    buffer = filled(1)
    batch = buffer.take()
    buffer.give_back(batch)
    buffer.add(trace(request="meanwhile"))
    assert buffer.take() is batch
    assert buffer.take().sequence == 2


def test_a_dead_collector_loses_traces_and_no_counts():
    """While nothing can be sent, digests merge on, and traces beyond the limit are counted."""
    buffer = Buffer("replica", max_traces=5)
    for number in range(30):
        buffer.add(chain(request=f"r{number}"))
        buffer.give_back(buffer.take())
    first, second = buffer.take(), buffer.take()
    assert first.digest.requests + second.digest.requests == 30
    assert len(first.traces) + len(second.traces) == 6
    assert first.lost + second.lost == buffer.lost == 24


def test_batches_given_back_together_lose_no_counts():
    """Two batches under way that both fail leave the figures whole."""
    buffer = filled(3)
    first = buffer.take()
    buffer.add(trace())
    second = buffer.take()
    buffer.give_back(first)
    buffer.give_back(second)
    again = [buffer.take(), buffer.take()]
    assert sum(one.digest.requests for one in again) == 4
    assert sum(one.lost for one in again) == buffer.lost == 1


@pytest.mark.parametrize("nonsense", [None, "trace", trace()._replace(spans=(None,))])
def test_a_failing_add_does_not_raise(nonsense, caplog):
    """What cannot be added is counted, told once, and the next request is added as ever."""
    buffer = Buffer("replica")
    buffer.add(nonsense)
    buffer.add(nonsense)
    buffer.add(trace(request="fine"))
    assert buffer.broken == 2
    assert [one.levelname for one in caplog.records] == ["ERROR"]
    assert "fine" in requests(buffer.take())


def test_a_batch_travels():
    """A batch can be pickled: what its digest says and its traces come out the same."""
    batch = filled(3).take()
    loaded = pickle.loads(pickle.dumps(batch))
    assert loaded._replace(digest=None) == batch._replace(digest=None)
    assert loaded.digest.summary() == batch.digest.summary()


def test_the_critical_path_of_every_so_many_requests():
    """With `paths_every` most requests are counted without their path."""
    buffer = Buffer("replica", paths_first=0, paths_every=4)
    for number in range(8):
        name = "timed" if number % 4 == 0 else "skipped"
        buffer.add(trace(call(1, name, 0.0, 1.0)))
    summary = buffer.take().digest.summary()
    assert summary.nodes["timed"].share == pytest.approx(1.0)
    assert (summary.nodes["skipped"].share, summary.nodes["skipped"].count) == (0.0, 6)


def test_threads_may_add_at_the_same_time():
    """Requests that end on several threads are all counted, in one batch or another."""
    buffer = Buffer("replica")
    batches = []
    adding = [
        threading.Thread(target=lambda: [buffer.add(chain()) for _ in range(100)]) for _ in range(4)
    ]
    for one in adding:
        one.start()
    while any(one.is_alive() for one in adding):
        batches.append(buffer.take())
    batches.append(buffer.take())
    taken = [one for one in batches if one is not None]
    assert sum(one.digest.requests for one in taken) == 400
    assert [one.sequence for one in taken] == list(range(1, len(taken) + 1))


def test_a_batch_is_accepted_once():
    """A batch that was sent again after it had arrived is not counted twice."""
    inbox, buffer = Inbox(), filled(4, max_traces=1)
    first = buffer.take()
    assert inbox.accept(first)
    assert not inbox.accept(first)
    buffer.add(trace())
    assert inbox.accept(buffer.take())
    assert not inbox.accept(first)
    assert inbox.lost == 3


def test_sources_are_told_apart_and_bounded():
    """Each source has its own count of batches; those not heard of for long are forgotten."""
    inbox = Inbox(max_sources=2)
    one, two, three = (Batch(name, 1, (), TraceDigest(), 0) for name in "abc")
    assert [inbox.accept(batch) for batch in (one, two, three)] == [True] * 3
    assert not inbox.accept(three)
    assert len(inbox._last) == 2


def test_requests_of_which_nothing_is_known_are_counted():
    """Also in a batch that has no others."""
    buffer = Buffer("replica")
    assert buffer.take() is None
    buffer.forget()
    buffer.forget()
    assert not buffer.empty
    batch = buffer.take()
    assert (batch.lost, batch.digest.requests) == (2, 0)
    assert buffer.empty
    assert buffer.lost == 2
