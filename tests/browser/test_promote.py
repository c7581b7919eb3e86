"""The button of a live picture that brings its graph to a cluster, in a real JupyterLab."""

import pytest

from tests.browser.lab import THEME
from tests.browser.test_live import DEPLOY, LIVE, LOAD
from tests.session.dashboard import Dashboard

PANEL = ".gnb-promote"


@pytest.fixture
def dashboard():
    """A cluster that answers."""
    made = Dashboard()
    yield made
    made.close()


@pytest.fixture
def settings(server):
    """The settings beside the notebooks; none at first."""
    path = server.folder / "graphnb.toml"
    yield path
    path.unlink(missing_ok=True)


def looks_well(page, name):
    """Keeps what is seen, which anybody can use."""
    page.page.locator(PANEL).scroll_into_view_if_needed()
    page.screenshot(f"promote-{name}")
    assert page.axe(LIVE) == []


def test_a_graph_is_promoted_by_a_button(lab, settings, dashboard):
    """To no target, to one that is not there, and to one that is: by keys, while a cell runs."""
    page = lab([LOAD, DEPLOY, "import time\ntime.sleep(60)"])
    page.run(0)
    page.run(1)
    page.start(2)
    page.page.get_by_role("button", name="Promote…").press("Enter")
    panel = page.page.locator(PANEL)
    panel.get_by_text("write [targets.production]").wait_for()
    looks_well(page, "none")
    settings.write_text('[targets.gone]\naddress = "http://127.0.0.1:9"\n')
    panel.get_by_role("button", name="Look again").press("Enter")
    panel.get_by_label("Target").wait_for()
    assert panel.get_by_label("Target").input_value() == "gone"
    panel.get_by_label("Name there").press("Enter")
    panel.get_by_text("clean process").wait_for()
    panel.get_by_text("http://127.0.0.1:9 cannot be reached").wait_for()
    looks_well(page, "failed")
    settings.write_text(f'[targets.there]\naddress = "{dashboard.address}"\n')
    page.page.keyboard.press("Escape")
    page.page.keyboard.press("Enter")  # the focus is where it was
    panel.get_by_role("button", name="Plan", exact=True).press("Enter")
    panel.get_by_text("+ Scorer_1").wait_for()
    page.page.evaluate(THEME, "JupyterLab Dark")
    page.page.locator("#jupyterlab-splash").wait_for(state="detached")
    looks_well(page, "planned")
    dashboard.settles = False
    panel.get_by_role("button", name="Roll out").press("Enter")
    panel.get_by_text("Scorer_1 0/1 updating").wait_for()
    looks_well(page, "rolling")
    dashboard.settles = True
    link = panel.get_by_role("link")
    link.wait_for()
    assert link.get_attribute("rel") == "noopener noreferrer"
    looks_well(page, "done")
    assert page.is_running(2)
    assert page.errors == []
    page.interrupt()
