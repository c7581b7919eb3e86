"""What a host answers beside its requests: these functions run in its process, not in the asker's.

A request would need one of the replica's slots, and whoever asks how busy it is must get an answer
when all are taken. So these are called by the replica's actor itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from graphnb.rayserve.config import HostState, Wiring
    from graphnb.rayserve.lines.frames import Address


class Present(Protocol):
    """The host of a process, as this module sees it."""

    def graphnb_state(self) -> HostState:
        """What it is at."""

    def graphnb_hand_over(self) -> bool:
        """Sends what is known of requests that ended; whether all has arrived."""

    def graphnb_prepare(self, serve_names: Mapping[str, str]) -> None:
        """Gets to know deployments that it will call."""

    def graphnb_door(self) -> Address | None:
        """Where calls may come in that do not come by Ray Serve."""

    def graphnb_rewire(self, wiring: Wiring) -> bool:
        """Takes over a wiring soon; whether it has."""

    def graphnb_end(self, *, at_once: bool) -> bool:
        """Takes no more requests from outside; whether none is under way."""

    def graphnb_take(self, number: int) -> Any:
        """Gives away what is in its stash."""


_present: Present | None = None


def be_present(host: Present) -> None:
    """Says which host this process has."""
    global _present  # noqa: PLW0603  Ray Serve runs one replica in a process
    _present = host


def state(_actor: Any) -> HostState | None:
    """What the host of this process is at; None before it has started."""
    return None if _present is None else _present.graphnb_state()


def hand_over(_actor: Any) -> bool:
    """Has the host of this process send what it knows; whether all has arrived."""
    return True if _present is None else _present.graphnb_hand_over()


def end(_actor: Any, at_once: bool) -> bool:  # noqa: FBT001  called from afar
    """Has the host of this process take no more requests; whether none is under way.

    Args:
        _actor: the replica's.
        at_once: whether those under way are cancelled.
    """
    return True if _present is None else _present.graphnb_end(at_once=at_once)


def door(_actor: Any) -> Address | None:
    """Where calls may come into the host of this process; None if they may not."""
    return None if _present is None else _present.graphnb_door()


def rewire(_actor: Any, wiring: Wiring) -> bool:
    """Has the host of this process take over a wiring; whether it has."""
    return _present is not None and _present.graphnb_rewire(wiring)


def prepare(_actor: Any, serve_names: Mapping[str, str]) -> None:
    """Has the host of this process get to know deployments that it will call.

    Args:
        _actor: the replica's.
        serve_names: the graph's name and Ray Serve's of each.
    """
    if _present is not None:
        _present.graphnb_prepare(serve_names)


def take(_actor: Any, number: int) -> Any:
    """Gives away what the host of this process has in its stash.

    Raises:
        KeyError: it is not there any more.
    """
    if _present is None:
        raise KeyError(number)
    return _present.graphnb_take(number)
