"""The calls of one request: each begins when what it takes is there.

    async with Calls() as calls:
        tokens = calls.start(self.tokenize.remote, request["text"])
        score = calls.start(self.scorer.score.remote, tokens)
        label = calls.start(self.label.remote, tokens["words"], {"scores": [score]})
        return await label

Calls that need nothing of each other run side by side. The first that fails ends the request, and
with the block the calls that are still under way are cancelled.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from graphnb.authoring.walk import leaves, replace_leaves
from graphnb.engine.request_input import RequestInput

__all__ = ["Call", "CallTimeoutError", "Calls", "Part", "attribute"]

_NOT_GIVEN: Any = object()


class CallTimeoutError(TimeoutError):
    """A call took longer than it may."""


class Calls:
    """The calls of one request."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[Any]] = []
        self._options = _Options()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        under_way = [one for one in self._tasks if not one.done()]
        for one in under_way:
            one.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def options(
        self, *, timeout_s: float | None = None, retries: int = 0, fallback: Any = _NOT_GIVEN
    ) -> Calls:
        """The same calls; what is started by them may fail.

        Args:
            timeout_s: seconds that each attempt may take.
            retries: how often a call that failed is made again.
            fallback: what then stands in for its result: a value, or another call.
        """
        made = Calls()
        made._tasks = self._tasks
        made._options = _Options(timeout_s, retries, fallback)
        return made

    def start(self, method: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Call:
        """Makes a call as soon as it can be made; arguments may hold calls, and parts of them."""
        made = self.later(method, *args, **kwargs)
        made.start()
        return made

    def later(self, method: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Call:
        """A call that is made when something needs its result."""
        options = self._options
        return Call(self._tasks, lambda: _work(method, args, kwargs, options))

    async def stream(
        self, method: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> AsyncIterator[Any]:
        """The items of a generator, which is called when what it takes is there."""
        args, kwargs = await _values((args, kwargs))
        async for item in method(*args, **kwargs):
            yield item


class Call:
    """A call, to be awaited; `call[key]` is a part of its result."""

    def __init__(
        self, tasks: list[asyncio.Task[Any]], work: Callable[[], Coroutine[Any, Any, Any]]
    ) -> None:
        self._tasks = tasks
        self._work = work
        self._task: asyncio.Task[Any] | None = None

    def start(self) -> asyncio.Task[Any]:
        """Makes the call, unless it was made before."""
        if self._task is None:
            self._task = asyncio.create_task(self._work())
            self._tasks.append(self._task)
        return self._task

    def __await__(self) -> Generator[Any, None, Any]:
        return self.start().__await__()

    def __getitem__(self, key: Any) -> Part:
        return Part(self)[key]


class Part:
    """A part of a call's result, to be awaited."""

    def __init__(self, call: Call, keys: tuple[Any, ...] = ()) -> None:
        self._call = call
        self._keys = keys

    def __getitem__(self, key: Any) -> Part:
        return Part(self._call, (*self._keys, key))

    def __await__(self) -> Generator[Any, None, Any]:
        value = yield from self._call.__await__()
        for key in self._keys:
            value = value[key]
        return value


def attribute(value: Any, name: str) -> Any:
    """An attribute; of a mapping, or of a request of several arguments, the item of that name."""
    if isinstance(value, Mapping | RequestInput):
        return value[name]
    return getattr(value, name)


@dataclass(frozen=True, slots=True)
class _Options:
    timeout_s: float | None = None
    retries: int = 0
    fallback: Any = _NOT_GIVEN


async def _work(method: Callable[..., Any], args: Any, kwargs: Any, options: _Options) -> Any:
    args, kwargs = await _values((args, kwargs))
    for attempt in range(options.retries + 1):
        try:
            return await _in_time(_made(method, args, kwargs), options.timeout_s)
        except Exception:
            if attempt == options.retries and options.fallback is _NOT_GIVEN:
                raise
    return await _values(options.fallback)


async def _in_time(work: Coroutine[Any, Any, Any], timeout_s: float | None) -> Any:
    try:
        async with asyncio.timeout(timeout_s) as limit:
            return await work
    except TimeoutError as error:
        if limit.expired():  # else it is the deployment's own
            raise CallTimeoutError(f"a call took longer than its {timeout_s:g} s") from error
        raise


async def _made(method: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    response = method(*args, **kwargs)
    try:
        return await response
    except asyncio.CancelledError:  # nobody waits for it any more, or it took too long
        response.cancel()
        raise


async def _values(value: Any) -> Any:
    """What has calls in it, once they are made, with their results in their places."""
    pending = {id(one): one for one, _ in leaves(value) if isinstance(one, Call | Part)}
    if not pending:
        return value
    results = await asyncio.gather(*(_result(one) for one in pending.values()))
    found = dict(zip(pending, results, strict=True))
    return replace_leaves(value, lambda leaf, _place: found.get(id(leaf), leaf))


async def _result(one: Call | Part) -> Any:
    return await one
