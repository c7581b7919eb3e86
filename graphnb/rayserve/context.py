"""What `ray.serve` tells code of where it runs, where that is not the one replica of a process.

Ray Serve keeps one replica for each process, and its functions speak of that one. Here the
envelope of the calling code says which replica it is; code that no replica runs gets Ray Serve's
own answers, and where a Ray has no such function, all code does. Checked with Ray 2.54 and 2.60:
`tests/rayserve/test_context.py`, `tests/rayserve/test_private.py`.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import functools
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import ray
from ray.serve import context as serve_context
from ray.serve.context import ReplicaContext
from ray.serve.exceptions import RayServeException
from ray.serve.schema import ReplicaRank

from graphnb.engine import CallOptions, DeploymentTarget, Handle, current_envelope
from graphnb.rayserve.private import replica_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphnb.engine import Envelope, Replica


@functools.cache
def stand_in() -> None:
    """Makes `ray.serve`'s functions answer for the replica that calls them; once for a process.

    These are `get_replica_context`, `get_multiplexed_model_id`, `get_deployment_handle`, what
    `serve.metrics` asks for, and what `multiplexed` and `batch` keep.
    """
    with contextlib.suppress(ImportError, AttributeError):  # else Ray Serve keeps them by process
        from graphnb.rayserve.kept import keep_by_replica

        keep_by_replica(_calling_replica, native=serve_context._get_internal_replica_context)
    _replace("_get_internal_replica_context", _replica_context)
    _replace("_get_serve_request_context", _request_context)
    _replace("_get_global_client", _client)


def _replace(name: str, make: Callable[[Any], Any]) -> None:
    """Puts a function in the place of one of `ray.serve.context`, wherever that was imported."""
    original = getattr(serve_context, name, None)
    if original is None:  # of another version of Ray: its own answers stay
        return
    own = functools.wraps(original)(make(original))
    known = list(sys.modules.items())  # another thread may import meanwhile
    for module in [one for key, one in known if key.startswith("ray.serve")]:
        if vars(module).get(name) is original:
            setattr(module, name, own)


def _envelope() -> Envelope | None:
    """That of the calling code, if a replica runs it."""
    found = current_envelope.get()
    return found if found is not None and found.replica is not None else None


def _calling_replica() -> Replica | None:
    envelope = _envelope()
    return None if envelope is None else envelope.replica


# --- serve.get_replica_context


def _replica_context(original: Any) -> Any:
    def answer() -> Any:
        envelope, native = _envelope(), original()
        if envelope is None:
            return native
        return _LocalContext(envelope) if native is None else _hosted(native, envelope.replica)

    return answer


class _HostedContext(ReplicaContext):
    """The context of a replica of Ray Serve, told by what it hosts."""

    graph_name: str

    @property
    def deployment(self) -> str:
        """The deployment as the graph names it."""
        return self.graph_name


def _hosted(native: ReplicaContext, replica: Replica) -> _HostedContext:
    made: Any = copy.copy(native)
    made.__class__ = _HostedContext
    made.graph_name = replica.deployment
    made.servable_object = replica.instance
    made._handle_registration_callback = None  # it wants handles of Ray Serve
    found: _HostedContext = made
    return found


class _LocalContext(ReplicaContext):
    """The context of a replica that shares its process with others."""

    def __init__(self, envelope: Envelope) -> None:
        replica = envelope.replica
        self.replica_id = replica_id(replica.deployment, replica.app_name, replica.replica_id)
        self.servable_object = replica.instance
        self._siblings = _siblings(envelope)
        # Of it `serve.batch` asks this; Ray Serve's class is not made for threads.
        limit = sys.maxsize if self._siblings is None else self._siblings.limits.max_ongoing
        self._deployment_config: Any = SimpleNamespace(max_ongoing_requests=limit)

    @property
    def rank(self) -> Any:  # type: ignore[override]
        """Its place among the replicas of its deployment.

        Raises:
            RayServeException: asked in a constructor.
        """
        tags = [one.replica_id for one in self._replicas()]
        place = tags.index(self.replica_tag)
        return ReplicaRank(rank=place, node_rank=0, local_rank=place)

    @property
    def world_size(self) -> int:  # type: ignore[override]
        """How many replicas its deployment has.

        Raises:
            RayServeException: asked in a constructor.
        """
        return len(self._replicas())

    def _replicas(self) -> Any:
        if self._siblings is None:
            raise RayServeException(
                f"{self.deployment} is not deployed yet: in this process, rank and world_size "
                "are known from the first request on"
            )
        return self._siblings.replicas

    def __repr__(self) -> str:
        return f"ReplicaContext({self.replica_id})"


def _siblings(envelope: Envelope) -> Any:
    """The replicas of the calling one's deployment; None before it answers requests."""
    version = envelope.request.version
    return None if version is None else version.callees.get(envelope.replica.deployment)


# --- serve.get_multiplexed_model_id


def _request_context(original: Any) -> Any:
    def answer() -> Any:
        envelope, native = _envelope(), original()
        if envelope is None:
            return native
        return dataclasses.replace(
            native,
            request_id=envelope.request.request_id,
            app_name=envelope.replica.app_name,
            multiplexed_model_id=envelope.model_id,
        )

    return answer


# --- serve.get_deployment_handle, and whatever else asks the controller


def _client(original: Any) -> Any:
    def find(*args: Any, **kwargs: Any) -> Any:
        envelope = _envelope()
        if envelope is None:
            return original(*args, **kwargs)
        return _Client(envelope, functools.partial(original, *args, **kwargs))

    return find


class _Client:
    """Serve's client for code in a replica: knows its own application; starts no Ray."""

    def __init__(self, envelope: Envelope, find: Callable[[], Any]) -> None:
        self._envelope = envelope
        self._find = find

    def get_handle(self, deployment: str, app_name: str = "default", **options: Any) -> Any:
        """A handle of a deployment; of the caller's own application it is graphnb's."""
        version = self._envelope.request.version
        if version is None or app_name != self._envelope.replica.app_name:
            return self.__getattr__("get_handle")(deployment, app_name, **options)
        version.callee(deployment)
        return Handle(version.application, DeploymentTarget(deployment), CallOptions())

    def __getattr__(self, name: str) -> Any:
        if ray.is_initialized():
            return getattr(self._find(), name)
        raise RayServeException(
            "this asks the controller of Ray Serve, and the graph runs without Ray\n"
            "hint: bind the other deployment and pass it as an init argument; "
            "graphnb.get(NAME).handle is the handle of another running graph"
        )
