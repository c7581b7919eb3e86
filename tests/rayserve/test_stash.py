"""What is too large to come back with a call waits for its caller, and not for ever."""

import asyncio

import pytest

from graphnb.rayserve import stash as stash_module
from graphnb.rayserve.stash import Stash


@pytest.fixture
def stash(monkeypatch):
    """A stash whose replica has a name."""
    made = Stash()
    monkeypatch.setattr(made, "_replica", "replica-1")
    return made


def test_a_thing_is_given_away_once(stash):
    """With the ticket; a second time there is nothing."""

    async def scene():
        ticket = stash.keep("thing", 5)
        other = stash.keep("other", 7)
        assert (ticket.replica, ticket.size) == ("replica-1", 5)
        assert stash.take(ticket.number) == "thing"
        with pytest.raises(KeyError):
            stash.take(ticket.number)
        assert stash.take(other.number) == "other"

    asyncio.run(scene())


def test_what_nobody_comes_for_is_let_go(stash, monkeypatch):
    """Without another call having to come by."""
    monkeypatch.setattr(stash_module, "_KEPT_S", 0.01)

    async def scene():
        ticket = stash.keep("thing", 5)
        gone = asyncio.Event()
        asyncio.get_running_loop().call_later(0.02, gone.set)
        await gone.wait()
        with pytest.raises(KeyError):
            stash.take(ticket.number)

    asyncio.run(scene())
