"""How a Ray that graphnb starts is set up, and why."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from graphnb.errors import DeployError
from graphnb.rayserve.cluster.quick_imports import quick_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

LOGICAL_CPUS = 64
LOOPBACK = "127.0.0.1"
NAMESPACE = "graphnb"
_MB = 1 << 20

# What `ray.init` reads from the environment. The user's own values win.
_DEFAULTS = {
    # Needed to reach it at all: not every machine is its only user's. Ray 2.60 does the same.
    "RAY_AUTH_MODE": "token",
    # Nodes on 127.0.0.1, and all ports open there alone; without it Ray listens everywhere.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    # Ray's is 15, by which replicas starve beside anything else that computes: a notebook's own
    # kernel, a test run. They are what this Ray is for.
    "RAY_worker_niceness": "0",
    # Ray Serve tells that a replica finds no place after 30 seconds; this cluster does not grow.
    "SERVE_SLOW_STARTUP_WARNING_S": "5",
    "SERVE_SLOW_STARTUP_WARNING_PERIOD_S": "5",
    # What a busy machine may take longer for than Ray would wait.
    "RAY_worker_register_timeout_seconds": "180",
    "RAY_DASHBOARD_STARTUP_TIMEOUT_S": "150",
    "RAY_DASHBOARD_SUBPROCESS_MODULE_WAIT_READY_TIMEOUT": "120",
    # Retries are Ray Serve's own affair.
    "RAY_enable_output_error_log_if_still_retry": "0",
}


@dataclass(frozen=True, slots=True)
class RaySettings:
    """What may be asked of a Ray that graphnb starts; None picks what is free.

    Attributes:
        cpus: how many logical CPUs it declares; None for 64, or those of the machine if more.
        port: Ray's own.
        http_port: Ray Serve's; None starts Ray Serve when the first graph needs it.
        dashboard_port: the dashboard's; None for no dashboard, 0 for any free port.
        resources: what it declares beside CPUs, GPUs and memory, such as {"accelerator": 2}.
    """

    cpus: int | None = None
    port: int | None = None
    http_port: int | None = None
    dashboard_port: int | None = None
    resources: dict[str, float] | None = None

    @property
    def logical_cpus(self) -> int:
        """The CPUs that Ray counts.

        A deployment asks for one each, mostly to sit and wait: on a laptop's few, a graph of ten
        would never start. They bound nothing: the operating system shares the real ones.
        """
        return self.cpus or max(LOGICAL_CPUS, os.cpu_count() or 1)


def resources_of(text: str | None) -> dict[str, float] | None:
    """The custom resources that a JSON text declares; None for None.

    Raises:
        DeployError: it is no JSON object of numbers above 0.
    """
    if text is None:
        return None
    with contextlib.suppress(ValueError):
        found = json.loads(text)
        if isinstance(found, dict) and all(_is_amount(one) for one in found.values()):
            return found
    raise DeployError(f"the resources are {text!r}", hint='expected JSON like {"accelerator": 2}')


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


# Of another Ray; and a secret, which all that runs on the cluster could read.
_NOT_PASSED_ON = ("RAY_ADDRESS", "RAY_GCS_SERVER_PORT", "GRAPHNB_HTTP_TOKEN")


def ray_environment(settings: RaySettings, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of the process that starts Ray, and so of all of Ray's."""
    made = {**_DEFAULTS, **quick_environment(environment)}
    for name in _NOT_PASSED_ON:
        made.pop(name, None)
    if settings.port is not None:
        made["RAY_GCS_SERVER_PORT"] = str(settings.port)
    return made


def object_store_bytes() -> int:
    """How large the store of shared objects may grow.

    Ray's own 30 % of the memory is for machines that do nothing else; here a notebook, a browser
    and the models want it. What does not fit is spilled to disk. It has to fit into /dev/shm,
    which is small in containers: beyond it Ray would fall back to files.
    """
    limit: int = min(psutil.virtual_memory().total // 5, 8 * 1024 * _MB)
    shared = Path("/dev/shm")  # noqa: S108  Ray's place, not a file of ours
    if shared.exists():
        limit = min(limit, shutil.disk_usage(shared).free * 8 // 10)
    return max(limit, 128 * _MB)
