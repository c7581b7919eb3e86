"""Worker processes of Ray in a tenth of the time: forked from one that has imported everything.

Most of what a replica costs to start is Python reading Ray and Ray Serve, twice: seconds of a
core. A Ray that graphnb starts has its workers made otherwise. Raylet's command for a worker is a
launcher of a few lines, which asks the zygote to fork; the child becomes Ray's own worker script.
Whatever the zygote cannot do (another Python, a container) the launcher leaves to Ray's own way.

The name and the idea are Android's.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import re
import runpy
import selectors
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_PRELOAD = (
    "ray",
    "ray.serve",
    "ray.serve._private.replica",
    "ray.serve._private.proxy",
    "ray.serve._private.controller",
    "ray._private.workers.default_worker",
    "uvicorn.lifespan.on",
    "graphnb.rayserve.host",
    "graphnb.drivers",
)
_MAX_MESSAGE = 1 << 20
# Ray's scripts: the first sets an environment up and becomes the second.
_SETUP, _WORKER = "setup_worker.py", "default_worker.py"
_LAUNCHER = Path(__file__).with_name("launcher.py")


@dataclass(frozen=True, slots=True)
class Zygote:
    """One that runs.

    Attributes:
        process: the process.
        launcher: what stands in for the Python executable when Ray is started.
    """

    process: subprocess.Popen[bytes]
    launcher: str


def start_zygote(leash: int) -> Zygote | None:
    """Starts a zygote that lives as long as the process `leash` does.

    Returns:
        None where processes cannot fork, or cannot watch each other.
    """
    if not (hasattr(os, "fork") and hasattr(os, "pidfd_open")):
        return None
    folder = tempfile.mkdtemp(prefix="graphnb-")  # nobody else may enter it
    address = f"{folder}/zygote"
    command = [sys.executable, "-m", __name__, "--address", address, "--leash", str(leash)]
    # Ray reads these once, before the fork. The first is the id of no job: what Ray gives to
    # workers that it starts ahead of need, which join a job when they get work. The second is the
    # process without which a worker ends; when the raylet ends, they see their connection go.
    environment = {**os.environ, "RAY_JOB_ID": "ffffffff", "RAY_RAYLET_PID": str(leash)}
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    launcher = Path(folder, "python")
    source = _LAUNCHER.read_text(encoding="utf-8")
    launcher.write_text(
        f"#!{sys.executable} -SE\n{source}\nlaunch({sys.executable!r}, {address!r})\n",
        encoding="utf-8",
    )
    launcher.chmod(stat.S_IRWXU)
    return Zygote(process, str(launcher))


def main() -> None:
    """Runs a zygote."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True)
    parser.add_argument("--leash", type=int, required=True)
    asked = parser.parse_args()
    leash = os.pidfd_open(asked.leash)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(asked.address)
    launcher = str(Path(asked.address).with_name("python"))
    listener.listen(128)  # those that come early wait until all is imported
    usable = _preload()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how children ended
    child = _serve(listener, launcher if usable else "", leash)
    if child is not None:
        _become_worker(*child, launcher)
        return
    with contextlib.suppress(OSError):
        folder = Path(asked.address).parent
        for one in folder.iterdir():
            one.unlink()
        folder.rmdir()


def _serve(listener: socket.socket, launcher: str, leash: int) -> Request | None:
    """Forks for launchers until the leash is gone; in a child, returns what it is to become."""
    selector = selectors.DefaultSelector()
    selector.register(leash, selectors.EVENT_READ)
    selector.register(listener, selectors.EVENT_READ)
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            if leash in [key.fileobj for key, _ in selector.select()]:
                break
            child = _answer(listener, launcher, (leash, selector))
            if child is not None:
                return child
    return None


def _preload() -> bool:
    """Imports what workers need; whether children of this process will do."""
    import importlib

    actor: Any = importlib.import_module("ray.actor")
    own = actor.ActorClassID
    # Ray names each actor class at random, with a generator that children would inherit: they
    # would all choose the same numbers for their objects.
    actor.ActorClassID = SimpleNamespace(from_random=lambda: own(os.urandom(own.size())))
    try:
        for name in _PRELOAD:
            with contextlib.suppress(ImportError):  # of another version of Ray
                importlib.import_module(name)
    finally:
        actor.ActorClassID = own
    gc.collect()
    gc.freeze()  # so that children share the memory instead of copying it for a flag
    return _child_number() != _child_number()


def _child_number() -> bytes:
    """What Ray's generator says first in a child."""
    import ray

    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        os.write(writer, ray.WorkerID.from_random().binary())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as read:
        number = read.read()
    os.waitpid(pid, 0)
    return number


Request = tuple[list[str], dict[str, str], str]
"""Command line, environment, folder."""


def _answer(listener: socket.socket, launcher: str, mine: tuple[Any, ...]) -> Request | None:
    """Forks for one launcher; returns what it asked for in the child, None in the zygote."""
    connection, _ = listener.accept()
    with connection:
        try:
            asked, fds = _receive(connection)
        except (OSError, ValueError):
            return None
        if not _can(asked, launcher):
            connection.send(b"0")
            return None
        pid = os.fork()
        if pid:
            for one in fds:
                os.close(one)
            return None
        leash, selector = mine
        selector.close()
        listener.close()
        os.close(leash)
        os.setsid()
        for number, one in enumerate(fds):
            os.dup2(one, number)
            os.close(one)
        connection.send(b"1")
        connection.detach()  # open as long as the worker lives: the launcher waits for its end
        return asked


def _receive(connection: socket.socket) -> tuple[Request, list[int]]:
    data, fds, _, _ = socket.recv_fds(connection, _MAX_MESSAGE, 3)
    while not data.endswith(b"\n"):
        more = connection.recv(_MAX_MESSAGE)
        if not more:
            raise ValueError("the launcher went away")
        data += more
    command, environment, folder = json.loads(data)
    return (command, environment, folder), fds


def _can(asked: Request, launcher: str) -> bool:
    """Whether a fork does: the worker script, with this Python and nothing around it.

    Without a launcher, none does.
    """
    if not launcher:
        return False
    command, environment, _ = asked
    context = _context(command, launcher)
    if context is None:
        return False
    if context.get("command_prefix") or context.get("override_worker_entrypoint"):
        return False
    wanted = {**environment, **(context.get("env_vars") or {})}
    return _read_at_start(wanted) == _BEGAN_WITH


def _read_at_start(environment: Mapping[str, str]) -> dict[str, str]:
    """What of an environment a process has to begin with: a fork is late for it.

    Except for the path that modules are found on, which can be changed later.
    """
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(("PYTHON", "LD_")) and name != "PYTHONPATH"
    }


_BEGAN_WITH = _read_at_start(os.environ)  # what is imported later may change it


def _expanded(value: str) -> str:
    """A variable of a runtime environment, which may speak of others: `${PATH}:/more`."""
    return re.sub(r"\$\{[A-Z0-9_]+\}", "", os.path.expandvars(value))


def _follow_path(before: str, after: str) -> None:
    """Has this process find modules on another PYTHONPATH, as if it had begun with it."""
    known = before.split(os.pathsep)
    own = [one for one in after.split(os.pathsep) if one and one not in known]
    sys.path[1:1] = own  # the first is the script's folder


def _context(command: list[str], launcher: str) -> dict[str, Any] | None:
    """The runtime environment in a worker's command line; None of any other command."""
    if command and command[0].endswith(_WORKER):  # nothing to set up
        return {}
    if len(command) < 2 or not command[0].endswith(_SETUP):
        return None
    if "--language=PYTHON" not in command:
        return None
    flag = "--serialized-runtime-env-context="
    found = next((one.removeprefix(flag) for one in command if one.startswith(flag)), "{}")
    context: dict[str, Any] = json.loads(found or "{}")
    # Ray's agents believe that the launcher is the Python they run on.
    python = context.get("py_executable") or sys.executable
    return context if python in (sys.executable, launcher) else None


def _become_worker(
    command: list[str], environment: dict[str, str], folder: str, launcher: str
) -> None:
    """Runs Ray's own worker script in this process."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    context = _context(command, launcher) or {}
    path = os.environ.get("PYTHONPATH", "")
    os.environ.clear()
    os.environ.update(environment)
    for name, value in (context.get("env_vars") or {}).items():
        os.environ[name] = _expanded(value)
    with contextlib.suppress(OSError):
        os.chdir(folder)
    script, *arguments = [
        one for one in command if not one.endswith(_SETUP) and one not in ("-S", "-s")
    ]
    skipped = ("--language=", "--serialized-runtime-env-context=")
    sys.argv = [script, *(one for one in arguments if not one.startswith(skipped))]
    sys.path[0] = str(Path(script).parent)
    _follow_path(path, os.environ.get("PYTHONPATH", ""))
    if "numpy" in sys.modules:  # the one generator of random numbers that forks do not part
        sys.modules["numpy"].random.seed()
    runpy.run_path(script, run_name="__main__")
    sys.exit(0)


if __name__ == "__main__":
    main()
