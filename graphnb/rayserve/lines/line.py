"""A connection to one host, as its caller has it."""

from __future__ import annotations

import asyncio
import hmac
from typing import TYPE_CHECKING

from graphnb.errors import RequestCancelledError
from graphnb.rayserve.failures import ReplicaGoneError
from graphnb.rayserve.lines.body import load
from graphnb.rayserve.lines.frames import (
    GREETING,
    MAGIC,
    PROOF,
    Address,
    Framed,
    Kind,
    greeting,
    proof,
)
from graphnb.rayserve.stash import Ticket
from graphnb.rayserve.wire import RemoteFailure, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from graphnb.engine.values import Packed
    from graphnb.rayserve.lines.body import Body
    from graphnb.rayserve.wire import Header

_GREETING_S = 5.0
_NUMBERS = (1 << 32) - 1
_new = tuple.__new__


class RefusedError(Exception):
    """A host did not take a call: it is full, or its door is closed."""


async def open_line(address: Address, limit: int, changed: Callable[[], None]) -> Line:
    """Connects to a host.

    Args:
        address: of its door.
        limit: how many calls it takes at a time.
        changed: called when it may take one more, or none any more.

    Raises:
        OSError: nobody is there, or not the one who should be.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(_GREETING_S):
        _, line = await loop.create_connection(
            lambda: Line(address.secret, limit, changed), address.host, address.port
        )
        try:
            await line.ready
        except BaseException:
            line.transport.abort()
            raise
    return line


class Line(Framed):
    """A connection to one host.

    Attributes:
        busy: calls under way.
        limit: how many may be, as far as is known.
        allowed: how many are sent, where others call the same host: fewer after it refused one,
            and then slowly more (as TCP finds its window: Chiu and Jain 1989).
        tries: one more may be tried: the host knows best, and refuses what is too much.
        closed: no call goes this way any more.
        ready: done when both sides have proved who they are.
    """

    def __init__(self, secret: bytes, limit: int, changed: Callable[[], None]) -> None:
        super().__init__()
        self._secret = secret
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._greeting = greeting()
        self._door: bytes | None = None
        self._calls: dict[int, asyncio.Future[Reply | Ticket]] = {}
        self._number = 0
        self.busy = 0
        self.limit = limit
        self.allowed = float(limit)
        self.tries = False
        self.closed = False
        self.ready: asyncio.Future[None] = self._loop.create_future()
        self.wanted = GREETING

    @property
    def has_room(self) -> bool:
        """Whether one more call may go this way."""
        if self.closed or self.paused:
            return False
        return self.tries or self.busy + 1 <= self.allowed

    def set_limit(self, limit: int) -> None:
        """Ray Serve says how many calls the replica takes."""
        if limit != self.limit:
            self.limit, self.allowed = limit, float(limit)

    def greeted(self, data: bytes) -> None:
        """Takes the door's greeting, then its proof."""
        if self._door is None:
            if not data.startswith(MAGIC):
                self.transport.abort()
                return
            self._door, self.wanted = data, PROOF
            said = proof(self._secret, b"caller", self._greeting, self._door)
            self.transport.write(self._greeting + said)
        elif hmac.compare_digest(data, proof(self._secret, b"door", self._greeting, self._door)):
            self.ready.set_result(None)
        else:
            self.transport.abort()

    async def ask(self, header: Header, parts: Sequence[Packed]) -> Reply | Ticket:
        """One call.

        Raises:
            RefusedError: the host did not take it.
            RemoteFailure: what it raised.
            RequestCancelledError: the node gave it up.
            ReplicaGoneError: the connection broke off.
        """
        self._number = number = self._number % _NUMBERS + 1
        if self.transport.is_closing():
            raise RefusedError
        self.send(Kind.CALL, number, (tuple(header), parts))
        answer: asyncio.Future[Reply | Ticket] = self._loop.create_future()
        self._calls[number] = answer
        try:
            return await answer
        except asyncio.CancelledError:
            if self._calls.pop(number, None) is not None:
                self.send(Kind.CANCEL, number)
            raise

    def frame(self, kind: int, number: int, body: Body) -> None:
        """An answer, or that there is room again."""
        if kind == Kind.FREE:
            self.tries = True
            self._changed()
            return
        if kind == Kind.CLOSED:
            self.closed = True
        elif kind == Kind.FULL:
            self.allowed = max(0.0, self.busy - 1.0)
        elif self.allowed < self.limit:
            self.allowed += 1 / max(1.0, self.allowed)
        answer = self._calls.pop(number, None)
        if answer is not None and not answer.done():
            try:
                self._settle(answer, kind, body)
            except Exception as error:  # noqa: BLE001  of another version, for one: told to the caller
                answer.set_exception(error)
        if kind == Kind.CLOSED:
            self._changed()

    def _settle(self, answer: asyncio.Future[Reply | Ticket], kind: int, body: Body) -> None:
        if kind == Kind.DONE:
            answer.set_result(_new(Reply, load(body)))
        elif kind == Kind.LATER:
            answer.set_result(_new(Ticket, load(body)))
        elif kind == Kind.FAILED:
            answer.set_exception(RemoteFailure(*load(body)))
        elif kind == Kind.GIVEN_UP:
            answer.set_exception(RequestCancelledError("the call was cancelled"))
        else:
            answer.set_exception(RefusedError())

    def resume_writing(self) -> None:
        """The host takes in again what is sent."""
        super().resume_writing()
        self._changed()

    def retire(self) -> None:
        """No call goes this way any more; those under way end."""
        self.closed = True
        if not self.busy and self.transport is not None:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The host has ended, or the way to it is cut."""
        self.closed = True
        if not self.ready.done():
            self.ready.set_exception(ConnectionError("it is not who it should be"))
        calls, self._calls = self._calls, {}
        for answer in calls.values():
            if not answer.done():
                answer.set_exception(ReplicaGoneError("its replica died during the call"))
        self._changed()
