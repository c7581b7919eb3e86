"""The programs that graphnb is measured against on Ray: plain Ray Serve handles, written by hand.

`Chain` awaits each node, by value (gRPC between replicas) or by reference, as Ray Serve does
by default; `Passing` hands responses on without awaiting them; `FanOut` gathers: all from the
deployment that receives the request. In `Holding` each deployment holds the handle of the next one.
"""

import asyncio
from typing import Any

import numpy as np
from ray import serve

WIDTH = 10


async def predict(x: int) -> int:
    """What every node does."""
    return x + 1


async def aggregate(*parts: int) -> int:
    """What stands behind the fan-out."""
    return sum(parts)


class Chain:
    """Awaits each node."""

    def __init__(self, by_reference: bool, *nodes: Any) -> None:
        self.nodes = [one.options(_by_reference=by_reference) for one in nodes]

    async def predict(self, x: int) -> int:
        for node in self.nodes:
            x = await node.remote(x)
        return x


class Passing:
    """Hands responses on."""

    def __init__(self, *nodes: Any) -> None:
        self.nodes = nodes

    async def predict(self, x: Any) -> Any:
        for node in self.nodes:
            x = node.remote(x)
        return await x


class Link:
    """Does what every node does, and hands on to the next one, whose handle it holds."""

    def __init__(self, following: Any = None) -> None:
        self.following = following and following.options(_by_reference=False)

    async def predict(self, x: int) -> int:
        made = await predict(x)
        return made if self.following is None else await self.following.predict.remote(made)


class Holding:
    """Calls the first of them."""

    def __init__(self, first: Any) -> None:
        self.first = first.options(_by_reference=False)

    async def predict(self, x: int) -> int:
        return await self.first.predict.remote(x)


class FanOut:
    """Gathers."""

    def __init__(self, by_reference: bool, last: Any, *nodes: Any) -> None:
        self.last = last.options(_by_reference=by_reference)
        self.nodes = [one.options(_by_reference=by_reference) for one in nodes]

    async def predict(self, x: int) -> int:
        parts = await asyncio.gather(*(node.remote(x) for node in self.nodes))
        return await self.last.remote(*parts)


class ArrayChain:
    """Hands a large array from node to node, by reference."""

    def __init__(self, *nodes: Any) -> None:
        self.make, self.middle, self.last = nodes

    async def predict(self, size: int) -> float:
        made = self.make.remote(size)
        return await self.last.remote(self.middle.remote(made))


class AwaitedArrayChain:
    """Awaits each node, by value."""

    def __init__(self, *nodes: Any) -> None:
        self.nodes = [one.options(_by_reference=False) for one in nodes]

    async def predict(self, value: Any) -> float:
        for node in self.nodes:
            value = await node.remote(value)
        return value


async def make_array(size: int) -> Any:
    """An array of that many bytes."""
    return np.ones(size // 8)


async def shift_array(array: Any) -> Any:
    """Another one of the same size."""
    return array + 1


async def look_at_array(array: Any) -> float:
    """One number of it."""
    return float(array[0] + array[-1])


def nodes(name: str) -> list[Any]:
    """Ten bound deployments of `predict`."""
    return [serve.deployment(name=f"{name}_{i}")(predict).bind() for i in range(WIDTH)]


def chain(*, by_reference: bool) -> Any:
    """The application of `Chain`."""
    return serve.deployment(Chain).bind(by_reference, *nodes("node"))


def passing() -> Any:
    """The application of `Passing`."""
    return serve.deployment(Passing).bind(*nodes("node"))


def holding() -> Any:
    """The application of `Holding`."""
    following = None
    for i in range(WIDTH):
        following = serve.deployment(name=f"link_{i}")(Link).bind(following)
    return serve.deployment(Holding).bind(following)


def fan_out(*, by_reference: bool) -> Any:
    """The application of `FanOut`."""
    last = serve.deployment(aggregate).bind()
    return serve.deployment(FanOut).bind(by_reference, last, *nodes("node"))


def array_chain(*, awaited: bool = False) -> Any:
    """The application of `ArrayChain`, or of `AwaitedArrayChain`."""
    functions = (make_array, shift_array, look_at_array)
    driver = AwaitedArrayChain if awaited else ArrayChain
    return serve.deployment(driver).bind(*(serve.deployment(one).bind() for one in functions))
