"""The token by which Ray knows its user. It is never printed, logged or kept anywhere else."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

_MODE = "RAY_AUTH_MODE"
_ELSEWHERE = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")


def token_mode() -> bool:
    """Whether this process is set to show a token to Ray."""
    return os.environ.get(_MODE, "").lower() == "token"


def make_token() -> None:
    """Makes the user's token where there is none, readable by the user alone."""
    if any(os.environ.get(one) for one in _ELSEWHERE):
        return
    file = Path.home() / ".ray" / "auth_token"
    file.parent.mkdir(exist_ok=True)
    try:
        made = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return
    with os.fdopen(made, "w") as opened:
        opened.write(secrets.token_hex(32))


def show_token() -> bool:
    """Has this process show the user's token to Ray; False where the user has decided."""
    if _MODE in os.environ:
        return False
    os.environ[_MODE] = "token"
    _refresh()
    return True


def hide_token() -> None:
    """Takes back what `show_token` did."""
    os.environ.pop(_MODE, None)
    _refresh()


def _refresh() -> None:
    """Has Ray read the environment again, if it has read it before."""
    if "ray" in sys.modules:
        from graphnb.rayserve.cluster.private import read_environment_again

        read_environment_again()
