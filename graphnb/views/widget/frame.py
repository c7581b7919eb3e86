"""All figures of a live picture at one moment, ready to show.

A frame is plain data, `Frame` in `widget/src/messages.ts`: every text, colour and share is worked
out here, by what draws the static picture, and the browser puts them in their places.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from graphnb.telemetry.compare import FEW, Change, compare
from graphnb.telemetry.sketch import merge, new_sketch
from graphnb.views import units
from graphnb.views.overlay import Metrics, Overlay

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from graphnb.telemetry.digest import TraceDigest
    from graphnb.telemetry.sketch import Sketch
    from graphnb.telemetry.sliding import Window
    from graphnb.telemetry.summary import GraphSummary
    from graphnb.views.cards import Card
    from graphnb.views.lines import Line
    from graphnb.views.widget.picture import Picture

__all__ = ["Load", "Moment", "frame_of"]


class Load(NamedTuple):
    """What one deployment is at.

    Attributes:
        replicas: how many are wanted.
        running: how many answer.
        ongoing: calls that are being worked on.
        queued: calls that wait for a replica.
        state: in a word: "running", "starting", "updating", "unhealthy", "failed".
        error: why it is not well, or None.
    """

    replicas: int
    running: int
    ongoing: int
    queued: int
    state: str
    error: str | None


class Moment(NamedTuple):
    """What a frame is of.

    Attributes:
        window: the figures.
        label: what they are of: "last 10 s".
        loads: by deployment; empty where that is not known.
        root: the deployment that requests enter.
        state: of the graph: "running", "changing", "ended".
        against: what they are compared with, if anything, and what that is.
        fresh: handle edges that were taken since the frame before, by calling node and deployment.
    """

    window: Window
    label: str
    loads: Mapping[str, Load]
    root: str
    state: str = "running"
    against: TraceDigest | None = None
    against_label: str = ""
    fresh: Collection[tuple[str, str]] = ()


_MOVING = ("starting", "updating")
_ILL = ("unhealthy", "failed")


AT_A_TIME = 64
"""Of how many nodes figures are worked out for one frame, when there is one before it.

Of a graph with more, each frame has those of some nodes, in turn: the figures of 200 nodes are
then at most four frames old. What a deployment is at is always new.
"""


def frame_of(
    picture: Picture,
    moment: Moment,
    choices: Mapping[str, Any],
    *,
    before: Mapping[str, Any] | None = None,
    turn: int = 0,
) -> dict[str, Any]:
    """The frame of a picture at one moment.

    Args:
        picture: where the figures go.
        moment: what they are.
        choices: what can be chosen, and what is; passed on.
        before: the frame before, of the same picture and the same kind of moment.
        turn: counts the frames; decides whose turn it is.
    """
    old = before or {"nodes": {}, "edges": {}}
    turns = -(-len(picture.cards) // AT_A_TIME) if before is not None else 1
    whose = {card.id for card in picture.cards[turn % turns :: turns]}
    summary = moment.window.digest.summary(None if turns == 1 else _names(picture, whose, moment))
    overlay = Overlay(picture.spec, summary)
    edges = _Edges(overlay, moment, summary)
    return {
        "picture": picture.number,
        "head": _head(moment, summary),
        "nodes": {
            card.id: _node(card, overlay.metrics(card), moment)
            if card.id in whose
            else old["nodes"][card.id] | _state(moment.loads.get(card.deployment))
            for card in picture.cards
            if card.kind != "input"
        },
        "edges": {
            line.id: edges.frame(line)
            if line.head in whose
            else old["edges"][line.id] | {"lit": edges.is_lit(line)}
            for line in picture.lines
        },
        "choices": dict(choices),
    }


def _names(picture: Picture, whose: Collection[str], moment: Moment) -> set[str]:
    """What the spans of these cards go by."""
    cards = [card for card in picture.cards if card.id in whose]
    deployments = {card.deployment for card in cards if not card.key}
    handled = moment.window.digest.nodes_of(deployments) if deployments else ()
    return {*(card.key for card in cards), *handled}


def _head(moment: Moment, summary: GraphSummary) -> dict[str, Any]:
    window = moment.window
    against = moment.against
    root = moment.loads.get(moment.root)
    change = None if against is None else compare(against.waits(), window.digest.waits())
    errors = max(window.errors, summary.errors)
    times = (summary.p50_s, summary.p95_s, summary.p99_s)
    return {
        "state": moment.state,
        "window": moment.label,
        "rate": units.rate(window.rate),
        "requests": f"{units.amount(window.requests)} request{'' if window.requests == 1 else 's'}",
        "errors": units.errors(errors) if errors else "",
        "p": [units.milliseconds(one) if summary.requests else "–" for one in times],
        "few": summary.requests < FEW,
        "now": _now(root),
        "sampled": _sampled(window.part),
        "change": _change(change),
        "trend": "" if change is None else change.trend,
        "against": moment.against_label,
    }


def _sampled(part: float) -> str:
    """Of how many of its requests a window's figures are."""
    if part > 0.99 or part == 0:
        return ""
    return f"figures of 1 in {round(1 / part)}" if part < 0.67 else f"figures of {part:.0%}"


def _node(card: Card, metrics: Metrics, moment: Moment) -> dict[str, Any]:
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
        **_state(load),
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


def _state(load: Load | None) -> dict[str, Any]:
    return {
        "now": _now(load),
        "replicas": f"{load.running}/{load.replicas}" if load else "",
        "health": _health(load),
    }


def _now(load: Load | None) -> str:
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
    return _change(change), change.trend


def _waits(digest: TraceDigest, metrics: Metrics) -> Sketch:
    if len(metrics.nodes) == 1:
        return digest.waits(metrics.nodes[0].node)
    together = new_sketch()
    for node in metrics.nodes:
        merge(together, digest.waits(node.node))
    return together


def _change(change: Change | None) -> str:
    if change is None:
        return ""
    counts = f"{units.amount(change.before)}→{units.amount(change.after)}"
    if change.ratio >= 10:
        return f"{units.amount(round(change.ratio))}× · {counts}"
    percent = round((change.ratio - 1) * 100)
    sign = "+" if percent > 0 else "−" if percent < 0 else "±"
    return f"{sign}{abs(percent)} % · {counts}"


class _Edges:
    """What lines show."""

    def __init__(self, overlay: Overlay, moment: Moment, summary: GraphSummary) -> None:
        self._overlay = overlay
        window = moment.window
        looked_into = window.digest.requests
        self._any = looked_into > 0
        # Of requests that were not looked into, as many took each line.
        self._scale = window.rate / looked_into if looked_into else 0.0
        self._fresh = {
            (summary.nodes[caller].deployment, called)
            for caller, called in moment.fresh
            if caller in summary.nodes
        }

    def is_lit(self, line: Line) -> bool:
        return line.kind == "handle" and (line.source, line.target) in self._fresh

    def frame(self, line: Line) -> dict[str, Any]:
        taken = self._overlay.taken(line.kind, line.source, line.target)
        return {
            "rate": units.rate(taken * self._scale),
            "critical": self._overlay.is_critical(line.kind, line.source, line.target),
            "lit": self.is_lit(line),
            "dim": self._any and not taken,
        }
