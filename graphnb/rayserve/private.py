"""What graphnb uses of Ray Serve that is not public, each in one place and with a way around it.

Checked with Ray 2.54 and 2.60; `tests/rayserve/test_private.py` says what is expected of them.
"""

from __future__ import annotations

import asyncio
import functools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

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
    try:
        from ray.serve.context import _get_global_client

        client = _get_global_client(raise_if_no_controller_running=False)
        found = {} if client is None else client.get_serve_details()["applications"]
    except (ImportError, AttributeError, KeyError, TypeError):
        return {}
    return {name: one.get("route_prefix") for name, one in found.items()}


def call_all(handle: Any, method: str, *, timeout_s: float) -> list[Any]:
    """Calls a method of all replicas, or of one where this Ray cannot call all.

    Raises:
        Exception: whatever Ray says when one of them does not answer.
    """

    def wait() -> list[Any]:
        if hasattr(handle, "broadcast"):
            found: list[Any] = handle.broadcast(method).results(timeout_s=timeout_s)
            return found
        return [handle.options(method_name=method).remote().result(timeout_s=timeout_s)]

    # A notebook's cell runs in a loop, where Ray Serve refuses to wait: so another thread does.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(wait).result()
