"""What happened lately, and ever: digests in a ring of time buckets.

Time is handed in, in seconds on whichever clock its owner reads: what is kept is decided by the
times that were seen, never by when it is asked.
"""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

from graphnb.telemetry.digest import TraceDigest

if TYPE_CHECKING:
    from graphnb.telemetry.spans import Trace
    from graphnb.telemetry.summary import GraphSummary

__all__ = ["BUCKETS", "BUCKET_S", "Windows"]

BUCKET_S = 10.0
BUCKETS = 60


class Windows:
    """The digest of all requests, and one for each of the last buckets of time.

    Holds at most `buckets + 1` digests. May be used by several threads.

    Attributes:
        bucket_s: how many seconds a bucket covers: what `since` is rounded down to.
        buckets: how many are kept.
    """

    def __init__(self, *, bucket_s: float = BUCKET_S, buckets: int = BUCKETS) -> None:
        self.bucket_s = bucket_s
        self.buckets = buckets
        self._lock = threading.Lock()
        # The newest bucket is not in the total yet: each request is added to one digest only.
        self._total = TraceDigest()
        self._ring: dict[int, TraceDigest] = {}
        self._newest: int | None = None

    def add(self, trace: Trace, at: float) -> None:
        """Adds a request that ended at that time."""
        with self._lock:
            bucket, late = self._bucket(at)
            bucket.add(trace)
            if late:
                self._total.add(trace)

    def merge_bucket(self, digest: TraceDigest, at: float) -> None:
        """Adds requests that ended by that time, such as those of a replica's last second."""
        with self._lock:
            bucket, late = self._bucket(at)
            bucket.merge(digest)
            if late:
                self._total.merge(digest)

    def summary(self, since: float | None = None) -> GraphSummary:
        """What the requests since that time add up to, or all that there ever were.

        Buckets count as a whole: a window reaches back up to one bucket further than asked.

        Args:
            since: on the clock of `add`; None for all time.
        """
        digest = TraceDigest()
        with self._lock:
            if since is None:
                digest.merge(self._total)
                wanted = [] if self._newest is None else [self._newest]
            else:
                first = math.floor(since / self.bucket_s)
                wanted = [index for index in sorted(self._ring) if index >= first]
            for index in wanted:
                digest.merge(self._ring[index])
        return digest.summary()

    def clear(self) -> None:
        """Forgets everything, as after a change of the graph."""
        with self._lock:
            self._total = TraceDigest()
            self._ring.clear()
            self._newest = None

    def _bucket(self, at: float) -> tuple[TraceDigest, bool]:
        """The bucket of that time, and whether it is in the total already.

        What is older than the ring goes to a digest that nobody keeps: then to the total alone.
        """
        index = math.floor(at / self.bucket_s)
        if self._newest is None or index > self._newest:
            self._open(index)
        late = index != self._newest
        if self._newest is not None and index <= self._newest - self.buckets:
            return TraceDigest(), late
        return self._ring.setdefault(index, TraceDigest()), late

    def _open(self, index: int) -> None:
        if self._newest is not None:
            self._total.merge(self._ring[self._newest])
        self._newest = index
        for old in [one for one in self._ring if one <= index - self.buckets]:
            del self._ring[old]
