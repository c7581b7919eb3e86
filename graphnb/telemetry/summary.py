"""What many requests have in common: percentiles for each node, and where the time goes."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from graphnb.telemetry.critical_path import Step, critical_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from graphnb.telemetry.spans import Outcome, Span, Trace

__all__ = ["GraphSummary", "NodeSummary", "percentile", "summarize"]

FAILURES: frozenset[Outcome] = frozenset({"error", "timeout", "rejected"})
"""What counts as an error. A cancelled call does not: somebody else's failure ended it."""


class NodeSummary(NamedTuple):
    """What happened at one node: a call, or a method that user code called through a handle.

    Every attempt of a retried call counts. The percentiles leave out cancelled attempts, which
    say more about who gave up than about the node.

    Attributes:
        node: the call's id, or "deployment.method" for a handle's calls.
        deployment: the deployment that was called.
        count: the attempts.
        errors: those that raised, timed out or were rejected.
        cancelled: those that somebody gave up on.
        p50_s: the caller's wait in seconds; likewise `p95_s` and `p99_s`.
        queued_p50_s: seconds at the caller, waiting for a free replica.
        waiting_p50_s: seconds in the replica, before user code began.
        executing_p50_s: seconds in user code.
        transport_p50_s: seconds to carry arguments and the result.
        seconds: of all its calls together, those queued at the caller, waiting in the replica,
            executing, and in transport: unlike percentiles these add up.
        share: the node's part of all the time on critical paths, from 0 to 1.
        in_flight: calls of its deployment under way at this moment, those that wait among them;
            0 of a graph that has ended, or whose cluster does not say.
    """

    node: str
    deployment: str
    count: int = 0  # type: ignore[assignment]  # hides what tuples have, which nobody asks
    errors: int = 0
    cancelled: int = 0
    p50_s: float = 0.0
    p95_s: float = 0.0
    p99_s: float = 0.0
    queued_p50_s: float = 0.0
    queued_p95_s: float = 0.0
    queued_p99_s: float = 0.0
    waiting_p50_s: float = 0.0
    waiting_p95_s: float = 0.0
    waiting_p99_s: float = 0.0
    executing_p50_s: float = 0.0
    executing_p95_s: float = 0.0
    executing_p99_s: float = 0.0
    transport_p50_s: float = 0.0
    transport_p95_s: float = 0.0
    transport_p99_s: float = 0.0
    seconds: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    share: float = 0.0
    in_flight: int = 0


@dataclass(frozen=True, slots=True)
class GraphSummary:
    """What happened to a graph's requests.

    Attributes:
        requests: how many there were.
        errors: those that raised, timed out or were rejected.
        p50_s: seconds from start to answer; likewise `p95_s` and `p99_s`. Cancelled requests
            are left out.
        nodes: by `Span.node`, in the order in which they were first called.
        critical_path: the nodes of the most frequent critical path, the root first.
        handle_calls: how often user code called, by calling node and called deployment.
        in_flight: requests under way at this moment; 0 as above.
    """

    requests: int = 0
    errors: int = 0
    p50_s: float = 0.0
    p95_s: float = 0.0
    p99_s: float = 0.0
    nodes: Mapping[str, NodeSummary] = field(default_factory=dict)
    critical_path: tuple[str, ...] = ()
    handle_calls: Mapping[tuple[str, str], int] = field(default_factory=dict)
    in_flight: int = 0

    def with_in_flight(self, calls: Mapping[str, int], root: str) -> GraphSummary:
        """The same with what is under way.

        Args:
            calls: how many there are of each deployment.
            root: the deployment that requests enter.
        """
        nodes = {
            name: one._replace(in_flight=calls.get(one.deployment, 0))
            for name, one in self.nodes.items()
        }
        return replace(self, nodes=nodes, in_flight=calls.get(root, 0))


def percentile(values: Sequence[float], percent: float) -> float:
    """The value below which that percentage of the values lies; 0.0 if there are none.

    Linear interpolation between the two nearest ranks, the lowest value being at 0 and the
    highest at 100 (type 7 of Hyndman and Fan 1996; what `numpy.percentile` does unless told).
    """
    if not values:
        return 0.0
    return _of_sorted(sorted(values), percent)


def summarize(traces: Iterable[Trace]) -> GraphSummary:
    """Sums up requests. No traces give a summary of zeros.

    Args:
        traces: the requests, in any order.

    Returns:
        The summary.
    """
    kept = list(traces)
    paths = [critical_path(trace) for trace in kept]
    shares = _shares(paths)
    spans: dict[str, list[Span]] = defaultdict(list)
    for trace in kept:
        for span in sorted(trace.spans, key=lambda one: one.span_id):
            spans[span.node].append(span)
    p50, p95, p99 = _percentiles(one.total_s for one in kept if one.outcome != "cancelled")
    return GraphSummary(
        requests=len(kept),
        errors=sum(trace.outcome in FAILURES for trace in kept),
        p50_s=p50,
        p95_s=p95,
        p99_s=p99,
        nodes={node: _node(node, those, shares.get(node, 0.0)) for node, those in spans.items()},
        critical_path=_most_frequent(paths),
        handle_calls=_handle_calls(kept),
    )


def _node(node: str, spans: Sequence[Span], share: float) -> NodeSummary:
    ended = [span for span in spans if span.outcome != "cancelled"]
    total = _percentiles(span.total_s for span in ended)
    queued = _percentiles(span.queued_s for span in ended)
    waiting = _percentiles(span.waiting_s for span in ended)
    executing = _percentiles(span.executing_s for span in ended)
    transport = _percentiles(span.transport_s for span in ended)
    return NodeSummary(
        node,
        spans[0].deployment,
        len(spans),
        sum(span.outcome in FAILURES for span in spans),
        len(spans) - len(ended),
        *total,
        *queued,
        *waiting,
        *executing,
        *transport,
        (
            sum([span.queued_s for span in ended]),
            sum([span.waiting_s for span in ended]),
            sum([span.executing_s for span in ended]),
            sum([span.transport_s for span in ended]),
        ),
        share,
    )


def _shares(paths: Iterable[Sequence[Step]]) -> dict[str, float]:
    """Each node's part of the time of all the paths."""
    seconds: dict[str, float] = defaultdict(float)
    for path in paths:
        for step in path:
            seconds[step.node] += step.seconds
    total = sum(seconds.values())
    return {node: one / total if total > 0 else 0.0 for node, one in seconds.items()}


def _most_frequent(paths: Iterable[Sequence[Step]]) -> tuple[str, ...]:
    """The nodes of the path taken most often; of several, the one that took the most time."""
    times: Counter[tuple[str, ...]] = Counter()
    seconds: dict[tuple[str, ...], float] = defaultdict(float)
    for path in paths:
        # Attempts of one call are one node: a retry does not make it another path.
        nodes = tuple(dict.fromkeys(step.node for step in path))
        times[nodes] += 1
        seconds[nodes] += sum(step.seconds for step in path)
    return max(times, key=lambda one: (times[one], seconds[one], one), default=())


def _handle_calls(traces: Iterable[Trace]) -> dict[tuple[str, str], int]:
    found: Counter[tuple[str, str]] = Counter()
    for trace in traces:
        nodes = {span.span_id: span.node for span in trace.spans}
        for span in trace.spans:
            if span.call is None and span.parent_id is not None and span.parent_id in nodes:
                found[nodes[span.parent_id], span.deployment] += 1
    return dict(sorted(found.items()))


def _percentiles(values: Iterable[float]) -> tuple[float, float, float]:
    ordered = sorted(values)
    if not ordered:
        return (0.0, 0.0, 0.0)
    return (_of_sorted(ordered, 50), _of_sorted(ordered, 95), _of_sorted(ordered, 99))


def _of_sorted(values: Sequence[float], percent: float) -> float:
    rank = (len(values) - 1) * percent / 100
    low, high = values[math.floor(rank)], values[math.ceil(rank)]
    return low + (high - low) * (rank - math.floor(rank))
