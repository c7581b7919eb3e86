"""One live instance of a user's class, or one function, from its start to its end.

Async methods run on the engine's loop, sync ones in threads of the replica's own. How many calls
it takes at a time is the business of whoever routes to it.
"""

from __future__ import annotations

import asyncio
import inspect
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from graphnb.engine.request import Envelope, Request, current_envelope

if TYPE_CHECKING:
    from collections.abc import Callable

MethodKind = Literal["async", "sync", "async_stream", "sync_stream"]


@dataclass(frozen=True, slots=True)
class ReplicaContext:
    """What `get_replica_context()` gives to user code.

    Attributes:
        app_name: the name of the running graph.
        deployment: the deployment's name.
        replica_tag: unique among the replicas of this process.
        servable_object: the instance, or the function.
    """

    app_name: str
    deployment: str
    replica_tag: str
    servable_object: Any


@dataclass(frozen=True, slots=True)
class Method:
    """A bound method of a replica's instance, and how it is run."""

    call: Callable[..., Any]
    kind: MethodKind


# Threads are made as calls need them, and calls are bounded by slots, whose number may change.
_ENOUGH = 100_000
# For `__init__`, `reconfigure` and `check_health` of all replicas.
_starters = ThreadPoolExecutor(_ENOUGH, thread_name_prefix="graphnb-start")


class Replica:
    """One instance of a deployment.

    Attributes:
        replica_id: the deployment's name and a number.
        instance: the user's object, or function; None until `start`.
        ongoing: calls that hold a slot; kept by the router.
        methods: those that were called so far, ready to be called again.
        closers: called when it ends.
        when_idle: set by the router when `ongoing` falls to 0; None while nobody waits for it.
    """

    def __init__(self, app_name: str, deployment: str, replica_id: str) -> None:
        self.app_name = app_name
        self.deployment = deployment
        self.replica_id = replica_id
        self.instance: Any = None
        self.ongoing = 0
        self.when_idle: asyncio.Event | None = None
        self.closers: list[Callable[[], None]] = []
        self.methods: dict[str, Method] = {}
        self._threads: ThreadPoolExecutor | None = None

    @property
    def context(self) -> ReplicaContext:
        """What user code is told of where it runs."""
        return ReplicaContext(self.app_name, self.deployment, self.replica_id, self.instance)

    async def start(
        self, func_or_class: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """Makes the instance; a sync `__init__` runs in a thread, an async one on the loop."""
        if not isinstance(func_or_class, type):
            self.instance = func_or_class
        elif inspect.iscoroutinefunction(inspect.getattr_static(func_or_class, "__init__")):
            self.instance = object.__new__(func_or_class)
            await self._alone(lambda: self.instance.__init__(*args, **kwargs))
        else:
            self.instance = await self._in_thread(lambda: func_or_class(*args, **kwargs))

    async def reconfigure(self, user_config: Any) -> None:
        """Gives a new `user_config` to the instance's `reconfigure`.

        Raises:
            AttributeError: the class has no such method.
        """
        method = getattr(self.instance, "reconfigure", None)
        if method is None:
            raise AttributeError(
                f"{self.deployment} has a user_config, and its class no reconfigure(user_config)"
            )
        await self._any(method, user_config)

    async def check_health(self) -> None:
        """Calls the user's `check_health`; returns when it is well, raises what it raises."""
        await self._any(self.instance.check_health)

    @property
    def checks_health(self) -> bool:
        """Whether the user's class says when it is not well."""
        return callable(getattr(self.instance, "check_health", None))

    def method(self, name: str) -> Method:
        """The method of that name.

        Raises:
            TypeError: there is none.
        """
        found = self.methods.get(name)
        if found is None:
            found = self.methods[name] = self._find(name)
        return found

    def _find(self, name: str) -> Method:
        if name == "HTTP":
            from graphnb.engine.asgi import asgi_app

            return Method(asgi_app(self), "async")
        is_function = inspect.isroutine(self.instance)
        call = self.instance if is_function and name == "__call__" else None
        call = call or getattr(self.instance, name, None)
        if not callable(call):
            methods = [one for one in dir(self.instance) if one[:1] != "_"]
            known = f"; there are: {', '.join(methods)}" if methods and not is_function else ""
            raise TypeError(f"{self.deployment} has no method {name!r}{known}")
        return Method(call, _kind(call))

    def run_in_thread(self, context: Context, function: Callable[[], Any]) -> Any:
        """Starts a sync call in one of the replica's threads; returns its concurrent future."""
        if self._threads is None:
            name = f"graphnb-{self.replica_id}"
            self._threads = ThreadPoolExecutor(_ENOUGH, thread_name_prefix=name)
        return self._threads.submit(context.run, function)

    async def idle(self) -> None:
        """Waits until no call holds a slot."""
        if self.ongoing:
            self.when_idle = asyncio.Event()
            await self.when_idle.wait()

    async def close(self) -> None:
        """Lets the instance go; its threads end when their calls do."""
        instance, self.instance = self.instance, None
        self.methods.clear()
        for close in self.closers:
            close()
        if self._threads is not None:
            self._threads.shutdown(wait=False)
        # Ray Serve's ingress classes have an async __del__, which garbage collection cannot await.
        finalize = getattr(type(instance), "__del__", None)
        if inspect.iscoroutinefunction(finalize):
            await finalize(instance)
            instance.__class__ = type("Closed", (type(instance),), {"__del__": lambda _self: None})

    async def _any(self, method: Callable[..., Any], *args: Any) -> Any:
        if inspect.iscoroutinefunction(inspect.unwrap(method)):
            return await self._alone(lambda: method(*args))
        result = await self._in_thread(lambda: method(*args))
        return await result if inspect.isawaitable(result) else result

    async def _alone(self, make: Callable[[], Any]) -> Any:
        """Awaits a coroutine of the user's in a task and a context of its own."""
        context = self._own_context()
        return await asyncio.get_running_loop().create_task(_tamed(make), context=context)

    async def _in_thread(self, function: Callable[[], Any]) -> Any:
        def tamed() -> Any:
            try:
                return function()
            except (SystemExit, KeyboardInterrupt) as error:
                raise _not_to_end(error) from error

        context = self._own_context()
        return await asyncio.wrap_future(_starters.submit(context.run, tamed))

    def _own_context(self) -> Context:
        context = copy_context()
        envelope = Envelope(Request(None, record=False), 0, self, "")
        context.run(current_envelope.set, envelope)
        return context


async def _tamed(make: Callable[[], Any]) -> Any:
    try:
        return await make()
    except (SystemExit, KeyboardInterrupt) as error:
        raise _not_to_end(error) from error


def _not_to_end(error: BaseException) -> RuntimeError:
    """SystemExit and KeyboardInterrupt would end the thread that runs all nodes."""
    return RuntimeError(f"{type(error).__name__}: {error}")


def get_replica_context() -> ReplicaContext:
    """Where the calling code runs: graph, deployment, replica.

    Raises:
        RuntimeError: called outside of a deployment.
    """
    envelope = current_envelope.get()
    if envelope is None or envelope.replica is None:
        raise RuntimeError("get_replica_context() was called outside of a deployment")
    context: ReplicaContext = envelope.replica.context
    return context


def _kind(call: Callable[..., Any]) -> MethodKind:
    # A partial, or an object with __call__, is judged by what it calls.
    bare = inspect.unwrap(call)
    if not (inspect.isroutine(bare) or inspect.ismethod(bare)):
        bare = getattr(type(bare), "__call__", bare)  # noqa: B004  its code is wanted
    if inspect.isasyncgenfunction(bare):
        return "async_stream"
    if inspect.isgeneratorfunction(bare):
        return "sync_stream"
    return "async" if inspect.iscoroutinefunction(bare) else "sync"
