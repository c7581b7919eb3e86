"""Graphs as a notebook shows them."""

from __future__ import annotations

import html
import re
from base64 import b64decode

import pytest

from graphnb.errors import RenderError
from graphnb.telemetry.summary import summarize
from graphnb.views import mime, mimebundle, to_svg, to_text
from tests.views.graphs import ensemble, hostile, request


def test_a_bundle_has_text_picture_and_page():
    """Every front end finds a form that it can show."""
    bundle = mimebundle(ensemble())
    assert bundle["text/plain"] == to_text(ensemble())
    assert bundle["image/svg+xml"] == to_svg(ensemble())
    data = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', bundle["text/html"])[1]
    assert b64decode(data).decode() == bundle["image/svg+xml"]
    assert "max-width:100%" in bundle["text/html"]


def test_the_image_says_what_it_shows():
    """The image's alternative text is the graph in one line, escaped."""
    alt = re.search(r'alt="([^"]*)"', mimebundle(hostile())["text/html"])[1]
    assert html.unescape(alt).startswith("graph root D\\l: 4 deployments")


def test_metrics_are_on_the_picture_and_not_in_the_text():
    """The plain text, which notebooks are compared by, knows no times."""
    spec = ensemble()
    bundle = mimebundle(spec, summarize([request(spec)]))
    assert bundle["text/plain"] == to_text(spec)
    assert "304.0 ms" in bundle["image/svg+xml"]


def test_without_graphviz_there_is_still_text(monkeypatch):
    """Where nothing can be laid out, a notebook shows the plain text."""

    def fail(spec, summary=None):
        raise RenderError("no Graphviz")

    monkeypatch.setattr(mime, "to_svg", fail)
    assert mimebundle(ensemble()) == {"text/plain": to_text(ensemble())}


@pytest.mark.parametrize("said", ['"><script>', "a&b"])
def test_an_image_escapes_its_text(said):
    """Alternative text cannot leave its attribute."""
    assert f'alt="{html.escape(said)}"' in mime.image_html("<svg/>", said)
