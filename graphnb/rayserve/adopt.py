"""Makes what Ray Serve's decorators leave on a callable its own, without a running Ray.

`@serve.batch` keeps one queue for the whole process, which is one replica's on Ray, and many
replicas' here. The app of `@serve.ingress` is started; its routes find their instance by
`rayserve.context`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import MethodType
from typing import TYPE_CHECKING, Any

from graphnb.rayserve.context import stand_in

if TYPE_CHECKING:
    from graphnb.engine import Replica

Close = Callable[[], None]


async def adopt(target: Any) -> tuple[Any, list[Close]]:
    """Gives an instance or function batch queues of its own; starts its ASGI app if it has one.

    Returns:
        What takes its place (the instance itself; of a batched function another one), and what to
        call when its replica ends.
    """
    stand_in()
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


async def adopt_replica(replica: Replica) -> None:
    """Adopts the instance of a replica, in its own context: tasks will find themselves there."""
    instance = replica.instance
    replica.instance, closers = await replica._alone(lambda: adopt(instance))
    replica.closers += closers


def _is_batched(method: Any) -> bool:
    return hasattr(method, "_get_max_batch_size") and _queues_can_be_own()


@functools.cache
def _queues_can_be_own() -> bool:
    """Whether this Ray Serve has what is needed; else replicas of a process share a queue."""
    try:
        import graphnb.rayserve.kept  # noqa: F401  asked whether it can be
    except ImportError:
        return False
    return True


def _with_own_queue(method: Any) -> tuple[Any, Close]:
    """The same batched function with a queue of its own, and what ends that queue."""
    from ray import serve

    from graphnb.rayserve.kept import ReplicaQueue, end_queue

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
    queue = ReplicaQueue(handle_batch_func=bare, **options)
    vars(own)["_get_max_batch_size"].__self__._queue = queue
    return own, lambda: end_queue(queue)


async def _start_ingress(instance: Any) -> None:
    if hasattr(instance, "__serve_build_asgi_app__"):
        instance._set_asgi_app(instance.__serve_build_asgi_app__())
    await instance._run_asgi_lifespan_startup()
