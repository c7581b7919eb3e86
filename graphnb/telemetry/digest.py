"""What many requests add up to, in bounded memory: a summary that can be sent on and merged.

`summarize` needs all the traces; a `TraceDigest` sees each one once, and gives the same summary,
with percentiles that lie within 1 % of the exact ones. Digests of several replicas, or of several
windows of time, merge into that of all their requests.

    digest = TraceDigest()
    digest.add(trace)
    digest.merge(digest_of_another_replica)
    digest.summary().nodes["scorer"].p95_s
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphnb.telemetry.critical_path import critical_path
from graphnb.telemetry.frequent import Frequent
from graphnb.telemetry.sketch import (
    Sketch,
    add,
    merge,
    new_sketch,
    percentiles,
    subtract,
)
from graphnb.telemetry.summary import FAILURES, GraphSummary, NodeSummary

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from graphnb.telemetry.spans import Span, Trace

__all__ = ["MAX_HANDLE_EDGES", "MAX_NODES", "MAX_PATHS", "OTHER_NODES", "TraceDigest"]

OTHER_NODES = "(other nodes)"
"""What nodes beyond the limit are counted as, together."""

MAX_NODES = 500
MAX_PATHS = 50
MAX_HANDLE_EDGES = 2_000

_PARTS = 5  # total, queued, waiting, executing, transport: the order of NodeSummary
_NONE = (0.0, 0.0, 0.0)


@dataclass(slots=True)
class _Node:
    """What the calls of one node add up to."""

    deployment: str
    sketches: tuple[Sketch, ...]
    count: int = 0
    errors: int = 0
    cancelled: int = 0
    critical_s: float = 0.0
    queued_s: float = 0.0
    waiting_s: float = 0.0
    executing_s: float = 0.0
    transport_s: float = 0.0

    def add(self, span: Span) -> float:
        """Counts one call; returns how long its caller waited."""
        _, _, _, _, _, _, _, queued, waiting, executing, transport, outcome, _, _ = span
        total = queued + waiting + executing + transport
        self.count += 1
        if outcome == "cancelled":
            self.cancelled += 1
            return total
        if outcome in FAILURES:
            self.errors += 1
        self.queued_s += queued
        self.waiting_s += waiting
        self.executing_s += executing
        self.transport_s += transport
        add(self.sketches, (total, queued, waiting, executing, transport))
        return total

    def merge(self, other: _Node, sign: int = 1) -> None:
        """Adds what the other one counted; with -1 takes it off."""
        self.count += sign * other.count
        self.errors += sign * other.errors
        self.cancelled += sign * other.cancelled
        self.critical_s += sign * other.critical_s
        self.queued_s += sign * other.queued_s
        self.waiting_s += sign * other.waiting_s
        self.executing_s += sign * other.executing_s
        self.transport_s += sign * other.transport_s
        for mine, theirs in zip(self.sketches, other.sketches, strict=False):
            (merge if sign > 0 else subtract)(mine, theirs)

    def summary(self, name: str, critical_s: float, *, times: bool) -> NodeSummary:
        """The same in percentiles, with the node's share of all the time on critical paths."""
        total, *parts = map(percentiles, self.sketches) if times else (_NONE,)
        queued, waiting, executing, transport = parts or (_NONE,) * 4
        return NodeSummary(
            name,
            self.deployment,
            self.count,
            self.errors,
            self.cancelled,
            *total,
            *queued,
            *waiting,
            *executing,
            *transport,
            (self.queued_s, self.waiting_s, self.executing_s, self.transport_s),
            self.critical_s / critical_s if critical_s > 0 else 0.0,
        )


class TraceDigest:
    """The requests of one graph, added up.

    Holds counts and sketches, never a trace. Nodes, critical paths and edges beyond a limit are
    counted together (nodes as `OTHER_NODES`), so that a digest stays small whatever is added.
    Pickles to a few kilobytes. Not for use by several threads at once: `Windows` and `Buffer`
    lock.

    Attributes:
        requests: how many were added.
        errors: those that raised, timed out or were rejected.
        revision: counts its changes.
    """

    __slots__ = (
        "_edges",
        "_max_nodes",
        "_nodes",
        "_parts",
        "_paths",
        "_seconds",
        "errors",
        "requests",
        "revision",
    )

    def __init__(
        self, *, max_nodes: int = MAX_NODES, max_paths: int = MAX_PATHS, parts: bool = True
    ) -> None:
        """A digest of nothing.

        Args:
            max_nodes: how many nodes are told apart.
            max_paths: how many critical paths are.
            parts: whether there are percentiles of the parts of a call as well: most of the work.
                Without them `summary` has zeros there, and their sums.
        """
        self.requests = 0
        self.errors = 0
        self.revision = 0
        self._parts = _PARTS if parts else 1
        self._max_nodes = max_nodes
        self._nodes: dict[str, _Node] = {}
        self._seconds = new_sketch()
        self._paths: Frequent[tuple[str, ...]] = Frequent(max_paths)
        self._edges: Counter[tuple[str, str]] = Counter()

    def add(self, trace: Trace, *, path: bool = True) -> None:
        """Adds one request.

        Args:
            trace: the request.
            path: whether its critical path counts too: the larger half of the work. Where there
                are very many requests, those of some of them give the same shares.
        """
        self.revision += 1
        self.requests += 1
        self.errors += trace.outcome in FAILURES
        total = 0.0
        for span in trace.spans:
            node = self._nodes.get(span.node)
            if node is None:
                node = self._meet(span, trace)
            total = max(total, span.start_s + node.add(span))
        if trace.outcome != "cancelled":
            add((self._seconds,), (total,))
        if path:
            self._add_path(trace)
        self._add_edges(trace.spans)

    def copy(self) -> TraceDigest:
        """Another one with the same requests."""
        made = TraceDigest(
            max_nodes=self._max_nodes, max_paths=self._paths.limit, parts=self._parts > 1
        )
        made.merge(self)
        return made

    def merge(self, other: TraceDigest) -> None:
        """Adds the requests of the other digest."""
        self.revision += 1
        self.requests += other.requests
        self.errors += other.errors
        merge(self._seconds, other._seconds)
        for name, node in other._nodes.items():
            self._node(name, node.deployment).merge(node)
        self._paths.merge(other._paths)
        for edge, count in other._edges.items():
            self._add_edge(edge, count)

    def subtract(self, other: TraceDigest) -> None:
        """Takes off the requests of a digest that was merged before, as when a window slides on."""
        self.revision += 1
        self.requests -= other.requests
        self.errors -= other.errors
        subtract(self._seconds, other._seconds)
        for name, node in other._nodes.items():
            mine = self._nodes[self._known(name)]
            mine.merge(node, -1)
            if not mine.count:
                del self._nodes[self._known(name)]
        self._paths.subtract(other._paths)
        self._edges -= other._edges

    def nodes_of(self, deployments: Collection[str]) -> list[str]:
        """The nodes at which these deployments were called."""
        return [name for name, node in self._nodes.items() if node.deployment in deployments]

    def count(self, node: str) -> int:
        """How often a node was called."""
        found = self._nodes.get(node)
        return 0 if found is None else found.count

    @property
    def handle_calls(self) -> Mapping[tuple[str, str], int]:
        """How often each node called each deployment by handle; not to be changed."""
        return self._edges

    def waits(self, node: str | None = None) -> Sketch:
        """How long callers of a node waited, or those of the whole graph; not to be changed."""
        if node is None:
            return self._seconds
        found = self._nodes.get(node)
        return found.sketches[0] if found is not None else new_sketch()

    def summary(self, of: Collection[str] | None = None) -> GraphSummary:
        """What `summarize` says of the same requests, with percentiles within 1 %.

        Args:
            of: the nodes that are asked for, since working them out is most of the work; None for
                all. Those that the rest of the summary speaks of are there too, without
                percentiles.
        """
        path = self._paths.most() or ()
        named = self._nodes if of is None else {*of, *path, *(caller for caller, _ in self._edges)}
        critical_s = sum(node.critical_s for node in self._nodes.values())
        p50, p95, p99 = percentiles(self._seconds)
        return GraphSummary(
            requests=self.requests,
            errors=self.errors,
            p50_s=p50,
            p95_s=p95,
            p99_s=p99,
            nodes={
                name: node.summary(name, critical_s, times=of is None or name in of)
                for name, node in self._nodes.items()
                if name in named
            },
            critical_path=path,
            handle_calls=dict(sorted(self._edges.items())),
        )

    def _meet(self, span: Span, trace: Trace) -> _Node:
        """The node of a span that is new here; its whole trace's, so that they are in order."""
        if len(self._nodes) < self._max_nodes:
            for one in sorted(trace.spans, key=lambda one: one.span_id):
                self._node(one.node, one.deployment)
        return self._node(span.node, span.deployment)

    def _node(self, name: str, deployment: str) -> _Node:
        node = self._nodes.get(name)
        if node is not None:
            return node
        if len(self._nodes) >= self._max_nodes and name != OTHER_NODES:
            return self._node(OTHER_NODES, OTHER_NODES)
        sketches = tuple([new_sketch() for _ in range(self._parts)])
        return self._nodes.setdefault(name, _Node(deployment, sketches))

    def _known(self, name: str) -> str:
        return name if name in self._nodes else OTHER_NODES

    def _add_path(self, trace: Trace) -> None:
        steps = critical_path(trace)
        nodes = [self._known(step.span.node) for step in steps]
        for name, step in zip(nodes, steps, strict=True):
            self._nodes[name].critical_s += step.seconds
        # Attempts of one call are one node: a retry does not make it another path.
        self._paths.add(tuple(dict.fromkeys(nodes)), sum([step.seconds for step in steps]))

    def _add_edges(self, spans: Sequence[Span]) -> None:
        """Counts the calls that user code made through handles."""
        called = [one for one in spans if one.call is None and one.parent_id is not None]
        if called:
            callers = {span.span_id: span for span in spans}
            for span in called:
                caller = callers.get(span.parent_id or 0)
                if caller is not None:
                    self._add_edge((self._known(caller.node), span.deployment), 1)

    def _add_edge(self, edge: tuple[str, str], count: int) -> None:
        full = len(self._edges) >= MAX_HANDLE_EDGES and edge not in self._edges
        self._edges[(OTHER_NODES, OTHER_NODES) if full else edge] += count
