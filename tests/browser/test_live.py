"""The live picture in real front ends: numbers that change, clicks that are heard."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

LOAD = "%load_ext graphnb"
GRAPH = """
import time
from graphnb import InputNode, serve

@serve.deployment
def tokenize(text):
    time.sleep(0.002)
    return text.split()

@serve.deployment(num_replicas=2)
class Scorer:
    def __init__(self, weight):
        self.weight = weight

    def score(self, tokens):
        if "bad" in tokens:
            raise ValueError("a bad word")
        time.sleep(0.004 * self.weight)
        return self.weight * len(tokens)

@serve.deployment
def best(one, other):
    return max(one, other)

with InputNode() as request:
    tokens = tokenize.bind(request)
    fast, slow = Scorer.bind(1), Scorer.bind(3)
    answer = best.bind(fast.score.bind(tokens), slow.score.bind(tokens))
"""
DEPLOY = f"%%deploy demo --live --no-http\n{GRAPH}"
SEND = "for _ in range(30):\n    demo.remote('so it goes').result()"
# Ends when a request comes with this text, which only a click can send while the cell runs.
UNTIL_SENT = """
import time
seen = len(demo.traces(10_000))
while len(demo.traces(10_000)) == seen:
    pass
print("heard")
"""
MANY = """
import graphnb
from graphnb import InputNode, serve

@serve.deployment
def work(*parts):
    return 1

def layers(nodes):
    with InputNode() as request:
        layer = [request]
        for first in range(0, nodes, 10):
            layer = [work.bind(*layer[max(0, at - 1) : at + 2]) for at in range(10)]
        return work.bind(*layer)
"""
BUSY = "import time\nend = time.monotonic() + 60\nwhile time.monotonic() < end:\n    pass"

LIVE = ".gnb-live"


def look(page):
    """Brings the live picture into sight: elsewhere it is not painted."""
    page.page.locator(LIVE).scroll_into_view_if_needed()


def node(page, deployment):
    """The node of a deployment, in the picture."""
    return page.page.locator(f'{LIVE} .gnb-node[data-deployment="{deployment}"]').first


def says(page, deployment, part):
    """What a place on a node says."""
    return node(page, deployment).locator(f".gnb-{part}").text_content()


def shows(page, deployment, part, pattern):
    """Waits until it says something like that."""
    page.wait(
        """([deployment, part, pattern]) => {
          const node = document.querySelector(
            `.gnb-live .gnb-node[data-deployment="${deployment}"] .gnb-${part}`);
          return !!node && new RegExp(pattern).test(node.textContent);
        }""",
        [deployment, part, pattern],
    )


def opened(open_notebook, *cells, **options):
    """A notebook whose first cells ran: a live picture is there, and the kernel answers it."""
    page = open_notebook([LOAD, DEPLOY, *cells], **options)
    page.run(0)
    page.run(1)
    page.page.locator(f"{LIVE} .gnb-node").first.wait_for()
    shows(page, "tokenize", "replicas", "1/1")
    return page


def test_numbers_change_while_a_bench_runs(front_end):
    """In JupyterLab and in Notebook 7; the page has no error of ours."""
    page = opened(front_end, "%bench demo --duration 60 'so it goes'")
    page.start(2)
    shows(page, "tokenize", "count", r"\d\d×")
    first = says(page, "tokenize", "count")
    page.wait(
        """first => document.querySelector(
          '.gnb-live .gnb-node[data-deployment="tokenize"] .gnb-count').textContent !== first""",
        first,
    )
    shows(page, "Scorer_1", "p50", r"\d ms")
    shows(page, "Scorer_1", "share", r"\d\d %")
    page.screenshot(f"bench-{front_end.kind}")
    page.interrupt()
    page.ended(2)
    assert page.errors == []


def test_a_click_is_answered_while_a_cell_runs(front_end):
    """A node's code and times, a request's waterfall, and the last request sent again."""
    page = opened(front_end, SEND, UNTIL_SENT)
    page.run(2)
    page.start(3)
    node(page, "Scorer").click()
    panel = page.page.locator(".gnb-panel")
    panel.get_by_text("def score").wait_for()
    page.page.get_by_role("button", name="Requests…").click()
    page.page.locator(".gnb-request").first.click()
    page.page.locator(".gnb-waterfall svg").wait_for()
    assert page.is_running(3)
    page.screenshot(f"busy-{front_end.kind}")
    page.page.get_by_role("button", name="Send again").click()
    page.ended(3)
    assert "heard" in page.output(3)


def test_the_picture_is_live_again_after_the_page_is_loaded_again(front_end):
    """Its figures are there, and go on."""
    page = opened(front_end, SEND)
    page.run(2)
    shows(page, "tokenize", "count", "30×")
    page.save()
    page.load()
    shows(page, "tokenize", "count", "30×")
    page.run(2)
    shows(page, "tokenize", "count", "60×")


def test_a_saved_notebook_has_the_static_picture(lab, tmp_path):
    """For whoever opens it without its kernel: in the file, and where it is converted."""
    page = opened(lab, SEND)
    page.run(2)
    saved = page.save()
    data = next(one["data"] for one in saved.cells[1].outputs if "data" in one)
    assert data["text/plain"].startswith("graph root DAGDriver")
    assert "<img " in "".join(data["text/html"])
    assert "<svg" in "".join(data["image/svg+xml"])
    assert "widgets" not in saved.metadata
    path = Path(page.server.folder) / page.notebook
    subprocess.run(
        [sys.executable, "-m", "nbconvert", "--to", "html", f"--output-dir={tmp_path}", path],
        check=True,
        capture_output=True,
    )
    html = (tmp_path / page.notebook.replace(".ipynb", ".html")).read_text()
    assert 'id="node-tokenize"' in html or "data:image/svg+xml" in html


def test_a_reopened_notebook_is_live_when_its_cell_is_run(front_end):
    """In a new kernel; what the page shows until then is the front end's, and no error of ours."""
    page = opened(front_end, SEND)
    page.run(2)
    page.save()
    path = Path(page.server.folder) / page.notebook
    again = front_end(None, notebook=path)
    again.page.locator(".jp-OutputArea-output").first.wait_for()
    assert again.errors == []
    again.run(0)
    again.run(1)
    again.run(2)
    look(again)
    shows(again, "tokenize", "count", "30×")
    assert again.errors == []


def test_a_paused_picture_stands_still(lab):
    """Requests go on being counted, and are there when it goes on."""
    page = opened(lab, SEND)
    page.run(2)
    look(page)
    shows(page, "tokenize", "count", "30×")
    page.page.get_by_role("button", name="Pause").click()
    resume = page.page.get_by_role("button", name="Resume")
    resume.wait_for()
    page.run(2)
    look(page)
    page.page.get_by_label("p95").check()  # it is painted, and what it had is what it shows
    assert says(page, "tokenize", "count") == "30×"
    resume.click()
    shows(page, "tokenize", "count", "60×")


def test_two_benches_are_compared(lab):
    """Each is a window of its own; the node that was slowed says so, and so does the whole."""
    page = opened(
        lab,
        "%bench demo --count 40 'so it goes'",
        DEPLOY.replace("--live ", "").replace("0.004", "0.02"),
        "%bench demo --count 40 'so it goes'",
    )
    for index in (2, 3, 4):
        page.run(index)
    look(page)
    page.page.get_by_label("Window").select_option("bench:2")
    page.page.get_by_label("Compare with").select_option("bench:1")
    shows(page, "Scorer_1", "change", r"▲ .*40→40")
    shows(page, "tokenize", "count", "40×")
    said = page.page.locator(".gnb-head-change").text_content()
    assert re.search(r"▲ .*40→40", said), said


def test_a_node_of_many_is_found(lab):
    """By its name; the picture moves there, and back to all of it."""
    page = lab(
        [LOAD, MANY, "many = graphnb.deploy(layers(200), name='many', http=False).live()\nmany"]
    )
    for index in range(3):
        page.run(index)
    page.page.locator(f"{LIVE} .gnb-node").first.wait_for()
    look(page)
    width = (
        "() => document.querySelector('.gnb-live .gnb-area > svg').getBoundingClientRect().width"
    )
    fits = page.page.evaluate(width)
    page.page.get_by_role("button", name="zoom in").click()
    assert page.page.evaluate(width) > fits
    page.page.get_by_role("button", name="fit the width").click()
    search = page.page.get_by_label("search nodes")
    search.fill("work_150")
    page.page.get_by_text("1 found").wait_for()
    search.press("Enter")
    page.page.get_by_text("1 of 1").wait_for()
    page.wait(
        """() => {
          const area = document.querySelector('.gnb-live .gnb-area').getBoundingClientRect();
          const found = document.querySelector('.gnb-live .gnb-node.gnb-marked')
            ?.getBoundingClientRect();
          return !!found && found.left >= area.left && found.right <= area.right
            && found.top >= area.top && found.bottom <= area.bottom;
        }"""
    )
    page.screenshot("found")
    search.press("Escape")
    assert page.page.locator(f"{LIVE} .gnb-searched").count() == 0
    assert page.errors == []


def test_the_picture_is_saved_with_its_figures(lab, tmp_path):
    """As an SVG that stands for itself."""
    page = opened(lab, SEND)
    page.run(2)
    shows(page, "tokenize", "count", "30×")
    with page.page.expect_download() as download:
        page.page.get_by_role("button", name="Save picture").click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    assert path.name == "demo.svg"
    root = ET.fromstring(path.read_text())
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "30×" in [one.text for one in root.iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("still", [False, True], ids=["motion", "reduced motion"])
def test_nothing_moves_where_that_is_asked_for(lab, still):
    """A line that was just taken has another colour everywhere, and swells only where it may."""
    page = opened(lab, still=still)
    style = page.page.evaluate(
        """() => {
          const edge = document.querySelector('.gnb-live .gnb-edge');
          const path = edge.querySelector('path');
          const before = getComputedStyle(path).stroke;
          edge.classList.add('gnb-lit');
          const {stroke, strokeWidth} = getComputedStyle(path);
          edge.classList.remove('gnb-lit');
          const {transitionDuration} = getComputedStyle(path);
          return [stroke !== before, strokeWidth === '5px', transitionDuration !== '0s'];
        }"""
    )
    assert style == [True, not still, not still]


def test_the_legend_says_what_is_what(lab):
    """Beside the picture, and gives the focus back."""
    page = opened(lab)
    legend = page.page.get_by_role("button", name="legend")
    legend.click()
    page.page.locator(".gnb-panel").get_by_text("most requests waited for it").first.wait_for()
    assert page.axe(LIVE) == []
    page.screenshot("legend")
    page.page.keyboard.press("Escape")
    assert page.page.evaluate("document.activeElement.ariaLabel") == "legend"


def test_an_edit_is_compared_with_what_was_before(lab):
    """The node that was slowed is marked slower, with the counts."""
    page = opened(lab, SEND, DEPLOY.replace("--live ", "").replace("0.004", "0.02"), SEND)
    page.run(2)
    shows(page, "Scorer_1", "count", "30×")
    page.run(3)
    look(page)
    shows(page, "Scorer_1", "count", "^$")
    page.page.get_by_label("Compare with").select_option("before")
    page.run(4)
    look(page)
    shows(page, "Scorer_1", "change", r"\+\d+ %.*30→30")
    node(page, "Scorer_1").focus()
    page.wait("""() => document.activeElement.getAttribute('aria-label').includes('slower')""")
    page.screenshot("compared")


def test_replicas_are_changed_in_place(lab):
    """By the form of a node, while a cell runs; the code to paste is shown."""
    page = opened(lab, BUSY)
    page.start(2)
    node(page, "Scorer").click()
    page.page.get_by_label("num_replicas").fill("4")
    page.page.get_by_role("button", name="Apply").click()
    page.page.get_by_text("Scorer.options(name='Scorer', num_replicas=4").wait_for()
    shows(page, "Scorer", "replicas", "4/4")
    page.interrupt()


def test_stopping_asks_first(lab):
    """Cancel leaves the graph; yes ends it, and the picture says so."""
    page = opened(lab, SEND)
    stop = page.page.get_by_role("button", name="Stop…")
    stop.click()
    page.page.get_by_role("button", name="Cancel").click()
    page.run(2)
    shows(page, "tokenize", "count", "30×")
    stop.click()
    page.page.get_by_role("alertdialog").get_by_role("button", name="Stop").click()
    page.page.locator(".gnb-state").get_by_text("ended").wait_for()


def test_failures_are_found(lab):
    """The badge, the node's last error with its traceback, and its request's waterfall."""
    bad = (
        "try:\n    demo.remote('bad luck').result()\nexcept ValueError as error:\n    print(error)"
    )
    page = opened(lab, bad)
    page.run(2)
    shows(page, "Scorer", "errors", "1 error")
    node(page, "Scorer").click()
    page.page.locator(".gnb-panel").get_by_text("a bad word").first.wait_for()
    page.page.get_by_role("button", name="Show its request").click()
    page.page.locator(".gnb-waterfall svg").wait_for()
    page.screenshot("failed")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_anybody_can_use_it(lab, dark):
    """No violation that axe knows of: names, roles, contrast, focus."""
    page = opened(lab, SEND, dark=dark)
    page.run(2)
    shows(page, "tokenize", "count", "30×")
    page.screenshot(f"picture-{'dark' if dark else 'light'}")
    assert page.axe(LIVE) == []
    node(page, "Scorer").click()
    page.page.locator(".gnb-panel").get_by_text("def score").wait_for()
    assert page.axe(LIVE) == []
    page.page.get_by_role("button", name="Requests…").click()
    page.page.locator(".gnb-request").first.click()
    page.page.locator(".gnb-waterfall svg").wait_for()
    page.screenshot(f"request-{'dark' if dark else 'light'}")
    assert page.axe(LIVE) == []


def test_keys_alone_are_enough(lab):
    """Into the picture, from node to node, into its panel and back."""
    page = opened(lab, SEND)
    page.run(2)
    first = page.page.locator(f'{LIVE} .gnb-node[tabindex="0"]')
    first.focus()
    page.page.keyboard.press("ArrowDown")
    focused = page.page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert re.match("tokens", focused)
    page.page.keyboard.press("Enter")
    page.page.locator(".gnb-panel").get_by_text("def tokenize").wait_for()
    page.page.keyboard.press("Escape")
    again = page.page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert re.match("tokens", again)


def test_the_tour_has_a_live_picture(front_end):
    """The first notebook that people open, run as it is: figures are there, and the end is."""
    notebook = Path("notebooks/01_tour.ipynb")
    page = front_end(None, notebook=notebook)
    page.run_all()
    look(page)
    page.page.locator(".gnb-state").get_by_text("ended").wait_for()
    assert says(page, "Judge", "p50") != "–"
    page.screenshot(f"tour-{front_end.kind}")
    assert page.errors == []
