"""Data: plain values by content, sets without order, arrays by their memory, objects by state.

An object's state is what pickling would save, walked part by part instead of pickled: so that sets
within it have no order, classes and functions within it count by their code, and its large buffers
are hashed where they are.
"""

from __future__ import annotations

import copyreg
import sys
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from graphnb.authoring.digest.modules import library_holds, version
from graphnb.authoring.digest.stream import ATOMS, Stream, atom_bytes, is_large

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet


@dataclass(frozen=True, slots=True)
class Placeholder:
    """Stands in init args for what exists at run time only, a bound node above all.

    Attributes:
        text: what it stands for; placeholders of equal text are equal.
    """

    text: str


def placeholder_parts(stream: Stream, one: Placeholder) -> Iterable[object]:
    """A placeholder: its text."""
    stream.write("placeholder", one.text)
    return ()


def sequence_parts(stream: Stream, row: list[object] | tuple[object, ...]) -> Iterable[object]:
    """A list or tuple: its items in order."""
    stream.write(type(row).__name__, str(len(row)))
    return _rows(stream, [row])


def mapping_parts(stream: Stream, mapping: Mapping[object, object]) -> Iterable[object]:
    """A dict: its items in order, since programs can see it."""
    stream.write(type(mapping).__name__, str(len(mapping)))
    return _rows(stream, [mapping.keys(), mapping.values()])


def _rows(stream: Stream, rows: Iterable[Iterable[object]]) -> Iterable[object]:
    """Writes rows of atoms as they are, and gives the items of all others."""
    for row in rows:
        items = list(row)
        types = set(map(type, items))
        if types <= ATOMS and not (bytes in types and any(map(is_large, items))):
            stream.write_atoms(items)
        else:
            yield from items


def set_parts(stream: Stream, members: AbstractSet[object]) -> Iterable[object]:
    """A set: its members by their digests, which have an order that they themselves have not."""
    stream.write("set", str(len(members)))
    yield type(members)
    yield getattr(members, "__dict__", None)
    if ATOMS.issuperset(map(type, members)):
        digests = sorted(map(atom_bytes, members))
    else:
        digests = sorted(map(stream.digest_apart, members))
    stream.write("members", *digests)


def buffer_parts(stream: Stream, value: Any) -> Iterable[object]:
    """An object that is memory and no more: bytearray, array, memoryview, pickled buffer."""
    view = memoryview(value)
    stream.write("memory", type(value).__name__, view.format, repr(view.shape))
    stream.write_raw(view.cast("B") if view.c_contiguous and view.nbytes else view.tobytes())
    return ()


def is_array(value: object) -> bool:
    """Whether this is a numpy array of plain numbers, whose memory says everything."""
    numpy = sys.modules.get("numpy")
    if numpy is None or not hasattr(numpy, "ndarray"):  # absent, or still loading
        return False
    return type(value) in {numpy.ndarray, numpy.memmap} and not value.dtype.hasobject  # type: ignore[attr-defined]


def array_parts(stream: Stream, array: Any) -> Iterable[object]:
    """An array: type of its items, shape and memory, without a copy if it lies in one piece."""
    fortran = array.flags.f_contiguous and not array.flags.c_contiguous
    stream.write("array", repr(array.dtype), repr(array.shape), "F" if fortran else "C")
    array = array.T if fortran else array
    if array.flags.c_contiguous:
        stream.write_raw(memoryview(array.reshape(-1).view("u1")))
    else:
        flags = ["external_loop", "buffered", "zerosize_ok"]
        for piece in sys.modules["numpy"].nditer(array, flags=flags, order="C"):
            stream.write_raw(piece.tobytes())
    return ()


def object_parts(stream: Stream, value: object) -> Iterator[object]:
    """Any other object: its class and its state, as pickling would save them."""
    reduced = _reduce(value)
    if isinstance(reduced, str):  # pickling would save no more than a name
        module = str(getattr(value, "__module__", ""))
        stream.write("named", module, reduced, version(module))
        if library_holds(module, reduced, value):
            return
        yield type(value)
        yield getattr(value, "__wrapped__", None)
        yield getattr(value, "__dict__", None)
        return
    stream.write("object")
    maker, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
    yield maker
    yield arguments
    yield state
    yield from items or ()
    yield from chain.from_iterable(pairs or ())


def _reduce(value: object) -> str | tuple[Any, ...]:
    """What pickling would save of an object.

    Raises:
        TypeError: it cannot be pickled.
    """
    reducer = copyreg.dispatch_table.get(type(value))
    # Protocol 5 hands over large buffers instead of copying them.
    reduced: object = value.__reduce_ex__(5) if reducer is None else reducer(value)
    if isinstance(reduced, str | tuple):
        return reduced
    raise TypeError(f"{type(value).__qualname__} reduces to {reduced!r}")
