"""The walk-through: two preprocessors (0.1 and 0.15 s), two models (0.3 s) behind a combiner.

The combiner calls the models itself, through handles. The critical path is 0.45 s. The same
functions and classes make the graph and the application that stands beside it.
"""

import asyncio
from typing import Any

import graphnb
from graphnb import InputNode

Request = list[Any]


async def to_number(text: str) -> int:
    """The first preprocessor."""
    await asyncio.sleep(0.1)
    return int(text)


async def average(numbers: list[float]) -> float:
    """The second preprocessor."""
    await asyncio.sleep(0.15)
    return sum(numbers) / len(numbers)


class Model:
    def __init__(self, weight: int) -> None:
        self.weight = weight

    async def forward(self, features: float) -> float:
        await asyncio.sleep(0.3)
        return self.weight * features


class Combiner:
    def __init__(self, first: Any, second: Any) -> None:
        self.first = first
        self.second = second

    async def run(self, one: float, other: float, operation: str) -> float:
        features = one + other
        results = await asyncio.gather(
            self.first.forward.remote(features), self.second.forward.remote(features)
        )
        return sum(results) if operation == "sum" else max(results)


class Driver:
    """What Ray Serve needs in place of the graph."""

    def __init__(self, to_number: Any, average: Any, combiner: Any) -> None:
        self.to_number = to_number
        self.average = average
        self.combiner = combiner

    async def predict(self, request: Request) -> float:
        one, other = await asyncio.gather(
            self.to_number.remote(request[0]), self.average.remote(request[1])
        )
        return await self.combiner.run.remote(one, other, request[2])


def graph(**options: Any) -> Any:
    """The graph; each deployment gets the options."""
    deployment = graphnb.serve.deployment(**options)
    model = deployment(Model)
    with InputNode() as request:
        one = deployment(to_number).bind(request[0])
        other = deployment(average).bind(request[1])
        combiner = deployment(Combiner).bind(model.bind(1), model.bind(2))
        return combiner.run.bind(one, other, request[2])


def application(serve: Any, driver: type[Driver] = Driver, **options: Any) -> Any:
    """The application for Ray Serve, by hand; each deployment gets the options."""
    deployment = serve.deployment(**options)
    first, second = (deployment(Model).options(name=f"model_{w}").bind(w) for w in (1, 2))
    combiner = deployment(Combiner).bind(first, second)
    parts = deployment(to_number).bind(), deployment(average).bind()
    return deployment(driver).bind(*parts, combiner)


def answer(request: Request) -> float:
    """What the answer has to be."""
    features = int(request[0]) + sum(request[1]) / len(request[1])
    return features + 2 * features if request[2] == "sum" else max(features, 2 * features)
