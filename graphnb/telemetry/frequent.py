"""Which keys occur most often, without keeping a count for each key that there ever was.

Counters are kept as Misra and Gries do ("Finding repeated elements", 1982): when there are too
many, the same number is taken off all of them, and those that reach zero go. Such counters add
up across processes with the same guarantee (Agarwal et al., "Mergeable Summaries", PODS 2012).
"""

from __future__ import annotations

from typing import Generic, TypeVar

__all__ = ["Frequent"]

Key = TypeVar("Key", bound=tuple[str, ...])


class Frequent(Generic[Key]):
    """Counts of the most frequent keys, and the seconds that went with them.

    Exact while there are at most `2 * limit` different keys. Beyond, a count may be too low by
    at most `total / (limit + 1)`, so a key that is more frequent than that is never lost.

    Attributes:
        limit: how many keys are sure to be kept.
    """

    __slots__ = ("_kept", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._kept: dict[Key, tuple[int, float]] = {}

    def add(self, key: Key, seconds: float, count: int = 1) -> None:
        """Counts a key."""
        before = self._kept.get(key)
        if before is not None:
            self._kept[key] = (before[0] + count, before[1] + seconds)
            return
        self._kept[key] = (count, seconds)
        if len(self._kept) > 2 * self.limit:
            self._thin_out()

    def merge(self, other: Frequent[Key]) -> None:
        """Adds what the other one counted."""
        for key, (count, seconds) in other._kept.items():
            self.add(key, seconds, count)

    def subtract(self, other: Frequent[Key]) -> None:
        """Takes off what the other one counted, as far as it is still here."""
        for key, (count, seconds) in other._kept.items():
            before = self._kept.get(key)
            if before is None:
                continue
            if before[0] > count:
                self._kept[key] = (before[0] - count, before[1] - seconds)
            else:
                del self._kept[key]

    def most(self) -> Key | None:
        """The most frequent key; of several, the one with the most seconds."""
        kept = self._kept
        return max(kept, key=lambda one: (*kept[one], one), default=None)

    def __len__(self) -> int:
        return len(self._kept)

    def _thin_out(self) -> None:
        counts = sorted((count for count, _ in self._kept.values()), reverse=True)
        less = counts[self.limit]
        self._kept = {
            key: (count - less, seconds)
            for key, (count, seconds) in self._kept.items()
            if count > less
        }
