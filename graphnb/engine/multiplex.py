"""Many models behind one deployment: each replica keeps the ones used last.

    class Translator:
        @serve.multiplexed(max_num_models_per_replica=2)
        async def load(self, model_id: str): ...

        async def __call__(self, text):
            model = await self.load(serve.get_multiplexed_model_id())

The model's id travels in the envelope, so that it holds where replicas share a process.
"""

from __future__ import annotations

import asyncio
import inspect
from collections import OrderedDict
from functools import wraps
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet

from graphnb.engine.request import current_envelope

if TYPE_CHECKING:
    from collections.abc import Callable


def get_multiplexed_model_id() -> str:
    """The model id that the caller asked for, or "" when it named none."""
    envelope = current_envelope.get()
    return envelope.model_id if envelope is not None else ""


def multiplexed(
    load: Callable[..., Any] | None = None, *, max_num_models_per_replica: int = 3
) -> Any:
    """Makes a model loader keep its models, least recently used ones leaving first.

    Args:
        load: an async method or function that takes the model id as its only argument.
        max_num_models_per_replica: how many models each replica keeps; -1 for no limit.

    Raises:
        TypeError: `load` is not an async function.
        ValueError: `max_num_models_per_replica` is 0 or below -1.
    """
    if max_num_models_per_replica < -1 or max_num_models_per_replica == 0:
        raise ValueError(
            f"max_num_models_per_replica is {max_num_models_per_replica}, expected 1 or more, or -1"
        )

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        if not inspect.iscoroutinefunction(function):
            raise TypeError(f"{function!r} is decorated with multiplexed and must be `async def`")
        kept = _Kept(max_num_models_per_replica)

        @wraps(function)
        async def get_model(*args: Any) -> Any:
            owner, model_id = (args[0], args[1]) if len(args) > 1 else (None, args[0])
            if owner is None:
                return await kept.alone.get(model_id, lambda: function(model_id))
            return await kept.of(owner).get(model_id, lambda: function(owner, model_id))

        return get_model

    return decorate if load is None else decorate(load)


def tell_models(listener: Callable[[list[str]], None] | None) -> None:
    """Says who is told which models this process has, each time that changes; None for nobody."""
    global _listener  # noqa: PLW0603  a process has one
    _listener = listener


_listener: Callable[[list[str]], None] | None = None
_all: WeakSet[_Models] = WeakSet()


def _changed() -> None:
    if _listener is not None:
        _listener(sorted({model for one in tuple(_all) for model in one.ids}))


class _Kept:
    """The models of all replicas of this process; of a loader that travels, none go along."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._owners: WeakKeyDictionary[Any, _Models] = WeakKeyDictionary()
        self.alone = _Models(limit)  # of a function, which is one replica in its process

    def of(self, owner: Any) -> _Models:
        """Those of one instance."""
        return self._owners.setdefault(owner, _Models(self._limit))

    def __reduce__(self) -> tuple[Any, ...]:
        return _Kept, (self._limit,)


class _Models:
    """The models of one replica, least recently used first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._loading: OrderedDict[str, asyncio.Task[Any]] = OrderedDict()
        _all.add(self)

    @property
    def ids(self) -> list[str]:
        """The models that it has, and those that are being loaded."""
        return list(self._loading)

    async def get(self, model_id: str, load: Callable[[], Any]) -> Any:
        task = self._loading.get(model_id)
        if task is None:
            if len(self._loading) >= self._limit > 0:
                self._loading.popitem(last=False)
            task = asyncio.ensure_future(load())
            self._loading[model_id] = task
            _changed()
        self._loading.move_to_end(model_id)
        try:
            # Shielded: others may wait for the same model when one of them is cancelled.
            return await asyncio.shield(task)
        except BaseException:
            if task.done() and (task.cancelled() or task.exception() is not None):
                self._loading.pop(model_id, None)
                _changed()
            raise
