"""How a value travels: serialized once, loaded by each consumer for itself.

    packed = pack(value)        # the value itself if it is an immutable scalar, else a Parcel
    mine = unpack(packed)       # a value that nobody else sees; arrays in it are read-only

Large buffers (arrays) are copied once, when packed, and shared read-only by all that load them.
Values follow cloudpickle's rules; plain pickle is tried first because it is faster and, where it
succeeds within one process, gives the same.
"""

from __future__ import annotations

import copyreg
import io
import pickle
import sys
from collections import ChainMap
from typing import TYPE_CHECKING, Any, Protocol

import cloudpickle

from graphnb.errors import NotSerializableError

if TYPE_CHECKING:
    from collections.abc import Callable

# Immutable, and of exactly these types: they travel as they are.
SCALARS = frozenset({int, float, bool, complex, str, bytes, type(None)})
_SHORT_TUPLE = 8
_PROTOCOL = 5
_LARGE = 64 * 1024

Packed = Any
"""A scalar as it is, or a Parcel."""


class Pack(Protocol):
    """A way to serialize a value: `pack`, or one for values that leave the process."""

    def __call__(self, value: Any, *, what: str = ..., node: str | None = ...) -> Packed:
        """The value, packed."""


class Parcel:
    """A serialized value: a pickle stream, and its large buffers beside it."""

    __slots__ = ("buffers", "data")

    def __init__(self, data: bytes, buffers: list[Any]) -> None:
        self.data = data
        self.buffers = buffers

    @property
    def size(self) -> int:
        """Bytes of stream and buffers together."""
        return len(self.data) + sum(memoryview(one).nbytes for one in self.buffers)

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Large buffers go out of band where the one who pickles takes them: nothing is copied."""
        buffers = [pickle.PickleBuffer(one) if len(one) > _LARGE else one for one in self.buffers]
        return Parcel, (self.data, buffers)

    def copied(self) -> Parcel:
        """The same with buffers of its own."""
        return Parcel(self.data, [bytes(one) for one in self.buffers])

    def load(self) -> Any:
        """The value, made anew; its buffers are read-only and shared."""
        return pickle.loads(self.data, buffers=self.buffers)  # noqa: S301  packed in this process


def pack(value: Any, *, what: str = "the value", node: str | None = None) -> Packed:
    """Serializes a value once, for any number of consumers.

    Args:
        value: what travels.
        what: names the value in an error ("the result", "argument 'x'").
        node: the node that an error speaks of.

    Raises:
        NotSerializableError: the value, or something in it, cannot be pickled.
    """
    return value if is_scalar(value) else dump(value, what, node)


def is_scalar(value: Any) -> bool:
    """Whether it travels as it is: an immutable scalar, or a short tuple of those."""
    kind = type(value)
    if kind in SCALARS:
        return True
    return (
        kind is tuple and len(value) <= _SHORT_TUPLE and all(type(one) in SCALARS for one in value)
    )


def unpack(packed: Packed) -> Any:
    """The value for one consumer."""
    return packed.load() if type(packed) is Parcel else packed


def packed_size(packed: Packed) -> int:
    """Bytes that travel; 0 for numbers, which travel as they are."""
    kind = type(packed)
    if kind is Parcel:
        size: int = packed.size
        return size
    if kind is bytes or kind is str:  # a character counts as one
        return len(packed)
    return sum(map(packed_size, packed)) if kind is tuple else 0


def dump(
    value: Any,
    what: str,
    node: str | None,
    last: TablePickler | None = None,
    fits: Callable[[bytes], bool] | None = None,
    *,
    plain: bool = True,
    copy: bool = True,
) -> Parcel:
    """Serializes a value that is no scalar.

    Args:
        value, what, node: as in `pack`.
        last: what has the last word, when plain pickle fails; cloudpickle by default.
        fits: whether what plain pickle made will do; it always does by default.
        plain: whether plain pickle is tried first.
        copy: False leaves large buffers where they are: only for a parcel that is written
            somewhere else before the producer can go on.

    Raises:
        NotSerializableError: the value, or something in it, cannot be pickled.
    """
    buffers: list[Any] = []

    def keep(buffer: pickle.PickleBuffer) -> None:
        # A copy, because the producer may write to its array after it returned it; as bytes,
        # because arrays that are loaded on top of bytes are read-only.
        raw = buffer.raw()
        buffers.append(bytes(raw) if copy or raw.nbytes <= _LARGE else raw)

    if plain:
        try:
            stream = _stream(_plain, value, keep)
            if fits is None or fits(stream):
                return Parcel(stream, buffers)
        except Exception:  # noqa: BLE001, S110  whatever it was, another has the last word
            pass
    buffers.clear()
    try:
        return Parcel(_stream(last or _CloudPickler, value, keep), buffers)
    except Exception as error:
        where = f" of {node}" if node else ""
        raise NotSerializableError(
            f"{what}{where} cannot be serialized: {type(value).__name__}: {error}",
            node=node,
            hint="pass plain data; make connections, locks and models inside a deployment",
        ) from error


def _stream(kind: TablePickler, value: Any, keep: Callable[[Any], None]) -> bytes:
    file = io.BytesIO()
    kind(file, _PROTOCOL, buffer_callback=keep, reducers=_array_reducers()).dump(value)
    return file.getvalue()


class TablePickler(Protocol):
    """A pickler that is told how instances of some types are pickled."""

    def __call__(
        self,
        file: Any,
        protocol: int,
        *,
        buffer_callback: Callable[[pickle.PickleBuffer], Any],
        reducers: dict[Any, Any],
    ) -> pickle.Pickler:
        """The pickler."""


def _plain(
    file: Any,
    protocol: int,
    *,
    buffer_callback: Callable[[pickle.PickleBuffer], Any],
    reducers: dict[Any, Any],
) -> pickle.Pickler:
    pickler = pickle.Pickler(file, protocol, buffer_callback=buffer_callback)
    if reducers:  # a pickler with a table of its own does not ask copyreg
        known: dict[Any, Any] = copyreg.dispatch_table
        pickler.dispatch_table = ChainMap(reducers, known)
    return pickler


class _CloudPickler(cloudpickle.Pickler):  # type: ignore[misc]
    def __init__(
        self,
        file: Any,
        protocol: int,
        *,
        buffer_callback: Callable[[pickle.PickleBuffer], Any],
        reducers: dict[Any, Any],
    ) -> None:
        # Before pickle looks at it: where a class has a table, a later one goes unnoticed.
        self.dispatch_table = ChainMap(reducers, cloudpickle.Pickler.dispatch_table)
        super().__init__(file, protocol, buffer_callback)


def _array_reducers() -> dict[Any, Any]:
    numpy = sys.modules.get("numpy")
    return {numpy.ndarray: _reduce_array} if numpy is not None else {}


def _reduce_array(array: Any) -> Any:
    """Arrays go out of band, so that all of them, also strided ones, arrive read-only."""
    if array.dtype.hasobject or not _has_buffer(array):
        return _read_only, (array.copy().view(_object_carrier()),)
    if not (array.flags.c_contiguous or array.flags.f_contiguous):
        array = array.copy()
    return array.__reduce_ex__(_PROTOCOL)


def _has_buffer(array: Any) -> bool:
    """Whether other code may read the array's memory; not so for dates, for one."""
    try:
        memoryview(array).release()
    except (TypeError, ValueError):
        return False
    return True


def _object_carrier() -> Any:
    """A subclass of ndarray that pickles the ordinary way, for arrays of Python objects."""
    global _carrier  # noqa: PLW0603  made on first use, because numpy is optional
    if _carrier is None:
        import numpy as np

        class ObjectCarrier(np.ndarray):
            """Not in the table of reducers."""

        ObjectCarrier.__module__, ObjectCarrier.__qualname__ = __name__, "ObjectCarrier"
        _carrier = ObjectCarrier
    return _carrier


_carrier: Any = None


def __getattr__(name: str) -> Any:
    """By this name pickle finds the class, also in a process that has not packed arrays yet."""
    if name == "ObjectCarrier":
        return _object_carrier()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _read_only(array: Any) -> Any:
    import numpy as np

    plain = array.view(np.ndarray)
    plain.flags.writeable = False
    return plain
