"""Errors that cross from one process to another."""

from __future__ import annotations

import pickle

import cloudpickle


def pack_error(error: BaseException) -> bytes:
    return cloudpickle.dumps(error)  # type: ignore[no-any-return]


def unpack_error(data: bytes) -> BaseException:
    return pickle.loads(data)  # type: ignore[no-any-return]
