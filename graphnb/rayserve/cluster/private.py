"""What starting and joining a Ray uses of it that is not public, each with a way around it.

Checked with Ray 2.54 and 2.60; `tests/rayserve/test_private.py` says what is expected of them.
What a process prints of others' lines, and what it reads from its environment, are switches of
Ray's: where one is gone, Ray does as it likes.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Node(NamedTuple):
    """A machine of a cluster.

    Attributes:
        id: Ray's.
        address: by which the others reach it.
    """

    id: str
    address: str


def alive_nodes(address: str, timeout_s: float) -> list[Node] | None:
    """The nodes of the cluster at that address, without joining it; None where Ray does not tell.

    Raises:
        Exception: whatever Ray raises where no cluster answers, or it wants a token.
    """
    try:
        from ray._raylet import GcsClient  # type: ignore[attr-defined]  # compiled

        found = GcsClient(address=address).get_all_node_info(timeout=timeout_s)
        return [
            Node(one.node_id.hex(), one.node_manager_address)
            for one in found.values()
            if one.state == 0
        ]
    except (ImportError, AttributeError, TypeError):
        return None


def is_here(node: Node) -> bool:
    """Whether that node is on this machine."""
    try:
        from ray._private.services import find_node_ids
    except ImportError:
        own = [one.address for all_of in psutil.net_if_addrs().values() for one in all_of]
        return node.address in own
    return node.id in find_node_ids()  # type: ignore[no-untyped-call]


def latest_address() -> str | None:
    """Where the Ray that `ray start` started last on this machine answers, or None."""
    try:
        from ray._private.services import find_bootstrap_address
    except ImportError:
        return None
    found: str | None = find_bootstrap_address(None)
    return found or None


@contextlib.contextmanager
def loopback_as_it_is(*, loopback: bool) -> Iterator[None]:
    """Has Ray take 127.0.0.1 for what it is, where the cluster listens there alone.

    Elsewhere Ray replaces it by the machine's address in the network, where nobody listens. It
    reads the variable for this when it is imported, which may have been long ago.
    """
    from ray._private import ray_constants

    kept = getattr(ray_constants, "ENABLE_RAY_CLUSTER", None)
    if kept is None or not loopback:
        yield
        return
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = kept


_prints: Any = None


def replace_prints(take: Callable[..., None]) -> None:
    """Gives what Ray would print from a thread, of other processes' lines, to that function."""
    global _prints
    with contextlib.suppress(ImportError, AttributeError):
        from ray._private import worker

        if worker.print_to_stdstream is not take:
            _prints, worker.print_to_stdstream = worker.print_to_stdstream, take


def restore_prints(take: Callable[..., None]) -> None:
    """Takes back what `replace_prints` did."""
    with contextlib.suppress(ImportError, AttributeError):
        from ray._private import worker

        if worker.print_to_stdstream is take:
            worker.print_to_stdstream = _prints


class _Filtered(NamedTuple):
    """A printer of Ray's that is given only what passes."""

    wanted: Callable[[Any], bool]
    printer: Callable[[Any], None]

    def __call__(self, data: Any) -> None:
        if self.wanted(data):
            self.printer(data)


def filter_prints(wanted: Callable[[Any], bool]) -> None:
    """Has Ray print other processes' lines only if they pass, for as long as it is connected."""
    with contextlib.suppress(ImportError, AttributeError):
        from ray._private.ray_logging import global_worker_stdstream_dispatcher as dispatcher

        dispatcher.handlers = [
            (name, one if isinstance(one, _Filtered) else _Filtered(wanted, one))
            for name, one in dispatcher.handlers
        ]


def read_environment_again() -> None:
    """Has Ray read `RAY_...` variables again, if it has read them before."""
    with contextlib.suppress(ImportError, AttributeError):
        from ray._raylet import Config  # type: ignore[attr-defined]  # compiled

        Config.initialize("")


def be_patient(seconds: float) -> None:
    """Has Ray wait longer for its own node: half a minute is little on a busy machine."""
    from ray._private import services

    get_node = getattr(services, "get_node", None)
    if get_node is None:
        return

    def get_node_in_time(*args: Any) -> Any:
        until = time.monotonic() + seconds
        while True:
            try:
                return get_node(*args)
            except RuntimeError:  # it is not there yet
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)

    services.get_node = get_node_in_time
