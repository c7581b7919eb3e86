"""Graphs behind jupyter-server-proxy, as in a lab on another machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import httpx
import pytest

import graphnb
from graphnb import InputNode, serve
from graphnb.session.http_client import proxy_hint


@pytest.fixture
def lab(tmp_path):
    """The URL of a running Jupyter server below "/hub/", and its token."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    places = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")
    environment = {**os.environ, **{f"JUPYTER_{one}": str(tmp_path) for one in places}}
    options = (
        "--ip=127.0.0.1",
        f"--port={port}",
        "--no-browser",
        "--allow-root",
        "--ServerApp.base_url=/hub/",
        "--IdentityProvider.token=secret",
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyter", "server", *options],
        env=environment,
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stderr is not None
        assert any("is running at" in line for line in process.stderr)
        yield f"http://127.0.0.1:{port}/hub"
        process.terminate()
        process.stderr.read()


@pytest.fixture
def graph():
    """A graph that answers below a route of its own."""

    @serve.deployment
    async def add_one(x):
        return x + 1

    with InputNode() as request:
        more = add_one.bind(request)
    running = graphnb.deploy(more, name="proxied", route_prefix="/more")
    yield running
    running.delete()


def test_a_graph_answers_through_the_proxy(lab, graph):
    """Requests, with and without a slash, and the documentation's own links lead through it."""
    through = f"{lab}/proxy/{urlsplit(graph.url).port}"
    with httpx.Client(trust_env=False, headers={"authorization": "token secret"}) as client:
        assert client.post(f"{through}/more", json=1).json() == 2
        assert client.post(f"{through}/more/", json=1).json() == 2
        page = client.get(f"{through}/more/docs").text
    path = urlsplit(through).path
    assert f"'{path}/more/openapi.json'" in page


def test_the_deploy_line_says_how_to_get_there(graph):
    """The hint has the path below the lab's own address."""
    port = urlsplit(graph.url).port
    assert proxy_hint(graph.url) == f" (in a remote lab: /proxy/{port}/more)"


def test_a_forged_prefix_is_not_taken_over(graph):
    """What is no path is ignored, and changes no answer."""
    headers = {"x-forwarded-prefix": "/x'><script>"}
    with httpx.Client(trust_env=False) as client:
        page = client.get(f"{graph.url}/docs", headers=headers).text
        assert client.post(graph.url, json=1, headers=headers).json() == 2
    assert "<script>alert" not in page
    assert "'/more/openapi.json'" in page
