"""A bearer token: cells send it, and no cell shows it."""

import logging

import httpx
import pytest

import graphnb

TOKEN = "a-token-that-nobody-sees-4711"

GRAPH = """
%%deploy guarded
@serve.deployment
def divide(x):
    return 1 / x

with InputNode() as request:
    answer = divide.bind(request)
"""


@pytest.fixture
def guarded(notebook, monkeypatch):
    """A notebook whose environment asks for a token, and what its deploy showed."""
    monkeypatch.setenv("GRAPHNB_HTTP_TOKEN", TOKEN)
    return notebook, notebook.run(GRAPH)


def test_cells_send_the_token(guarded):
    """`%request --http` answers; a client without the token gets 401, by handle nobody asks."""
    notebook, _ = guarded
    assert notebook.run("%request guarded 4 --http").value == 0.25
    assert notebook.run("%request guarded 4").value == 0.25
    url = graphnb.get("guarded").url
    assert httpx.post(url, content=b"4", trust_env=False).status_code == 401


def test_no_cell_shows_the_token(guarded, caplog):
    """Neither deploy lines, pictures, tables and lists, nor answers, errors and logs."""
    caplog.set_level(logging.DEBUG)
    notebook, deployed = guarded
    shown = [deployed]
    shown += [
        notebook.run(cell)
        for cell in (
            "guarded",
            "%deployments",
            "%request guarded 4 --http",
            "%request guarded 0 --http",
            "%request guarded 0",
            "%bench guarded 4 -n 3",
            "%trace guarded",
            "guarded.url, guarded.status(), guarded.traces(), guarded.deployed, guarded.spec",
            "graphnb.session.http_settings.http_options(True)",
            "%deploy answer other --route /",
            "%undeploy guarded",
            "%request guarded 4 --http",
        )
    ]
    assert "***" in shown[9].texts[0]
    assert TOKEN not in "\n".join(one.everything for one in shown)
    assert TOKEN not in caplog.text
