"""One state of a local graph, with its replicas."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from graphnb.engine.version import Schedules, Version

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from graphnb.authoring import Graph
    from graphnb.engine.replica_set import ReplicaSet


class LocalVersion(Version):
    """A version whose deployments are replicas of this process.

    Attributes:
        graph: its spec and bindings.
        sets: the replicas of each deployment; unchanged ones are shared with other versions.
    """

    def __init__(
        self,
        graph: Graph,
        sets: Mapping[str, ReplicaSet],
        schedules: Schedules,
        application: object,
    ) -> None:
        super().__init__(graph.spec.root, sets, schedules, application)
        self.graph = graph
        self.sets = sets

    async def retire(self, gone: Sequence[ReplicaSet]) -> None:
        """Lets the last requests end, as long as the deployments they are in grant; then closes.

        Args:
            gone: the replicas that no other version has.
        """
        busy = [one for one in gone if one.ongoing or one.queued] or gone
        # Where nothing goes, nothing is in the way of the last requests.
        patience = max((one.limits.shutdown_s for one in busy), default=None)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self.drained()
        self.cancel()
        for replicas in gone:
            await replicas.close()
