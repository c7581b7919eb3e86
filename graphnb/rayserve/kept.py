"""What Ray Serve keeps once for a process, kept for each replica of this one.

`@serve.multiplexed` keeps models on the instance or the function that loads them, and
`@serve.batch` a queue beside the function that it decorates. Here both are the replica's, and end
with it; nothing alive stays on what the user may bind, and so pickle, again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ray.serve.batching import _BatchQueue, _LazyBatchQueueWrapper
from ray.serve.multiplex import _ModelMultiplexWrapper

from graphnb.engine import multiplexed

if TYPE_CHECKING:
    from collections.abc import Hashable

    from graphnb.engine import Replica

FindReplica = Callable[[], "Replica | None"]

_MODELS = "__serve_multiplex_wrapper"  # where `@serve.multiplexed` puts what keeps models

_kept: WeakKeyDictionary[Replica, dict[Hashable, Any]] = WeakKeyDictionary()


def keep_by_replica(calling: FindReplica, native: Callable[[], Any]) -> None:
    """Lets replicas here keep the models and queues of their own calls; once for a process.

    Args:
        calling: the replica whose code calls, or None.
        native: the context of Ray Serve's own replica; None where there is none.
    """

    def find() -> Replica | None:
        return None if native() is not None else calling()

    # In the classes themselves: what decorators leave in user code is pickled with their names.
    new = functools.partial(_new_models, find)
    _ModelMultiplexWrapper.__new__ = staticmethod(new)  # type: ignore[method-assign]
    shared: Any = vars(_LazyBatchQueueWrapper)["queue"].fget
    own = property(lambda lazy: _queue(find, shared, lazy))
    _LazyBatchQueueWrapper.queue = own  # type: ignore[method-assign, assignment]


def _of(replica: Replica, key: Hashable, make: Callable[[], Any]) -> Any:
    """What a replica keeps under that key, until it ends."""
    kept = _kept.get(replica)
    if kept is None:
        kept = _kept[replica] = {}
        replica.closers.append(functools.partial(_forget, replica))
    if key not in kept:
        kept[key] = make()
    return kept[key]


def _forget(replica: Replica) -> None:
    _kept.pop(replica, None)


# --- models ---------------------------------------------------------------------------------------


def _new_models(find: FindReplica, cls: type, load: Any, owner: Any, limit: int) -> Any:
    return object.__new__(cls) if find() is None else _Models(find, load, owner, limit)


class _Models:
    """Loads models for the replica that asks (in place of a `_ModelMultiplexWrapper`)."""

    def __init__(self, find: FindReplica, load: Any, owner: Any, limit: int) -> None:
        self._find = find
        self._load = load
        self._owner = owner
        self._limit = limit

    async def load_model(self, model_id: str) -> Any:
        """The model of that id, loaded if the calling replica has it not."""
        # Made for one call: what stays on a function would be pickled with it.
        vars(self._load if self._owner is None else self._owner).pop(_MODELS, None)
        if not isinstance(model_id, str):
            raise TypeError("The model ID must be a string.")
        if not model_id:
            raise ValueError("The model ID cannot be empty.")
        replica = self._find()
        assert replica is not None
        get = _of(replica, (self._load, id(self._owner)), self._loader)
        return await get(model_id)

    def _loader(self) -> Any:
        load = self._load if self._owner is None else functools.partial(self._load, self._owner)

        async def load_one(model_id: str) -> Any:
            return await load(model_id)

        return multiplexed(load_one, max_num_models_per_replica=self._limit)


# --- queues of functions; methods get theirs by `adopt` -------------------------------------------


class ReplicaQueue(_BatchQueue):
    """A queue of batches that its replica ends."""

    def _warn_if_max_batch_size_exceeds_max_ongoing_requests(self) -> None:
        """Rule GN111 says it, and knows the limit."""

    def __del__(self) -> None:
        """Ray Serve's makes an event loop to end its task."""


def end_queue(queue: Any) -> None:
    """Ends a queue and the batches that it is at."""
    for task in (queue._handle_batch_task, *queue.tasks):
        if task is not None:
            task.cancel()


def _queue(find: FindReplica, shared: Callable[[Any], Any], lazy: Any) -> Any:
    """The queue of a batched function, for the calling replica."""
    replica = find()
    if replica is None or lazy._queue is not None:
        return shared(lazy)
    return _of(replica, lazy, lambda: _new_queue(shared, lazy, replica))


def _new_queue(shared: Callable[[Any], Any], lazy: Any, replica: Replica) -> Any:
    # In a context of its own: the request that comes first is not that of all batches.
    queue = replica._own_context().run(shared, lazy)
    queue.__class__ = ReplicaQueue
    lazy._queue = None
    replica.closers.append(functools.partial(end_queue, queue))
    return queue
