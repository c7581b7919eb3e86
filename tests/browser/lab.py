"""Starts Jupyter as a user has it, and drives its notebooks by its own commands."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import nbformat

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 60_000
AXE = "widget/node_modules/axe-core/axe.min.js"

# What JupyterLab and Notebook 7 have in common: the panel of the notebook that is open.
_PANEL = """
  const app = window.jupyterapp;
  await app.restored;
  let panel = null;
  for (const one of app.shell.widgets('main')) {
    if (one.context && one.content && one.content.widgets) panel = one;
  }
  if (!panel) throw new Error('no notebook is open');
"""
READY = f"""async () => {{
  if (!window.jupyterapp) return false;
  try {{
    {_PANEL}
    await panel.context.ready;
    await panel.sessionContext.ready;
    const kernel = panel.sessionContext.session?.kernel;
    return !!kernel && kernel.status === 'idle' && kernel.connectionStatus === 'connected';
  }} catch (error) {{ return false; }}
}}"""
RUN_ALL = f"""async () => {{ {_PANEL} await app.commands.execute('notebook:run-all-cells'); }}"""
# Returns when it has run.
RUN_CELL = f"""async index => {{
  {_PANEL}
  panel.content.activeCellIndex = index;
  panel.content.deselectAll();
  await app.commands.execute('notebook:run-cell');
}}"""
START_CELL = RUN_CELL.replace("await app.commands", "void app.commands")
OUTPUT = f"""async index => {{
  {_PANEL}
  return JSON.stringify(panel.content.widgets[index].model.outputs.toJSON());
}}"""
INTERRUPT = f"""async () => {{ {_PANEL} await panel.sessionContext.session.kernel.interrupt(); }}"""
# JupyterLab calls the kernel idle as soon as one of its subshells is.
IS_RUNNING = f"""async index => {{
  {_PANEL}
  return panel.content.widgets[index].promptNode.textContent.includes('*');
}}"""
SAVE = f"""async () => {{ {_PANEL} await panel.context.save(); }}"""
THEME = """async name => { await window.jupyterapp.commands.execute(
  'apputils:change-theme', {theme: name}); }"""


@contextmanager
def chromium():
    """Debian's Chromium, driven by Playwright."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield browser
        browser.close()


class Lab:
    """A Jupyter server."""

    def __init__(self, url, folder):
        self.url = url
        self.folder = folder
        self._number = 0

    @classmethod
    @contextmanager
    def started(cls, home):
        """A server with folders of its own, ended by its own process id."""
        work = home / "work"
        work.mkdir()
        settings = home / "config" / "labconfig"
        settings.mkdir(parents=True)
        (settings / "default_setting_overrides.json").write_text(
            json.dumps(
                {
                    "@jupyterlab/apputils-extension:notification": {
                        "fetchNews": "false",
                        "checkForUpdates": False,
                    },
                    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
                }
            )
        )
        port = _free_port()
        environment = {
            **os.environ,
            "JUPYTER_CONFIG_DIR": str(home / "config"),
            "JUPYTER_DATA_DIR": str(home / "data"),
            "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
            "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
            "IPYTHONDIR": str(home / "ipython"),
            "GRAPHNB_HTTP_PORT": "",
        }
        environment.pop("PYTEST_CURRENT_TEST", None)
        environment.pop("PYTEST_VERSION", None)
        environment.pop("GRAPHNB_HTTP_PORT")
        with (home / "server.log").open("w") as log:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "jupyterlab",
                    "--no-browser",
                    "--allow-root",
                    "--expose-app-in-browser",
                    "--JupyterNotebookApp.expose_app_in_browser=True",
                    "--ip=127.0.0.1",
                    f"--port={port}",
                    "--IdentityProvider.token=",
                    "--ServerApp.password=",
                    "--ServerApp.disable_check_xsrf=True",
                    f"--ServerApp.root_dir={work}",
                    "--ServerApp.port_retries=0",
                ],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=work,
            )
        url = f"http://127.0.0.1:{port}"
        try:
            _wait_for(url, process, home / "server.log")
            yield cls(url, work)
        finally:
            process.terminate()
            process.wait(30)

    def open(
        self,
        browser,
        cells,
        *,
        kind="lab",
        dark=False,
        still=False,
        size=(1280, 900),
        notebook=None,
    ):
        """Opens a notebook with these cells, or a copy of one, its kernel ready.

        Args:
            browser: where to.
            cells: the sources of its cells.
            kind: "lab" or "notebook".
            dark: whether the user has a dark theme.
            still: whether the user asks for reduced motion.
            size: of the page, in pixels.
            notebook: the path of the notebook to copy.
        """
        self._number += 1
        if notebook is not None:
            name = f"n{self._number}-{notebook.name}"
            (self.folder / name).write_text(notebook.read_text())
        else:
            name = f"n{self._number}.ipynb"
            made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(one) for one in cells])
            made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
            nbformat.write(made, self.folder / name)
        page = browser.new_page(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce" if still else "no-preference",
        )
        opened = Page(self, page, kind, name)
        opened.load()
        if dark:
            page.evaluate(THEME, "JupyterLab Dark")
        return opened


class Page:
    """A notebook that is open in a browser."""

    def __init__(self, server, page, kind, notebook):
        self.server = server
        self.page = page
        self.kind = kind
        self.notebook = notebook
        self.errors = []
        page.on("pageerror", self._failed)
        page.set_default_timeout(PATIENCE_MS)

    def _failed(self, error):
        """Keeps an error of ours; JupyterLab and Notebook 7 log some of their own."""
        if "blob:" in (error.stack or "") or "anywidget" in (error.stack or ""):
            self.errors.append(error.stack)

    def load(self):
        """Loads the page, and waits until the kernel answers."""
        path = (
            f"lab/tree/{self.notebook}?reset"
            if self.kind == "lab"
            else f"notebooks/{self.notebook}"
        )
        self.page.goto(f"{self.server.url}/{path}")
        self.wait(READY)

    def wait(self, condition, argument=None):
        """Waits until an async function of the page gives something true."""
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while not (found := self.page.evaluate(condition, argument)):
            assert time.monotonic() < deadline, "it never came to hold"
            time.sleep(0.02)
        return found

    def run_all(self):
        """Runs every cell, and waits for the last."""
        self.page.evaluate(RUN_ALL)

    def run(self, index):
        """Runs a cell, and waits for its end."""
        self.page.evaluate(RUN_CELL, index)

    def start(self, index):
        """Begins to run a cell."""
        self.page.evaluate(START_CELL, index)
        self.wait(IS_RUNNING, index)

    def interrupt(self):
        """What Ctrl-C in a terminal is."""
        self.page.evaluate(INTERRUPT)

    def output(self, index):
        """The outputs of a cell, as JSON."""
        return self.page.evaluate(OUTPUT, index)

    def is_running(self, index):
        """Whether a cell is under way."""
        return self.page.evaluate(IS_RUNNING, index)

    def ended(self, index):
        """Waits until a cell has ended."""
        self.wait(f"async index => !(await ({IS_RUNNING})(index))", index)

    def save(self):
        """Saves the notebook; its file's contents."""
        self.page.evaluate(SAVE)
        return nbformat.read(self.server.folder / self.notebook, as_version=4)

    def axe(self, within):
        """What axe finds wrong, in a line each."""
        self.page.add_script_tag(path=AXE)
        found = self.page.evaluate("within => axe.run(within).then(one => one.violations)", within)
        return [
            f"{one['id']}: {one['help']}: {at['html'][:300]}"
            for one in found
            for at in one["nodes"]
        ]

    def screenshot(self, name):
        """Keeps what is seen, to look at."""
        folder = Path("build/screenshots")
        folder.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=folder / f"{name}.png")

    def close(self):
        """Closes the page, and ends the kernels of the server."""
        self.page.close()
        for kernel in self.server_request("api/kernels"):
            self.server_request(f"api/kernels/{kernel['id']}", "DELETE")

    def server_request(self, path, method="GET"):
        """Asks the server."""
        request = urllib.request.Request(f"{self.server.url}/{path}", method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else None


def _free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def _wait_for(url, process, log):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(log.read_text())
        try:
            with urllib.request.urlopen(f"{url}/api/status", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(log.read_text())
