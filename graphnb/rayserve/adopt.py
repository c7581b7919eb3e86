"""Makes what Ray Serve's decorators leave on a callable its own, without a running Ray.

Two of them keep one thing for the whole process, which is one replica's on Ray, and many
replicas' here: `@serve.batch` its queue, and `@serve.ingress` the instance that FastAPI routes
are methods of.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from types import MethodType
from typing import Any

from graphnb.engine import current_envelope

Close = Callable[[], None]


async def adopt(target: Any) -> tuple[Any, list[Close]]:
    """Gives an instance or function batch queues of its own; starts its ASGI app if it has one.

    Returns:
        What takes its place (the instance itself; of a batched function another one), and what to
        call when its replica ends.
    """
    closers: list[Close] = []
    if inspect.isroutine(target):
        if _is_batched(target):
            target, close = _with_own_queue(target)
            closers.append(close)
        return target, closers
    for name in dir(type(target)):
        method = inspect.getattr_static(type(target), name)
        if _is_batched(method):
            own, close = _with_own_queue(method)
            setattr(target, name, MethodType(own, target))
            closers.append(close)
    if hasattr(target, "_run_asgi_lifespan_startup"):
        await _start_ingress(target)
    return target, closers


def _is_batched(method: Any) -> bool:
    return hasattr(method, "_get_max_batch_size")


def _with_own_queue(method: Any) -> tuple[Any, Close]:
    """The same batched function with a queue of its own, and what ends that queue."""
    from ray import serve
    from ray.serve.batching import _BatchQueue

    class Queue(_BatchQueue):
        """Does not compare its size with the limits of a Ray replica: GN111 says it here."""

        def _warn_if_max_batch_size_exceeds_max_ongoing_requests(self) -> None:
            return

        def __del__(self) -> None:
            """Ray's makes an event loop to end its task; here the replica ends it."""

    shared = method._get_max_batch_size.__self__
    bare = inspect.unwrap(method)
    options = {
        name: getattr(shared, name)
        for name in (
            "max_batch_size",
            "batch_wait_timeout_s",
            "max_concurrent_batches",
            "batch_size_fn",
        )
        if hasattr(shared, name)  # the last two are not in every Ray
    }
    own = serve.batch(**options)(bare)
    queue = Queue(handle_batch_func=bare, **options)
    vars(own)["_get_max_batch_size"].__self__._queue = queue
    return own, lambda: _end_queue(queue)


def _end_queue(queue: Any) -> None:
    for task in (queue._handle_batch_task, *queue.tasks):
        if task is not None:
            task.cancel()


async def _start_ingress(instance: Any) -> None:
    if hasattr(instance, "__serve_build_asgi_app__"):
        instance._set_asgi_app(instance.__serve_build_asgi_app__())
    app = instance._asgi_app
    for dependency in _instance_dependencies(app):
        # Routes that are methods ask for "the" instance of the process: here there are many.
        app.dependency_overrides[dependency] = _instance_of_this_call
    await instance._run_asgi_lifespan_startup()


async def _instance_of_this_call() -> Any:
    envelope = current_envelope.get()
    assert envelope is not None
    return envelope.replica.instance


def _instance_dependencies(app: Any) -> Iterator[Any]:
    """The dependencies by which Ray Serve gives `self` to routes that are methods."""
    for route in _routes(app):
        endpoint = getattr(route, "endpoint", None)
        if callable(endpoint) and hasattr(endpoint, "_serve_cls"):
            first = next(iter(inspect.signature(endpoint).parameters.values()))
            yield first.default.dependency


def _routes(app: Any) -> Iterator[Any]:
    """All routes of a FastAPI app, also those of routers in it."""
    from ray.serve._private import http_util

    walk = getattr(http_util, "_walk_fastapi_routes", None)  # not in every Ray
    if walk is None or not hasattr(app, "dependency_overrides"):
        return iter(getattr(app, "routes", ()))
    return (found[0] for found in walk(app))
