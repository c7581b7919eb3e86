"""Sends many requests to a running graph and measures them.

Closed loop: so many clients, each of which sends its next request when it has the answer to the
last. Latencies are those that a client sees; nodes are measured by the spans of the same requests.
"""

from __future__ import annotations

import itertools
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphnb.errors import GraphnbError
from graphnb.telemetry.summary import GraphSummary, percentile, summarize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from graphnb.engine.request import Request
    from graphnb.session.running_graph import RunningGraph
    from graphnb.telemetry import Outcome

DEFAULT_COUNT = 100
_PROGRESS_PERIOD_S = 0.2


@dataclass(frozen=True, slots=True)
class BenchResult:
    """What a bench measured; times in seconds.

    Attributes:
        count: requests that were answered, with an answer or with an error.
        errors: how many failed.
        duration_s: from the first request to the last answer.
        throughput: requests per second.
        p50_s, p95_s, p99_s: what a client waited.
        nodes: the same requests, node by node.
        first_error: the first failure in one line, or None.
        interrupted: it was ended before it was done.
    """

    count: int
    errors: int
    duration_s: float
    throughput: float
    p50_s: float
    p95_s: float
    p99_s: float
    nodes: GraphSummary
    first_error: str | None
    interrupted: bool

    def __str__(self) -> str:
        failed = f", {self.errors} failed" if self.errors else ""
        ended = ", interrupted" if self.interrupted else ""
        return (
            f"{self.count} requests in {self.duration_s:.2f} s{failed}{ended}: "
            f"{self.throughput:.1f}/s, p50 {_ms(self.p50_s)}, p95 {_ms(self.p95_s)}, "
            f"p99 {_ms(self.p99_s)}"
        )


def bench(
    graph: RunningGraph,
    inputs: Any,
    *,
    count: int | None = None,
    duration_s: float | None = None,
    concurrency: int = 1,
    warmup: int = 1,
    progress: Callable[[int, float], None] | None = None,
) -> BenchResult:
    """Measures a graph under load.

    Args:
        graph: what to measure.
        inputs: a list of requests, sent in turn; anything else is one request.
        count: how many requests; 100 when neither this nor `duration_s` is given.
        duration_s: for how many seconds; with `count`, whichever ends first.
        concurrency: how many requests are under way at a time.
        warmup: requests that are sent before and not measured.
        progress: called a few times a second with the requests answered, and the part that is done
            (0 to 1).

    Returns:
        What was measured so far, also when Ctrl-C ended it.

    Raises:
        ValueError: a number is not above 0, or there is no input.
    """
    if concurrency < 1 or (count is not None and count < 1):
        raise ValueError("count and concurrency are 1 or more")
    if duration_s is not None and duration_s <= 0:
        raise ValueError(f"duration_s is {duration_s}, expected seconds above 0")
    requests = inputs if isinstance(inputs, list) else [inputs]
    if not requests:
        raise ValueError("the list of inputs is empty")
    if count is None and duration_s is None:
        count = DEFAULT_COUNT
    load = _Load(graph, requests, count, duration_s)
    try:
        for _ in range(warmup):
            _swallow(lambda: graph.remote(requests[0]).result())
    except KeyboardInterrupt:
        return load.nothing()
    return load.run(concurrency, progress)


class _Load:
    """One bench: clients in threads, and what they saw."""

    def __init__(
        self,
        graph: RunningGraph,
        requests: list[Any],
        count: int | None,
        duration_s: float | None,
    ) -> None:
        self._graph = graph
        self._inputs = itertools.cycle(requests)
        self._tickets: Iterator[int] = iter(range(count)) if count else itertools.count()
        self._count = count
        self._duration_s = duration_s
        self._latencies: list[float] = []
        self._traced: list[tuple[Request, Outcome, str | None]] = []
        self._errors: list[str] = []
        self._stop = threading.Event()
        self._under_way: set[Any] = set()
        self._lock = threading.Lock()
        self._interrupted = False

    def run(self, concurrency: int, progress: Callable[[int, float], None] | None) -> BenchResult:
        clients = [
            threading.Thread(target=self._client, name=f"graphnb-bench-{index}", daemon=True)
            for index in range(concurrency)
        ]
        began = self._began = time.perf_counter()
        for client in clients:
            client.start()
        try:
            self._watch(clients, progress)
        except KeyboardInterrupt:
            self._interrupted = True
        self._stop.set()
        for response in tuple(self._under_way):  # of a bench that was interrupted
            response.cancel()
        for client in clients:
            client.join()
        return self._result(time.perf_counter() - began)

    def nothing(self) -> BenchResult:
        """The result of a bench that was interrupted before it began."""
        self._interrupted = True
        return self._result(0.0)

    def _watch(
        self, clients: Iterable[threading.Thread], progress: Callable[[int, float], None] | None
    ) -> None:
        for client in clients:
            while client.is_alive():
                client.join(_PROGRESS_PERIOD_S)
                if progress is not None:
                    progress(len(self._latencies), self._part_done())

    def _part_done(self) -> float:
        parts = [0.0]
        if self._count:
            parts.append(len(self._latencies) / self._count)
        if self._duration_s:
            parts.append((time.perf_counter() - self._began) / self._duration_s)
        return min(1.0, max(parts))

    def _client(self) -> None:
        while not self._stop.is_set() and not self._time_is_up():
            with self._lock:
                if next(self._tickets, None) is None:
                    return
                request = next(self._inputs)
            self._one(request)

    def _time_is_up(self) -> bool:
        limit = self._duration_s
        return limit is not None and time.perf_counter() - self._began >= limit

    def _one(self, request: Any) -> None:
        sent = time.perf_counter()
        response = None
        error: str | None = None
        try:
            response = self._graph.remote(request)
            self._under_way.add(response)
            response.result()
        except GraphnbError as failure:
            if self._stop.is_set():  # given up, neither answered nor failed
                return
            error = failure.message
        finally:
            self._under_way.discard(response)
        latency = time.perf_counter() - sent
        with self._lock:
            self._latencies.append(latency)
            if error is not None:
                self._errors.append(error)
            if response is not None and response.request.spans is not None:
                self._keep_trace(response, error)

    def _keep_trace(self, response: Any, error: str | None) -> None:
        # A sample: memory stays bounded however long a bench runs.
        if len(self._traced) < _MAX_TRACES:
            request = response.request
            outcome: Outcome = "ok" if error is None else "error"
            self._traced.append((request, outcome, error))

    def _result(self, duration_s: float) -> BenchResult:
        count = len(self._latencies)
        return BenchResult(
            count=count,
            errors=len(self._errors),
            duration_s=duration_s,
            throughput=count / duration_s if duration_s else 0.0,
            p50_s=percentile(self._latencies, 50),
            p95_s=percentile(self._latencies, 95),
            p99_s=percentile(self._latencies, 99),
            nodes=summarize(
                request.trace(outcome, error) for request, outcome, error in self._traced
            ),
            first_error=self._errors[0] if self._errors else None,
            interrupted=self._interrupted,
        )


_MAX_TRACES = 5_000


def _swallow(send: Callable[[], Any]) -> None:
    """A warm-up request that fails says so again when it is measured."""
    try:
        send()
    except GraphnbError:
        return


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.2f} ms"
