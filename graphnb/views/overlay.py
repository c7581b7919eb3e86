"""What a summary adds to a picture: metrics on its boxes, and the critical path."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from graphnb.graph.topology import parents
from graphnb.views import units
from graphnb.views.palette import CARDS, heat

if TYPE_CHECKING:
    from graphnb.graph.spec import CallSpec, DeploymentSpec, GraphSpec
    from graphnb.telemetry.summary import GraphSummary, NodeSummary
    from graphnb.views.cards import Card

__all__ = ["Metrics", "Overlay"]


@dataclass(frozen=True, slots=True)
class Metrics:
    """What stands on a card, ready to print.

    Attributes:
        p50: the median of the caller's wait, or "–" for a node that was never called.
        count: how often it was called.
        errors: how many of these failed, in words, or "".
        share: its share of the critical path's time, or "" if it has none.
        fill: the card's colour by that share.
        critical: whether it lies on the most frequent critical path.
        tooltip: the whole distribution.
    """

    p50: str
    count: str
    errors: str
    share: str
    fill: str
    critical: bool
    tooltip: str


class Overlay:
    """Answers what a summary says of the boxes and lines of a graph."""

    def __init__(self, spec: GraphSpec, summary: GraphSummary) -> None:
        self._summary = summary
        self._calls = {call.id for call in spec.calls}
        self._parents = parents(spec)
        path = [node for node in summary.critical_path if node in self._calls]
        self._path = set(path)
        self._pairs = set(pairwise(path))
        self._deployments_on_path = {
            summary.nodes[node].deployment
            for node in summary.critical_path
            if node in summary.nodes
        }
        self._handled_on_path = {
            summary.nodes[node].deployment
            for node in summary.critical_path
            if node in summary.nodes and node not in self._calls
        }

    def metrics(self, card: Card) -> Metrics:
        """What to print on a card that is no input."""
        if card.key:
            found = self._summary.nodes.get(card.key)
            nodes = [found] if found else []
            critical = card.key in self._path
        else:
            nodes = self._methods(card.deployment)
            critical = card.deployment in self._handled_on_path
        share = sum(node.share for node in nodes)
        errors = sum(node.errors for node in nodes)
        # Percentiles of several methods don't add up: the one that costs most speaks for all.
        first = max(nodes, key=lambda node: (node.share, node.count, node.node), default=None)
        return Metrics(
            p50=units.milliseconds(first.p50_s) if first else "–",
            count=units.count(sum(node.count for node in nodes)) if nodes else "",
            errors=units.errors(errors) if errors else "",
            share=units.percent(share) if share > 0 else "",
            fill=heat(share, CARDS[card.kind].fill),
            critical=critical,
            tooltip="\n".join(_distribution(node) for node in nodes) or "not called",
        )

    def data_edge_is_critical(self, source: str, call: CallSpec) -> bool:
        """Whether the call waited for that source, on the most frequent critical path."""
        if source in self._calls:
            return (source, call.id) in self._pairs
        return call.id in self._path and not self._path.intersection(self._parents[call.id])

    def handle_edge_is_critical(self, holder: str, called: str) -> bool:
        """Whether the path goes from the holder's own calls to the called deployment."""
        return holder in self._deployments_on_path and called in self._handled_on_path

    def graph_edge_is_critical(self, call: str, driver: DeploymentSpec) -> bool:
        """Whether the path goes from the driver into the graph with that root call."""
        return call in self._path and driver.name in self._deployments_on_path

    def handle_calls(self, holder: str, called: str) -> int:
        """How often one deployment's code called another."""
        return sum(
            count
            for (node, deployment), count in self._summary.handle_calls.items()
            if deployment == called
            and node in self._summary.nodes
            and self._summary.nodes[node].deployment == holder
        )

    def _methods(self, deployment: str) -> list[NodeSummary]:
        """What was called of a deployment, by handle or as the root."""
        return [
            node
            for name, node in self._summary.nodes.items()
            if node.deployment == deployment and name not in self._calls
        ]


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
