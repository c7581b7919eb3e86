"""What a host is told: once when it is made, and again whenever its graph changes.

The first travels in the init args of a Serve deployment. The second is its `user_config`, which
Ray Serve hands to replicas that run as well as to those that start, so that a graph can be wired
anew without restarting anything.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

MARK = "graphnb"
"""Under this key a `user_config` holds a wiring, and the user's own under "user"."""


@dataclass(frozen=True, slots=True)
class Wiring:
    """How a host is tied into its graph.

    Attributes:
        number: of the first version of the graph that it holds for; higher is later.
        root: the deployment that requests enter, as the graph names it.
        callees: those that this host calls: the graph's name, and Ray Serve's.
        schedules: of the graphs that it holds, shipped; None when it holds none.
        http: how it answers over HTTP; None when it does not.
    """

    number: int
    root: str
    callees: Mapping[str, str]
    schedules: bytes | None
    http: HttpLimits | None = None

    def or_same(self, earlier: Wiring | None) -> Wiring:
        """The earlier one, if that says the same: then its host needs not be told anew."""
        if earlier is not None and replace(self, number=earlier.number) == earlier:
            return earlier
        return self


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What a host asks of HTTP requests.

    Attributes:
        token_sha256: the hash of the bearer token, or None; the token itself never leaves.
        max_body: bytes that a body may have.
    """

    token_sha256: str | None
    max_body: int


@dataclass(frozen=True, slots=True)
class Payload:
    """What a host runs.

    Attributes:
        deployment: the graph's name of the deployment.
        version: of its code and init args.
        definition: the class or function with its init args, shipped; empty if it is imported.
        where: where it was defined, for people, or None.
        wiring: the first one; None if it comes as `user_config`, or is imported.
        collector: the name of the actor that takes spans and start errors, or None.
        import_path: of the application in which the host finds its definition and its wiring, in
            the code that its own replica has: "module:variable"; None if they were shipped.
    """

    deployment: str
    version: str
    definition: bytes
    where: str | None
    wiring: Wiring | None
    collector: str | None
    import_path: str | None = None


@dataclass(frozen=True, slots=True)
class HostState:
    """What one host, or all of a deployment, are at.

    Attributes:
        ongoing: calls that hold a slot.
        waiting: calls that wait for one here, though Ray Serve has brought them.
        taken: calls from other processes that have arrived, and have not ended.
        calling: calls made here that are under way, by the deployment called.
        versions: the numbers of the graph's versions that requests are under way in.
    """

    ongoing: int
    waiting: int
    taken: int
    calling: Mapping[str, int]
    versions: frozenset[int] = frozenset()


def with_wiring(wiring: Wiring, user_config: Any) -> dict[str, Any]:
    """The `user_config` that Ray Serve is given: JSON, as it wants it."""
    made = asdict(wiring)
    if wiring.schedules is not None:
        made["schedules"] = b64encode(wiring.schedules).decode()
    return {MARK: made, "user": user_config}


def wiring_of(user_config: Any) -> tuple[Wiring | None, Any]:
    """The wiring in a `user_config`, if there is one, and the user's own."""
    if not isinstance(user_config, dict) or MARK not in user_config:
        return None, user_config
    given = dict(user_config[MARK])
    if given["schedules"] is not None:
        given["schedules"] = b64decode(given["schedules"])
    if given["http"] is not None:
        given["http"] = HttpLimits(**given["http"])
    return Wiring(**given), user_config.get("user")
