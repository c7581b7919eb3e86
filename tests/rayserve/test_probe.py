"""The proxy is asked who answers, until it is whom it should be."""

import http.server
import threading
from itertools import chain, repeat

import pytest

from graphnb.rayserve import probe
from graphnb.rayserve.probe import VERSION, version_header, wait_until_left, wait_until_published


@pytest.fixture
def proxy():
    """A server that says one version after the other, and then the last one; None for none."""

    class Proxy(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            assert self.headers[VERSION] == "?"
            server.asked.append(self.path)
            self.send_response(204)
            said = next(server.says)
            if said is not None:
                self.send_header(VERSION, said)
            self.end_headers()

        def log_message(self, *_args):
            """Nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    server.asked = []

    def says(*versions):
        server.says = chain(versions, repeat(versions[-1]))
        return server

    server.say = says
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_it_waits_for_the_version(proxy):
    """The one before, and a graph of another name with the same number, are not it."""
    proxy.say(None, "digits:1", "other:2", "digits:2")
    wait_until_published(proxy.server_address, "/d", "digits", 2)
    assert proxy.asked == ["/d"] * 4


@pytest.mark.parametrize("after", [None, "other:1"])
def test_it_waits_until_a_graph_has_left(proxy, after):
    """Nobody answers there any more, or another graph does, whatever its version."""
    proxy.say("digits:1", "digits:2", after)
    wait_until_left(proxy.server_address, "/d", "digits")
    assert proxy.asked == ["/d"] * 3


def test_a_proxy_that_says_nothing_is_not_waited_for_long(proxy, monkeypatch):
    """Neither one that is not there, nor one that never gets to it."""
    monkeypatch.setattr(probe, "_PATIENCE_S", 0.1)
    wait_until_published(("127.0.0.1", 9), "/d", "digits", 2)
    wait_until_left(("127.0.0.1", 9), "/d", "digits")
    proxy.say("digits:1")
    wait_until_published(proxy.server_address, "/d", "digits", 2)
    assert len(proxy.asked) > 1


def test_any_name_fits_into_a_header():
    """Names of graphs may have any letters."""
    assert version_header("größe: \n", 3) == b"gr%C3%B6%C3%9Fe%3A%20%0A:3"
