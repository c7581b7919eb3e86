"""The last failure of each node."""

from __future__ import annotations

import time

from graphnb.telemetry.failures import MAX_NODES, Failure, Failures


def failure(node, *, at=None, request="r1"):
    """A failure at a node, now unless told."""
    return Failure(node, f"{node} raised", "Traceback", request, time.time() if at is None else at)


def test_the_last_failure_is_kept():
    """In place of the one before, for each node."""
    failures = Failures()
    for request in ("r1", "r2"):
        failures.keep(failure("a", request=request))
    failures.keep(failure("b"))
    assert failures.last("a").request_id == "r2"
    assert failures.last("b").node == "b"
    assert failures.last("c") is None


def test_of_several_names_the_latest_counts():
    """A node may be known by its call and by its deployment."""
    failures = Failures()
    failures.keep(failure("call", at=10.0))
    failures.keep(failure("Deployment", at=20.0))
    assert failures.last("call", "Deployment").node == "Deployment"


def test_not_every_failure_is_worth_a_traceback():
    """Within a second of the last one of that node, none; where clocks were set back, some."""
    failures = Failures()
    assert failures.wants("a")
    failures.keep(failure("a"))
    assert not failures.wants("a")
    assert failures.wants("b")
    failures.keep(failure("a", at=time.time() - 2))
    assert failures.wants("a")
    failures.keep(failure("a", at=time.time() + 100))
    assert failures.wants("a")


def test_it_is_bounded():
    """However many nodes fail, the last ones are kept."""
    failures = Failures()
    for number in range(MAX_NODES + 10):
        failures.keep(failure(f"n{number}"))
    assert failures.last("n0") is None
    assert failures.last(f"n{MAX_NODES + 9}") is not None


def test_nothing_is_left_after_clearing():
    """As if nothing had failed."""
    failures = Failures()
    failures.keep(failure("a"))
    failures.clear()
    assert failures.last("a") is None
