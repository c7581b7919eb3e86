"""What a frame says: a pickle, and behind it the large buffers (arrays) of what it says.

Buffers are never copied into the pickle or out of it. They are written from where they lie, and
arrays are loaded on top of the memory that they were read into: read-only, as everywhere.
"""

from __future__ import annotations

import pickle
import struct
from typing import Any

_SIZE = struct.Struct("<Q")
_ALIGNED = 64  # from the beginning: arrays of any type may begin there
_SMALL_PART = 8


class Parted:
    """A body with buffers."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes | bytearray) -> None:
        self._data = memoryview(data).toreadonly()

    def load(self) -> Any:
        """What it says."""
        (count,) = _SIZE.unpack_from(self._data)
        at = _padded(_SIZE.size * (1 + count))
        parts = []
        for number in range(count):
            (size,) = _SIZE.unpack_from(self._data, _SIZE.size * (1 + number))
            part = self._data[at : at + size]
            # What is a small part of its message does not keep the rest in memory.
            parts.append(bytes(part) if size < len(self._data) // _SMALL_PART else part)
            at += _padded(size)
        return pickle.loads(parts[0], buffers=parts[1:])  # noqa: S301  as for `load`


Body = bytes | bytearray | Parted


def load(body: Body) -> Any:
    """What a frame says; only of somebody who has proved that they may."""
    if type(body) is Parted:
        return body.load()
    return pickle.loads(body)  # type: ignore[arg-type]  # noqa: S301  see above


def dump(said: Any) -> tuple[bytes, list[memoryview]]:
    """The pickle of what is to be said, and the buffers that belong behind it."""
    buffers: list[memoryview] = []

    def keep(one: pickle.PickleBuffer) -> None:
        buffers.append(one.raw())

    return pickle.dumps(said, 5, buffer_callback=keep), buffers


def parted(data: bytes, buffers: list[memoryview]) -> list[bytes | memoryview]:
    """A pickle and its buffers as they are written, one after the other."""
    parts = [data, *buffers]
    head = _SIZE.pack(len(parts)) + b"".join(_SIZE.pack(len(one)) for one in parts)
    pieces: list[bytes | memoryview] = [head + _padding(len(head)) + data + _padding(len(data))]
    for one in buffers:
        pieces += [one, _padding(len(one))]
    return pieces


def _padded(size: int) -> int:
    return size + -size % _ALIGNED


def _padding(size: int) -> bytes:
    return bytes(-size % _ALIGNED)
