"""The picture of a live graph: laid out once, with the names by which figures find their places."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from graphnb.errors import RenderError
from graphnb.views import labels, palette
from graphnb.views.cards import Card, cards
from graphnb.views.dot import dot_of
from graphnb.views.drawing import draw
from graphnb.views.layout import Layout, lay_out
from graphnb.views.lines import Line, lines
from graphnb.views.mime import bundle_of
from graphnb.views.typography import clean

if TYPE_CHECKING:
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
    """A graph that is shown live.

    Attributes:
        number: tells it from the pictures before and after it.
        spec: the graph.
        cards: its boxes, those of inputs among them.
        lines: what runs between them.
    """

    def __init__(self, number: int, spec: GraphSpec) -> None:
        self.number = number
        self.spec = spec
        self.cards: tuple[Card, ...] = tuple(cards(spec, live=True))
        self.lines: tuple[Line, ...] = tuple(lines(spec, None))

    def card(self, node: str) -> Card | None:
        """The box with that id in the SVG."""
        return next((one for one in self.cards if one.id == node), None)

    @property
    def bundle(self) -> dict[str, str]:
        """The same picture where nothing moves, by MIME type, and the graph in words."""
        return bundle_of(self.spec, draw(self._layout, still=True) if self._layout else "")

    @cached_property
    def _layout(self) -> Layout | None:
        try:
            return lay_out(dot_of(self.spec, self.cards, self.lines, live=True))
        except RenderError:
            return None

    def traits(self, name: str, on: str) -> dict[str, Any]:
        """What the browser is told of it: `Picture` in `widget/src/messages.ts`.

        Args:
            name: the running graph's.
            on: where it runs.
        """
        return {
            "number": self.number,
            "name": name,
            "on": on,
            "headline": clean(labels.headline(self.spec)),
            "svg": draw(self._layout) if self._layout else "",
            "colours": _COLOURS,
            "nodes": {
                one.id: {
                    "title": one.title,
                    "deployment": clean(one.deployment),
                    "kind": one.kind,
                }
                for one in self.cards
            },
            "edges": {
                one.id: {"tail": one.tail, "head": one.head, "kind": one.kind} for one in self.lines
            },
        }
