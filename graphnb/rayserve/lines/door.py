"""Where calls come into a host that do not come by Ray Serve."""

from __future__ import annotations

import asyncio
import contextvars
import hmac
import logging
import secrets
from typing import TYPE_CHECKING, Any, Protocol

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
from graphnb.rayserve.wire import Header, RemoteFailure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from graphnb.engine.values import Packed
    from graphnb.rayserve.lines.body import Body

logger = logging.getLogger("graphnb")
_GREETING_S = 5.0
_STRANGERS = 256  # each of them has a file of this process, for that long


class Answers(Protocol):
    """The host behind a door."""

    def graphnb_answer(self, header: Header, parts: Sequence[Packed]) -> Any:
        """Answers a call."""


class Door:
    """Takes the lines of those who call a host.

    Args:
        host: answers calls.
        is_open: whether a call may come in by here.
        has_room: whether the host has a slot for one call more, where so many are about to begin.
    """

    def __init__(
        self, host: Answers, is_open: Callable[[Header], bool], has_room: Callable[[int], bool]
    ) -> None:
        self._host = host
        self._is_open = is_open
        self._has_room = has_room
        self._secret = secrets.token_bytes(32)
        self._server: asyncio.Server | None = None
        self._strangers = 0  # who have not proved anything yet
        self._visitors: set[_Visitor] = set()
        self._waiting: set[_Visitor] = set()  # were told that it is full
        self._idle = asyncio.Event()
        self._idle.set()
        self._coming: set[object] = set()  # calls that came in and have not begun
        self.taken = 0  # calls that came in and have not ended
        self.address: Address | None = None

    async def open(self, host: str) -> None:
        """Listens at an address of this machine, at any free port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Visitor(self, self._secret), host, 0)
        port = self._server.sockets[0].getsockname()[1]
        self.address = Address(host, port, self._secret)

    async def close(self) -> None:
        """Takes no more calls, and waits for those that have come in."""
        self.address = None
        if self._server is not None:
            self._server.close()
        for one in tuple(self._visitors):
            one.send(Kind.CLOSED, 0)
        await self._idle.wait()
        for one in tuple(self._visitors):
            one.transport.close()

    def freed(self) -> None:
        """A slot of the host may be free: those who wait for one may try again."""
        if self._waiting:
            waiting, self._waiting = self._waiting, set()
            for one in waiting:
                one.send(Kind.FREE, 0)

    # What visitors ask.

    def knocked(self) -> bool:
        """Somebody is there who has to prove something; whether there is room for that."""
        self._strangers += 1
        return self._strangers <= _STRANGERS

    def known(self) -> None:
        """A stranger is one no more, or has gone."""
        self._strangers -= 1

    def came(self, visitor: _Visitor) -> None:
        """Somebody may come in."""
        self._visitors.add(visitor)

    def left(self, visitor: _Visitor) -> None:
        """Somebody has gone."""
        self._visitors.discard(visitor)
        self._waiting.discard(visitor)

    def refusal(self, visitor: _Visitor, header: Header) -> int | None:
        """Why a call cannot come in now, or None."""
        if self.address is None or not self._is_open(header):
            return Kind.CLOSED
        if not self._has_room(len(self._coming)):
            self._waiting.add(visitor)
            return Kind.FULL
        return None

    def begin(self, call: object, header: Header, parts: Sequence[Packed]) -> Any:
        """The coroutine of a call that has come in."""
        self.taken += 1
        self._coming.add(call)
        self._idle.clear()
        return self._answer(call, header, parts)

    async def _answer(self, call: object, header: Header, parts: Sequence[Packed]) -> Any:
        self._coming.discard(call)
        return await self._host.graphnb_answer(header, parts)

    def ended(self, call: object) -> None:
        """A call has ended, and its answer is on its way."""
        self.taken -= 1
        self._coming.discard(call)
        if not self.taken:
            self._idle.set()
        self.freed()


class _Visitor(Framed):
    """A line as the host has it."""

    def __init__(self, door: Door, secret: bytes) -> None:
        super().__init__()
        self._door = door
        self._secret = secret
        self._greeting = greeting()
        self._caller: bytes | None = None
        self._calls: dict[int, asyncio.Task[Any]] = {}
        self._impatience: asyncio.TimerHandle | None = None  # with a stranger
        self.wanted = GREETING

    def connection_made(self, transport: Any) -> None:
        """Somebody knocks: says the greeting."""
        super().connection_made(transport)
        self._impatience = asyncio.get_running_loop().call_later(_GREETING_S, transport.abort)
        if self._door.knocked():
            transport.write(self._greeting)
        else:
            transport.abort()

    def greeted(self, data: bytes) -> None:
        """Takes the other's greeting, then its proof."""
        if self._caller is None:
            if data.startswith(MAGIC):
                self._caller, self.wanted = data, PROOF
            else:
                self.transport.abort()
            return
        expected = proof(self._secret, b"caller", self._caller, self._greeting)
        if not hmac.compare_digest(data, expected):
            self.transport.abort()
            return
        self._is_known()
        self.transport.write(proof(self._secret, b"door", self._caller, self._greeting))
        self._door.came(self)

    def _is_known(self) -> None:
        if self._impatience is not None:
            self._impatience.cancel()
            self._impatience = None
            self._door.known()

    def frame(self, kind: int, number: int, body: Body) -> None:
        """A call, or that nobody waits for one any more."""
        if kind == Kind.CANCEL:
            task = self._calls.pop(number, None)
            if task is not None:
                task.cancel()
        elif kind == Kind.CALL:
            said, parts = load(body)
            header = tuple.__new__(Header, said)
            refusal = self._door.refusal(self, header)
            if refusal is not None:
                self.send(refusal, number)
                return
            call = object()
            made = self._door.begin(call, header, parts)
            # Nothing of whoever called before it is in its context.
            task = asyncio.get_running_loop().create_task(made, context=contextvars.Context())
            self._calls[number] = task
            task.add_done_callback(lambda one: self._ended(number, call, one))

    def _ended(self, number: int, call: object, task: asyncio.Task[Any]) -> None:
        self._calls.pop(number, None)
        try:
            self._tell(number, task)
        except Exception:  # an answer that cannot be sent: the caller must not wait for it
            logger.exception("an answer could not be sent")
            self.transport.abort()
        finally:
            self._door.ended(call)

    def _tell(self, number: int, task: asyncio.Task[Any]) -> None:
        if task.cancelled():  # by the caller, who does not listen any more, or by the node itself
            self.send(Kind.GIVEN_UP, number)
            return
        error = task.exception()
        if error is None:
            answer = task.result()
            self.send(Kind.LATER if type(answer) is Ticket else Kind.DONE, number, tuple(answer))
        elif isinstance(error, RemoteFailure):
            self.send(Kind.FAILED, number, error.args)
        else:  # a host has no others
            raise error

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is there any more who could be answered."""
        self._is_known()
        self._door.left(self)
        for task in tuple(self._calls.values()):
            task.cancel()
