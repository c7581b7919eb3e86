"""Values that leave the kernel for processes that know neither its cells nor modules beside it."""

from __future__ import annotations

from typing import Any

from graphnb.engine.shipping import mentions_local_code, ship
from graphnb.engine.values import Packed, Parcel, pack


def pack_to_travel(value: Any, *, what: str = "the value", node: str | None = None) -> Packed:
    """As `pack`; classes that only this process knows travel with the value.

    Raises:
        NotSerializableError: the value, or something in it, cannot be pickled.
    """
    packed = pack(value, what=what, node=node)
    if type(packed) is Parcel and mentions_local_code(packed.data):
        return Parcel(ship(value, what=what, node=node), [])
    return packed
