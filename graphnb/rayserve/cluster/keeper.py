"""The process that keeps a Ray: starts it, waits, and ends all of it.

Ray's processes live as long as the thread that started them. A notebook's kernel may start Ray
from any thread, is killed without warning, and has an environment and signal handlers of its
own; so a process of its own does it, with the same code for both lives that a Ray may have: the
kernel's, or until `graphnb ray stop`.

It says how it goes in lines of JSON, on a pipe: `{"stage": ...}`, then `{"ready": ...}` or
`{"failed": ...}`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import shutil
import signal
import sys
import threading
import time
from pathlib import Path
from platform import python_version
from typing import TYPE_CHECKING, Any

import psutil

from graphnb.rayserve.cluster.ports import free_port
from graphnb.rayserve.cluster.private import be_patient
from graphnb.rayserve.cluster.record import KeeperLock, Record, lock_record, remove_record
from graphnb.rayserve.cluster.settings import (
    LOOPBACK,
    NAMESPACE,
    RaySettings,
    object_store_bytes,
)
from graphnb.rayserve.cluster.token import make_token, token_mode
from graphnb.rayserve.zygote import start_zygote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphnb.rayserve.zygote import Zygote

_NODE_S = 150.0
_GRACE_S = 5.0
_LAST_S = 20.0


def main() -> None:
    """Keeps one Ray."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--answer", type=int, required=True, help="a file descriptor")
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--bound-to", type=int, help="the process whose life Ray shares")
    asked = parser.parse_args()
    os.set_inheritable(asked.answer, False)
    signal.signal(signal.SIGTERM, _leave)
    if asked.bound_to is not None:
        following = threading.Thread(target=_follow, args=(asked.bound_to,), daemon=True)
        following.start()
    keep(RaySettings(**asked.settings), asked.answer, outlives=asked.bound_to is None)


def keep(settings: RaySettings, answer: int, *, outlives: bool) -> None:
    """Starts Ray, says so, and waits until it is to end; then ends it."""
    lock: KeeperLock | None = None
    zygote: Zygote | None = None
    try:
        if outlives:
            lock = lock_record()
        zygote = start_zygote(os.getpid())
        record = _start(settings, answer, sys.executable if zygote is None else zygote.launcher)
        if lock is not None:
            lock.write(record)
        _tell(answer, ready=record.as_json())
        os.close(answer)
        _wait_for_any(_vital())
    except Exception as error:  # noqa: BLE001  whoever started this says it
        with contextlib.suppress(OSError):
            _tell(answer, failed=f"{type(error).__name__}: {error}")
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it is ending already
        _end(zygote)
        if lock is not None:
            remove_record()


def _leave(_signum: int, _frame: object) -> None:
    sys.exit(0)


def _tell(answer: int, **message: Any) -> None:
    os.write(answer, (json.dumps(message) + "\n").encode())


def _start(settings: RaySettings, answer: int, worker_python: str) -> Record:
    _tell(answer, stage="reading Ray")
    if token_mode():
        make_token()
    import ray

    be_patient(_NODE_S)
    _tell(answer, stage=f"starting Ray {ray.__version__}")
    own_python, sys.executable = sys.executable, worker_python
    try:
        context = ray.init(
            "local",
            num_cpus=settings.logical_cpus,
            resources=settings.resources,
            object_store_memory=object_store_bytes(),
            include_dashboard=settings.dashboard_port is not None,
            dashboard_host=LOOPBACK,
            dashboard_port=settings.dashboard_port or free_port(),
            namespace=NAMESPACE,
            log_to_driver=False,
            configure_logging=False,
        )
    finally:
        sys.executable = own_python
    signal.signal(signal.SIGTERM, _leave)  # Ray has set its own
    if settings.http_port is not None:
        _tell(answer, stage="starting Ray Serve")
        _start_serve(settings.http_port)
    url = context.dashboard_url
    return Record(
        address=ray.get_runtime_context().gcs_address,
        pid=os.getpid(),
        cpus=settings.logical_cpus,
        version=ray.__version__,
        python=python_version(),
        token=token_mode(),
        dashboard_url=f"http://{url}" if url and settings.dashboard_port is not None else None,
        http_port=settings.http_port,
    )


def _start_serve(port: int) -> None:
    from ray import serve

    serve.start(http_options={"host": LOOPBACK, "port": port})


def _follow(parent: int) -> None:
    """Ends this process, and so Ray, when its parent has ended: however, and whenever."""
    # Asked again at the end: the number of a parent that had ended before may be another's now.
    while os.getppid() == parent:
        _wait_for_any([parent])
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_LAST_S)  # the main thread may hang in Ray, and not hear it
    _kill(_processes())
    os._exit(1)


def _vital() -> list[int]:
    """The processes without which there is no Ray."""
    return [one.pid for one in _processes() if one.name() in ("gcs_server", "raylet")]


def _wait_for_any(watched: Sequence[int]) -> None:
    """Returns when one of these processes has ended."""
    if not hasattr(os, "pidfd_open"):  # not on macOS
        kept = [psutil.Process(one) for one in watched]
        while all(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in kept):
            time.sleep(1)
        return
    with contextlib.ExitStack() as opened:
        ends = []
        for one in watched:
            try:
                ends.append(os.pidfd_open(one))
            except ProcessLookupError:
                return
            opened.callback(os.close, ends[-1])
        select.select(ends, [], [])


def _processes() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def _end(zygote: Zygote | None) -> None:
    """Ends Ray; what does not end in time is killed."""
    left = _processes()
    grace = 0.0
    if "ray" in sys.modules:
        import ray

        if ray.is_initialized():
            grace = _GRACE_S
            with contextlib.suppress(Exception):
                ray.shutdown()
    if zygote is not None:
        zygote.process.terminate()
        shutil.rmtree(Path(zygote.launcher).parent, ignore_errors=True)
    _, alive = psutil.wait_procs(left, timeout=grace)
    _kill([*alive, *_processes()])


def _kill(processes: Sequence[psutil.Process]) -> None:
    for one in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()


if __name__ == "__main__":
    main()
