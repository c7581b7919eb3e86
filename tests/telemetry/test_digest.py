"""What a digest says of many requests, against the exact summary."""

from __future__ import annotations

import pickle
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphnb.telemetry.critical_path import critical_path
from graphnb.telemetry.digest import MAX_HANDLE_EDGES, OTHER_NODES, TraceDigest
from graphnb.telemetry.sketch import ACCURACY
from graphnb.telemetry.summary import GraphSummary, NodeSummary, summarize
from tests.telemetry.traces import by_handle, call, chain, trace, traces

many = st.lists(traces(), max_size=8)

COUNTED = ("node", "deployment", "count", "errors", "cancelled")
TIMED = [one for one in NodeSummary._fields if one.endswith("_s")]


def of(requests, **limits):
    """The digest of these requests."""
    digest = TraceDigest(**limits)
    for one in requests:
        digest.add(one)
    return digest


def merged(*digests):
    """The digest of all these digests."""
    digest = TraceDigest()
    for one in digests:
        digest.merge(one)
    return digest


def assert_agree(found, exact, *, accuracy):
    """Counts are the same, and times within the accuracy."""
    within = {"rel": accuracy * 1.000001, "abs": 1e-9}
    assert (found.requests, found.errors) == (exact.requests, exact.errors)
    for name in ("p50_s", "p95_s", "p99_s"):
        assert getattr(found, name) == pytest.approx(getattr(exact, name), **within)
    assert set(found.nodes) == set(exact.nodes)
    for name, node in found.nodes.items():
        same = exact.nodes[name]
        assert [getattr(node, one) for one in COUNTED] == [getattr(same, one) for one in COUNTED]
        times = [getattr(same, one) for one in TIMED]
        assert [getattr(node, one) for one in TIMED] == pytest.approx(times, **within)
        assert node.share == pytest.approx(same.share)
    assert found.handle_calls == exact.handle_calls


def most_frequent(requests):
    """The paths that most of the requests took."""
    times = Counter(tuple(dict.fromkeys(one.node for one in critical_path(r))) for r in requests)
    return {path for path, count in times.items() if count == max(times.values())} or {()}


@given(many)
def test_a_digest_agrees_with_the_exact_summary(requests):
    """Counts, shares, edges and the path are the same; percentiles lie within 1 %."""
    found, exact = of(requests).summary(), summarize(requests)
    assert_agree(found, exact, accuracy=ACCURACY)
    assert found.critical_path == exact.critical_path
    assert list(found.nodes) == list(exact.nodes)


@given(many, many, many)
def test_digests_add_up_in_any_order(first, second, third):
    """A merge of digests is the digest of all their requests, whoever is merged first."""
    everything = [*first, *second, *third]
    whole = of(everything).summary()
    left = merged(merged(of(first), of(second)), of(third)).summary()
    right = merged(of(third), merged(of(second), of(first))).summary()
    for one in (left, right):
        # Sums of counts are exact; only shares are sums of floats.
        assert_agree(one, whole, accuracy=0)
        assert one.critical_path in most_frequent(everything)


@given(many)
def test_a_digest_travels(requests):
    """A digest says the same after it was pickled, and can be added to."""
    loaded = pickle.loads(pickle.dumps(of(requests)))
    assert loaded.summary() == of(requests).summary()
    loaded.add(chain())
    assert loaded.requests == len(requests) + 1


def test_nothing_gives_zeros():
    """The digest of nothing is a summary of zeros, as is that of requests without spans."""
    assert TraceDigest().summary() == summarize([]) == GraphSummary()
    empty = trace()._replace(spans=())
    assert of([empty]).summary() == summarize([empty])


def test_merging_leaves_the_other_digest_alone():
    """What is added to a merged digest is not added to those that it was merged from."""
    first = of([chain()])
    both = merged(first)
    both.add(chain())
    assert (first.requests, both.requests) == (1, 2)
    assert first.summary().nodes["n1"].count == 1


def test_nodes_beyond_the_limit_are_counted_together():
    """However many nodes there are, few are kept, and no call is missing from the counts."""
    requests = [
        trace(call(1, f"n{number}"), by_handle(2, f"h{number}", parent=1)) for number in range(50)
    ]
    digest = merged(of(requests, max_nodes=10), of(requests, max_nodes=10))
    assert len(pickle.dumps(of(requests * 20, max_nodes=10))) < 20_000
    summary = of(requests, max_nodes=10).summary()
    assert len(summary.nodes) == 11
    assert sum(one.count for one in summary.nodes.values()) == 150
    assert sum(one.share for one in summary.nodes.values()) == pytest.approx(1.0)
    assert digest.summary().nodes[OTHER_NODES].count == 2 * summary.nodes[OTHER_NODES].count
    assert sum(summary.handle_calls.values()) == 50


def test_edges_beyond_the_limit_are_counted_together():
    """However many deployments user code calls, few edges are kept."""
    digest = TraceDigest()
    for number in range(MAX_HANDLE_EDGES + 50):
        digest.add(trace(by_handle(1, f"d{number}", parent=0)), path=False)
    edges = digest.summary().handle_calls
    assert len(edges) == MAX_HANDLE_EDGES + 1
    assert edges[OTHER_NODES, OTHER_NODES] == 50


def test_paths_beyond_the_limit_leave_the_most_frequent():
    """A path that most requests take is found among any number of others."""
    digest = TraceDigest(max_paths=5, max_nodes=1_000)
    for number in range(300):
        digest.add(trace(call(1, f"rare{number}", 0, 0.9)))
        digest.add(trace(call(1, "usual", 0, 0.9)))
    assert digest.summary().critical_path == ("driver.predict", "usual")


def test_the_critical_path_of_some_requests_gives_the_shares():
    """Requests whose path was left out are counted all the same, and shares still add up."""
    digest = TraceDigest()
    for number in range(10):
        digest.add(chain(), path=number == 0)
    summary = digest.summary()
    assert summary.nodes["n1"].count == summary.requests == 10
    assert sum(one.share for one in summary.nodes.values()) == pytest.approx(1.0)


def test_a_digest_of_many_requests_stays_small():
    """Ten thousand calls of eleven nodes take as much room as their buckets, not their number."""
    digest = TraceDigest()
    for number in range(1_000):
        digest.add(chain(seconds=0.001 * (1 + number % 100)), path=False)
    assert len(pickle.dumps(digest)) < 30_000


@given(many)
def test_without_parts_the_rest_is_the_same(requests):
    """A digest without the parts has the callers' wait, and the parts as sums."""
    whole, lean = of(requests).summary(), of(requests, parts=False).summary()
    for name, node in lean.nodes.items():
        other = whole.nodes[name]
        assert (node.p50_s, node.p99_s, node.share) == (other.p50_s, other.p99_s, other.share)
        assert node.seconds == other.seconds
        assert node.executing_p50_s == 0.0


@given(many, many)
def test_what_was_merged_can_be_taken_off(kept, gone):
    """What is left is the digest of the requests that stay."""
    digest = merged(of(kept), of(gone))
    digest.subtract(of(gone))
    assert_agree(digest.summary(), of(kept).summary(), accuracy=1e-6)


def test_parts_add_up_to_what_callers_waited():
    """Of each node, the seconds queued, waiting, executing and in transport."""
    one = call(1, "a", queued_s=0.1, waiting_s=0.2, executing_s=0.3, transport_s=0.4)
    given_up = call(2, "a", outcome="cancelled", executing_s=9.0)
    node = of([trace(one, given_up)]).summary().nodes["a"]
    assert node.seconds == summarize([trace(one, given_up)]).nodes["a"].seconds
    assert node.seconds == (0.1, 0.2, 0.3, 0.4)
