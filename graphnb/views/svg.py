"""A graph as SVG: DOT text, laid out and drawn.

Path("graph.svg").write_text(to_svg(spec))
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphnb.views.dot import to_dot
from graphnb.views.drawing import draw
from graphnb.views.layout import lay_out

if TYPE_CHECKING:
    from graphnb.graph.spec import GraphSpec
    from graphnb.telemetry.summary import GraphSummary

__all__ = ["render_svg", "to_svg"]


def render_svg(dot: str) -> str:
    """DOT text made by `to_dot`, as SVG text.

    The text has no XML prolog, so that it can stand in a page. It is as wide as its page lets it
    be and keeps its proportions. The same DOT text gives the same bytes.

    Raises:
        RenderError: there is no Graphviz, or it could not read the text.
    """
    return draw(lay_out(dot))


def to_svg(spec: GraphSpec, summary: GraphSummary | None = None) -> str:
    """A graph as SVG text, with a summary's metrics on it if there is one.

    Args:
        spec: the graph.
        summary: what to show on its nodes, if anything.

    Raises:
        RenderError: there is no Graphviz.
    """
    return render_svg(to_dot(spec, summary))
