"""A Ray cluster as in production: several nodes, token authentication, reached by REST alone.

Each node is a process group of its own with free ports and a private folder, so that several
clusters live side by side and every one can be ended by its own processes.
"""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

RAY = Path(sys.executable).with_name("ray")
START_S = 90


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Cluster:
    """A head and more nodes.

    Args:
        folder: for what Ray keeps.
        nodes: how many there are.
        cpus: logical ones of each.
        environment: variables of all its processes.
        guarded: whether a node ends when one of its processes does, as in production.

    Attributes:
        dashboard: the address of its REST interface.
        token: what requests must carry.
        http: where Ray Serve answers.
    """

    def __init__(self, folder, *, nodes=3, cpus=8, environment=None, guarded=True):
        self.folder = folder
        self._guarded = guarded
        self.token = secrets.token_hex(32)
        self._gcs = free_port()
        self._dashboard_port = free_port()
        self.dashboard = f"http://127.0.0.1:{self._dashboard_port}"
        self.http_port = free_port()
        self.http = f"http://127.0.0.1:{self.http_port}"
        self._environment = {
            **os.environ,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": self.token,
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_SERVE_PROXY_PREFER_LOCAL_NODE_ROUTING": "0",
            **(environment or {}),
        }
        for name in ("RAY_ADDRESS", "GRAPHNB_ON"):
            self._environment.pop(name, None)
        self.nodes = []
        self._cpus = cpus
        try:
            self.head = self._node(
                "--head",
                f"--port={self._gcs}",
                f"--dashboard-port={self._dashboard_port}",
                f"--ray-client-server-port={free_port()}",
                f"--temp-dir={folder}",
            )
            self._wait_for(lambda: self.get("/api/ray/version").is_success)
            for _ in range(nodes - 1):
                self.add_node()
        except BaseException:
            self.close()
            raise

    def add_node(self):
        """One more node; two that start at once on one machine take each other for themselves."""
        there = self.node_count()
        node = self._node(f"--address=127.0.0.1:{self._gcs}")
        self._wait_for(lambda: self.node_count() > there)
        return node

    def _node(self, *options):
        ports = ("dashboard-agent-listen-port", "dashboard-agent-grpc-port", "metrics-export-port")
        given = [f"--{one}={free_port()}" for one in (*ports, "runtime-env-agent-port")]
        log = (self.folder.parent / f"{self.folder.name}-{len(self.nodes)}.log").open("wb")
        command = [RAY, "start", "--disable-usage-stats", "--node-ip-address=127.0.0.1"]
        command += ["--block"] * self._guarded
        node = subprocess.Popen(
            [*command, f"--num-cpus={self._cpus}", *given, *options],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        log.close()
        self.nodes.append(node)
        return node

    def node_count(self):
        """How many nodes are alive."""
        found = self.get("/api/v0/nodes").json()["data"]["result"]["result"]
        return sum(one["state"] == "ALIVE" for one in found)

    def _wait_for(self, holds):
        until = time.monotonic() + START_S
        while True:
            with contextlib.suppress(httpx.HTTPError, ValueError, KeyError):
                if holds():
                    return
            if time.monotonic() > until or any(one.poll() not in (None, 0) for one in self.nodes):
                logs = [one.read_text() for one in self.folder.parent.glob("*.log")]
                raise RuntimeError("the cluster did not start:\n" + "\n".join(logs))
            time.sleep(0.2)

    def client(self, **options):
        """Speaks to its dashboard."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.Client(
            base_url=self.dashboard, headers=headers, trust_env=False, timeout=60, **options
        )

    def get(self, path):
        """One answer of its dashboard."""
        with self.client() as client:
            return client.get(path)

    def kill_dashboard(self):
        """Ends the head's dashboard at once; gives the command that starts it again."""
        for pid in (one for node in self.nodes for one in _group(node.pid)):
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1]
            if any(one.endswith("dashboard/dashboard.py") for one in command):
                for child in _children(pid):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(child, signal.SIGKILL)
                os.kill(pid, signal.SIGKILL)
                for node in [one for one in self.nodes if one.pid == pid]:  # started again before
                    self.nodes.remove(node)
                    node.wait()
                return command
        raise RuntimeError("the head has no dashboard")

    def start_dashboard(self, command):
        """Starts it again, and waits until it answers."""
        process = subprocess.Popen(
            command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.nodes.append(process)
        self._wait_for(lambda: self.get("/api/version").is_success)

    def end(self, node):
        """Ends a node at once, with all its processes."""
        for one in _group(node.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        node.wait()

    def close(self):
        """Ends all of it."""
        for node in reversed(self.nodes):
            self.end(node)


def _children(parent):
    """The processes that a process started, and those that they started."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == parent:
                    found += [int(entry.name), *_children(int(entry.name))]
    return found


def _group(session):
    """The processes of a session: what a node started, wherever it has gone."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[3]) == session:
                    found.append(int(entry.name))
    return found
