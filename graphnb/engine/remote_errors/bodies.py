"""What one error holds, without those that it is linked to: as bytes, and made anew from them.

An error's class travels as the classes of values do. Its `__init__` does not run again, since what
it asks for is not known; an error that says how it is pickled is believed first. What cannot be
pickled, or is large, is left behind, and something that says so stands in its place.
"""

from __future__ import annotations

import contextlib
import io
import pickle
from types import GetSetDescriptorType, MemberDescriptorType
from typing import TYPE_CHECKING, Any, NamedTuple

from graphnb.engine.node_errors import made_without_init, set_fields
from graphnb.engine.shipping import ValuePickler

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST_TEXT = 20_000
"""The most characters that are sent of a text."""

_MOST_BYTES = 200_000  # of one error
_MOST_CLASS = 5_000_000
_MOST_PART = 10_000  # of each argument and attribute, once an error has too many bytes

# What links errors travels beside them; the object of an AttributeError is no part of the error.
_NOT_FIELDS = frozenset({"args", "exceptions", "obj"})


class LeftBehind:
    """Stands in an error for what did not travel with it.

    Attributes:
        text: what it was, for people.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"<{self.text}: not sent>"


class Body(NamedTuple):
    """One error.

    Attributes:
        type_name: its class, for people.
        text: its text.
        reduced: what it says of how it is made again; None if it says nothing.
        parts: its class, arguments, fields and attributes; None if the class cannot travel.
    """

    type_name: str
    text: str
    reduced: bytes | None
    parts: bytes | None


def body_of(error: BaseException) -> Body:
    """What an error holds."""
    kind = type(error)
    return Body(type_name(kind), text_of(error), _reduced(error), _parts(error))


def type_name(kind: type) -> str:
    """The name of a class as tracebacks have it."""
    if kind.__module__ in {"builtins", "__main__"}:
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def text_of(error: BaseException) -> str:
    """An error's text, not too long."""
    try:
        return shortened(str(error))
    except Exception:  # noqa: BLE001  a user's own __str__
        return "(its text cannot be made)"


def shortened(text: str) -> str:
    """A text that is not too long: of a longer one, the beginning and the end."""
    if len(text) <= MOST_TEXT:
        return text
    first, last = MOST_TEXT * 3 // 4, MOST_TEXT // 4
    return f"{text[:first]} ... {len(text) - first - last} characters left out ... {text[-last:]}"


def _dumped(value: Any) -> bytes:
    file = io.BytesIO()
    ValuePickler(file).dump(value)
    return file.getvalue()


def _reduced(error: BaseException) -> bytes | None:
    """What a class's own `__reduce__` says."""
    if _is_built_in(type(error), "__reduce__") and _is_built_in(type(error), "__reduce_ex__"):
        return None
    try:
        data = _dumped(error.__reduce_ex__(5))
    except Exception:  # noqa: BLE001  pickle raises whatever the classes involved raise
        return None
    return data if len(data) <= _MOST_BYTES else None


def _is_built_in(kind: type, name: str) -> bool:
    owner = next(one for one in kind.__mro__ if name in vars(one))
    return owner.__module__ == "builtins"


def _parts(error: BaseException) -> bytes | None:
    arguments: tuple[Any, ...] = error.args
    if isinstance(error, BaseExceptionGroup):  # the errors in it travel beside it
        arguments = (error.message,)
    fields = dict(_fields(error))
    attributes = {k: v for k, v in vars(error).items() if k != "__notes__"}
    kind = type(error)
    try:
        data = _dumped((kind, arguments, fields, attributes))
        if len(data) <= _MOST_BYTES:
            return data
    except Exception:  # noqa: BLE001, S110  one part after the other, then
        pass
    try:
        size = len(_dumped(kind))
        if size > _MOST_CLASS:
            return None
        left = tuple(map(_part, arguments))
        return _dumped((kind, left, _each_part(fields), _each_part(attributes)))
    except Exception:  # noqa: BLE001  the class itself cannot travel
        return None


def _each_part(parts: dict[str, Any]) -> dict[str, Any]:
    return {name: _part(value) for name, value in parts.items()}


def _part(value: Any) -> Any:
    """A part of an error, or what stands for it."""
    if isinstance(value, str) and type(value) is str:
        return shortened(value)
    if type(value) is bytes and len(value) > _MOST_PART:
        return value[:_MOST_PART]
    try:
        if len(_dumped(value)) <= _MOST_PART:
            return value
    except Exception:  # noqa: BLE001, S110  as above
        pass
    return LeftBehind(type_name(type(value)))


def _fields(error: BaseException) -> Iterator[tuple[str, Any]]:
    """What lies in C or in slots: `errno`, `filename`, `start`."""
    for cls in type(error).__mro__:
        for name, member in vars(cls).items():
            if not isinstance(member, GetSetDescriptorType | MemberDescriptorType):
                continue
            if name.startswith("__") or name in _NOT_FIELDS:
                continue
            with contextlib.suppress(AttributeError):  # unset
                value = member.__get__(error)
                if value is not None:  # a field that is set to None shows in an error's text
                    yield name, value


# --- where it arrives ----------------------------------------------------------------------------


def error_from(body: Body, members: Sequence[BaseException]) -> BaseException | None:
    """The error made anew; None if that cannot be done here.

    Args:
        body: what it holds.
        members: the errors in it, if it is a group.
    """
    for data, make in ((body.reduced, _from_reduced), (body.parts, _from_parts)):
        if data is not None:
            try:
                error = make(pickle.loads(data), members)  # noqa: S301  made by `body_of`
            except Exception:  # noqa: BLE001, S112  whatever the classes involved raise
                continue
            if isinstance(error, BaseException):
                return error
    return None


def _from_reduced(reduced: Any, _members: Sequence[BaseException]) -> Any:
    make, arguments, *state = reduced
    error = make(*arguments)
    if state and state[0] is not None:
        error.__setstate__(state[0])
    return error


def _from_parts(parts: Any, members: Sequence[BaseException]) -> BaseException:
    kind, arguments, fields, attributes = parts
    if issubclass(kind, BaseExceptionGroup):
        arguments = (*arguments, list(members))
    error: BaseException = made_without_init(kind, arguments)
    for name, value in fields.items():
        with contextlib.suppress(AttributeError, TypeError):  # read-only
            set_fields(error, **{name: value})
    vars(error).update(attributes)
    return error
