"""Handles: how anybody calls a deployment, one of its methods, or a graph.

A handle holds a name, not a replica: which replica answers is the router's matter, so that an
update may swap replicas under handles that stay.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from graphnb.engine.response import Response
    from graphnb.engine.stream import ResponseStream


@dataclass(frozen=True, slots=True)
class DeploymentTarget:
    """A deployment, by name."""

    deployment: str


@dataclass(frozen=True, slots=True)
class GraphTarget:
    """A graph, by the deployment that holds it and the graph's place in its init args.

    Attributes:
        streams: whether its root is a generator.
    """

    owner: str
    graph: str
    streams: bool = False


Target = DeploymentTarget | GraphTarget


@dataclass(frozen=True, slots=True)
class CallOptions:
    """How a handle calls.

    Attributes:
        method: the method of the deployment; graphs have none.
        stream: whether the answer is a stream of items.
        timeout_s: seconds until the call is given up, or None.
        model_id: which multiplexed model is asked for, or "".
        values: whether to keep what goes into and comes out of each node of this request.
        request_id: the request's id, or None for a new one.
        record: whether the calls of the request are timed, and kept.
    """

    method: str = "__call__"
    stream: bool = False
    timeout_s: float | None = None
    model_id: str = ""
    values: bool = False
    request_id: str | None = None
    record: bool = True


# What the handles of Ray Serve take besides, about the way of a call: here the router chooses it.
_RAYS_OPTIONS = frozenset(
    {
        "_by_reference",
        "_prefer_local_routing",
        "request_serialization",
        "response_serialization",
        "session_id",
        "use_new_handle_api",
    }
)
# What they can do besides.
_RAYS_METHODS = frozenset(
    {
        "broadcast",
        "choose_replica",
        "dispatch",
        "running_replicas_populated",
        "shutdown",
        "shutdown_async",
    }
)


class Router(Protocol):
    """Where handles bring their calls."""

    @property
    def name(self) -> str:
        """The name of the application."""

    def send(
        self,
        target: Target,
        options: CallOptions,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Response | ResponseStream:
        """Starts the call at once; from any thread."""

    async def run(
        self,
        target: Target,
        options: CallOptions,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Any:
        """Awaits a call in place: what `await handle.remote(...)` does, without a response."""


class Handle:
    """Calls a deployment or a graph: `handle.remote(x)`, `handle.method.remote(x)`.

    `remote` returns a `Response` (awaitable, with `.result()`), or a `ResponseStream` with
    `.options(stream=True)`. The call starts at once. Responses may be passed to other calls as
    arguments; they are waited for there.
    """

    __slots__ = ("_options", "_router", "_target")

    def __init__(self, router: Router, target: Target, options: CallOptions | None = None) -> None:
        self._router = router
        self._target = target
        self._options = options or CallOptions()

    def options(
        self,
        *,
        method_name: str | None = None,
        stream: bool | None = None,
        timeout_s: float | None = None,
        multiplexed_model_id: str | None = None,
        values: bool | None = None,
        request_id: str | None = None,
        record: bool | None = None,
        **of_ray: Any,
    ) -> Handle:
        """The same handle with other options; those not named stay.

        Args:
            method_name: the method to call.
            stream: whether the answer is a stream.
            timeout_s: seconds until the call is given up with a RequestTimeoutError.
            multiplexed_model_id: what `get_multiplexed_model_id()` gives in the deployment.
            values: keep what goes into and comes out of each node, in `response.request.values`.
            request_id: the request's id in traces.
            record: False leaves the request out of traces and figures, and times nothing.
            **of_ray: options of Ray Serve's handles that have no effect here.

        Raises:
            TypeError: an option that is neither.
        """
        if of_ray:
            _check_rays(of_ray)
        given: dict[str, Any] = {
            "method": method_name,
            "stream": stream,
            "timeout_s": timeout_s,
            "model_id": multiplexed_model_id,
            "values": values,
            "request_id": request_id,
            "record": record,
        }
        changed = {name: value for name, value in given.items() if value is not None}
        return Handle(self._router, self._target, replace(self._options, **changed))

    @property
    def deployment_name(self) -> str:
        """The deployment that it calls, or whose graph it runs."""
        target = self._target
        return target.owner if isinstance(target, GraphTarget) else target.deployment

    @property
    def app_name(self) -> str:
        """The name of the running graph."""
        return self._router.name

    @property
    def is_initialized(self) -> bool:
        """True: it can be used at once, unlike one of Ray Serve's."""
        return True

    def _init(self, **_options: Any) -> None:
        """What Ray Serve's handles ask for before their first use; nothing here."""

    @property
    def streams(self) -> bool:
        """Whether it calls a graph whose root is a generator."""
        return isinstance(self._target, GraphTarget) and self._target.streams

    def remote(self, *args: Any, **kwargs: Any) -> Any:
        """Starts the call and returns its `Response`, or `ResponseStream` with `stream=True`."""
        return self._router.send(self._target, self._options, args, kwargs)

    def _run(self, *args: Any, **kwargs: Any) -> Coroutine[Any, Any, Any]:
        """For drivers, which await what they call at once."""
        return self._router.run(self._target, self._options, args, kwargs)

    def __getattr__(self, name: str) -> Handle:
        if (name.startswith("_") and name != "__call__") or isinstance(self._target, GraphTarget):
            raise AttributeError(f"{self!r} has no attribute {name!r}")
        return self.options(method_name=name)

    def __call__(self, *_args: Any, **_kwargs: Any) -> Any:
        """Not for a handle: the error says what to do instead."""
        if self._options.method in _RAYS_METHODS:
            raise TypeError(
                f".{self._options.method}() is of Ray Serve's handles, and this is one of graphnb's"
            )
        raise TypeError(f"{self!r} is called with .remote(...)")

    def __reduce__(self) -> Any:
        raise TypeError("a handle cannot travel inside a value: pass it as an init argument")

    def __repr__(self) -> str:
        if isinstance(self._target, GraphTarget):
            return f"Handle(graph of {self._target.owner})"
        method = "" if self._options.method == "__call__" else f".{self._options.method}"
        return f"Handle({self._target.deployment}{method})"


def _check_rays(options: Mapping[str, Any]) -> None:
    unknown = [name for name in options if name not in _RAYS_OPTIONS]
    if unknown:
        raise TypeError(f"a handle has no option {unknown[0]!r}")
