"""Classes that travel, and are the same class wherever they arrive.

A class that travels by value arrives in one process after another, often more than once. It must
be one class there, or `isinstance` fails for values that pass from one process to the next. So it
has an identity: its module, its name and a fingerprint of its code. That also holds when its cell
ran again, or the kernel was restarted, while replicas went on with what they have. A class made
inside a function has an identity of its own each time.

What a value brings never changes a class that is there; a new parcel of code does.
"""

from __future__ import annotations

import sys
import threading
import types
import uuid
import weakref
from typing import TYPE_CHECKING, Any, NamedTuple

from cloudpickle.cloudpickle import _dynamic_class_reduce

from graphnb.engine.shipping.fingerprints import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable

# A class that counts its instances is another one each time; the first id goes on telling.
_MOST_IDS = 6

_lock = threading.RLock()
_ids: weakref.WeakKeyDictionary[type, tuple[str, ...]] = weakref.WeakKeyDictionary()
_classes: weakref.WeakValueDictionary[str, type] = weakref.WeakValueDictionary()
# Those made here from a parcel, and of them those that have no members yet.
_arrived: weakref.WeakSet[type] = weakref.WeakSet()
_pending: weakref.WeakKeyDictionary[type, tuple[str, ...]] = weakref.WeakKeyDictionary()


class Identity(NamedTuple):
    """By what a class is known in every process.

    Attributes:
        module, qualname: where it was defined.
        ids: of the versions that this object has been; the first one was there first.
    """

    module: str
    qualname: str
    ids: tuple[str, ...]


def identity(cls: type, *, anew: bool = False) -> Identity:
    """The identity of a class.

    Args:
        cls: the class.
        anew: whether to look at its code again, which may have changed without it.
    """
    with _lock:
        known = _ids.get(cls, ())
        if not known or (anew and cls not in _arrived):
            found = _make_id(cls)
            if found is None:
                found = known[0] if known else uuid.uuid4().hex
            if found not in known:
                known = (*known[:1], *known[1:][-_MOST_IDS:], found)
            _register(cls, known)
    return Identity(cls.__module__, cls.__qualname__, known)


def _make_id(cls: type) -> str | None:
    if "<locals>" in cls.__qualname__:
        return None
    return f"{cls.__module__}.{cls.__qualname__} {fingerprint(cls)}"


def _register(cls: type, ids: tuple[str, ...]) -> None:
    _ids[cls] = ids
    for one in ids:
        _classes[one] = cls


def find_class(wanted: Identity) -> type | None:
    """The class of that identity that this process has, if it has it.

    What the module holds now comes first: a cell that ran again made a new class of equal code.
    """
    current = _held(wanted.module, wanted.qualname)
    if isinstance(current, type) and not set(wanted.ids).isdisjoint(identity(current).ids):
        return current
    return next((_classes[one] for one in wanted.ids if one in _classes), None)


def _held(module: str, qualname: str) -> object:
    """What a module has under that name, without any code of its own being asked."""
    found: object = sys.modules.get(module)
    for name in qualname.split("."):
        found = getattr(found, "__dict__", {}).get(name)
    return found


def arrived(cls: type) -> bool:
    """Whether a class was made from a parcel, by another process's definition."""
    return cls in _arrived


# --- where code is sent from ---------------------------------------------------------------------


def reduce_class(cls: type, home: Any, module: Any, *, replaces: bool) -> tuple[Any, ...]:
    """How a class is pickled by value: cloudpickle takes it apart.

    Args:
        cls: the class.
        home: the globals of its module, if that holds it.
        module: the module, if that has to be there.
        replaces: whether it takes the place of what the other process has of it.
    """
    # Not public; tried with cloudpickle 3.0.0, 3.1.1 and 3.1.2. A test says what is expected of it.
    make, arguments, state, _, _, fill = _dynamic_class_reduce(cls)
    if vars(cls).get("__slots__"):
        # cloudpickle makes a class without slots, whose instances a class with them cannot load.
        kind, name, bases, members, *rest = arguments
        said: Any = vars(cls)["__slots__"]
        slots = (said,) if isinstance(said, str) else tuple(said)
        arguments = (kind, name, bases, {**members, "__slots__": slots}, *rest)
    return (
        make_class,
        (identity(cls, anew=replaces), make, arguments),
        (fill, state, home, module),
        None,
        None,
        fill_class if replaces else fill_new_class,
    )


_State = tuple["Callable[..., Any]", Any, dict[str, Any] | None, Any]


# --- where it arrives ----------------------------------------------------------------------------


def make_class(wanted: Identity, make: Callable[..., type], arguments: tuple[Any, ...]) -> type:
    """The class of that identity, else one without members."""
    with _lock:
        found = find_class(wanted)
        if found is None:
            found = _make(make, arguments)
            found.__qualname__ = wanted.qualname  # cloudpickle has only the name
            _arrived.add(found)
            _pending[found] = wanted.ids
    return found


def _make(make: Callable[..., type], arguments: tuple[Any, ...]) -> type:
    try:
        return make(*arguments)
    except TypeError:
        # A base's `__init_subclass__` may ask for arguments of the class statement, which are
        # gone. What it did is among the members that come next: so it is left out.
        kind, name, bases, *rest = arguments
        try:
            made = make(kind, name, (_Silent, *bases), *rest)
            made.__bases__ = types.resolve_bases(bases)
        except TypeError:
            made = None
        if made is None:
            raise
        return made


class _Silent:
    """A base class that keeps the next one from hearing of subclasses."""

    def __init_subclass__(cls) -> None:
        pass


def fill_class(cls: type, state: _State) -> None:
    """Gives a class its members, also one that had arrived before."""
    fill, members, home, _ = state
    if home is not None:
        home[cls.__name__] = cls
    if cls in _arrived:
        fill(cls, members)
        with _lock:
            if cls in _pending:
                _register(cls, _pending.pop(cls))


def fill_new_class(cls: type, state: _State) -> None:
    """Gives a class its members, unless it has them."""
    if cls in _pending:
        fill_class(cls, state)
    elif state[2] is not None:
        state[2][cls.__name__] = cls
