"""The picture of a live graph: laid out once, with the names by which figures find their places."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphnb.errors import RenderError
from graphnb.views import labels, palette
from graphnb.views.cards import Card, cards
from graphnb.views.dot import dot_of
from graphnb.views.drawing import draw
from graphnb.views.layout import lay_out
from graphnb.views.lines import Line, lines
from graphnb.views.mime import bundle_of
from graphnb.views.typography import clean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from graphnb.graph.spec import GraphSpec

__all__ = ["Picture"]

_COLOURS: dict[str, str] = {
    "critical": palette.CRITICAL,
    "failed": palette.FAILED,
    "alert": palette.ALERT,
    "ink": palette.INK,
    "muted": palette.MUTED,
    "faint": palette.FAINT,
    "pill": palette.PILL,
    "heat": palette.HEAT[0.35],
}
_COLOURS.update({str(part): colour for part, colour in palette.PARTS.items()})
_COLOURS.update({str(kind): colour for kind, colour in palette.LINES.items()})


class Picture:
    """A graph that is shown live: drawn when it is first asked for, by one thread.

    Attributes:
        spec: the graph.
    """

    def __init__(self, spec: GraphSpec) -> None:
        self.spec = spec
        self._made: _Drawn | None = None
        self._making = threading.Lock()

    def draw(self) -> _Drawn:
        """Draws it, unless that is done; whoever else asks meanwhile waits for it."""
        with self._making:
            if self._made is None:
                self._made = _draw(self.spec)
            return self._made

    @property
    def drawn(self) -> bool:
        """Whether it is there already."""
        return self._made is not None

    @property
    def cards(self) -> tuple[Card, ...]:
        """Its boxes, those of inputs among them."""
        return self.draw().cards

    @property
    def lines(self) -> tuple[Line, ...]:
        """What runs between them."""
        return self.draw().lines

    @property
    def bundle(self) -> Mapping[str, str]:
        """The same picture where nothing moves, by MIME type, and the graph in words."""
        return self.draw().bundle

    def card(self, node: str) -> Card | None:
        """The box with that id in the SVG."""
        return next((one for one in self.cards if one.id == node), None)

    def traits(self, number: int, name: str, on: str) -> dict[str, Any]:
        """What the browser is told of it: `Picture` in `widget/src/messages.ts`.

        Args:
            number: tells it from the pictures before and after it.
            name: the running graph's.
            on: where it runs.
        """
        return {"number": number, "name": name, "on": on, **self.draw().traits}


@dataclass(frozen=True, slots=True)
class _Drawn:
    """All forms of a picture; `traits` has no word of what runs."""

    cards: tuple[Card, ...]
    lines: tuple[Line, ...]
    traits: Mapping[str, Any]
    bundle: Mapping[str, str]


def _draw(spec: GraphSpec) -> _Drawn:
    boxes, links = tuple(cards(spec, live=True)), tuple(lines(spec, None))
    try:
        layout = lay_out(dot_of(spec, boxes, links, live=True))
    except RenderError:
        svg = still = ""
    else:
        svg, still = draw(layout), draw(layout, still=True)
    return _Drawn(boxes, links, _traits(spec, boxes, links, svg), bundle_of(spec, still))


def _traits(
    spec: GraphSpec, boxes: Sequence[Card], links: Sequence[Line], svg: str
) -> dict[str, Any]:
    return {
        "headline": clean(labels.headline(spec)),
        "svg": svg,
        "colours": _COLOURS,
        "nodes": {
            one.id: {"title": one.title, "deployment": clean(one.deployment), "kind": one.kind}
            for one in boxes
        },
        "edges": {one.id: {"tail": one.tail, "head": one.head, "kind": one.kind} for one in links},
    }
