"""What an executor is: the Protocol between a graph and where it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from graphnb.engine.http_request import DEFAULT_MAX_BODY

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

    from graphnb.authoring import Graph
    from graphnb.engine import Handle
    from graphnb.graph import GraphSpec, SpecDiff
    from graphnb.telemetry import Recorder
    from graphnb.telemetry.logs import NodeLogs

DEFAULT_PORT = 8000


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """How a graph is reached over HTTP; always on 127.0.0.1.

    Attributes:
        port: the port, or None for 8000, else a free one.
        token: the bearer token that requests must carry, or None.
        max_body: bytes that a request's body may have.
    """

    port: int | None = None
    token: str | None = None
    max_body: int = DEFAULT_MAX_BODY

    def __repr__(self) -> str:
        token = None if self.token is None else "***"
        return f"HttpOptions(port={self.port}, token={token}, max_body={self.max_body})"


ReplicaState = Literal["running", "unhealthy", "stopping"]


@dataclass(frozen=True, slots=True)
class DeploymentStatus:
    """How one deployment is.

    Attributes:
        replicas: how many are wanted.
        running: how many answer.
        ongoing: calls that are being worked on.
        queued: calls that wait for a replica.
        restarts: replicas that were replaced because they were not well.
        error: why it is not well, or None.
        state: in a word: "running", "starting", "updating", "unhealthy", "failed".
    """

    name: str
    replicas: int
    running: int
    ongoing: int
    queued: int
    restarts: int
    error: str | None
    state: str = "running"


@dataclass(frozen=True, slots=True)
class ApplyResult:
    """What an apply did.

    Attributes:
        changes: what changed, deployment by deployment.
        warnings: what this executor leaves out, in one line each.
        url: where the graph answers over HTTP, or None.
        notes: what else there is to know, in one line each, such as that a Ray was started.
    """

    changes: SpecDiff
    warnings: tuple[str, ...]
    url: str | None
    notes: tuple[str, ...] = ()


class Application(Protocol):
    """One graph that runs."""

    @property
    def name(self) -> str:
        """Its name, unique on its executor."""

    @property
    def spec(self) -> GraphSpec:
        """The version that answers now."""

    @property
    def recorder(self) -> Recorder:
        """What its requests were like."""

    @property
    def url(self) -> str | None:
        """Where it answers over HTTP, or None."""

    @property
    def http(self) -> HttpOptions | None:
        """How it is reached over HTTP, or None."""

    @property
    def entry(self) -> Handle:
        """What a request by handle calls: the root's `predict` if it has one, else `__call__`."""

    def handle(self, deployment: str) -> Handle:
        """A handle of one of its deployments."""

    def apply(
        self,
        graph: Graph,
        *,
        http: HttpOptions | None,
        route_prefix: str | None,
        progress: Callable[[str], None] | None = None,
    ) -> ApplyResult:
        """Brings it from what it is to that graph; when it fails, what was there still answers.

        Args:
            graph: what it is to be.
            http: how it is reached over HTTP; None for not at all.
            route_prefix: the path below which it answers; None leaves it to the executor.
            progress: told what it is at, in a few words, where it takes long.

        Raises:
            DeployError: a deployment could not start.
            GraphError: an init argument cannot be serialized.
        """

    def status(self) -> tuple[DeploymentStatus, ...]:
        """How its deployments are."""

    def refresh(self, *, at_once: bool = False) -> None:
        """Takes over what another process has deployed under its name meanwhile, or ended.

        Args:
            at_once: whether what was known a moment ago does not do.
        """

    def logs(self, node: str | None, *, lines: int, everything: bool) -> NodeLogs:
        """What its replicas printed and logged, those that ended included; of one node, or of all.

        Args:
            node: the deployment's name; None for all.
            lines: how many, at the most.
            everything: also what the executor says of itself and of each call.

        Raises:
            NotRunningError: no such node ever ran.
        """

    def close(self) -> None:
        """Ends it: waits for requests under way, for as long as each deployment grants."""


class Executor(Protocol):
    """A place where graphs run."""

    @property
    def kind(self) -> str:
        """What `on=` calls it: "local", "ray"."""

    def application(self, name: str) -> Application:
        """A new, empty application; `apply` fills it."""

    def running(self, known: Container[str]) -> Sequence[Application]:
        """The graphs that run there already, whoever deployed them, but those that are known."""

    def close(self) -> None:
        """Ends all that runs here."""
