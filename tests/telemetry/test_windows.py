"""What happened lately, and ever."""

from __future__ import annotations

import itertools
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphnb.telemetry.digest import TraceDigest
from graphnb.telemetry.windows import Windows
from tests.telemetry.traces import chain, trace

times = st.lists(st.floats(0, 2_000), max_size=60)


def of(moments, **sizes):
    """Windows with one request at each of these times."""
    windows = Windows(**sizes)
    for at in moments:
        windows.add(trace(), at)
    return windows


def test_a_window_has_the_requests_since_then():
    """What ended before the window is left out; all time has everything."""
    windows = of([100.0, 115.0, 125.0, 126.0])
    assert windows.summary(since=120.0).requests == 2
    assert windows.summary(since=110.0).requests == 3
    assert windows.summary().requests == 4


def test_buckets_count_as_a_whole():
    """A window reaches back to the start of the bucket that its first moment lies in."""
    windows = of([101.0, 109.0, 111.0])
    assert windows.summary(since=108.0).requests == 3
    assert windows.summary(since=110.0).requests == 1


def test_a_window_after_everything_is_empty():
    """When nothing happened lately, the window is a summary of zeros."""
    windows = of([100.0])
    assert windows.summary(since=200.0).requests == 0
    assert windows.summary(since=200.0).nodes == {}


def test_what_is_too_old_is_in_all_time_only():
    """A request from before the ring counts once, for all time."""
    windows = of([1_000.0, 5.0], buckets=3)
    assert windows.summary(since=0.0).requests == 1
    assert windows.summary().requests == 2


@given(times)
def test_each_request_counts_once(moments):
    """In whatever order requests come, all time has each of them once."""
    windows = of(moments, buckets=5)
    assert windows.summary().requests == len(moments)


@given(times, st.floats(0, 2_000))
def test_a_window_within_the_ring_misses_nothing(moments, since):
    """A window has what its buckets had, as far as the ring reaches back."""
    windows = of(moments, buckets=5)
    if moments:
        oldest = max(moments) // 10 - 5
        wanted = [one for one in moments if one // 10 >= since // 10 and one // 10 > oldest]
        assert windows.summary(since=since).requests == len(wanted)


@given(times)
def test_memory_is_bounded(moments):
    """No more buckets are kept than were asked for."""
    assert len(of(moments, buckets=5)._ring) <= 5


def test_a_digest_is_merged_into_the_bucket_of_its_time():
    """What replicas count adds up with what is counted here."""
    windows = of([100.0])
    digest = TraceDigest()
    digest.add(chain())
    digest.add(chain())
    windows.merge_bucket(digest, 112.0)
    windows.merge_bucket(digest, 95.0)
    assert windows.summary(since=110.0).nodes["n1"].count == 2
    assert windows.summary(since=90.0).requests == 5
    assert windows.summary().requests == 5


def test_asking_changes_nothing():
    """A summary can be had any number of times."""
    windows = of([100.0, 110.0, 120.0])
    assert windows.summary() == windows.summary()
    assert windows.summary(since=100.0) == windows.summary(since=100.0)


def test_windows_can_be_cleared():
    """After a change of the graph its figures start anew."""
    windows = of([100.0, 110.0])
    windows.clear()
    assert windows.summary().requests == windows.summary(since=0.0).requests == 0
    windows.add(trace(), 50.0)
    assert windows.summary().requests == 1


def test_another_thread_may_ask_meanwhile():
    """Summaries while requests are added see all of each request."""
    windows = Windows()
    whole = []

    def ask():
        while len(whole) < 20:
            found = windows.summary()
            if found.requests:
                whole.append(found.nodes["n1"].count == found.requests)

    asking = threading.Thread(target=ask)
    asking.start()
    moments = itertools.count()
    while asking.is_alive():
        windows.add(chain(), float(next(moments)))
    assert all(whole)


def test_a_time_that_is_no_number_is_refused():
    """A time that is no number is the caller's mistake."""
    with pytest.raises(ValueError, match="NaN"):
        Windows().add(trace(), float("nan"))
