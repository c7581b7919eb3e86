"""Starts the process that keeps a Ray, and ends it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from typing import IO, TYPE_CHECKING, Any, Self

import psutil

from graphnb.errors import DeployError
from graphnb.rayserve.cluster.ports import check_port
from graphnb.rayserve.cluster.record import Record
from graphnb.rayserve.cluster.settings import RaySettings, ray_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_START_S = 180.0
_END_S = 40.0
_KEEPER = "graphnb.rayserve.cluster.keeper"


@dataclass(frozen=True, slots=True)
class Keeper:
    """A process that keeps a Ray, as the process that started it knows it."""

    process: subprocess.Popen[bytes]
    record: Record

    @property
    def is_alive(self) -> bool:
        """Whether its Ray may run."""
        return self.process.poll() is None

    def end(self) -> None:
        """Ends the Ray and all its processes; returns when they are gone."""
        end_keeper(self.process.pid)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=1)

    def let_go(self) -> None:
        """Leaves it to itself: it outlives this process, which need not ask how it ended."""
        self.process.returncode = 0


class StartingKeeper:
    """A keeper that is on its way, so that other things can be done meanwhile.

    A context manager: what is left before Ray runs is ended.

    Args:
        settings: of the Ray.
        bound: whether Ray ends with this process.
    """

    def __init__(self, settings: RaySettings, *, bound: bool) -> None:
        for port in (settings.port, settings.http_port, settings.dashboard_port):
            if port:
                check_port(port)
        self._ready = False
        answer, write = os.pipe()
        self._answer = answer
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  read when it fails
        command = [sys.executable, "-m", _KEEPER, f"--answer={write}"]
        command.append(f"--settings={json.dumps(asdict(settings))}")
        if bound:
            command.append(f"--bound-to={os.getpid()}")
        try:
            self._process = subprocess.Popen(
                command,
                env=ray_environment(settings, os.environ),
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                pass_fds=(write,),
                start_new_session=True,  # a kernel's interrupts are for the kernel
            )
        finally:
            os.close(write)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Ends it, unless it got as far as being waited for."""
        os.close(self._answer)
        self._output.close()
        if not self._ready:
            end_keeper(self._process.pid)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=1)

    def wait(self, progress: Callable[[str], None] | None = None) -> Keeper:
        """Waits until its Ray runs.

        Args:
            progress: told what it is at.

        Raises:
            DeployError: Ray did not start.
        """
        for message in self._messages():
            if "ready" in message:
                self._ready = True
                return Keeper(self._process, Record(**message["ready"]))
            if "failed" in message:
                raise DeployError(f"Ray did not start: {message['failed']}")
            if progress is not None:
                progress(message["stage"])
        raise self._silent()

    def _messages(self) -> Iterator[dict[str, Any]]:
        """What it says, until it says no more, or takes too long."""
        until = time.monotonic() + _START_S
        data = b""
        while select.select([self._answer], [], [], until - time.monotonic())[0]:
            read = os.read(self._answer, 1 << 16)
            if not read:
                return
            *lines, data = (data + read).split(b"\n")
            yield from (json.loads(line) for line in lines)

    def _silent(self) -> DeployError:
        self._output.seek(0)
        said = self._output.read().decode(errors="replace").strip().splitlines()
        if self._process.poll() is None:
            return DeployError(f"Ray did not start within {_START_S:.0f} s")
        return DeployError(
            "Ray did not start: its process ended"
            + (f", after it said: {said[-1]}" if said else f" ({self._process.returncode})")
        )


def end_keeper(pid: int) -> None:
    """Ends a keeper, and all that it keeps; returns when they are gone."""
    try:
        keeper = psutil.Process(pid)
        kept = [*keeper.children(recursive=True), keeper]
    except psutil.NoSuchProcess:
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    _, left = psutil.wait_procs(kept, timeout=_END_S)
    for one in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    psutil.wait_procs(left, timeout=5)
