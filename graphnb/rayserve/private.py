"""What graphnb uses of Ray Serve that is not public, each in one place and with a way around it.

Checked with Ray 2.54 and 2.60; `tests/rayserve/test_private.py` says what is expected of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import sys
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from graphnb.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Sequence

CHECKED = ("2.54", "2.60")
"""The versions of Ray that all of this was tried with."""


def with_version(deployment: Any, version: str) -> Any:
    """A Serve deployment whose replicas stay as long as the version stays the same.

    Without it Ray Serve gives each deploy a version of its own, and restarts all replicas: that
    is what happens where this argument is gone.
    """
    try:
        # A call of its own: `_internal` keeps no record of the options that come with it.
        return deployment.options(version=version, _internal=True)
    except (TypeError, ValueError):  # the one or the other is gone
        return deployment


def pins_versions() -> bool:
    """Whether `with_version` does what it says."""
    from ray import serve

    made = serve.deployment(_nothing)
    return with_version(made, "1") is not made


def _nothing() -> None:
    """Somebody's code."""


def configure_one_at_a_time() -> None:
    """Lets several threads of this process make Serve deployments, and quickly.

    Each one that is made pickles the class of a router, with a module registered for that and taken
    off again: two threads at once take it off twice, which is an error, in whichever is later. Old
    parts of a graph are let go from a thread, while the user's own may be deploying. It also takes
    20 ms, always with the same result: that of Ray Serve's own router is kept. Without the method
    that is wrapped here nothing is to be done.
    """
    from ray.serve.config import RequestRouterConfig

    serialize: Any = getattr(RequestRouterConfig, "_serialize_request_router_cls", None)
    if serialize is None or hasattr(serialize, "__wrapped__"):
        return
    lock = threading.RLock()
    own: list[tuple[Any, bytes]] = []

    @functools.wraps(serialize)
    def serialize_alone(self: Any) -> None:
        asked = self.request_router_class
        with lock:
            if own and asked == own[0][0]:
                self.set_serialized_request_router_cls(own[0][1])
                return
            serialize(self)
            made = getattr(self, "_serialized_request_router_cls", None)
            is_own = getattr(self, "is_default_request_router", bool)  # not in Ray 2.54
            if made and is_own():
                own[:] = [(self.request_router_class, made)]

    RequestRouterConfig._serialize_request_router_cls = serialize_alone  # type: ignore[method-assign]


def handle_here(deployment: str, app_name: str) -> Any:
    """Ray Serve's handle of a deployment, for calls from the event loop that runs here.

    Without asking the controller whether the deployment exists. Each handle has a router, which
    learns of replicas by long polls, and by default lives on a loop in a thread of its own: every
    call goes there and every answer comes from there. On the caller's loop both are spared that.
    Where this Ray does not let us choose, it is as by default.
    """
    loop = asyncio.get_running_loop()
    if loop.get_exception_handler() is None:
        loop.set_exception_handler(_pass_false_alarms)
    return _handle(deployment, app_name, loop)


@functools.lru_cache(maxsize=32)
def _handle(deployment: str, app_name: str, _loop: asyncio.AbstractEventLoop) -> Any:
    from ray import serve
    from ray.serve.handle import DeploymentHandle

    made: Any
    try:
        made = DeploymentHandle(deployment, app_name)
    except TypeError:
        made = serve.get_deployment_handle(deployment, app_name)
    with contextlib.suppress(AttributeError, TypeError, ValueError, RuntimeError):
        made._init(_run_router_in_separate_loop=False)
    return made


def replicas_known_to(handle: Any) -> Callable[[], Any] | None:
    """What gives the replicas that a handle of `handle_here` may choose from, for `replica_limits`.

    It gives the same object until Ray Serve tells of a change; None while nothing is known. None
    in its place where this Ray does not tell.
    """
    router: Any = getattr(getattr(handle, "_router", None), "_asyncio_router", None)
    if not hasattr(type(router), "request_router"):
        return None

    def known() -> Any:
        return getattr(router.request_router, "curr_replicas", None)

    return known


def replica_limits(known: Any) -> dict[str, int]:
    """How many calls each replica takes at a time, by its actor's name.

    Args:
        known: what a function of `replicas_known_to` gives.
    """
    found = {}
    for one in (known or {}).values():
        name = getattr(getattr(one, "_replica_info", None), "actor_name", None)
        if name is None:  # of another version of Ray
            return {}
        found[name] = one.max_ongoing_requests
    return found


@contextlib.contextmanager
def logged_as(request_id: str) -> Iterator[None]:
    """What this task logs meanwhile has the id of a request that did not come by Ray Serve."""
    from ray.serve import context

    try:
        variable: Any = context._serve_request_context
        before = variable.set(context._RequestContext(request_id=request_id))
    except (AttributeError, TypeError):  # of another version of Ray: without an id
        yield
        return
    try:
        yield
    finally:
        variable.reset(before)


def takes_direct_calls() -> bool:
    """Whether Ray Serve need not know of the calls of this process's replica.

    It has to where it counts them to scale, or queues them up to a limit.
    """
    from ray.serve import context

    replica = getattr(context, "_INTERNAL_REPLICA_CONTEXT", None)
    config = getattr(replica, "_deployment_config", None)
    scaling = getattr(config, "autoscaling_config", None)
    return scaling is None and getattr(config, "max_queued_requests", 0) < 0


def encrypts() -> bool:
    """Whether Ray is told to encrypt what it sends."""
    return os.environ.get("RAY_USE_TLS", "0").lower() in ("1", "true")


def _pass_false_alarms(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Leaves out what gRPC says where several loops of a process use it, and one was quicker."""
    if isinstance(context.get("exception"), BlockingIOError) and "PollerCompletionQueue" in str(
        context.get("message")
    ):
        return
    loop.default_exception_handler(context)


def calling(handle: Any, method: str, *, stream: bool = False, by_reference: bool = False) -> Any:
    """A handle that calls a method, by gRPC between the processes or by Ray's object store.

    Where Ray does not let us choose, it chooses.
    """
    by_value = {"request_serialization": "pickle", "response_serialization": "pickle"}
    way = {"_by_reference": True} if by_reference else {"_by_reference": False, **by_value}
    try:
        return handle.options(method_name=method, stream=stream, **way)
    except TypeError:
        return handle.options(method_name=method, stream=stream)


def delete_soon(name: str) -> None:
    """Has an application end; returns at once, or when it has ended."""
    from ray import serve

    try:
        serve.delete(name, _blocking=False)
    except TypeError:
        serve.delete(name)


def forget_handles() -> None:
    """Forgets handles of a Ray that this process has left: they lead nowhere."""
    _handle.cache_clear()
    _replica.cache_clear()


def route_prefixes() -> dict[str, str | None]:
    """Where each application answers over HTTP; empty where this Ray does not tell."""
    return {name: one.get("route_prefix") for name, one in _applications().items()}


def replicas_of(app_name: str, names: Container[str] | None = None) -> dict[str, list[Any]]:
    """The actors of an application's replicas, by Ray Serve's names of its deployments.

    Args:
        app_name: of the application.
        names: of the deployments that are asked for; None for all.
    """
    import ray

    found: dict[str, list[Any]] = {}
    for name, details in _applications().get(app_name, {}).get("deployments", {}).items():
        for one in details.get("replicas", ()) if names is None or name in names else ():
            with contextlib.suppress(ValueError, TypeError):  # it has ended, or has no name yet
                actor = ray.get_actor(one.get("actor_name"), namespace="serve")
                found.setdefault(name, []).append(actor)
    return found


@functools.lru_cache(maxsize=4_096)
def _replica(name: str) -> Any:
    """The actor of a replica."""
    import ray

    return ray.get_actor(name, namespace="serve")


def ask_replica(name: str, function: Callable[..., Any], *args: Any) -> Any:
    """Calls a function in the process of a replica, beside its requests.

    Returns:
        Ray's reference to what it gives.

    Raises:
        ValueError: it has ended.
    """
    return _replica(name).__ray_call__.remote(function, *args)


def ask_actors(
    actors: Sequence[Any], function: Callable[..., Any], patience_s: float, *args: Any
) -> list[Any]:
    """Calls a function in the processes of actors, beside their requests: no slot is needed.

    Returns:
        What each gave; None for one that did not answer in time, or has ended.
    """
    import ray

    try:
        asked = [one.__ray_call__.remote(function, *args) for one in actors]
    except AttributeError:  # of another version of Ray: nobody says anything
        return [None for _ in actors]
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


def tell_models(model_ids: list[str]) -> None:
    """Tells Ray Serve which models the replica of this process has, so that calls for them come.

    Where this Ray takes it otherwise, calls go to any replica, which loads what it has not.
    """
    with contextlib.suppress(ImportError, AttributeError, TypeError):
        from ray.serve import context
        from ray.serve._private.common import RequestRoutingInfo

        replica: Any = context._INTERNAL_REPLICA_CONTEXT
        info = RequestRoutingInfo(replica_id=replica.replica_id, multiplexed_model_ids=model_ids)
        client: Any = context._get_global_client()
        client.record_request_routing_info(info)


def max_ongoing_requests() -> int:
    """The limit of the replica of this process, as it is now; no limit where Ray does not tell."""
    from ray.serve import context

    replica = getattr(context, "_INTERNAL_REPLICA_CONTEXT", None)
    config = getattr(replica, "_deployment_config", None)
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


def deployment_of(app: Any) -> Any:
    """The deployment that an application was bound of.

    Raises:
        DeployError: this Ray does not tell.
    """
    found = getattr(app, "_bound_deployment", None)
    if found is None:
        raise DeployError(
            "the applications of this version of Ray cannot be read",
            hint=f"bind with `from graphnb import serve`, or take a Ray of {' to '.join(CHECKED)}",
        )
    return found


def given_options(deployment: Any, known: Iterable[str]) -> dict[str, Any]:
    """The options that the user set of a deployment of Ray Serve, without the name.

    Args:
        deployment: of plain Ray Serve.
        known: the options that there are.
    """
    config = getattr(deployment, "_deployment_config", None)
    replica = getattr(deployment, "_replica_config", None)
    names = getattr(config, "user_configured_option_names", None)
    if names is None:
        return _unusual_options(deployment, known)
    found = {}
    for name in known:
        if name in names and name != "name":
            value = getattr(config, name, None)
            found[name] = getattr(replica, name, None) if value is None else value
    return found


def _unusual_options(deployment: Any, known: Iterable[str]) -> dict[str, Any]:
    """The options, of those that Ray Serve shows to all, that are not as they are by default."""
    from ray import serve

    usual = serve.deployment(lambda: None)
    return {
        name: getattr(deployment, name)
        for name in known
        if name != "name"
        and hasattr(usual, name)
        and getattr(deployment, name) != getattr(usual, name)
    }


def has_request_router(app: Any) -> bool:
    """Whether an application chooses the replica of a request by code of its own."""
    return getattr(app, "_ingress_request_router", None) is not None


def serve_http_options() -> Any:
    """The HTTP options of the Ray Serve that runs (`.host`, `.port`); None if none runs."""
    import ray

    try:
        from ray.serve.context import _get_global_client

        client = _get_global_client(raise_if_no_controller_running=False)
        return None if client is None else client.http_config
    except (ImportError, AttributeError, TypeError):
        pass
    try:
        controller = ray.get_actor("SERVE_CONTROLLER_ACTOR", namespace="serve")
    except ValueError:
        return None
    return ray.get(controller.get_http_config.remote())


def forget_serve() -> None:
    """Has Ray Serve look for its controller anew; before 2.60 it keeps that of another Ray."""
    from ray.serve import context

    forget = getattr(context, "_set_global_client", None)
    if forget is not None:
        forget(None)


def replica_id(deployment: str, app_name: str, number: str) -> Any:
    """What a replica of Ray Serve has for an id."""
    try:
        from ray.serve._private.common import DeploymentID, ReplicaID
    except ImportError:
        place = SimpleNamespace(name=deployment, app_name=app_name)
        return SimpleNamespace(unique_id=number, deployment_id=place)
    return ReplicaID(unique_id=number, deployment_id=DeploymentID(deployment, app_name))
