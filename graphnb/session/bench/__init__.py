"""Sends many requests to a running graph, and measures what its clients wait.

`Load` says what is sent, and by which loop. In a closed loop (`pace`) so many clients each send
their next request when they have the answer to the last; in an open loop requests come at a rate,
whatever becomes of those before. A `Sender` does it on one thread and tells `Measured`, out of
which a `BenchResult` is made, and a `BenchProgress` while it goes on.
"""

from graphnb.session.bench.load import DEFAULT_COUNT, Load
from graphnb.session.bench.measure import bench
from graphnb.session.bench.result import BenchProgress, BenchResult

__all__ = ["DEFAULT_COUNT", "BenchProgress", "BenchResult", "Load", "bench"]
