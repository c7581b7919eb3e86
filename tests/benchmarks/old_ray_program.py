"""The chain of ten on Ray 2.3.1, with the graph API that Ray had then; run by that Ray's Python.

Writes "ready", then for each number that it reads takes so many requests, and writes their times.
"""

import json
import socket
import sys
import time

import ray
from ray import serve
from ray.serve.dag import InputNode
from ray.serve.drivers import DAGDriver

WIDTH = 10


async def predict(x: int) -> int:
    """What every node does."""
    return x + 1


def main() -> None:
    """Deploys, then answers what it reads."""
    ray.init(
        num_cpus=64,
        include_dashboard=False,
        log_to_driver=False,
        _node_ip_address="127.0.0.1",  # or it asks the network, which may not be there
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with InputNode() as x:
        node = x
        for number in range(WIDTH):
            node = serve.deployment(predict).options(name=f"predict_{number}").bind(node)
    driver = DAGDriver.options(max_concurrent_queries=1_000).bind(node)
    handle = serve.run(driver, host="127.0.0.1", port=port)
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps([_timed(handle) for _ in range(int(line))]), flush=True)
    serve.shutdown()
    ray.shutdown()


def _timed(handle) -> float:  # type: ignore[no-untyped-def]
    began = time.perf_counter()
    answer = ray.get(handle.predict.remote(1))
    taken = time.perf_counter() - began
    assert answer == 1 + WIDTH, answer
    return taken


if __name__ == "__main__":
    main()
