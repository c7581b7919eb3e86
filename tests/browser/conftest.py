"""A real JupyterLab, a real Notebook 7, and a real browser in front of them."""

from __future__ import annotations

import shutil

import pytest

from tests.browser.lab import Lab, chromium


def pytest_collection_modifyitems(items):
    """All of these tests drive a browser."""
    for item in items:
        if "tests/browser/" in str(item.fspath):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(300))
            if shutil.which("chromium") is None:
                item.add_marker(pytest.mark.skip(reason="Chromium is not on PATH"))


@pytest.fixture(scope="module")
def browser():
    """One headless Chromium; no longer than a file: Playwright has an event loop that runs."""
    with chromium() as found:
        yield found


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A Jupyter server with settings and folders of its own."""
    with Lab.started(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture
def lab(server, browser):
    """Opens notebooks in JupyterLab; ends their kernels afterwards."""
    yield from _opening(server, browser, "lab")


@pytest.fixture(params=["lab", "notebook"])
def front_end(request, server, browser):
    """Opens notebooks in JupyterLab, and in Notebook 7."""
    yield from _opening(server, browser, request.param)


def _opening(server, browser, kind):
    opened = []

    def open_notebook(cells, **options):
        page = server.open(browser, cells, kind=kind, **options)
        opened.append(page)
        return page

    open_notebook.kind = kind
    yield open_notebook
    for page in opened:
        page.close()
