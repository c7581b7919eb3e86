"""Ray Serve of another cluster, by the REST interface of its dashboard alone.

No version of Ray has to be in common: what is used is `GET` and `PUT /api/serve/applications/`,
and `/api/packages/` as Ray's job client uses it. The token never appears in what this raises.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, Self

import httpx

from graphnb.errors import ClusterError
from graphnb.rayserve.this_machine import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

__all__ = ["LiveApplication", "LiveCluster", "ServeRest", "trusted"]

_APPLICATIONS = "/api/serve/applications/"
_PIECE = 1 << 20
_TIMEOUT_S = 60.0
_REDACTED = "REDACTED"
_MOST_SAID = 600
_MAX_PACKAGE = 100_000_000  # what a dashboard takes in one request


@dataclass(frozen=True, slots=True)
class LiveApplication:
    """An application as the cluster tells of it.

    Attributes:
        name: its name.
        status: "RUNNING", "DEPLOYING", "DEPLOY_FAILED", "UNHEALTHY", ...
        message: why it is in that state.
        source: "declarative" if it came by configuration, "imperative" if by code.
        config: the configuration that it was given; empty for those that came by code.
        route_prefix: where it answers; None if it does not.
        deployments: what is said of each.
    """

    name: str
    status: str
    message: str
    source: str
    config: Mapping[str, Any]
    route_prefix: str | None
    deployments: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class LiveCluster:
    """All of Ray Serve on a cluster.

    Attributes:
        applications: by name.
        http: Ray Serve's options of HTTP.
        settings: of the whole, as they have to be sent again with each configuration.
    """

    applications: Mapping[str, LiveApplication]
    http: Mapping[str, Any]
    settings: Mapping[str, Any]

    @property
    def configs(self) -> dict[str, Mapping[str, Any]]:
        """The configurations of the applications that came by configuration, by name."""
        return {
            name: one.config
            for name, one in self.applications.items()
            if one.source == "declarative" and one.config and one.status != "DELETING"
        }


class ServeRest:
    """A connection to a dashboard; a context manager.

    Args:
        address: of the dashboard, "https://ray.example.com".
        token: what requests carry, or None.
        ca: a file of certificates that are trusted, or None for the system's.
    """

    def __init__(self, address: str, *, token: str | None = None, ca: Path | None = None) -> None:
        self.address = address.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = httpx.Client(
            base_url=self.address,
            headers=headers,
            verify=trusted(ca),
            trust_env=not is_loopback(self.address),  # no proxy stands before this machine
            timeout=_TIMEOUT_S,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.close()

    def version(self) -> str:
        """The version of Ray there."""
        return str(self._json("GET", "/api/version")["ray_version"])

    def cluster(self) -> LiveCluster:
        """What runs there.

        Raises:
            ClusterError: it cannot be reached, or does not say.
        """
        said = self._json("GET", _APPLICATIONS)
        found = {name: _application(name, one) for name, one in said["applications"].items()}
        names = ("proxy_location", "http_options", "grpc_options", "target_capacity")
        settings = {name: said[name] for name in names if said.get(name) is not None}
        return LiveCluster(found, said.get("http_options") or {}, settings)

    def configure(self, settings: Mapping[str, Any], configs: Mapping[str, Any]) -> None:
        """Gives the cluster the configurations of all its applications.

        Those that are not among them, and came by configuration, end.

        Raises:
            ClusterError: it cannot be reached, or does not take them.
        """
        if _REDACTED in str(configs):
            raise ClusterError(
                "the cluster hides a part of its configuration: sent back, it would be lost",
                hint="ask whoever runs it to unset RAY_DASHBOARD_REDACT_RUNTIME_ENV",
            )
        self._send("PUT", _APPLICATIONS, json={**settings, "applications": list(configs.values())})

    def keep_package(self, name: str) -> bool:
        """Whether a package is there; it stays for ten minutes, even if nobody refers to it."""
        response = self._send("GET", f"/api/packages/gcs/{name}", missing=True)
        return response.status_code != httpx.codes.NOT_FOUND

    def upload(self, name: str, file: Path) -> None:
        """Sends a package.

        Raises:
            ClusterError: it is too large, or does not arrive.
        """
        size = file.stat().st_size
        if size > _MAX_PACKAGE:
            raise ClusterError(
                f"the bundle is {size / 1e6:,.0f} MB packed, and a dashboard takes"
                f" {_MAX_PACKAGE / 1e6:,.0f} MB",
                hint='keep packages elsewhere, by packages = "s3://bucket/graphs" in the settings'
                " of the target; or make an image of the bundle (its Dockerfile), and start it by"
                " `serve deploy serve.yaml`; or load large models in the __init__ of their class",
            )
        self._send("PUT", f"/api/packages/gcs/{name}", content=_pieces(file), headers=_length(size))

    def _json(self, method: str, path: str) -> Any:
        response = self._send(method, path)
        try:
            return response.json()
        except ValueError as error:
            raise ClusterError(
                f"{self.address} is no dashboard of Ray: it does not answer in JSON"
            ) from error

    def _send(
        self, method: str, path: str, *, missing: bool = False, **content: Any
    ) -> httpx.Response:
        try:
            response = self._client.request(method, path, **content)
        except (httpx.HTTPError, OSError) as error:
            reason = _reason(error)
            if "CERTIFICATE_VERIFY_FAILED" in reason:
                raise ClusterError(
                    f"{self.address} has a certificate that is not trusted here: {reason}",
                    hint="name a file with its authority's certificate in the settings of the"
                    ' target: ca = "authority.pem"',
                ) from None
            raise ClusterError(
                f"{self.address} cannot be reached: {reason}", unreachable=True
            ) from None
        if not response.is_success and not (missing and response.status_code == 404):
            self._refused(response)
        return response

    def _refused(self, response: httpx.Response) -> NoReturn:
        if response.status_code in (401, 403):
            raise ClusterError(
                f"{self.address} does not take the token (status {response.status_code})",
                hint="a target names its token by `token_env` or `token_file`",
            )
        said = response.text.strip()[-_MOST_SAID:]
        raise ClusterError(
            f"{self.address} answers with status {response.status_code}: {said}",
            unreachable=response.status_code >= 500,
        )


def trusted(ca: Path | None) -> ssl.SSLContext | bool:
    """Which certificates are trusted: those in a file, or the system's.

    Raises:
        ClusterError: the file cannot be read, or has none.
    """
    if ca is None:
        return True
    try:
        return ssl.create_default_context(cafile=str(ca))
    except OSError as error:  # what is no certificate, too
        raise ClusterError(
            f"the certificates in {ca} cannot be read: {error.strerror or error}",
            hint="`ca` in the settings of the target names a file in PEM format",
        ) from None


def _application(name: str, said: Mapping[str, Any]) -> LiveApplication:
    config = said.get("deployed_app_config") or {}
    return LiveApplication(
        name=name,
        status=said["status"],
        message=said.get("message") or "",
        source=said.get("source") or ("declarative" if config else "imperative"),
        config=config,
        route_prefix=said.get("route_prefix") or config.get("route_prefix"),
        deployments=said.get("deployments") or {},
    )


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while piece := opened.read(_PIECE):
            yield piece


def _length(size: int) -> dict[str, str]:
    return {"Content-Length": str(size)}


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
