"""What graphnb uses of Ray Serve that is not public, each in one place and with a way around it.

Checked with Ray 2.54 and 2.60; `tests/rayserve/test_private.py` says what is expected of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CHECKED = ("2.54", "2.60")
"""The versions of Ray that all of this was tried with."""


async def stored(response: Any) -> tuple[Any, int]:
    """Waits until the result of a call by reference is there, without fetching it.

    Returns:
        Ray's reference to it and its bytes, when it lies in the object store; (None, 0) when it
        is small, or an error, and has come along already.
    """
    import ray

    ref = await response._to_object_ref()
    ready = getattr(ref, "_ready", None)  # Ray 2.60; before, a thread waits
    if ready is not None:
        await ready()
    else:
        await asyncio.to_thread(ray.wait, [ref], fetch_local=False)
    found = ray.experimental.get_object_locations([ref]).get(ref, {})
    if not found.get("node_ids"):
        return None, 0
    return ref, int(found.get("object_size") or 0)


def with_version(deployment: Any, version: str) -> Any:
    """A Serve deployment whose replicas stay as long as the version stays the same.

    Without it Ray Serve gives each deploy a version of its own, and restarts all replicas: that
    is what happens where this argument is gone.
    """
    try:
        # A call of its own: `_internal` keeps no record of the options that come with it.
        return deployment.options(version=version, _internal=True)
    except TypeError:
        return deployment


@functools.lru_cache(maxsize=4_096)
def handle_of(deployment: str, app_name: str) -> Any:
    """Ray Serve's handle of a deployment; without asking the controller whether it exists.

    One for each process: each has a router of its own, which learns of replicas by long polls.
    """
    from ray.serve.handle import DeploymentHandle

    return DeploymentHandle(deployment, app_name)


def route_prefixes() -> dict[str, str | None]:
    """Where each application answers over HTTP; empty where this Ray does not tell."""
    return {name: one.get("route_prefix") for name, one in _applications().items()}


def replicas_of(app_name: str) -> dict[str, list[Any]]:
    """The actors of an application's replicas, by Ray Serve's names of its deployments."""
    import ray

    found: dict[str, list[Any]] = {}
    for name, details in _applications().get(app_name, {}).get("deployments", {}).items():
        for one in details.get("replicas", ()):
            with contextlib.suppress(ValueError, TypeError):  # it has ended, or has no name yet
                actor = ray.get_actor(one.get("actor_name"), namespace="serve")
                found.setdefault(name, []).append(actor)
    return found


def ask_actors(
    actors: Sequence[Any], function: Callable[[Any], Any], patience_s: float
) -> list[Any]:
    """Calls a function in the processes of actors, beside their requests: no slot is needed.

    Returns:
        What each gave; None for one that did not answer in time, or has ended.
    """
    import ray

    asked = [one.__ray_call__.remote(function) for one in actors]
    answered: set[Any] = set()
    if asked:
        answered = set(ray.wait(asked, num_returns=len(asked), timeout=patience_s)[0])
    results: list[Any] = []
    for one in asked:
        results.append(None)
        if one in answered:
            with contextlib.suppress(ray.exceptions.RayError):
                results[-1] = ray.get(one)
    return results


def free_resources() -> dict[str, dict[str, float]]:
    """What of each machine of the cluster is not taken, by Ray's id of the machine.

    Empty where this Ray does not tell: then nothing that waits for its place is told of.
    """
    try:
        from ray._private.state import available_resources_per_node

        found: dict[str, dict[str, float]] = available_resources_per_node()  # type: ignore[no-untyped-call]
    except (ImportError, AttributeError):
        return {}
    return found


def known_actors() -> list[dict[str, Any]]:
    """What Ray knows of all actors, also of those that have ended; of replicas that run otherwise.

    Ray's own keys: "Name", "Pid", "Address", "StartTime", "EndTime" (0 while it runs), ...
    """
    try:
        from ray._private.state import actors

        return list(actors().values())
    except (ImportError, AttributeError):
        return [
            {
                "Name": one["actor_name"],
                "Pid": one.get("pid") or 0,
                "Address": {"NodeID": one.get("node_id")},
                "StartTime": 0,
                "EndTime": 0,
            }
            for application in _applications().values()
            for deployment in application.get("deployments", {}).values()
            for one in deployment.get("replicas", ())
            if one.get("actor_name")
        ]


def logs_folder() -> str:
    """Where Ray keeps the log files of the processes on this machine."""
    from ray._private import worker

    node: Any = worker._global_node
    folder: str = node.get_logs_dir_path()
    return folder


def max_ongoing_requests() -> int:
    """The limit of the replica of this process, as it is now; no limit where Ray does not tell."""
    from ray.serve import context

    config = getattr(context._INTERNAL_REPLICA_CONTEXT, "_deployment_config", None)
    found: int = getattr(config, "max_ongoing_requests", sys.maxsize)
    return found


def _applications() -> dict[str, Any]:
    """Ray Serve's own account of all applications; empty where this Ray does not give it."""
    try:
        from ray.serve.context import _get_global_client

        client = _get_global_client(raise_if_no_controller_running=False)
        found: dict[str, Any] = {} if client is None else client.get_serve_details()["applications"]
    except (ImportError, AttributeError, KeyError, TypeError):
        return {}
    return found
