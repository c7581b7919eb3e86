"""The cluster that 05_promote.ipynb promotes to: a Ray of its own, as `ray start` starts one."""

import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

RAY = Path(sys.executable).with_name("ray")
UNTIL_INPUT_ENDS = (
    '"$0" "$@" & read line; kill -KILL 0'  # it ends with the kernel, whatever happens
)


class Staging:
    """Ray on this machine alone, in processes of its own; who speaks to it needs the token.

    Attributes:
        address: of its dashboard.
        url: where its graphs answer.
        token: what requests to the dashboard carry.
    """

    def __init__(self) -> None:
        self.token = secrets.token_hex(32)
        self._folder = tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True)
        port, dashboard, client, http, *others = free_ports(8)
        self.address, self.url = f"http://127.0.0.1:{dashboard}", f"http://127.0.0.1:{http}"
        names = "dashboard-agent-listen dashboard-agent-grpc metrics-export runtime-env-agent"
        self._process = subprocess.Popen(
            [
                *("sh", "-c", UNTIL_INPUT_ENDS, RAY, "start", "--head", "--block"),
                *("--num-cpus=6", "--disable-usage-stats", "--node-ip-address=127.0.0.1"),
                *(f"--port={port}", f"--dashboard-port={dashboard}"),
                *(f"--ray-client-server-port={client}", f"--temp-dir={self._folder.name}"),
                *(f"--{name}-port={one}" for name, one in zip(names.split(), others, strict=True)),
            ],
            env={**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self.token},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        headers = {"Authorization": f"Bearer {self.token}"}
        self._client = httpx.Client(base_url=self.address, headers=headers, trust_env=False)
        self._serve = {"http_options": {"host": "127.0.0.1", "port": http}, "applications": []}

    def wait(self) -> None:
        """Waits until it has started, Ray Serve included."""
        give_up = time.monotonic() + 60
        while True:
            try:
                self._client.get("/api/version").raise_for_status()
                break
            except httpx.HTTPError:
                if self._process.poll() is not None or time.monotonic() > give_up:
                    raise
                time.sleep(0.2)
        path = "/api/serve/applications/"
        self._client.put(path, json=self._serve, timeout=60).raise_for_status()

    def processes(self, application: str) -> dict[str, int]:
        """The process of each deployment."""
        said = self._client.get("/api/serve/applications/").raise_for_status().json()
        return {
            name: replica["pid"]
            for name, one in said["applications"][application]["deployments"].items()
            for replica in one["replicas"]
            if replica["state"] == "RUNNING"
        }

    def end(self) -> None:
        """Ends it, and all that runs on it."""
        self._client.close()
        self._process.communicate()
        self._folder.cleanup()


def free_ports(count: int) -> list[int]:
    """Ports on which nobody listens."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
