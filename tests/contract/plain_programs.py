"""Programs written for plain Ray Serve, as people write them: no word of graphnb in here.

Each function makes one application anew, so that what runs it in one way does not meet what ran it
in another.
"""

import asyncio
import dataclasses
from typing import Any

import pydantic
from fastapi import FastAPI
from ray import serve
from ray.serve import Application
from ray.serve.handle import DeploymentHandle, DeploymentResponse, DeploymentResponseGenerator
from starlette.requests import Request

# --- a shop: what to show to a customer -----------------------------------------------------------


@serve.deployment(ray_actor_options={"num_cpus": 0})
class Catalog:
    """Names and prices of articles."""

    def __init__(self):
        self.articles = {"lamp": 40.0, "desk": 210.0, "chair": 95.0, "rug": 120.0}

    def similar(self, article: str, limit: int = 3) -> list[str]:
        price = self.articles[article]
        others = [one for one in self.articles if one != article]
        return sorted(others, key=lambda one: abs(self.articles[one] - price))[:limit]

    async def price(self, article: str) -> float:
        return self.articles[article]


@serve.deployment(user_config={"discount": 0.1}, max_ongoing_requests=20)
class Pricing:
    """Prices after a discount that operations may change."""

    def __init__(self, catalog: DeploymentHandle):
        self.catalog = catalog
        self.discount = 0.0

    def reconfigure(self, config: dict[str, float]) -> None:
        self.discount = config["discount"]

    async def __call__(self, article: str) -> float:
        return round(await self.catalog.price.remote(article) * (1 - self.discount), 2)


@serve.deployment(num_replicas=2)
class Shop:
    """Asks two deployments at once; one of them asks the other."""

    def __init__(self, catalog: DeploymentHandle, *, pricing: DeploymentHandle):
        self.catalog = catalog.options(method_name="similar")
        self.pricing = pricing

    async def __call__(self, article: str) -> dict[str, Any]:
        similar, price = await asyncio.gather(
            self.catalog.remote(article, limit=2), self.pricing.remote(article)
        )
        prices = await asyncio.gather(*[self.pricing.remote(one) for one in similar])
        return {"price": price, "similar": dict(zip(similar, prices, strict=True))}


def shop() -> Application:
    """Three deployments; two hold the same third one."""
    catalog = Catalog.bind()
    return Shop.bind(catalog, pricing=Pricing.bind(catalog))


# --- an ensemble: several models of one class, a vote ---------------------------------------------


@dataclasses.dataclass
class Members:
    """Handles in a dataclass, a list and a dict."""

    voters: list[DeploymentHandle]
    by_name: dict[str, DeploymentHandle]


@serve.deployment
class Classifier:
    def __init__(self, labels: tuple[str, ...], shift: int = 0):
        self.labels = labels
        self.shift = shift

    def __call__(self, text: str) -> str:
        return self.labels[(len(text) + self.shift) % len(self.labels)]


@serve.deployment
class Vote:
    def __init__(self, members: Members):
        self.members = members

    async def __call__(self, text: str) -> dict[str, Any]:
        votes = [await one for one in [voter.remote(text) for voter in self.members.voters]]
        arbiter = await self.members.by_name["arbiter"].remote(text)
        winner = max(sorted(set(votes)), key=lambda one: (votes.count(one), one == arbiter))
        return {"votes": votes, "winner": winner}


def ensemble() -> Application:
    """One class four times, one of them by another name."""
    labels = ("good", "bad", "unclear")
    voters = [Classifier.bind(labels, shift=shift) for shift in range(3)]
    arbiter = Classifier.options(name="Arbiter").bind(("good", "bad"))
    return Vote.bind(Members([*voters, voters[0]], {"arbiter": arbiter}))


# --- a pipeline of functions and classes: responses passed on as arguments ------------------------


@serve.deployment
def normalize(text: str) -> str:
    """Lower case, single spaces."""
    return " ".join(text.lower().split())


@serve.deployment
async def embed(text: str, *, size: int = 4) -> list[int]:
    """A vector of a text."""
    return [sum(map(ord, text[start::size])) % 97 for start in range(size)]


@serve.deployment
class Nearest:
    def __init__(self, points: dict[str, list[int]]):
        self.points = points

    def find(self, vector: list[int]) -> str:
        def distance(name: str) -> int:
            return sum((a - b) ** 2 for a, b in zip(self.points[name], vector, strict=True))

        return min(sorted(self.points), key=distance)


@serve.deployment
class Pipeline:
    def __init__(self, *steps: DeploymentHandle):
        self.normalize, self.embed, self.nearest = steps

    async def run(self, text: str) -> list[Any]:
        cleaned: DeploymentResponse = self.normalize.remote(text)
        vector: DeploymentResponse = self.embed.remote(cleaned, size=3)
        return [await cleaned, await self.nearest.find.remote(vector)]

    async def __call__(self, text: str) -> list[Any]:
        return await self.run(text)


def pipeline() -> Application:
    """Two functions and a class, each fed by the one before."""
    points = {"short": [97, 0, 0], "long": [10, 50, 90], "middle": [40, 40, 40]}
    return Pipeline.bind(normalize.bind(), embed.bind(), Nearest.bind(points))


# --- a router: the input says which model, and an error has its type ------------------------------


class UnknownLanguageError(ValueError):
    """What the client asked for is not there."""


@serve.deployment
class Greeter:
    def __init__(self, word: str):
        self.word = word

    def __call__(self, name: str) -> str:
        return f"{self.word} {name}"


@serve.deployment(name="router", max_ongoing_requests=50, graceful_shutdown_timeout_s=1)
class Router:
    def __init__(self, models: dict[str, DeploymentHandle], default: str | None = None):
        self.models = models
        self.default = default

    async def __call__(self, query: dict[str, str]) -> str:
        language = query.get("language", self.default)
        if language not in self.models:
            raise UnknownLanguageError(f"no model speaks {language}")
        return await self.models[language].remote(query["name"])

    async def careful(self, query: dict[str, str]) -> str:
        try:
            return await self(query)
        except UnknownLanguageError as error:
            return f"sorry: {error}"


def router() -> Application:
    """A dict of handles."""
    models = {"en": Greeter.bind("hello"), "de": Greeter.bind("hallo"), "fr": Greeter.bind("salut")}
    return Router.bind(models, default="en")


# --- a chat: tokens as they are made, sync and async generators -----------------------------------


@serve.deployment
class Tokens:
    def generate(self, prompt: str, limit: int = 3):
        yield from prompt.split()[:limit]

    async def agenerate(self, prompt: str):
        for token in reversed(prompt.split()):
            yield token


@serve.deployment
class Chat:
    def __init__(self, tokens: DeploymentHandle):
        self.tokens = tokens.options(stream=True)

    async def __call__(self, prompt: str):
        forth: DeploymentResponseGenerator = self.tokens.generate.remote(prompt, limit=2)
        async for token in forth:
            yield token.upper()
        async for token in self.tokens.agenerate.remote(prompt):
            yield token

    async def whole(self, prompt: str) -> str:
        return " ".join([token async for token in self.tokens.generate.remote(prompt)])


def chat() -> Application:
    """One generator that reads two others."""
    return Chat.bind(Tokens.bind())


# --- a service: FastAPI in front, validation, a sync client of a handle ---------------------------


class Order(pydantic.BaseModel):
    article: str
    count: int = 1


class OutOfStockError(Exception):
    """Fewer than wanted; knows how many."""

    def __init__(self, left: int):
        super().__init__(f"only {left} left")
        self.left = left


@serve.deployment
class Stock:
    def __init__(self, **counts: int):
        self.counts = counts

    async def take(self, article: str, count: int) -> int:
        left = self.counts[article] - count
        if left < 0:
            raise OutOfStockError(self.counts[article])
        self.counts[article] = left
        return left


def service() -> Application:
    """An ingress, made with its app."""
    app = FastAPI(title="orders")

    @serve.deployment(health_check_period_s=5)
    @serve.ingress(app)
    class Service:
        def __init__(self, stock: DeploymentHandle):
            self.stock = stock

        @app.post("/orders")
        async def order(self, order: Order) -> dict[str, Any]:
            return await self.place(order.article, order.count)

        async def place(self, article: str, count: int) -> dict[str, Any]:
            try:
                return {"left": await self.stock.take.remote(article, count)}
            except OutOfStockError as error:
                return {"refused": article, "left": error.left}

        def place_in_a_thread(self, article: str, count: int) -> int:
            return self.stock.take.remote(article, count=count).result(timeout_s=10)

    return Service.bind(Stock.bind(lamp=3, desk=1))


# --- without a handle: one deployment that answers a browser --------------------------------------


@serve.deployment
class Hello:
    def __call__(self):
        return "hello"


@serve.deployment
async def echo(request: Request) -> dict[str, Any]:
    """What it was sent."""
    return {"method": request.method, "body": await request.json()}
