"""What `RAY_ADDRESS` may say, and whether somebody answers there."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphnb.errors import DeployError
from graphnb.rayserve.cluster.private import alive_nodes, is_here, latest_address

if TYPE_CHECKING:
    from graphnb.rayserve.cluster.private import Node

_CONNECT_S = 5.0
_ANSWER_S = 8.0
_HINT = "is it running, and is RAY_ADDRESS right? Without RAY_ADDRESS, graphnb starts a Ray here"


@dataclass(frozen=True, slots=True)
class RayNode:
    """The node of a cluster by which a process of this machine joins it.

    Attributes:
        gcs: where the cluster's control service answers, `host:port`.
        host: the node's own address.
    """

    gcs: str
    host: str


def resolve(address: str) -> str:
    """The `host:port` that an address means.

    Raises:
        DeployError: it is none that a kernel can join by.
    """
    if address == "auto":
        return _latest()
    if "://" in address:
        raise DeployError(
            f"RAY_ADDRESS is {address!r}, expected host:port",
            hint="graphs join a cluster from one of its nodes, at the address that `ray start`"
            " printed there; Ray Client and job addresses do not do",
        )
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise DeployError(f"RAY_ADDRESS is {address!r}, expected host:port")
    return address


def _latest() -> str:
    found = latest_address()
    if found is None:
        raise DeployError(
            "RAY_ADDRESS is 'auto', and no Ray was started on this machine by `ray start`",
            hint="start one, or unset RAY_ADDRESS",
        )
    return found


def reach(address: str) -> RayNode:
    """The node of this machine in the cluster at that address.

    Raises:
        DeployError: no Ray answers there, or it has no node here.
    """
    nodes = _nodes(address)
    if nodes is None:  # it is found out when this process joins
        return RayNode(address, address.rpartition(":")[0])
    for node in nodes:
        if is_here(node):
            return RayNode(address, node.address)
    raise DeployError(
        f"the Ray at {address} has no node on this machine",
        hint="run the notebook on one of its nodes, or make this machine one:"
        f" ray start --address={address}",
    )


def knock(address: str) -> None:
    """Raises unless something listens at that address.

    Raises:
        DeployError: nothing does.
    """
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_S).close()
    except OSError as error:
        raise DeployError(
            f"no Ray answers at {address} ({error.strerror or error})", hint=_HINT
        ) from None


def _nodes(address: str) -> list[Node] | None:
    """The nodes that are alive. Asked in a thread: Ray waits half a minute for a stranger."""
    answer: list[Any] = []

    def ask() -> None:
        try:
            answer.append(alive_nodes(address, _ANSWER_S))
        except Exception as error:  # noqa: BLE001  told by the thread that waits
            answer.append(error)

    asking = threading.Thread(target=ask, daemon=True, name="graphnb-reach")
    asking.start()
    asking.join(_ANSWER_S)
    if not answer:
        raise DeployError(f"what answers at {address} is no Ray, or a Ray too busy", hint=_HINT)
    if isinstance(answer[0], Exception):
        raise _refused(address, answer[0])
    nodes: list[Node] | None = answer[0]
    return nodes


def _refused(address: str, error: Exception) -> DeployError:
    if "auth" in f"{type(error).__name__} {error}".lower():
        made = DeployError(
            f"the Ray at {address} asks for a token that this process does not have",
            hint="set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN_PATH to a file that holds its token",
        )
    else:
        made = DeployError(f"the Ray at {address} does not let us in: {error}", hint=_HINT)
    made.__cause__ = error
    return made
