"""What travels between the processes of one graph.

A call goes out as a `Header` and the packed parts of its arguments, and comes back as a `Reply`.
All of it is plain data, so that pickle alone carries it: the user's values are packed already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from graphnb.engine.values import packed_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphnb.engine.arguments import Shape
    from graphnb.engine.values import Packed
    from graphnb.rayserve.remote_spans import Said

CALL = "graphnb_call"
"""The method of a host that takes calls."""

STREAM = "graphnb_stream"
"""The method of a host that takes calls of generators."""


class Header(NamedTuple):
    """What goes with the arguments of a call.

    Attributes:
        request_id: the request that the call belongs to.
        version: the number of the graph's version that answers it.
        deployment: whom it is for, as the graph names it.
        method: the method to call.
        call: the id of the call node, or None.
        after: the call ids that it waited for.
        model_id: which multiplexed model is asked for, or "".
        left_s: seconds until the request's deadline, or None.
        patience: seconds past the deadline in which the caller listens.
        record: whether spans are wanted.
        notes: whether what goes into and comes out of each node is wanted.
        by_reference: whether the answer may be of any size.
        hold: bytes above which the result is to stay in the object store, as a `Stored`; 0 where
            it is not.
        shape: what the parts make; None when they are the positional arguments in order.
    """

    request_id: str
    version: int
    deployment: str
    method: str
    call: str | None
    after: tuple[str, ...]
    model_id: str
    left_s: float | None
    patience: float
    record: bool
    notes: bool
    by_reference: bool
    hold: int
    shape: Shape | None


Note = tuple[str, "Packed", "Packed", "Packed", bytes | None]
"""Node, arguments, keyword arguments, result, error: what one call was about, packed."""


def note_size(note: Note) -> int:
    """Bytes of its values."""
    return sum(map(packed_size, note[1:4]))


class Stored(NamedTuple):
    """A result that stays in Ray's object store; only in replies that come by reference.

    Ray pins what a message by value refers to for as long as the worker lives.

    Attributes:
        ref: Ray's reference to the packed result.
        size: its bytes.
    """

    ref: Any
    size: int


class Reply(NamedTuple):
    """What a call comes back as.

    Attributes:
        packed: the result.
        spans: what its process says of the call and of all calls that it made.
        notes: what went into and came out of nodes, where it was asked for.
    """

    packed: Packed
    spans: Said
    notes: Sequence[Note] = ()


class Trailer(NamedTuple):
    """Ends a stream."""

    spans: Said


class RemoteFailure(Exception):  # noqa: N818  never seen by users: it carries their error
    """Carries an error, and the spans up to it, to the caller.

    Args:
        text: the error in one line, for Ray's own logs.
        error: made by `pack_error`.
        spans, notes: as in `Reply`.
        late: whether the request's deadline passed, and nothing else happened.
    """

    def __init__(
        self,
        text: str,
        error: bytes,
        spans: Said,
        notes: Sequence[Note] = (),
        late: bool = False,  # noqa: FBT001, FBT002  exceptions travel by their positional arguments
    ) -> None:
        super().__init__(text, error, spans, notes, late)
        self.error = error
        self.spans = spans
        self.notes = notes
        self.late = late

    def __str__(self) -> str:
        return str(self.args[0])

    def __reduce__(self) -> tuple[Any, ...]:
        return RemoteFailure, self.args
