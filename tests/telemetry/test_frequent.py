"""Which keys occur most often."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from graphnb.telemetry.frequent import Frequent

LIMIT = 3
keys = st.lists(st.sampled_from("abcdefghijklmnop").map(lambda one: (one,)), max_size=200)


def of(items):
    """Counters of these keys."""
    made = Frequent(LIMIT)
    for one in items:
        made.add(one, 1.0)
    return made


@given(keys)
def test_memory_is_bounded(items):
    """However many different keys there are, few are kept."""
    assert len(of(items)) <= 2 * LIMIT


@given(keys, keys)
def test_what_is_frequent_is_found_across_counters(left, right):
    """A key that more than 2 in `limit + 1` have is the most frequent one, also after a merge."""
    merged = of(left)
    merged.merge(of(right))
    counts = Counter([*left, *right])
    for key, count in counts.items():
        if count > 2 * len([*left, *right]) / (LIMIT + 1):
            assert merged.most() == key


@given(keys.filter(lambda items: len(set(items)) <= 2 * LIMIT))
def test_few_keys_are_counted_exactly(items):
    """Up to twice the limit nothing is lost; of equals the last one wins, by name."""
    counts = Counter(items)
    assert of(items).most() == max(counts, key=lambda one: (counts[one], one), default=None)


def test_of_equally_frequent_keys_the_longest_wins():
    """Seconds decide between keys that came equally often."""
    found = Frequent(LIMIT)
    found.add(("b",), 1.0)
    found.add(("a",), 2.0)
    assert found.most() == ("a",)
