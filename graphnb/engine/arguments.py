"""How the arguments of a call are made of what is kept for it: here, or in another process.

A step of a schedule keeps slots of packed values. A call in this process loads its arguments from
them; a call elsewhere sends the packed parts as they are, with a `Shape` that says what they make.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from graphnb.authoring.bindings import ValueMarker
from graphnb.authoring.walk import replace_leaves
from graphnb.engine.values import Packed, Parcel, unpack

Arguments = tuple[Sequence[Any], Mapping[str, Any]]
"""Positional and keyword arguments that nobody else sees."""

NO_KWARGS: Mapping[str, Any] = {}


class Template(NamedTuple):
    """An argument with values inside: where in it they go.

    Attributes:
        packed: the argument, with a `ValueMarker` for each value.
        parts: which part each marker stands for, by source and path.
    """

    packed: Packed
    parts: Mapping[tuple[str, Any], int]

    def fill(self, parts: Sequence[Packed]) -> Any:
        """The argument, with the values in it."""

        def value_of(leaf: Any, _place: str) -> Any:
            if isinstance(leaf, ValueMarker):
                return unpack(parts[self.parts[leaf.source, leaf.path]])
            return leaf

        return replace_leaves(unpack(self.packed), value_of)


Place = int | Template
"""The number of a part, which is the whole argument, or a template that parts go into."""


class Shape(NamedTuple):
    """What parts make: the arguments of a call."""

    places: tuple[Place, ...]
    named: Mapping[str, Place]

    def arguments(self, parts: Sequence[Packed]) -> Arguments:
        """Positional and keyword arguments, loaded from the parts."""
        return (
            [_of(place, parts) for place in self.places],
            {name: _of(place, parts) for name, place in self.named.items()},
        )


def _of(place: Place, parts: Sequence[Packed]) -> Any:
    return unpack(parts[place]) if isinstance(place, int) else place.fill(parts)


class Message(NamedTuple):
    """The arguments of a call that goes elsewhere.

    Attributes:
        parts: packed values.
        shape: what they make; None when they are the positional arguments in order.
    """

    parts: Sequence[Packed]
    shape: Shape | None


def message_arguments(parts: Sequence[Packed], shape: Shape | None) -> Arguments:
    """The arguments of a message, where it arrived."""
    if shape is None:
        return [unpack(one) for one in parts], NO_KWARGS
    return shape.arguments(parts)


class Load(Protocol):
    """Makes the arguments of a call from what is kept for it."""

    def __call__(self, kept: Any, /) -> Arguments:
        """Loads them, when a replica of this process is ready for them."""

    def message(self, kept: Any, /) -> Message:
        """Leaves them packed, for another process."""


class LoadSlot:
    """The one argument is a slot."""

    __slots__ = ("_slot",)

    def __init__(self, slot: int) -> None:
        self._slot = slot

    def __call__(self, values: list[Packed]) -> Arguments:
        value = values[self._slot]
        return (value.load() if type(value) is Parcel else value,), NO_KWARGS

    def message(self, values: list[Packed]) -> Message:
        return Message((values[self._slot],), None)


class LoadSlots:
    """Each positional argument is a slot."""

    __slots__ = ("_slots",)

    def __init__(self, slots: tuple[int, ...]) -> None:
        self._slots = slots

    def __call__(self, values: list[Packed]) -> Arguments:
        picked = [values[slot] for slot in self._slots]
        return [one.load() if type(one) is Parcel else one for one in picked], NO_KWARGS

    def message(self, values: list[Packed]) -> Message:
        return Message([values[slot] for slot in self._slots], None)


class LoadShape:
    """Arguments of any shape, from slots.

    Args:
        slots: the slot of each part.
        shape: what the parts make.
    """

    __slots__ = ("_shape", "_slots")

    def __init__(self, slots: tuple[int, ...], shape: Shape) -> None:
        self._slots = slots
        self._shape = shape

    def __call__(self, values: list[Packed]) -> Arguments:
        return self._shape.arguments([values[slot] for slot in self._slots])

    def message(self, values: list[Packed]) -> Message:
        return Message([values[slot] for slot in self._slots], self._shape)


class LoadMessage:
    """What arrived as a message."""

    __slots__ = ()

    def __call__(self, message: Message) -> Arguments:
        return message_arguments(message.parts, message.shape)

    def message(self, message: Message) -> Message:
        return message


class LoadGiven:
    """Arguments as they are: nothing is packed, and they stay in this process."""

    __slots__ = ()

    def __call__(self, arguments: Arguments) -> Arguments:
        return arguments

    def message(self, arguments: Arguments) -> Message:
        raise TypeError("these arguments cannot leave the process")


load_message = LoadMessage()
load_given = LoadGiven()
