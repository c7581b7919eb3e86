"""What a summary adds to a picture: metrics on its boxes, and the critical path."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from graphnb.graph.topology import parents
from graphnb.views import units
from graphnb.views.palette import CARDS, heat

if TYPE_CHECKING:
    from graphnb.graph.spec import GraphSpec
    from graphnb.telemetry.summary import GraphSummary, NodeSummary
    from graphnb.views.cards import Card
    from graphnb.views.palette import LineKind

__all__ = ["Metrics", "Overlay", "Structure"]


@dataclass(frozen=True, slots=True)
class Metrics:
    """What stands on a card.

    Attributes:
        nodes: what the card stands for, of what was called: a call, or a deployment's methods.
        times: p50, p95 and p99 of the caller's wait, ready to print; "–" for what was never called.
        count: how often it was called.
        errors: how many of these failed.
        share: its share of the critical path's time, from 0 to 1.
        fill: the card's colour by that share.
        critical: whether it lies on the most frequent critical path.
    """

    nodes: tuple[NodeSummary, ...]
    times: tuple[str, str, str]
    count: int
    errors: int
    share: float
    fill: str
    critical: bool

    @property
    def tooltip(self) -> str:
        """The whole distribution, in words."""
        return "\n".join(map(_distribution, self.nodes)) or "not called"


_NEVER = ("–", "–", "–")


class Structure:
    """What overlays need to know of a graph, for all of its summaries.

    Attributes:
        calls: the ids of its calls.
        parents: for each of them, the calls whose results it takes.
    """

    def __init__(self, spec: GraphSpec) -> None:
        self.calls = frozenset(call.id for call in spec.calls)
        self.parents = parents(spec)


class Overlay:
    """Answers what a summary says of the boxes and lines of a graph."""

    def __init__(self, structure: Structure, summary: GraphSummary) -> None:
        self._summary = summary
        self._calls = structure.calls
        self._parents = structure.parents
        path = [node for node in summary.critical_path if node in self._calls]
        self._path = set(path)
        self._pairs = set(pairwise(path))
        on_path = [summary.nodes[node] for node in summary.critical_path if node in summary.nodes]
        self._deployments_on_path = {node.deployment for node in on_path}
        self._handled_on_path = {
            node.deployment for node in on_path if node.node not in self._calls
        }
        # What was called of each deployment by handle, or as the root.
        self._methods: dict[str, list[NodeSummary]] = defaultdict(list)
        for node in summary.nodes.values():
            if node.node not in self._calls:
                self._methods[node.deployment].append(node)
        self._handle_calls: Counter[tuple[str, str]] = Counter()
        for (caller, called), count in summary.handle_calls.items():
            if caller in summary.nodes:
                self._handle_calls[summary.nodes[caller].deployment, called] += count

    def metrics(self, card: Card) -> Metrics:
        """What to print on a card that is no input."""
        nodes: tuple[NodeSummary, ...]
        if card.key:
            found = self._summary.nodes.get(card.key)
            nodes = (found,) if found else ()
            critical = card.key in self._path
        else:
            nodes = tuple(self._methods.get(card.deployment, ()))
            critical = card.deployment in self._handled_on_path
        share = sum([node.share for node in nodes])
        # Percentiles of several methods don't add up: the one that costs most speaks for all.
        first = max(nodes, key=_weight) if len(nodes) > 1 else nodes[0] if nodes else None
        ms = units.milliseconds
        return Metrics(
            nodes,
            (ms(first.p50_s), ms(first.p95_s), ms(first.p99_s)) if first else _NEVER,
            sum([node.count for node in nodes]),
            sum([node.errors for node in nodes]),
            share,
            heat(share, CARDS[card.kind].fill),
            critical,
        )

    def is_critical(self, kind: LineKind, source: str, target: str) -> bool:
        """Whether the most frequent critical path takes a line.

        Args:
            kind: the line's.
            source, target: as a `Line` has them.
        """
        if kind == "data":
            if source in self._calls:
                return (source, target) in self._pairs
            return target in self._path and not self._path.intersection(self._parents[target])
        if kind == "handle":  # from the holder's own calls to the called deployment
            return source in self._deployments_on_path and target in self._handled_on_path
        return kind == "graph" and source in self._path and target in self._deployments_on_path

    def handled(self, holder: str, called: str) -> int:
        """How often a deployment called another one by its handle."""
        return self._handle_calls[holder, called]


def _weight(node: NodeSummary) -> tuple[float, int, str]:
    return (node.share, node.count, node.node)


def _distribution(node: NodeSummary) -> str:
    ms = units.milliseconds
    errors = f", {units.errors(node.errors)}" if node.errors else ""
    now = f", {node.in_flight} in flight" if node.in_flight else ""
    return "\n".join(
        (
            f"{node.node}: {node.count} calls{errors}{now}",
            f"p50 {ms(node.p50_s)}, p95 {ms(node.p95_s)}, p99 {ms(node.p99_s)}",
            f"p50 queued {ms(node.queued_p50_s)}, waiting {ms(node.waiting_p50_s)}",
            f"p50 executing {ms(node.executing_p50_s)}, transport {ms(node.transport_p50_s)}",
            f"{units.percent(node.share)} of the critical path",
        )
    )
