"""Pictures in a browser: its fonts are not those that the layout was made with."""

from __future__ import annotations

import shutil

import pytest

from graphnb.telemetry.summary import summarize
from graphnb.views import to_svg, waterfall_svg
from tests.browser.lab import ARGUMENTS
from tests.views.graphs import EXAMPLES, ensemble, request

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="Chromium is not on PATH"),
]

# Texts that stick out of the card, the badge or the pill that they belong to.
OVERFLOWS = """() => [
    ...document.querySelectorAll('.gnb-node, .gnb-errors, .gnb-label, .gnb-calls')
  ]
  .filter(group => getComputedStyle(group).display !== 'none')
  .flatMap(group => {
    const box = group.querySelector(':scope > rect').getBBox();
    return [...group.querySelectorAll(':scope > text')].filter(text => {
      const inside = text.getBBox();
      return text.textContent && (inside.x < box.x + 2 || inside.y < box.y - 1
        || inside.x + inside.width > box.x + box.width - 2
        || inside.y + inside.height > box.y + box.height + 1);
    }).map(text => text.textContent);
  })"""

# Names and metrics that run into each other on one card.
COLLISIONS = """() => [...document.querySelectorAll('.gnb-node')].flatMap(group => {
  const texts = [...group.querySelectorAll(':scope > text')].filter(one => one.textContent);
  const names = texts.filter(one => !one.getAttribute('class'));
  const metrics = texts.filter(one => one.getAttribute('class'));
  return names.filter(name => metrics.some(metric => {
    const left = name.getBBox(), right = metric.getBBox();
    return left.x + left.width > right.x && left.y < right.y + right.height
      && right.y < left.y + left.height;
  })).map(name => name.textContent);
})"""


@pytest.fixture(scope="module")
def page():
    """One page of a headless browser."""
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        yield browser.new_page(viewport={"width": 900, "height": 600})
        browser.close()


@pytest.mark.parametrize("font", ["system-ui", "DejaVu Sans", "Liberation Sans"])
@pytest.mark.parametrize("name", EXAMPLES)
def test_text_fits_in_any_font(page, name, font):
    """No text leaves its box or meets another, whichever sans-serif the system has."""
    spec = EXAMPLES[name]
    summary = summarize([request(spec, executing_s=1.2345, outcome="error")] * 1234)
    style = f"<style>.gnb text:not([font-family]) {{ font-family: '{font}' }}</style>"
    page.set_content(style + to_svg(spec, summary))
    assert page.evaluate(OVERFLOWS) == []
    assert page.evaluate(COLLISIONS) == []


def test_a_wide_picture_shrinks_to_the_page(page):
    """A picture is never wider than its page, and keeps its proportions."""
    page.set_viewport_size({"width": 400, "height": 600})
    page.set_content(to_svg(ensemble()) + waterfall_svg(request(ensemble())))
    for picture in page.query_selector_all("svg"):
        box = picture.bounding_box()
        _, _, width, height = map(float, picture.get_attribute("viewBox").split())
        assert box["width"] <= 400
        assert box["width"] / box["height"] == pytest.approx(width / height, rel=0.01)
    page.set_viewport_size({"width": 900, "height": 600})
