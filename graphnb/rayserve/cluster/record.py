"""The note of the Ray that outlives kernels: where it is, for all kernels of this user here.

Its keeper holds a lock on a file beside it as long as it lives. So the note of one that was
killed is known for stale, whatever process has its number now.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_TRIES = 10


@dataclass(frozen=True, slots=True)
class Record:
    """A Ray that a keeper keeps.

    Attributes:
        address: of Ray itself, `host:port`.
        pid: the keeper's.
        cpus: how many logical CPUs it declares.
        version: Ray's.
        python: the version of Python that it runs on.
        token: whether it asks for the user's token.
        dashboard_url: where its dashboard answers, or None.
        http_port: the port that was asked for Ray Serve, or None.
    """

    address: str
    pid: int
    cpus: int
    version: str
    python: str
    token: bool
    dashboard_url: str | None = None
    http_port: int | None = None

    @property
    def environment(self) -> tuple[tuple[str, str], ...]:
        """The variables by which any program of this machine finds it; the token is in a file."""
        here = (("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0"),)  # or Ray takes 127.0.0.1 for another
        token = (("RAY_AUTH_MODE", "token"),) if self.token else ()
        return (("RAY_ADDRESS", self.address), *here, *token)

    def as_json(self) -> dict[str, Any]:
        """Its fields."""
        return asdict(self)


def record_file() -> Path:
    """Where the note is; homes may be shared by machines, so each has its own."""
    from platformdirs import user_state_path

    return user_state_path("graphnb", appauthor=False) / f"ray-{socket.gethostname()}.json"


class RecordLockedError(RuntimeError):
    """Another keeper has the lock."""


@dataclass(frozen=True, slots=True)
class KeeperLock:
    """The right to write the note, held as long as the process lives."""

    file: int

    def write(self, record: Record) -> None:
        """Writes the note, all at once."""
        path = record_file()
        made = path.with_suffix(f".{os.getpid()}")
        made.touch(mode=0o600)
        made.write_text(json.dumps(record.as_json()), encoding="utf-8")
        made.replace(path)


def lock_record() -> KeeperLock:
    """Takes the lock.

    Raises:
        RecordLockedError: another process has it.
    """
    path = _lock_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    opened = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    for _ in range(_TRIES):  # those who look whether it is locked hold it for a moment
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return KeeperLock(opened)
        time.sleep(0.02)
    os.close(opened)
    raise RecordLockedError("another Ray is being started, or runs")


def is_locked() -> bool:
    """Whether a keeper lives."""
    try:
        opened = os.open(_lock_file(), os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(opened)
    return False


def read_record() -> Record | None:
    """The Ray that outlives kernels, if there is one; a stale note is removed."""
    if not is_locked():
        remove_record()
        return None
    try:
        return Record(**json.loads(record_file().read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):  # it is being started, or by another version
        return None


def remove_record() -> None:
    """Removes the note."""
    with contextlib.suppress(OSError):
        record_file().unlink()


def _lock_file() -> Path:
    return record_file().with_suffix(".lock")
