"""A dashboard of a Ray cluster, as far as promotions ask it: applications by name, and packages."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_APPLICATIONS = "/api/serve/applications/"
_PACKAGES = "/api/packages/gcs/"


class Dashboard:
    """Answers in a thread of its own; nothing runs behind it.

    Args:
        tls: an SSL context with its certificate, if it is to be reached by HTTPS.

    Attributes:
        address: where it answers.
        configs: what it was told to run, by name.
        puts: how often it was told.
        settles: whether what it is told to run does; else it is for ever on its way.
        fails: what those whom it is told to run die of; nothing, if it is empty.
        takes: set while it takes packages; else they are for ever on their way.
    """

    def __init__(self, tls=None):
        self.configs = {}
        self.puts = 0
        self.settles = True
        self.fails = ""
        self.takes = threading.Event()
        self.takes.set()
        self._packages = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        scheme = "http" if tls is None else "https"
        self.address = f"{scheme}://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _handler(self):
        dashboard = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                name = self.path.removeprefix(_PACKAGES)
                if self.path.startswith(_PACKAGES):
                    self._answer({}, 200 if name in dashboard._packages else 404)
                elif self.path == _APPLICATIONS:
                    self._answer(dashboard._said())
                else:
                    self._answer({"ray_version": "2.60.0"})

            def do_PUT(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path.startswith(_PACKAGES):
                    dashboard.takes.wait(60)
                    dashboard._packages.add(self.path.removeprefix(_PACKAGES))
                else:
                    told = json.loads(body)["applications"]
                    dashboard.configs = {one["name"]: one for one in told}
                    dashboard.puts += 1
                self._answer({})

            def _answer(self, said, status=200):
                text = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_said):
                pass

        return Handler

    def _said(self):
        return {
            "http_options": {"port": 8123},
            "applications": {name: self._application(one) for name, one in self.configs.items()},
        }

    def _application(self, config):
        settled = self.settles
        return {
            "name": config["name"],
            "status": "DEPLOY_FAILED" if self.fails else "RUNNING" if settled else "DEPLOYING",
            "message": self.fails,
            "source": "declarative",
            "route_prefix": config["route_prefix"],
            "deployed_app_config": config,
            "deployments": {
                one["name"]: {
                    "status": "HEALTHY" if settled else "UPDATING",
                    "replicas": [{"state": "RUNNING" if settled else "STARTING"}],
                    "target_num_replicas": 1,
                }
                for one in config["deployments"]
            },
        }

    def close(self):
        """Answers no more."""
        self._server.shutdown()
        self._server.server_close()
