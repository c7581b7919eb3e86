"""All figures of a live picture at one moment, ready to show.

A frame is plain data, `Frame` in `widget/src/messages.ts`: every text, colour and share is worked
out here, by what draws the static picture, and the browser puts them in their places.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from graphnb.telemetry.compare import FEW, compare
from graphnb.views import placeholders, units
from graphnb.views.overlay import Overlay, Structure
from graphnb.views.widget.node_frame import change_of, node_frame, now_of, state_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from graphnb.telemetry.summary import GraphSummary
    from graphnb.views.cards import Card
    from graphnb.views.lines import Line
    from graphnb.views.widget.moment import Load, Moment
    from graphnb.views.widget.picture import Picture

__all__ = ["AT_A_TIME", "IN_TURN", "Frames"]

AT_A_TIME = 64
"""Of how many nodes figures are worked out for one frame, when there is one before it.

Of a graph with more, each frame has those of `IN_TURN` nodes: the figures of 200 nodes are then at
most two thirds of a second old. What a deployment is at is always new.
"""

IN_TURN = 32
"""Of how many nodes of such a graph each frame has new figures."""


class Frames:
    """The frames of one picture, each made from the one before: what did not change is kept.

    Args:
        picture: where the figures go.
        number: tells it from the pictures before and after it.

    Attributes:
        picture: as given.
        last: the last frame, or None.
    """

    def __init__(self, picture: Picture, number: int) -> None:
        self.picture = picture
        self._number = number
        self.last: dict[str, Any] | None = None
        self._structure = Structure(picture.spec)
        self._cards = [card for card in picture.cards if card.kind != "input"]
        in_turn = len(self._cards) > AT_A_TIME
        self._turns = -(-len(self._cards) // IN_TURN) if in_turn else 1
        self._turn = 0
        self._into: dict[str, list[Line]] = defaultdict(list)
        for line in picture.lines:
            self._into[line.head].append(line)
        self._handles = [line for line in picture.lines if line.kind == "handle"]
        many = len(picture.lines)
        self._rated = {line.id for line in picture.lines if placeholders.is_rated(line.kind, many)}
        self._loads: Mapping[str, Load] = {}
        self._made_of: dict[str, tuple[object, ...]] = {}  # by card, what its figures are of

    def next(
        self, moment: Moment, choices: Mapping[str, Any], *, whole: bool = False
    ) -> dict[str, Any]:
        """The frame at a moment.

        Args:
            moment: what it is of.
            choices: what can be chosen, and what is; passed on.
            whole: whether the figures of all nodes are to be new.
        """
        old = self.last or {"nodes": {}, "edges": {}}
        whole = whole or self.last is None
        cards = self._cards if whole else self._cards[self._turn :: self._turns]
        self._turn = (self._turn + 1) % self._turns
        whose = [card for card in cards if self._is_new(card, moment)]
        summary = moment.window.digest.summary(_names(whose, moment))
        overlay = Overlay(self._structure, summary)
        edges = _Edges(overlay, moment, summary, self._rated)
        rated = [line for card in cards for line in self._into[card.id] if line.id in self._rated]
        self.last = {
            "picture": self._number,
            "head": _head(moment, summary),
            "nodes": {
                **self._states(old["nodes"], moment.loads),
                **{card.id: node_frame(card, overlay.metrics(card), moment) for card in whose},
            },
            "edges": {
                **old["edges"],
                **edges.lit(self._handles, old["edges"]),
                **{line.id: edges.frame(line) for line in rated},
                **{line.id: edges.frame(line) for card in whose for line in self._into[card.id]},
            },
            "choices": dict(choices),
        }
        return self.last

    def _is_new(self, card: Card, moment: Moment) -> bool:
        """Whether anything that a card's figures are made of has changed since they were."""
        digest, against = moment.window.digest, moment.against
        revisions = digest.revision, None if against is None else against.revision
        made_of = (digest, against, *revisions, moment.loads.get(card.deployment))
        if self._made_of.get(card.id) == made_of:
            return False
        self._made_of[card.id] = made_of
        return True

    def _states(
        self, nodes: dict[str, dict[str, Any]], loads: Mapping[str, Load]
    ) -> dict[str, dict[str, Any]]:
        """The nodes as they were, with what their deployments are at now."""
        before, self._loads = self._loads, loads
        if loads is before or not nodes:
            return nodes
        moved = {name for name in {*loads, *before} if loads.get(name) != before.get(name)}
        return nodes | {
            card.id: {**nodes[card.id], **state_of(loads.get(card.deployment))}
            for card in self._cards
            if card.deployment in moved
        }


def _names(cards: Collection[Card], moment: Moment) -> set[str]:
    """What the spans of these cards go by."""
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
        "now": now_of(root),
        "sampled": _sampled(window.part),
        "change": change_of(change),
        "trend": "" if change is None else change.trend,
        "against": moment.against_label,
    }


def _sampled(part: float) -> str:
    """Of how many of its requests a window's figures are."""
    if part > 0.99 or part == 0:
        return ""
    return f"figures of 1 in {round(1 / part)}" if part < 0.67 else f"figures of {part:.0%}"


class _Edges:
    """What lines show."""

    def __init__(
        self, overlay: Overlay, moment: Moment, summary: GraphSummary, rated: Collection[str]
    ) -> None:
        self._overlay = overlay
        self._rated = rated
        self._digest = moment.window.digest
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

    def lit(
        self, lines: Sequence[Line], before: Mapping[str, dict[str, Any]]
    ) -> dict[str, dict[str, Any]]:
        """Those of the lines that light up or go out."""
        return {
            line.id: before[line.id] | {"lit": self._is_lit(line)}
            for line in lines
            if line.id in before and before[line.id]["lit"] != self._is_lit(line)
        }

    def frame(self, line: Line) -> dict[str, Any]:
        taken = self._taken(line)
        return {
            "rate": units.rate(taken * self._scale) if line.id in self._rated else "",
            "critical": self._overlay.is_critical(line.kind, line.source, line.target),
            "lit": self._is_lit(line),
            "dim": self._any and not taken,
        }

    def _taken(self, line: Line) -> int:
        """How often; of nodes too whose figures are not worked out this time."""
        if line.kind == "handle":
            return self._overlay.handled(line.source, line.target)
        return self._digest.count(line.source if line.kind == "graph" else line.target)

    def _is_lit(self, line: Line) -> bool:
        return line.kind == "handle" and (line.source, line.target) in self._fresh
