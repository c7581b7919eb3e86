"""Run as a script by test_survival.py: graphs whose user code raises SystemExit somewhere.

    python survival.py WHERE ...

prints "WHERE: alive" for each case after which another graph of the same process still answers,
and a further one can be deployed.
"""

import contextlib
import faulthandler
import sys
import time

import httpx

import graphnb
from graphnb import InputNode, serve


@serve.deployment
async def echo(x):
    """Gives back what it gets."""
    return x


class Steps:
    def run(self, x):
        return x


class SyncInit(Steps):
    def __init__(self):
        sys.exit(3)


class AsyncInit(Steps):
    async def __init__(self):
        sys.exit(3)


class SyncReconfigure(Steps):
    def reconfigure(self, config):
        sys.exit(3)


class AsyncReconfigure(Steps):
    async def reconfigure(self, config):
        sys.exit(3)


class SyncHealth(Steps):
    def check_health(self):
        sys.exit(3)


class AsyncHealth(Steps):
    async def check_health(self):
        sys.exit(3)


class SyncGenerator(Steps):
    def __call__(self, x):
        yield 1
        sys.exit(3)


class AsyncGenerator(Steps):
    async def __call__(self, x):
        yield 1
        sys.exit(3)


class Http(Steps):
    async def __call__(self, request):
        sys.exit(3)


class SyncHttp(Steps):
    def __call__(self, request):
        sys.exit(3)


class BackgroundTask(Steps):
    async def __call__(self, x):
        import asyncio

        async def ends():
            raise SystemExit(3)

        self.task = asyncio.ensure_future(ends())
        await asyncio.sleep(0.01)
        return x


def echo_graph(name):
    """Deploys a graph that answers."""
    with InputNode() as inp:
        return graphnb.deploy(echo.bind(inp), name=name, http=False)


def provoke(where):
    """Has the SystemExit raised; whatever comes of it is an error of graphnb's, or none."""
    options = {"health_check_period_s": 0.01} if "Health" in where else {}
    if "Reconfigure" in where:
        options["user_config"] = 1
    http = "Http" in where
    target = serve.deployment(**options)(globals()[where]).bind()
    graph = graphnb.deploy(target, name="exits", http=http)
    if "Generator" in where:
        list(graph.options(stream=True).remote(1))
    elif "Task" in where:
        graph.remote(1).result(timeout_s=2)
    elif http:
        answer = httpx.get(graph.url, trust_env=False, timeout=5)
        assert answer.status_code == 500, answer
    elif "Health" in where:
        deadline = time.monotonic() + 2
        while graph.status()[0].error is None and time.monotonic() < deadline:
            time.sleep(0.005)
        graph.handle.run.remote(1).result(timeout_s=2)


def survives(where):
    """Whether this process goes on as before."""
    first = echo_graph("first")
    with contextlib.suppress(graphnb.errors.GraphnbError):
        provoke(where)
    assert first.remote(1).result(timeout_s=2) == 1
    assert echo_graph("second").remote(2).result(timeout_s=2) == 2
    serve.shutdown()


if __name__ == "__main__":
    faulthandler.dump_traceback_later(25, exit=True)
    for one in sys.argv[1:]:
        survives(one)
        print(f"{one}: alive", flush=True)
