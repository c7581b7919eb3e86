"""The stream that a digest is taken of: records in, one hash out, cycles ended by reference."""

from __future__ import annotations

import logging
import marshal
import math
import os
from hashlib import blake2b
from types import EllipsisType, NoneType
from typing import TYPE_CHECKING, Any, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping

    from graphnb.authoring.digest.values import Placeholder

_log = logging.getLogger(__name__)

_SIZE = 16
_END = b"."

# Values without identity, that marshal writes by type and content alone.
ATOMS = frozenset({NoneType, bool, int, float, complex, str, bytes, EllipsisType})

# Version 2 of marshal's format knows neither references nor interned strings, so equal values
# give equal bytes however they came to be.
_MARSHAL = 2

# Long rows of atoms are written in pieces, so that their bytes never exist all at once.
_PIECE = 1 << 14

# Definitions that reach more than this many bytes are not compared with others: many closures of
# one function may share large data, which would be hashed for each of them.
_COMPARED = 1 << 18


def atom_bytes(value: Any) -> bytes:
    """The bytes of an atom, or of a tuple of atoms: equal for equal types and contents."""
    return marshal.dumps(value, _MARSHAL)


def is_large(value: object) -> TypeGuard[bytes]:
    """Whether a value is bytes, and too many of them to be copied."""
    return isinstance(value, bytes) and len(value) > _PIECE


class Stream:
    """Walks a value and hashes what it meets; what is met again is written as a reference.

    Which parts a value has is not known here: `parts` writes a value's own record and returns what
    to walk next. The walk keeps its own stack, so that deep values do not exhaust Python's.
    """

    def __init__(
        self,
        parts: Callable[[Stream, object], Iterable[object]],
        *,
        budget: int | None = None,
        stand_ins: Mapping[int, Placeholder] | None = None,
    ) -> None:
        self._parts = parts
        # By ids: what counts instead of the object. They know no ids of objects made meanwhile.
        self.stand_ins = stand_ins or {}
        self._hash = blake2b(digest_size=_SIZE)
        # What a comparison of two definitions may still hash; without bounds outside of those.
        self._budget = math.inf if budget is None else budget
        self._compares = budget is None
        # id or name -> (number, value); holding the value keeps its id from being used again.
        self._known: dict[Hashable, tuple[int, object]] = {}
        self._numbers = 0
        self._twins: dict[Hashable, list[object]] = {}
        self._alones: dict[int, tuple[str | None, object]] = {}

    def hexdigest(self) -> str:
        """The digest of all that was walked so far."""
        return self._hash.hexdigest()

    def write(self, tag: str, *fields: str | bytes) -> None:
        """Hashes one record; lengths keep neighbouring records apart."""
        pieces = [f"{tag}({len(fields)}"]
        data = [f.encode("utf-8", "surrogatepass") if isinstance(f, str) else f for f in fields]
        pieces.extend(str(len(field)) for field in data)
        self.write_raw(" ".join(pieces).encode() + b")" + b"".join(data))

    def write_raw(self, memory: memoryview | bytes) -> None:
        """Hashes bytes as they are; the record before them must say how many there are."""
        self._budget -= len(memory)
        if self._budget >= 0:
            self._hash.update(memory)

    def _write_atom(self, atom: object) -> None:
        if is_large(atom):
            self.write("bytes", str(len(atom)))
            self.write_raw(atom)
        else:
            self.write("atom", atom_bytes(atom))

    def write_atoms(self, atoms: list[object]) -> None:
        """Hashes a row of atoms."""
        self.write_raw(b"atoms %d " % len(atoms))
        for start in range(0, len(atoms), _PIECE):
            self.write_raw(atom_bytes(atoms[start : start + _PIECE]))

    def write_unknown(self, what: str) -> None:
        """Makes this digest unlike any other: what cannot be hashed may have changed."""
        _log.debug("counts as changed at every digest: %s", what)
        self.write("unknown", os.urandom(_SIZE))

    def walk(self, value: object) -> None:
        """Hashes a value and all that it reaches."""
        stack: list[Iterator[object]] = [iter((value,))]
        while stack and self._budget >= 0:
            try:
                for part in stack[-1]:
                    if type(part) in ATOMS:
                        self._write_atom(part)
                    else:
                        stack.append(iter(self._parts(self, part)))
                        break
                else:
                    stack.pop()
                    self.write_raw(_END)
            except Exception as error:  # noqa: BLE001  users' properties and reducers raise at will
                self.write_unknown(f"{type(error).__name__}: {error}")
                stack.pop()

    def digest_apart(self, value: object) -> bytes:
        """The digest of a value as if it came next, leaving no trace: for members of sets."""
        outer, known, numbers = self._hash, len(self._known), self._numbers
        self._hash = blake2b(digest_size=_SIZE)
        try:
            self.walk(value)
            return self._hash.digest()
        finally:
            self._hash, self._numbers = outer, numbers
            while len(self._known) > known:
                self._known.popitem()

    def repeats(self, value: object, *, name: Hashable = None, twin: Hashable = None) -> bool:
        """Whether the value was met before; if so, writes a reference to it.

        Args:
            name: identifies the value, if its identity does not.
            twin: what definitions made by the same code have in common. If one with the same twin
                key was met and has the same content, it counts as the same: running a cell again
                makes new objects, while others may still hold the old ones.
        """
        key = id(value) if name is None else name
        found = self._known.get(key)
        if found is None and twin is not None:
            found = self._twin(value, twin)
        number = self._numbers if found is None else found[0]
        self._known[key] = (number, value)
        if found is None:
            self._numbers += 1
            return False
        self.write("again", str(number))
        return True

    def _twin(self, value: object, key: Hashable) -> tuple[int, object] | None:
        """The record of an earlier definition with the same content."""
        if not self._compares:  # a comparison of two definitions must not start another one
            return None
        earlier = self._twins.setdefault(key, [])
        for twin in earlier:
            # `digest_apart` forgets what it met, and a forgotten number must not be written.
            known = self._known.get(id(twin))
            if known is None or known[1] is not twin:
                continue
            digest = self._alone(twin)
            if digest is not None and digest == self._alone(value):
                return known
        earlier.append(value)
        return None

    def _alone(self, value: object) -> str | None:
        """The digest of a definition by itself, which is taken once; None if it is too much."""
        key = id(value)
        if key not in self._alones:
            stream = Stream(self._parts, budget=_COMPARED, stand_ins=self.stand_ins)
            stream.walk(value)
            digest = stream.hexdigest() if stream._budget >= 0 else None
            self._alones[key] = (digest, value)
        return self._alones[key][0]
