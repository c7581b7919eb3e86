"""How the result of a call travels to the calls that take it: by value, or by reference.

By value it comes back to whoever runs the schedule and goes out again with the next calls: the
fastest for what is small. By reference it stays where it was made, in Ray's object store, and each
consumer takes it from there: nothing passes through the driver, and nothing is copied per consumer.
An edge begins by reference, which is never bad, and goes over to by value when what it carries has
proved to be small; one large value takes it back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphnb.engine.travel import pack_to_travel
from graphnb.engine.values import Parcel, packed_size
from graphnb.rayserve.wire import Stored

if TYPE_CHECKING:
    from graphnb.engine.arguments import Load
    from graphnb.engine.request import Request
    from graphnb.engine.values import Packed
    from graphnb.rayserve.remote import RemoteCallee

BY_LINE = 4 << 20
BY_SERVE = 640 << 10
"""Bytes above which a value stays in the object store, where calls go by lines, and where they go
by Ray Serve's handles; measured, see docs/measurements.md."""

_SMALL_IN_A_ROW = 2


class Edge:
    """The result of one step of a schedule, on its way to the steps that take it.

    Args:
        callee: whom the step calls.

    Attributes:
        by_reference: how the next result travels.
    """

    def __init__(self, callee: RemoteCallee) -> None:
        self._callee = callee
        self._small = 0
        self.by_reference = True

    async def call(
        self,
        method: str,
        load: Load,
        kept: Any,
        request: Request,
        parent: int | None,
        call: str | None,
        after: tuple[str, ...],
        model_id: str,
    ) -> Packed:
        """As `Callee.call`; the result may be one that is `Held` elsewhere."""
        limit = BY_LINE if self._callee.by_line else BY_SERVE
        packed = await self._callee.call(
            method,
            load,
            kept,
            request,
            parent,
            call,
            after,
            model_id,
            by_reference=self.by_reference,
            hold=limit,
        )
        self._saw(packed.size if type(packed) is Held else packed_size(packed), limit)
        return packed

    def _saw(self, size: int, limit: int) -> None:
        if size > limit:
            self._small, self.by_reference = 0, True
        elif self.by_reference:
            self._small += 1
            self.by_reference = self._small < _SMALL_IN_A_ROW


class Held:
    """A result that stays in Ray's object store, as whoever runs the schedule has it.

    Attributes:
        ref: Ray's reference to the packed result.
        size: bytes.
    """

    __slots__ = ("ref", "size")

    def __init__(self, ref: Any, size: int) -> None:
        self.ref = ref
        self.size = size

    def __reduce__(self) -> Any:
        raise TypeError("a result that is held elsewhere travels as an argument of its own")


def pack_or_store(
    value: Any, *, what: str = "the value", node: str | None = None, over: int
) -> Packed:
    """Packs a result for an edge by reference; a large one goes into the object store at once.

    It is written there from where it lies, without another copy, and before the node's code can
    go on and write to it.

    Args:
        value, what, node: as in `pack`.
        over: bytes; above which it is stored.
    """
    packed = pack_to_travel(value, what=what, node=node, copy=False)
    size = packed_size(packed)
    if size <= over:
        return packed.copied() if type(packed) is Parcel else packed
    import ray

    return Stored(ray.put(packed), size)
