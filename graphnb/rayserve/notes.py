"""What went into and came out of nodes elsewhere, for the one who asked for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphnb.engine.remote_errors import pack_error, unpack_error
from graphnb.engine.request import NodeValues
from graphnb.engine.travel import pack_to_travel
from graphnb.engine.values import unpack
from graphnb.errors import NotSerializableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphnb.rayserve.wire import Note


def packed_notes(values: Sequence[NodeValues]) -> list[Note]:
    """The values of nodes, as they travel."""
    return [
        (
            one.node,
            _pack(one.args),
            _pack(one.kwargs),
            _pack(one.result),
            None if one.error is None else pack_error(one.error),
        )
        for one in values
        if type(one) is not Place
    ]


class Place(NodeValues):
    """Keeps the place of a call under way: values stand in the order in which calls began."""


def noted_values(notes: Sequence[Note]) -> list[NodeValues]:
    """The values of nodes, where they arrived."""
    return [_noted(one) for one in notes]


def _noted(note: Note) -> NodeValues:
    node, args, kwargs, result, error = note
    values = NodeValues(node, unpack(args), unpack(kwargs))
    values.result = unpack(result)
    values.error = None if error is None else unpack_error(error)
    return values


def _pack(value: Any) -> Any:
    try:
        return pack_to_travel(value)
    except NotSerializableError as error:
        return error.message
