"""Turns: who may change a graph on a cluster."""

import time

from graphnb.rayserve.collector import Collector


def test_one_at_a_time_has_its_turn():
    """The others wait until it ends; whose it is may prolong it."""
    collector = Collector()
    assert collector.take_turn("one", 60.0)
    assert collector.take_turn("one", 60.0)
    assert not collector.take_turn("other", 60.0)
    collector.end_turn("other")
    assert not collector.take_turn("other", 60.0)
    collector.end_turn("one")
    assert collector.take_turn("other", 60.0)


def test_the_turn_of_a_process_that_was_killed_ends(monkeypatch):
    """When nobody prolongs it any more."""
    collector = Collector()
    assert collector.take_turn("one", 15.0)
    later = time.monotonic() + 15.1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert collector.take_turn("other", 15.0)
