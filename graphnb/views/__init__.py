"""Specs and spans as something to look at: text, pictures, tables. Knows no executor.

`to_dot` writes a graph as DOT text, `to_svg` lays it out and draws it, `to_text` says it in plain
lines, and `mimebundle` has all of these for a notebook; a summary puts metrics on the picture.
`waterfall_svg` and `waterfall_text` show one request, `table_html` and `table_text` many.

Inside, `cards` and `lines` are what a picture consists of, `labels` its words, `overlay` what a
summary adds; `layout` is the only door to Graphviz, and `drawing` makes SVG of its answer.
"""

from graphnb.views.dot import to_dot
from graphnb.views.layout import warm_up
from graphnb.views.mime import image_html, mimebundle
from graphnb.views.svg import render_svg, to_svg
from graphnb.views.table import table_html, table_text
from graphnb.views.text import to_text
from graphnb.views.waterfall import waterfall_svg, waterfall_text

__all__ = [
    "image_html",
    "mimebundle",
    "render_svg",
    "table_html",
    "table_text",
    "to_dot",
    "to_svg",
    "to_text",
    "warm_up",
    "waterfall_svg",
    "waterfall_text",
]
