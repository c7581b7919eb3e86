"""Values that pass between processes that do not know the same code."""

from __future__ import annotations

from typing import Any

from graphnb.authoring.digest.modules import in_library
from graphnb.engine.shipping import ValuePickler, mentions_local_code
from graphnb.engine.values import Packed, dump, is_scalar


def pack_to_travel(
    value: Any, *, what: str = "the value", node: str | None = None, copy: bool = True
) -> Packed:
    """As `pack`; classes that another process cannot import travel with the value.

    Args:
        value, what, node: as in `pack`.
        copy: as in `dump`.

    Raises:
        NotSerializableError: the value, or something in it, cannot be pickled.
    """
    if is_scalar(value):
        return value
    if not in_library(type(value).__module__):  # plain pickle would be tried in vain
        return dump(value, what, node, ValuePickler, plain=False, copy=copy)
    return dump(value, what, node, ValuePickler, _by_name, copy=copy)


def _by_name(stream: bytes) -> bool:
    """Whether all that is named in a pickle can be imported anywhere."""
    return not mentions_local_code(stream)
