"""Parcels: code as bytes, and values that bring the code of their classes as parcels."""

from __future__ import annotations

import functools
import io
import pickle
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ClassVar

from graphnb.engine.shipping import classes
from graphnb.engine.shipping.pickler import CodePickler
from graphnb.engine.shipping.wanted import Wanted

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphnb.engine.shipping.arrival import ModuleFacts, Modules

_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"

_DEEP = 30_000
_LARGE_STACK = 512 * 2**20  # of address space; memory is taken as it is needed

# One parcel at a time, so that nobody sees a class that has no members yet.
_opening = threading.RLock()


class StuckError(Exception):
    """Something cannot be pickled; the error that says so is the cause.

    Attributes:
        culprit: what was being pickled then.
    """

    def __init__(self, culprit: Any) -> None:
        super().__init__("something cannot be pickled")
        self.culprit = culprit


def make_parcel(
    value: Any, pickler: type[CodePickler] = CodePickler, wanted: Wanted | None = None
) -> bytes:
    """A value and its code as bytes.

    Raises:
        StuckError: something in it cannot be pickled.
    """
    make = functools.partial(_make, value, pickler, Wanted() if wanted is None else wanted)
    try:
        return make()
    except StuckError as error:
        if not isinstance(error.__cause__, pickle.PicklingError | RecursionError):
            raise
        if not isinstance(error.__cause__.__cause__ or error.__cause__, RecursionError):
            raise
    return _on_a_large_stack(make)


def _make(value: Any, pickler: type[CodePickler], wanted: Wanted) -> bytes:
    while True:
        file = io.BytesIO()
        one = pickler(file, wanted=wanted)
        try:
            one.dump(_Contents(value, one))
        except StuckError:
            raise
        except Exception as error:
            raise StuckError(one.last) from error
        # A module that went before all that is named of it was known goes once more.
        if not one.incomplete:
            return file.getvalue()


def _on_a_large_stack(make: Callable[[], bytes]) -> bytes:
    """Pickles what is deep: each function may lead to the next one, through a whole package.

    Since Python 3.12 pickle may go that deep anywhere.
    """
    with _opening:
        limit, size = sys.getrecursionlimit(), threading.stack_size(_LARGE_STACK)
        sys.setrecursionlimit(max(limit, _DEEP))
        try:
            with ThreadPoolExecutor(1) as thread:
                return thread.submit(make).result()
        finally:
            threading.stack_size(size)
            sys.setrecursionlimit(limit)


def open_parcel(data: bytes) -> Any:
    """What a parcel holds."""
    with _opening:
        return pickle.loads(data)  # noqa: S301  made by `make_parcel`


class _Contents:
    """A value on its way; it arrives as itself."""

    def __init__(self, value: Any, pickler: CodePickler) -> None:
        self._parts = (_Maker(), value, _Sources(pickler), pickler.modules, pickler.replaces)

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrive, self._parts


class _Sources:
    """The modules that come as source; they are known once all before them is pickled."""

    def __init__(self, pickler: CodePickler) -> None:
        self._pickler = pickler

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple, (list(self._pickler.sources()),)


class _Maker:
    """Says which Python made a parcel, before anything else in it is loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _check_maker, (_PYTHON,)


def _check_maker(python: str) -> None:
    if python != _PYTHON:
        raise RuntimeError(
            f"this code was sent by Python {python}, and Python {_PYTHON} cannot run it"
        )


def _arrive(
    _maker: None,
    value: Any,
    sources: tuple[ModuleFacts, ...],
    modules: Modules,
    replaces: bool,  # noqa: FBT001
) -> Any:
    modules.install(sources, replace=replaces)
    return value


# --- values --------------------------------------------------------------------------------------


class _ClassPickler(CodePickler):
    """Pickles a class for those who do not know it; what they know stays as it is."""

    replaces = False


class ValuePickler(CodePickler):
    """Pickles values that leave the process; plain `pickle.loads` loads them.

    A class that the other process cannot import comes as its identity, and as a parcel that is
    opened only where nobody knows the class. The parcel is made once for each class.
    """

    replaces = False
    reducers: ClassVar[dict[type, Any]] = {}

    def _reduce_own_class(self, cls: type) -> Any:
        return known_class, (*classes.identity(cls), _class_parcel(cls))


_parcels: weakref.WeakKeyDictionary[type, tuple[tuple[int, ...], bytes | None]]
_parcels = weakref.WeakKeyDictionary()


def _class_parcel(cls: type) -> bytes | None:
    """The parcel of a class; none if that cannot be made of a class that arrived in one."""
    mark = tuple(map(id, vars(cls).values()))
    made = _parcels.get(cls)
    if made is None or made[0] != mark:
        try:
            parcel: bytes | None = make_parcel(cls, _ClassPickler)
        except StuckError:
            if not classes.arrived(cls):
                raise
            parcel = None
        # Marked afterwards: to look at a class may add to it.
        made = _parcels[cls] = (tuple(map(id, vars(cls).values())), parcel)
    return made[1]


def known_class(module: str, qualname: str, ids: tuple[str, ...], parcel: bytes | None) -> type:
    """The class of that identity in this process; from the parcel, if it has none."""
    wanted = classes.Identity(module, qualname, ids)
    found = classes.find_class(wanted)
    if found is None:
        with _opening:
            found = classes.find_class(wanted)
            if found is None and parcel is not None:
                found = open_parcel(parcel)
    if found is None:
        raise AttributeError(f"the class {module}.{qualname} is not known in this process")
    return found
