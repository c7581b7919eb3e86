"""The boxes of a picture: what stands on each, and how large it is.

A card keeps room on its right for metrics, whether there are any or not, so that a summary never
moves the layout. A live card has a line more, for what its deployment is at.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from graphnb.views import labels
from graphnb.views.typography import clean, shorten, text_width

if TYPE_CHECKING:
    from collections.abc import Iterable

    from graphnb.graph.spec import CallSpec, DeploymentSpec, GraphSpec, InputSpec
    from graphnb.views.palette import CardKind

__all__ = [
    "COUNT_SIZE",
    "FOOTER",
    "LINE_HEIGHT",
    "METRIC_SIZE",
    "NOTE_SIZE",
    "SUBTITLE_SIZE",
    "TITLE_SIZE",
    "Card",
    "cards",
    "slug",
]

TITLE_SIZE, SUBTITLE_SIZE, NOTE_SIZE = 13.0, 11.0, 10.0
METRIC_SIZE, COUNT_SIZE = 12.0, 10.0
LINE_HEIGHT = {"title": 17.0, "subtitle": 15.0, "note": 14.0}

_PADDING = 12.0
_GAP = 14.0
_TEXT_WIDTH = 190.0
_STEP = 12.0
_METRIC_WIDTH = math.ceil(text_width("1234.5 ms", METRIC_SIZE, bold=True))
_MIN_HEIGHT = 46.0
_MIN_LIVE_WIDTH = math.ceil(text_width("99/99  9999 busy · 9999 queued", NOTE_SIZE)) + 2 * _PADDING

FOOTER = 22.0
"""How much higher a live card is."""


@dataclass(frozen=True, slots=True)
class Card:
    """One box.

    Attributes:
        kind: decides its colours.
        id: its id in the SVG, stable from build to build.
        key: the call's or input's id; "" for a deployment.
        deployment: the deployment it shows; "" for an input.
        title: its name, shortened.
        subtitle: what is called, where the title says something else, shortened.
        notes: options that matter, shortened.
        tooltip: the full text.
        live: whether it shows what is going on at this moment.
    """

    kind: CardKind
    id: str
    key: str
    deployment: str
    title: str
    subtitle: str
    notes: tuple[str, ...]
    tooltip: str
    live: bool = False

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in pixels."""
        text = max(
            text_width(self.title, TITLE_SIZE, bold=True),
            text_width(self.subtitle, SUBTITLE_SIZE),
            *(text_width(one, NOTE_SIZE) for one in ("", *self.notes)),
        )
        if self.kind == "input":
            return (_ceil(max(72.0, text + 2 * _PADDING + 6)), 36.0)
        height = LINE_HEIGHT["title"] + len(self.notes) * LINE_HEIGHT["note"]
        height += LINE_HEIGHT["subtitle"] if self.subtitle else 0
        width = text + _GAP + _METRIC_WIDTH + 2 * _PADDING
        height = max(_MIN_HEIGHT, height + 14)
        if self.live:
            return (_ceil(max(width, _MIN_LIVE_WIDTH)), height + FOOTER)
        return (_ceil(width), height)


def cards(spec: GraphSpec, *, live: bool = False) -> list[Card]:
    """A card for each input, each call, and each deployment that no call reaches.

    Args:
        spec: the graph.
        live: whether they have room for what is going on at this moment.
    """
    called = {call.deployment for call in spec.calls}
    made = [
        *(_call_card(spec, one) for one in spec.calls),
        *(_deployment_card(spec, one) for one in spec.deployments if one.name not in called),
    ]
    return [
        *(_input_card(one) for one in spec.inputs),
        *(replace(one, live=live) for one in made),
    ]


def slug(prefix: str, *names: str) -> str:
    """An id for XML, made of any names: `node-tokens`, `edge-request--tokens`."""
    safe = [re.sub(r"[^A-Za-z0-9_.-]", lambda one: f"_{ord(one[0]):x}_", name) for name in names]
    return f"{prefix}-{'--'.join(safe)}"


def _input_card(one: InputSpec) -> Card:
    title = shorten(clean(one.label), _TEXT_WIDTH, TITLE_SIZE, bold=True)
    tooltip = f"{clean(one.label)}\nthe request"
    return Card("input", slug("node", one.id), one.id, "", title, "", (), tooltip)


def _call_card(spec: GraphSpec, call: CallSpec) -> Card:
    deployment = spec.deployment(call.deployment)
    grouped = len(spec.calls_of(call.deployment)) > 1
    title, subtitle = labels.call_title(call), labels.call_name(call)
    if grouped and title == subtitle:
        title = call.id  # two calls of one method need two names
    notes = labels.call_notes(spec, call)
    if not grouped:  # else the options stand on the group
        notes = labels.deployment_notes(deployment) + notes
    kind: CardKind = "root" if call.deployment == spec.root else "call"
    return Card(
        kind,
        slug("node", call.id),
        call.id,
        call.deployment,
        *_short(title, "" if subtitle == title else subtitle, notes),
        _tooltip(f"{title} = {call.deployment}.{call.method}", deployment, notes),
    )


def _deployment_card(spec: GraphSpec, one: DeploymentSpec) -> Card:
    root = one.name == spec.root
    subtitle = "" if clean(one.definition) == clean(one.name) else one.definition
    notes = labels.deployment_notes(one)
    if root:
        subtitle = f"HTTP {spec.route_prefix}" if spec.route_prefix else "root"
    return Card(
        "root" if root else "deployment",
        slug("deployment", one.name),
        "",
        one.name,
        *_short(one.name, subtitle, notes),
        _tooltip(one.name, one, notes),
    )


def _short(title: str, subtitle: str, notes: Iterable[str]) -> tuple[str, str, tuple[str, ...]]:
    return (
        shorten(clean(title), _TEXT_WIDTH, TITLE_SIZE, bold=True),
        shorten(clean(subtitle), _TEXT_WIDTH, SUBTITLE_SIZE),
        tuple(_wrap([clean(note) for note in notes])),
    )


def _wrap(notes: Iterable[str]) -> list[str]:
    """The notes on two lines at most, several to a line."""
    lines: list[str] = []
    for note in notes:
        joined = f"{lines[-1]} · {note}" if lines else note
        if lines and (text_width(joined, NOTE_SIZE) <= _TEXT_WIDTH or len(lines) == 2):
            lines[-1] = joined
        else:
            lines.append(note)
    return [shorten(line, _TEXT_WIDTH, NOTE_SIZE) for line in lines]


def _tooltip(name: str, deployment: DeploymentSpec, notes: Iterable[str]) -> str:
    lines = [name, f"{deployment.kind} {deployment.definition}"]
    lines.extend(labels.option_text(key, one) for key, one in deployment.options.items())
    lines.extend(note for note in notes if note not in labels.deployment_notes(deployment))
    return "\n".join(clean(line) for line in lines)


def _ceil(width: float) -> float:
    """Widths of few sizes stand in line with each other."""
    return math.ceil(width / _STEP) * _STEP
