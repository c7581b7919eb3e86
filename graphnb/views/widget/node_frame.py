"""What stands on one node of a live picture at a moment."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from graphnb.telemetry.compare import FEW, Change, compare
from graphnb.telemetry.sketch import merge, new_sketch
from graphnb.views import units

if TYPE_CHECKING:
    from collections.abc import Mapping

    from graphnb.telemetry.digest import TraceDigest
    from graphnb.telemetry.sketch import Sketch
    from graphnb.views.cards import Card
    from graphnb.views.overlay import Metrics
    from graphnb.views.widget.moment import Load, Moment

__all__ = ["change_of", "node_frame", "now_of", "said_of", "state_of"]

_MOVING = ("starting", "updating")
_ILL = ("unhealthy", "failed")


def node_frame(card: Card, metrics: Metrics, moment: Moment) -> dict[str, Any]:
    """`NodeFrame` in `widget/src/messages.ts`."""
    load = moment.loads.get(card.deployment)
    change, trend = _compared(metrics, moment)
    return {
        "p": list(metrics.times),
        "few": metrics.count < FEW,
        "count": units.count(metrics.count) if metrics.count else "",
        "errors": units.errors(metrics.errors) if metrics.errors else "",
        "share": units.percent(metrics.share) if metrics.share > 0 else "",
        "fill": metrics.fill,
        "critical": metrics.critical,
        "dim": moment.window.digest.requests > 0 and not metrics.count,
        "split": _split(metrics),
        **state_of(load),
        "change": change,
        "trend": trend,
        "said": said_of(card, metrics, load, f"{trend} {change}".strip()),
    }


def said_of(card: Card, metrics: Metrics, load: Load | None, change: str) -> str:
    """A node's figures as a sentence, for those who cannot see them."""
    p50, p95, p99 = metrics.times
    parts = [card.title]
    if metrics.count:
        calls = "call" if metrics.count == 1 else "calls"
        parts.append(f"p50 {p50}, p95 {p95}, p99 {p99}, {metrics.count} {calls}")
        if metrics.share > 0:
            parts.append(f"{units.percent(metrics.share)} of the critical path")
    else:
        parts.append("not called")
    if metrics.errors:
        parts.append(units.errors(metrics.errors))
    if load is not None:
        parts.append(f"{load.running} of {load.replicas} replicas {load.state}")
        if load.ongoing or load.queued:
            parts.append(f"{load.ongoing} busy, {load.queued} queued")
    if change:
        parts.append(change)
    return "; ".join(parts)


def _split(metrics: Metrics) -> list[float]:
    """The parts of a node's time: before its code, in it, on the way."""
    queued = executing = transport = 0.0
    for node in metrics.nodes:
        queued += node.seconds[0] + node.seconds[1]
        executing += node.seconds[2]
        transport += node.seconds[3]
    total = queued + executing + transport
    if total <= 0:
        return [0, 0, 0]
    return [round(queued / total, 2), round(executing / total, 2), round(transport / total, 2)]


@lru_cache(maxsize=1024)
def state_of(load: Load | None) -> Mapping[str, Any]:
    """The part of a node's frame that says what its deployment is at."""
    return {
        "now": now_of(load),
        "replicas": f"{load.running}/{load.replicas}" if load else "",
        "health": _health(load),
    }


def now_of(load: Load | None) -> str:
    """What a deployment works on: "2 busy · 1 queued"."""
    if load is None:
        return ""
    busy = f"{units.amount(load.ongoing)} busy" if load.ongoing else ""
    queued = f"{units.amount(load.queued)} queued" if load.queued else ""
    return " · ".join(filter(None, (busy, queued)))


def _health(load: Load | None) -> str:
    if load is None:
        return "well"
    if load.error or load.state in _ILL:
        return "ill"
    return "moving" if load.state in _MOVING or load.running < load.replicas else "well"


def _compared(metrics: Metrics, moment: Moment) -> tuple[str, str]:
    """How a node's wait differs from what it is compared with, and which way."""
    if moment.against is None or not metrics.nodes:
        return "", ""
    before, after = (_waits(digest, metrics) for digest in (moment.against, moment.window.digest))
    change = compare(before, after)
    if change is None:
        return "new", ""
    return change_of(change), change.trend


def _waits(digest: TraceDigest, metrics: Metrics) -> Sketch:
    if len(metrics.nodes) == 1:
        return digest.waits(metrics.nodes[0].node)
    together = new_sketch()
    for node in metrics.nodes:
        merge(together, digest.waits(node.node))
    return together


def change_of(change: Change | None) -> str:
    """A change in words, with how many requests it is known from: "−12 % · 40→52"."""
    if change is None:
        return ""
    counts = f"{units.amount(change.before)}→{units.amount(change.after)}"
    if change.ratio >= 10:
        return f"{units.amount(round(change.ratio))}× · {counts}"
    percent = round((change.ratio - 1) * 100)
    sign = "+" if percent > 0 else "−" if percent < 0 else "±"
    return f"{sign}{abs(percent)} % · {counts}"
