"""A graph as a notebook shows it: one bundle with every form that a front end may ask for."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

from graphnb.errors import RenderError
from graphnb.views import labels
from graphnb.views.svg import to_svg
from graphnb.views.text import to_text
from graphnb.views.typography import clean, xml

if TYPE_CHECKING:
    from graphnb.graph.spec import GraphSpec
    from graphnb.telemetry.summary import GraphSummary

__all__ = ["bundle_of", "image_html", "mimebundle"]


def mimebundle(spec: GraphSpec, summary: GraphSummary | None = None) -> dict[str, str]:
    """A graph's forms by MIME type.

    Args:
        spec: the graph.
        summary: metrics to show on the picture; the plain text stays as it is, since saved
            notebooks are compared by it.

    Returns:
        `text/plain`, and where Graphviz can be run `image/svg+xml` and `text/html`.
    """
    try:
        svg = to_svg(spec, summary)
    except RenderError:
        svg = ""
    return bundle_of(spec, svg)


def bundle_of(spec: GraphSpec, svg: str) -> dict[str, str]:
    """What `mimebundle` returns, with a picture that is drawn already; "" for none."""
    bundle = {"text/plain": to_text(spec)}
    if svg:
        bundle["image/svg+xml"] = svg
        bundle["text/html"] = image_html(svg, clean(labels.headline(spec)))
    return bundle


def image_html(svg: str, alt: str) -> str:
    """An SVG as an image element: it shows in notebooks that are not trusted, too.

    Args:
        svg: the SVG text.
        alt: what the image shows, in words.
    """
    data = b64encode(svg.encode()).decode("ascii")
    return f'<img src="data:image/svg+xml;base64,{data}" style="max-width:100%" alt="{xml(alt)}">'
