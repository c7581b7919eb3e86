"""Connects this process to a Ray, without a word and without touching what is the user's."""

from __future__ import annotations

import contextlib
import functools
import logging
import signal
import threading
import warnings
from typing import TYPE_CHECKING, Any

from graphnb.errors import DeployError
from graphnb.rayserve.cluster.addresses import reach
from graphnb.rayserve.cluster.private import (
    filter_prints,
    loopback_as_it_is,
    replace_prints,
    restore_prints,
)
from graphnb.rayserve.cluster.settings import LOOPBACK, NAMESPACE
from graphnb.rayserve.private import forget_serve

if TYPE_CHECKING:
    from collections.abc import Iterator

_log = logging.getLogger("graphnb.ray")
_PROCESSES_OF_SERVE = ("ServeReplica:", "ServeController", "ProxyActor")


def attach(address: str) -> None:
    """Connects this process to the Ray at that address.

    Raises:
        DeployError: it cannot be reached, or is of another version.
    """
    import ray

    node = reach(address)
    try:
        with _undisturbed(loopback=node.host == LOOPBACK):
            ray.init(node.gcs, namespace=NAMESPACE, log_to_driver=False, configure_logging=False)
    except (RuntimeError, ConnectionError) as error:
        said = " ".join(str(error).split())
        hint = None
        if "version" in str(error).lower():
            hint = (
                f"this is Ray {ray.__version__}; Ray and Python must be the same on both sides:"
                " start it anew from this environment"
            )
        raise DeployError(f"cannot join the Ray at {address}: {said}", hint=hint) from error
    forget_serve()


@contextlib.contextmanager
def _undisturbed(*, loopback: bool) -> Iterator[None]:
    """Keeps `ray.init` from what it does besides."""
    with (
        warnings.catch_warnings(),
        _own_handlers(),
        _own_signals(),
        loopback_as_it_is(loopback=loopback),
    ):
        warnings.simplefilter("ignore")  # Ray's plans for later versions
        hush()
        yield


@contextlib.contextmanager
def _own_handlers() -> Iterator[None]:
    """Handlers of Ray's logger stay: `configure_logging=False` drops them."""
    logger = logging.getLogger("ray")
    kept = list(logger.handlers)
    if logger.level == logging.INFO:  # as Ray sets it, not a user
        logger.setLevel(logging.ERROR)
    _quiet_serve()
    try:
        yield
    finally:
        logger.handlers[:] = kept


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """What the process does on SIGTERM is its own affair."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, kept)


def hush() -> None:
    """Sends what Ray would print from a thread, into whatever cell runs, to a logger."""
    replace_prints(_log_lines)


def unhush() -> None:
    """Takes back what `hush` did."""
    restore_prints(_log_lines)


def hush_serve() -> None:
    """On a connection of the user's, keeps Ray Serve's processes from printing; all else is theirs.

    Who says `ray.init()` has Ray print what its processes print. Of replicas that would be a line
    for each call.
    """
    _quiet_serve()
    filter_prints(_is_not_of_serve)


@functools.cache
def _quiet_serve() -> None:
    """Has Ray Serve's logger tell of errors alone, once: who sets it to INFO later wants that."""
    logger = logging.getLogger("ray.serve")
    if logger.level == logging.INFO:  # as Ray Serve sets it, not a user
        logger.setLevel(logging.ERROR)


def _log_lines(data: Any, *_: Any, **__: Any) -> None:
    for line in data.get("lines", ()):
        _log.info("%s", line)


def _is_not_of_serve(data: Any) -> bool:
    return not str(data.get("actor_name")).startswith(_PROCESSES_OF_SERVE)
