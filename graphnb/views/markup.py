"""SVG elements as text; every attribute and every text is escaped here, and only here."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from graphnb.views.typography import SANS, xml

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["document", "element", "number", "rect", "text", "title"]

Attribute = str | float | None


def element(name: str, children: Iterable[str] = (), /, **attributes: Attribute) -> str:
    """One element.

    Args:
        name: its tag.
        children: elements, as text.
        attributes: `stroke_width` stands for `stroke-width`, `class_` for `class`; None leaves
            an attribute out.
    """
    pairs = "".join([_pair(key, value) for key, value in attributes.items() if value is not None])
    inside = "".join(children)
    return f"<{name}{pairs}>{inside}</{name}>" if inside else f"<{name}{pairs}/>"


def rect(x: float, y: float, width: float, height: float, **attributes: Attribute) -> str:
    """A box."""
    return element("rect", (), x=x, y=y, width=width, height=height, **attributes)


def text(x: float, y: float, said: str, *, size: float, fill: str, **attributes: Attribute) -> str:
    """One line of text; `y` is its baseline."""
    return element("text", [xml(said)], x=x, y=y, font_size=size, fill=fill, **attributes)


def title(said: str) -> str:
    """What a browser shows when the mouse rests on the element around it."""
    return element("title", [xml(said)])


def document(width: float, height: float, said: str, parts: Iterable[str]) -> str:
    """A whole picture, one part to a line; as wide as its page lets it be.

    Args:
        width: in pixels, when there is room.
        height: in pixels.
        said: what it shows, for those who cannot see it.
        parts: its elements, the first at the back.
    """
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="gnb" role="img" aria-label="{xml(said)}"'
        f' width="{number(width)}" height="{number(height)}"'
        f' viewBox="0 0 {number(width)} {number(height)}"'
        f' style="max-width:100%;height:auto" font-family="{xml(SANS)}">'
    )
    return "\n".join((head, *parts, "</svg>", ""))


def number(value: float) -> str:
    """At most two digits after the point: more is no sharper, only longer."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if value % 1 else f"{value + 0.0:.0f}"


# A picture says the same of each card: a colour, a size, where its right edge is.
@lru_cache(8192)
def _pair(key: str, value: str | float) -> str:
    name = key.rstrip("_").replace("_", "-")
    return f' {name}="{xml(value) if isinstance(value, str) else number(value)}"'
