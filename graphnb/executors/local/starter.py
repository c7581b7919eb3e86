"""Starts and reconfigures replicas, and says which options have no effect in this process."""

from __future__ import annotations

import asyncio
import inspect
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphnb.engine.replica import Replica
from graphnb.engine.replica_set import Limits, ReplicaSet
from graphnb.engine.starting import ReplicaStarter, own_copy, pack_init_args, start_error

if TYPE_CHECKING:
    from graphnb.authoring import Graph
    from graphnb.engine import Router

# Ray Serve's defaults.
DEFAULT_MAX_ONGOING = 5
DEFAULT_SHUTDOWN_S = 20.0
DEFAULT_HEALTH_PERIOD_S = 10.0
DEFAULT_HEALTH_TIMEOUT_S = 30.0

# Options that mean something on a cluster only; docs/executors.md has the same table.
LEFT_OUT = {
    "ray_actor_options": "resources and runtime environments",
    "autoscaling_config": "autoscaling",
    "placement_group_bundles": "placement groups",
    "placement_group_strategy": "placement groups",
    "placement_group_bundle_label_selector": "placement groups",
    "max_replicas_per_node": "limits per machine",
    "gang_scheduling_config": "gang scheduling",
    "deployment_actors": "deployment actors",
    "request_router_config": "custom request routers",
    "logging_config": "logging configuration",
    "backpressure_config": "adaptive backpressure",
}


@dataclass(frozen=True, slots=True)
class LocalOptions:
    """The options of a deployment, as this executor understands them; times in seconds."""

    num_replicas: int
    limits: Limits
    user_config: Any
    health_period_s: float
    health_timeout_s: float

    @classmethod
    def of(cls, graph: Graph, name: str) -> LocalOptions:
        """Those of one deployment of a graph."""
        given = graph.deployments[name].options
        replicas = given.get("num_replicas")
        return cls(
            # "auto", and None, leave the number to autoscaling, which this executor leaves out.
            num_replicas=replicas if isinstance(replicas, int) else 1,
            limits=Limits(
                given.get("max_ongoing_requests", DEFAULT_MAX_ONGOING),
                given.get("max_queued_requests", -1),
                given.get("graceful_shutdown_timeout_s", DEFAULT_SHUTDOWN_S),
            ),
            user_config=given.get("user_config"),
            health_period_s=given.get("health_check_period_s", DEFAULT_HEALTH_PERIOD_S),
            health_timeout_s=given.get("health_check_timeout_s", DEFAULT_HEALTH_TIMEOUT_S),
        )


def left_out(graph: Graph) -> tuple[str, ...]:
    """One warning by name for each deployment whose options this executor leaves out."""
    found = []
    for one in graph.spec.deployments:
        names = [name for name in one.options if name in LEFT_OUT]
        if one.options.get("num_replicas") == "auto":
            names.append("num_replicas='auto'")
        if names:
            found.append(f"{one.name}: {', '.join(names)} has no effect in this process")
    return tuple(found)


class Starter:
    """Makes replicas of one application's deployments."""

    def __init__(self, app_name: str, router: Router) -> None:
        self._replicas = ReplicaStarter(app_name, router, _adopt)

    def new_set(self, graph: Graph, name: str) -> ReplicaSet:
        """An empty set of replicas for a deployment."""
        return ReplicaSet(name, graph.deployments[name].where, LocalOptions.of(graph, name).limits)

    async def start_many(self, graph: Graph, name: str, count: int) -> list[Replica]:
        """Starts so many replicas of a deployment, at the same time.

        Raises:
            DeployError: one of them could not start; none of them is kept.
            GraphError: GN114, an init argument cannot be serialized.
        """
        _stand_in_for_serve()
        binding = graph.deployments[name]
        init_args = pack_init_args(binding, name)
        starts = [self._replicas.start(name, binding, init_args) for _ in range(count)]
        made = await asyncio.gather(*starts, return_exceptions=True)
        failed = next((one for one in made if isinstance(one, BaseException)), None)
        started = [one for one in made if isinstance(one, Replica)]
        if failed is None:
            return started
        for one in started:
            await one.close()
        raise failed

    async def start_one(self, graph: Graph, name: str) -> Replica:
        """Starts one replica of a deployment.

        Raises:
            DeployError: user code raised; the original error is its cause.
        """
        binding = graph.deployments[name]
        return await self._replicas.start(name, binding, pack_init_args(binding, name))

    async def reconfigure(self, graph: Graph, name: str, replicas: ReplicaSet) -> None:
        """Gives a deployment's `user_config` to all its replicas.

        Raises:
            DeployError: user code raised.
        """
        config = LocalOptions.of(graph, name).user_config
        try:
            for one in replicas.replicas:
                await one.reconfigure(own_copy(config))
        except Exception as error:
            raise start_error(graph.deployments[name], name, error, "reconfigure") from error


def _stand_in_for_serve() -> None:
    """Makes the functions of `ray.serve` answer for replicas here, if anybody may call them."""
    if "ray.serve.api" in sys.modules:
        from graphnb.rayserve.context import stand_in

        stand_in()


async def _adopt(replica: Replica) -> None:
    """Makes what Ray Serve's decorators left on an instance its own: batch queues, ASGI apps."""
    if _has_serve_parts(replica.instance):
        from graphnb.rayserve.adopt import adopt_replica

        await adopt_replica(replica)


def _has_serve_parts(target: Any) -> bool:
    """Whether Ray Serve's decorators were used; told without importing Ray."""
    cls = type(target)
    if hasattr(target, "_get_max_batch_size"):
        return True
    return any(base.__module__.startswith("ray.serve") for base in cls.__mro__) or any(
        hasattr(inspect.getattr_static(cls, name, None), "_get_max_batch_size") for name in dir(cls)
    )
