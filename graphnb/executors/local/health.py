"""Asks replicas how they are, and replaces those that are not well."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from graphnb.errors import DeployError
from graphnb.executors.local.starter import LocalOptions, Starter

if TYPE_CHECKING:
    from graphnb.engine import Replica
    from graphnb.engine.replica_set import ReplicaSet
    from graphnb.engine.router import GraphRouter
    from graphnb.executors.local.version import LocalVersion

# As in Ray Serve: so many failures one after the other, and a replica is replaced.
FAILURES_TO_REPLACE = 3


async def watch_health(
    starter: Starter, router: GraphRouter[LocalVersion], name: str, replicas: ReplicaSet
) -> None:
    """Calls `check_health` of each replica at the deployment's period, until the set is closed."""
    failures: dict[str, int] = {}
    while not replicas.closed:
        version = router.current
        if version is None or version.sets.get(name) is not replicas:
            return
        options = LocalOptions.of(version.graph, name)
        await asyncio.sleep(options.health_period_s)
        for one in tuple(replicas.replicas):
            problem = await _problem(one, options.health_timeout_s)
            if problem is None:
                failures.pop(one.replica_id, None)
                replicas.error = None
                continue
            failures[one.replica_id] = failures.get(one.replica_id, 0) + 1
            replicas.error = problem
            if failures[one.replica_id] >= FAILURES_TO_REPLACE:
                await _replace(starter, router, name, replicas, one)


async def _problem(replica: Replica, timeout_s: float) -> str | None:
    """What `check_health` raised, in one line; None when it is well."""
    try:
        async with asyncio.timeout(timeout_s):
            await replica.check_health()
    except TimeoutError:
        return f"check_health took longer than {timeout_s} s"
    except Exception as error:  # noqa: BLE001  whatever user code raises says that it is not well
        return f"check_health raised {type(error).__name__}: {error}"
    return None


async def _replace(
    starter: Starter,
    router: GraphRouter[LocalVersion],
    name: str,
    replicas: ReplicaSet,
    sick: Replica,
) -> None:
    """Starts another replica in place of a sick one; keeps the sick one when that fails."""
    version = router.current
    if version is None or replicas.closed:
        return
    try:
        fresh = await starter.start_one(version.graph, name)
    except DeployError as error:
        replicas.error = error.message
        return
    replicas.replicas = [fresh if one is sick else one for one in replicas.replicas]
    replicas.restarts += 1
    replicas.error = None
    replicas.serve_queue()
    await sick.close()
