"""Makes what Ray Serve's decorators leave on an instance its own, without a running Ray.

Two of them keep one thing for the whole process, which is one replica's on Ray, and many
replicas' here: `@serve.batch` its queue, and `@serve.ingress` the instance that FastAPI routes
are methods of.
"""

from __future__ import annotations

import inspect
from types import MethodType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


async def adopt(instance: Any) -> None:
    """Gives the instance batch queues of its own, and starts its ASGI app if it has one."""
    for name in dir(type(instance)):
        method = inspect.getattr_static(type(instance), name)
        if hasattr(method, "_get_max_batch_size"):
            setattr(instance, name, MethodType(_with_own_queue(method), instance))
    if hasattr(instance, "_run_asgi_lifespan_startup"):
        await _start_ingress(instance)


def _with_own_queue(method: Any) -> Any:
    """The same batched method with a queue of its own, by Ray's public decorator."""
    from ray import serve

    shared = method._get_max_batch_size.__self__
    options = {
        "max_batch_size": shared.max_batch_size,
        "batch_wait_timeout_s": shared.batch_wait_timeout_s,
    }
    for name in ("max_concurrent_batches", "batch_size_fn"):  # not in every Ray
        if hasattr(shared, name):
            options[name] = getattr(shared, name)
    return serve.batch(**options)(inspect.unwrap(method))


async def _start_ingress(instance: Any) -> None:
    if hasattr(instance, "__serve_build_asgi_app__"):
        instance._set_asgi_app(instance.__serve_build_asgi_app__())
    app = instance._asgi_app
    for dependency in _instance_dependencies(app):
        # Routes that are methods ask for "the" instance of the process: here there are many.
        app.dependency_overrides[dependency] = lambda: instance
    await instance._run_asgi_lifespan_startup()


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
