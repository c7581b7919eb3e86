"""Errors that cross from one process to another, and say there what they said here.

    data = pack_error(error)        # where it was raised
    raise unpack_error(data)        # where it is told

Type, arguments, attributes, notes, causes and groups arrive, and the traceback from the first frame
of user code on; a NodeError is one again, and of the original's type. `frames` knows tracebacks,
`bodies` what one error holds, `chain` how errors are linked.
"""

from __future__ import annotations

from graphnb.engine.remote_errors.bodies import LeftBehind
from graphnb.engine.remote_errors.chain import pack_error, unpack_error

__all__ = ["LeftBehind", "pack_error", "unpack_error"]
