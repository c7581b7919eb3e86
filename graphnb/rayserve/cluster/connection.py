"""This process's connection to Ray: found, attached to or started once, and left at the end."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
import warnings
from dataclasses import dataclass, replace
from platform import python_version
from typing import TYPE_CHECKING

from graphnb.errors import DeployError
from graphnb.rayserve.cluster.addresses import knock, resolve
from graphnb.rayserve.cluster.launching import Keeper, StartingKeeper
from graphnb.rayserve.cluster.outliving import running
from graphnb.rayserve.cluster.quick_imports import quicken_imports
from graphnb.rayserve.cluster.ray_cluster import RayCluster
from graphnb.rayserve.cluster.record import read_record
from graphnb.rayserve.cluster.settings import LOOPBACK, RaySettings, resources_of
from graphnb.rayserve.cluster.token import hide_token, show_token
from graphnb.rayserve.lines import forget_lines
from graphnb.rayserve.private import configure_one_at_a_time, forget_handles

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphnb.rayserve.cluster.record import Record


@dataclass(slots=True)
class _Connection:
    """What this process did, and so has to undo.

    Attributes:
        pid: the process's: one forked from it must not end what is its parent's.
        cluster: what it is connected to, or None.
        attached: whether `ray.init` was ours.
        keeper: of the Ray that we started, or None.
        shows_token: whether we had Ray show the user's token.
    """

    pid: int
    cluster: RayCluster | None = None
    attached: bool = False
    keeper: Keeper | None = None
    shows_token: bool = False


_lock = threading.RLock()
_connection = _Connection(os.getpid())


def ensure_ray(
    *, dashboard: bool = False, progress: Callable[[str], None] | None = None
) -> RayCluster:
    """Connects this process to a Ray, once, and says to which.

    That is, in this order: the one that the process is connected to already; the one at
    `RAY_ADDRESS`; the one that `graphnb ray start` started on this machine; else a new one, which
    ends with this process.

    Args:
        dashboard: whether a Ray that is started here has a dashboard, on any free port.
        progress: told what a Ray that is started is at.

    Raises:
        DeployError: there is an address, and no Ray that can be joined; or Ray did not start.
    """
    with _lock:
        mine = _mine()
        if _is_connected():
            if mine.cluster is None or mine.cluster.address != _address():
                mine.cluster, mine.attached = RayCluster(_address(), _version()), False
                _hush_serve()
            return mine.cluster
        mine.cluster = None
        forget_handles()
        forget_lines()
        atexit.unregister(leave)
        cluster = _connect(mine, dashboard=dashboard, progress=progress)
        atexit.register(leave)  # after Ray's own import, so that it comes before Ray's
        mine.cluster, mine.attached = replace(cluster, said=""), True
        return cluster


def _connect(
    mine: _Connection, *, dashboard: bool, progress: Callable[[str], None] | None
) -> RayCluster:
    address = os.environ.get("RAY_ADDRESS")
    if address and address != "local":
        return _attach_asked(mine, address)
    if mine.keeper is not None and not mine.keeper.is_alive:
        mine.keeper = None
    record = running() if mine.keeper is None else mine.keeper.record
    if record is not None:
        return _attach_kept(mine, record)
    settings = RaySettings(
        dashboard_port=0 if dashboard else None,
        resources=resources_of(os.environ.get("GRAPHNB_RAY_RESOURCES")),
    )
    with StartingKeeper(settings, bound=True) as starting:
        import_ray()  # at the same time
        mine.keeper = starting.wait(progress)
    cluster = _attach_kept(mine, mine.keeper.record)
    said = (
        f"Ray {cluster.version} started for this notebook, with {mine.keeper.record.cpus} logical"
        f" CPUs: they order where replicas go, and the {os.cpu_count()} real ones are shared"
    )
    return replace(cluster, said=said)


def _attach_asked(mine: _Connection, address: str) -> RayCluster:
    """Attaches to the Ray that the user named."""
    from graphnb.rayserve.cluster.attaching import attach

    found = resolve(address)
    record = read_record()
    if record is not None and found.replace("localhost", LOOPBACK) == record.address:
        return _attach_kept(mine, record)
    knock(found)
    import_ray()
    attach(found)
    return RayCluster(_address(), _version())


def _attach_kept(mine: _Connection, record: Record) -> RayCluster:
    """Attaches to a Ray that a keeper of ours keeps."""
    import_ray()
    _check_versions(record)
    from graphnb.rayserve.cluster.attaching import attach

    if record.token and not mine.shows_token:
        mine.shows_token = show_token()
    attach(record.address)
    return RayCluster(
        record.address,
        record.version,
        started=mine.keeper is not None,
        dashboard_url=record.dashboard_url,
        fixed=True,
    )


def _check_versions(record: Record) -> None:
    """Raises unless this process has the versions of that Ray.

    Raises:
        DeployError: it has others.
    """
    mine = _version(), python_version()
    if mine != (record.version, record.python):
        raise DeployError(
            f"the Ray that `graphnb ray start` started is Ray {record.version} on Python"
            f" {record.python}; this process has Ray {mine[0]} on Python {mine[1]}",
            hint="they must be the same: `graphnb ray stop`, then start it from this environment",
        )


def is_within_reach() -> bool:
    """Whether there is a Ray to connect to, or this process is connected; starts none."""
    with _lock:
        keeper = _mine().keeper
    address = os.environ.get("RAY_ADDRESS")
    return (
        _is_connected()
        or bool(address and address != "local")
        or (keeper is not None and keeper.is_alive)
        or running() is not None
    )


def note_http(http: tuple[str, int]) -> None:
    """Keeps where Ray Serve answers over HTTP."""
    with _lock:
        mine = _mine()
        if mine.cluster is not None:
            mine.cluster = replace(mine.cluster, http=http)


def leave() -> None:
    """Leaves Ray, and ends what was started here; does nothing the second time.

    A Ray that this process started goes, with the applications on it. One that was there before
    stays, and so do they. A connection that was the user's stays, too.
    """
    with _lock:
        mine = _mine()
        if mine.cluster is None:
            return
        keeper, attached = mine.keeper, mine.attached
        mine.cluster, mine.keeper, mine.attached = None, None, False
        atexit.unregister(leave)
        if keeper is not None:
            _end_serve()
        if attached and _is_connected():
            _disconnect()
        if keeper is not None:
            keeper.end()
        if mine.shows_token:
            mine.shows_token = False
            hide_token()


def _mine() -> _Connection:
    global _connection  # noqa: PLW0603  a process has one connection
    if _connection.pid != os.getpid():
        _connection = _Connection(os.getpid())
    return _connection


def _end_serve() -> None:
    """Lets replicas end as they like to, where Ray Serve was used."""
    if "ray.serve" not in sys.modules or not _is_connected():
        return
    from ray import serve

    from graphnb.rayserve.cluster.proxy import serve_address

    if serve_address() is None:
        return
    # Whatever goes wrong: all of its processes end a moment later.
    with contextlib.suppress(Exception):
        serve.shutdown()  # type: ignore[no-untyped-call]


def _disconnect() -> None:
    import ray

    from graphnb.rayserve.cluster.attaching import unhush

    ray.shutdown()
    unhush()


def _hush_serve() -> None:
    from graphnb.rayserve.cluster.attaching import hush_serve

    import_ray()  # which sets the level of Ray Serve's logger
    hush_serve()


def import_ray() -> None:
    """Imports Ray Serve, faster than it would come by itself, and without its warnings."""
    if "ray" not in sys.modules:
        quicken_imports()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's own affairs; as errors they would end its import
        import ray.serve  # noqa: F401  what it is for

        configure_one_at_a_time()


def _is_connected() -> bool:
    if "ray" not in sys.modules:
        return False
    import ray

    return bool(ray.is_initialized())


def _address() -> str:
    import ray

    address: str = ray.get_runtime_context().gcs_address
    return address


def _version() -> str:
    import ray

    version: str = ray.__version__
    return version
