"""What goes over a line: a greeting by which both sides prove that they know a secret, then frames.

A frame is its length, kind and number, and its body. Nothing is unpickled before the greeting is
through: it is a challenge and its answer, both ways (HMAC-SHA256 over both sides' nonces). What
follows is not encrypted, as what Ray itself sends is not unless it is told to.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import socket
import struct
from typing import Any, NamedTuple

from graphnb.rayserve.lines.body import Body, Parted, dump, parted

_HEAD = struct.Struct("<IBI")
_NONCE = 32
MAGIC = b"graphnb line 2\n"  # whoever speaks another way is no line
GREETING = len(MAGIC) + _NONCE
"""Bytes of each side's first message."""

PROOF = hashlib.sha256().digest_size
"""Bytes of a proof."""

_PARTED = 0x80  # beside the kind: there are buffers behind the pickle
_READ = 1 << 16  # bytes at a time
_MAX_FRAME = 1 << 30  # whoever says more has lost count


class Kind:
    """Kinds of frames: numbers, since members of an enum cost more to compare."""

    # A caller's.
    CALL, CANCEL = 1, 2
    # A host's: how a call ended, that it was not taken, and that there is room again.
    DONE, LATER, FAILED, GIVEN_UP = 11, 12, 13, 14
    FULL, FREE, CLOSED = 15, 16, 17


# A machine that is gone without a word is noticed within half a minute, calls under way or not.
_KEEP_ALIVE = (
    ("TCP_KEEPIDLE", 10),
    ("TCP_KEEPINTVL", 5),
    ("TCP_KEEPCNT", 3),
    ("TCP_USER_TIMEOUT", 25_000),
)


class Address(NamedTuple):
    """Where a host's door is.

    Attributes:
        host, port: what to connect to.
        secret: known to those who may; Ray alone carries it.
    """

    host: str
    port: int
    secret: bytes

    def __repr__(self) -> str:
        return f"Address({self.host}:{self.port}, ***)"


def greeting() -> bytes:
    """A side's first message."""
    return MAGIC + secrets.token_bytes(_NONCE)


def proof(secret: bytes, side: bytes, caller: bytes, door: bytes) -> bytes:
    """That a side knows the secret, for these two greetings."""
    return hmac.digest(secret, side + caller + door, "sha256")


class Framed(asyncio.BufferedProtocol):
    """One end of a line.

    What comes in is read where it stays: a large frame into memory of its own, all else into the
    same memory again and again.

    Attributes:
        transport: the connection, once it is made.
        wanted: bytes of the greeting that are still to come; after that frames are read.
        paused: more is on its way out than the other side takes in.
    """

    def __init__(self) -> None:
        self.transport: Any = None
        self.wanted = 0
        self.paused = False
        self._read = bytearray(_READ)
        self._held = 0  # bytes in there
        self._large: _Large | None = None

    def connection_made(self, transport: Any) -> None:
        """The connection is there."""
        self.transport = transport
        made = transport.get_extra_info("socket")
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEP_ALIVE:
            if hasattr(socket, name):
                made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    def send(self, kind: int, number: int, said: Any = None) -> None:
        """Sends a frame, unless the connection is gone."""
        if self.transport.is_closing():
            return
        data, buffers = (b"", []) if said is None else dump(said)
        if len(data) + sum(map(len, buffers)) > _MAX_FRAME - _READ:
            raise ValueError("a call or an answer has more than 1 GB: pass a path to it instead")
        if not buffers:
            self.transport.write(_HEAD.pack(len(data), kind, number) + data)
            return
        pieces = parted(data, buffers)
        size = sum(map(len, pieces))
        self.transport.write(_HEAD.pack(size, kind | _PARTED, number) + pieces[0])
        for one in pieces[1:]:  # each as it is: one more copy would cost more than one more write
            self.transport.write(one)

    def pause_writing(self) -> None:
        """The other side does not keep up."""
        self.paused = True

    def resume_writing(self) -> None:
        """It does again."""
        self.paused = False

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go."""
        if self._large is not None:
            return memoryview(self._large.data)[self._large.got :]
        return memoryview(self._read)[self._held :]

    def buffer_updated(self, nbytes: int) -> None:
        """Takes the greeting, then frame after frame."""
        large = self._large
        if large is None:
            self._held += nbytes
            self._take()
            return
        large.got += nbytes
        if large.got == len(large.data):
            self._large = None
            self._got(large.kind, large.number, large.data)

    def _take(self) -> None:
        """Takes all that has come in; the rest of a frame that has not stays."""
        at, end = 0, self._held
        view = memoryview(self._read)
        while end - at >= (self.wanted or _HEAD.size):
            if self.wanted:
                stop = at + self.wanted
                self.wanted = 0
                self.greeted(bytes(view[at:stop]))
            else:
                size, kind, number = _HEAD.unpack_from(view, at)
                stop = at + _HEAD.size + size
                if size > _MAX_FRAME:
                    self.transport.abort()
                    return
                if stop > end:
                    if size > _READ - _HEAD.size:
                        self._large = _Large(kind, number, size, view[at + _HEAD.size : end])
                        at = end
                    break
                self._got(kind, number, bytes(view[at + _HEAD.size : stop]))
            at = stop
            if self.transport.is_closing():
                at = end
        self._held = end - at
        if at and self._held:
            view[: self._held] = bytes(view[at:end])

    def _got(self, kind: int, number: int, data: bytes | bytearray) -> None:
        if kind & _PARTED:
            self.frame(kind & ~_PARTED, number, Parted(data))
        else:
            self.frame(kind, number, data)

    def greeted(self, data: bytes) -> None:
        """As many bytes of the greeting as were wanted."""
        raise NotImplementedError

    def frame(self, kind: int, number: int, body: Body) -> None:
        """A frame of the other side."""
        raise NotImplementedError


class _Large:
    """A frame that is longer than what is read at a time."""

    __slots__ = ("data", "got", "kind", "number")

    def __init__(self, kind: int, number: int, size: int, begun: memoryview) -> None:
        self.kind = kind
        self.number = number
        self.data = bytearray(size)
        self.got = len(begun)
        self.data[: self.got] = begun
