"""What goes over a line: a greeting by which both sides prove that they know a secret, then frames.

A frame is its length, kind and number, and a pickle. Nothing is unpickled before the greeting is
through: it is a challenge and its answer, both ways (HMAC-SHA256 over both sides' nonces). What
follows is not encrypted, as what Ray itself sends is not unless it is told to.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import pickle
import secrets
import socket
import struct
from typing import Any, NamedTuple

_HEAD = struct.Struct("<IBI")
_NONCE = 32
MAGIC = b"graphnb line 1\n"
GREETING = len(MAGIC) + _NONCE
"""Bytes of each side's first message."""

PROOF = hashlib.sha256().digest_size
"""Bytes of a proof."""

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


class Framed(asyncio.Protocol):
    """One end of a line.

    Attributes:
        transport: the connection, once it is made.
        wanted: bytes of the greeting that are still to come; after that frames are read.
        paused: more is on its way out than the other side takes in.
    """

    def __init__(self) -> None:
        self.transport: Any = None
        self.wanted = 0
        self.paused = False
        self._read = bytearray()
        self._needed = 0  # bytes that the next message has

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
        if not self.transport.is_closing():
            data = b"" if said is None else pickle.dumps(said, 5)
            self.transport.write(_HEAD.pack(len(data), kind, number) + data)

    def pause_writing(self) -> None:
        """The other side does not keep up."""
        self.paused = True

    def resume_writing(self) -> None:
        """It does again."""
        self.paused = False

    def data_received(self, data: bytes) -> None:
        """Takes the greeting, then frame after frame."""
        if self._read:
            self._read += data
            if len(self._read) < self._needed:
                return
            data = bytes(self._read)
            self._read.clear()
        at, end = 0, len(data)
        while end - at >= (needed := self.wanted or _HEAD.size):
            stop = at + needed
            if self.wanted:
                self.wanted = 0
                self.greeted(data[at:stop])
            else:
                size, kind, number = _HEAD.unpack_from(data, at)
                needed += size
                stop += size
                if size > _MAX_FRAME:
                    self.transport.abort()
                    return
                if stop > end:
                    break
                self.frame(kind, number, data[at + _HEAD.size : stop])
            at = stop
            if self.transport.is_closing():
                return
        self._needed = needed
        self._read += data[at:]

    def greeted(self, data: bytes) -> None:
        """As many bytes of the greeting as were wanted."""
        raise NotImplementedError

    def frame(self, kind: int, number: int, data: bytes) -> None:
        """A frame of the other side."""
        raise NotImplementedError
