"""The last failure of each node, with its traceback: what people look for first."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import NamedTuple

__all__ = ["MAX_NODES", "Failure", "Failures"]

MAX_NODES = 200
_PERIOD_S = 1.0


class Failure(NamedTuple):
    """A request that failed at a node.

    Attributes:
        node: where, as the error names it.
        message: the error in one line.
        traceback: as it is shown to whoever asked, from user code on.
        request_id: of which request.
        at: when, in seconds since the epoch.
    """

    node: str
    message: str
    traceback: str
    request_id: str
    at: float


class Failures:
    """Keeps one failure for each node, the last but for those that come within a second.

    A traceback costs more than a request: where all fail, only some are worked out.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Failure] = OrderedDict()

    def wants(self, node: str) -> bool:
        """Whether another failure of that node is worth working out."""
        kept = self._kept.get(node)
        return kept is None or not 0 <= time.time() - kept.at < _PERIOD_S

    def keep(self, failure: Failure) -> None:
        """Keeps a failure in place of the node's last one."""
        self._kept[failure.node] = failure
        self._kept.move_to_end(failure.node)
        while len(self._kept) > MAX_NODES:
            self._kept.popitem(last=False)

    def last(self, *nodes: str) -> Failure | None:
        """The last failure of any of these nodes."""
        found = [self._kept[one] for one in nodes if one in self._kept]
        return max(found, key=lambda one: one.at, default=None)

    def clear(self) -> None:
        """Forgets all."""
        self._kept.clear()
