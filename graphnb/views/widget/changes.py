"""What differs from frame to frame: what is sent to a browser that has the frame before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["changes", "is_empty"]


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The changes from one frame to the next: `Changes` in `widget/src/messages.ts`.

    Args:
        before: the last frame that was sent, of the same picture.
        after: the frame now.

    Returns:
        The picture's number, and of each part that differs the fields that do.
    """
    found: dict[str, Any] = {"picture": after["picture"]}
    head = _fields(before["head"], after["head"])
    if head:
        found["head"] = head
    for part in ("nodes", "edges"):
        old, new = before[part], after[part]
        differ = {name: fields for name, one in new.items() if (fields := _fields(old[name], one))}
        if differ:
            found[part] = differ
    if before["choices"] != after["choices"]:
        found["choices"] = after["choices"]
    return found


def is_empty(found: Mapping[str, Any]) -> bool:
    """Whether nothing changed."""
    return len(found) == 1


def _fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    if before is after or before == after:
        return {}
    return {name: value for name, value in after.items() if before[name] != value}
