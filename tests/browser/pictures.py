"""Takes the pictures of docs/live.md, of the graph that it shows.

    python -m tests.browser.pictures

They are looked at, not compared: figures differ from time to time.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from PIL import Image

from tests.browser.lab import Lab, chromium

PAGE = Path("docs/live.md")
IMAGES = Path("docs/images")
LIVE = ".gnb-live"
# The picture is as wide as the cell, which the panels around leave this much.
SIZE = (1380, 1500)
HIDE_FILES = "() => window.jupyterapp.commands.execute('application:toggle-left-area')"


def blocks():
    """The notebook of the page: its cells, without the short bench."""
    load, deploy, bench = re.findall(r"```ipython\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return load, deploy, bench.replace("--duration 0.5", "--duration 12 --seed 1")


def take(page, name, place=LIVE):
    """Keeps what is seen of a part of the page, in few colours."""
    path = IMAGES / f"{name}.png"
    page.page.locator(place).screenshot(path=path)
    with Image.open(path) as image:
        image.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)
    print(path, path.stat().st_size)


def answered(page, count):
    """Waits until the picture has so many calls of the first node."""
    page.wait(
        """count => Number(document.querySelector('.gnb-live .gnb-node .gnb-count')
             ?.textContent.replace('×', '')) >= count""",
        count,
    )


def choose(page, label, text):
    """Chooses what begins with this text."""
    select = page.page.get_by_label(label)
    [found] = [one for one in select.locator("option").all_inner_texts() if one.startswith(text)]
    select.select_option(label=found)


def main():
    """Runs the page's graph under load, edits it, and takes pictures of that."""
    load, deploy, bench = blocks()
    edited = deploy.replace("--live ", "").replace("0.03", "0.015").replace("--live", "")
    home = Path(tempfile.mkdtemp())
    with chromium() as browser, Lab.started(home) as server:
        page = server.open(browser, [load, deploy, bench, edited, bench], size=SIZE)
        page.page.evaluate(HIDE_FILES)
        page.run(0)
        page.run(1)
        page.page.locator(f"{LIVE} .gnb-node").first.wait_for()
        page.start(2)
        page.page.locator(LIVE).scroll_into_view_if_needed()
        answered(page, 500)
        take(page, "live")
        page.ended(2)
        page.page.get_by_role("button", name="Requests…").click()
        page.page.get_by_role("tab", name="slowest").click()
        page.page.locator(".gnb-request").first.click()
        page.page.locator(".gnb-waterfall svg").wait_for()
        take(page, "live-request", ".gnb-panel")
        page.page.locator(".gnb-panel .gnb-close").click()
        page.run(3)
        page.run(4)
        page.page.locator(LIVE).scroll_into_view_if_needed()
        choose(page, "Window", "bench 2")
        choose(page, "Compare with", "bench 1")
        page.page.locator(f"{LIVE} .gnb-of").get_by_text("compared with").wait_for()
        take(page, "live-compared")


if __name__ == "__main__":
    main()
