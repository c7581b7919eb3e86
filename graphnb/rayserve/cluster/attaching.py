"""Connects this process to a Ray, without a word and without touching what is the user's."""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
import warnings
from typing import TYPE_CHECKING, Any

from graphnb.errors import DeployError
from graphnb.rayserve.cluster.addresses import reach
from graphnb.rayserve.cluster.private import loopback_as_it_is, replace_prints, restore_prints
from graphnb.rayserve.cluster.settings import LOOPBACK, NAMESPACE
from graphnb.rayserve.private import forget_serve

if TYPE_CHECKING:
    from collections.abc import Iterator

_log = logging.getLogger("graphnb.ray")


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
    for one in (logger, logging.getLogger("ray.serve")):
        if one.level == logging.INFO:  # as Ray sets it, not a user
            one.setLevel(logging.ERROR)
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


def _log_lines(data: Any, *_: Any, **__: Any) -> None:
    for line in data.get("lines", ()):
        _log.info("%s", line)
