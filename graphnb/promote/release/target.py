"""Where a graph is promoted to: a cluster, named in the project's settings."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphnb.errors import PromoteError
from graphnb.promote.release.store import checked_folder
from graphnb.rayserve.this_machine import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Target", "read_target", "targets"]

_FILE = "graphnb.toml"
_PROJECT = "pyproject.toml"
_URL = re.compile(r"https?://", re.IGNORECASE)
_NAMESPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Target:
    """A cluster.

    Attributes:
        name: what it is called here.
        address: of the dashboard of its Ray, "https://ray.example.com".
        url: where Ray Serve answers; the dashboard's host at Ray Serve's port when None.
        route_prefix: where graphs answer; their own when None.
        token_env: the environment variable that holds the token.
        token_file: the file that holds it.
        ca: a file of certificates that are trusted.
        env: environment variables whose values are given to replicas from here.
        packages: the URI of the folder in which packages are kept; the cluster's memory when None.
        namespace: what the names of its applications begin with.
        install: whether replicas install what the bundle requires.
        insecure: that it is reached without encryption, or without a token, is wanted.
    """

    name: str
    address: str
    url: str | None = None
    route_prefix: str | None = None
    token_env: str | None = None
    token_file: str | None = None
    ca: str | None = None
    env: tuple[str, ...] = ()
    packages: str | None = None
    namespace: str | None = None
    install: bool = False
    insecure: bool = False

    @property
    def token(self) -> str | None:
        """The token, read now.

        Raises:
            PromoteError: it is not where it is said to be.
        """
        if self.token_env is not None:
            value = os.environ.get(self.token_env, "").strip()
            if not value:
                raise PromoteError(
                    f"the target {self.name} takes its token from {self.token_env}, which is not"
                    " set",
                    hint=f"set the environment variable {self.token_env}",
                )
            return self._checked(value)
        if self.token_file is not None:
            try:
                read = Path(self.token_file).expanduser().read_text("utf-8").strip()
                return self._checked(read)
            except OSError as error:
                raise PromoteError(
                    f"the target {self.name} takes its token from {self.token_file}, which cannot"
                    f" be read: {error.strerror}"
                ) from None
        return None

    def package_uri(self, name: str) -> str:
        """As runtime environments there name a package of that name."""
        return f"gcs://{name}" if self.packages is None else f"{self.packages.rstrip('/')}/{name}"

    def application(self, name: str) -> str:
        """What an application of that name is called there."""
        if self.namespace is None or name.startswith(f"{self.namespace}."):
            return name
        return f"{self.namespace}.{name}"

    def owns(self, application: str) -> bool:
        """Whether an application that runs there is the target's, by its name."""
        return self.namespace is None or application.startswith(f"{self.namespace}.")

    def _checked(self, token: str) -> str:
        """The token; PromoteError if it cannot be one, without showing it."""
        if not (token.isascii() and token.isprintable() and " " not in token):
            raise PromoteError(
                f"what the target {self.name} takes as its token has spaces, line ends or letters"
                " that no token has",
                hint="give the token alone",
            )
        return token

    @property
    def ca_file(self) -> Path | None:
        """The file of certificates that are trusted."""
        return None if self.ca is None else Path(self.ca).expanduser()

    @property
    def env_values(self) -> dict[str, str]:
        """The environment that replicas are given.

        Raises:
            PromoteError: a variable is not set here.
        """
        missing = [name for name in self.env if name not in os.environ]
        if missing:
            raise PromoteError(
                f"the target {self.name} gives replicas {missing[0]}, which is not set here",
                hint=f"set the environment variable {missing[0]}",
            )
        return {name: os.environ[name] for name in self.env}

    def check_safe(self) -> None:
        """Raises PromoteError if others could read along, or if anybody may change it."""
        if self.insecure or is_loopback(self.address):
            return
        wanted = f"or say that it is wanted, in the settings of the target: [{self.name}] insecure"
        if not self.address.lower().startswith("https://"):
            raise PromoteError(
                f"{self.address} is another machine, and is reached without encryption: others"
                " could read the token and the code",
                hint=f"give its address as https://...; {wanted} = true",
            )
        if self.token_env is None and self.token_file is None:
            raise PromoteError(
                f"the target {self.name} has no token: anybody who reaches it could change it",
                hint=f"start its Ray with RAY_AUTH_MODE=token, and name the token by token_env or"
                f" token_file; {wanted} = true",
            )


def read_target(name: str, folder: Path) -> Target:
    """The target of that name, or of that address.

    Settings stand in `graphnb.toml` under `[targets.NAME]`, or in `pyproject.toml` under
    `[tool.graphnb.targets.NAME]`, in the folder or in one above it.

    Raises:
        PromoteError: there is none, or its settings do not do.
    """
    known = targets(folder)
    if name in known:
        return _target(name, known[name])
    if _URL.match(name):
        return _target(name, {"address": name, "token_env": _default_token()})
    if name.startswith("ray://"):
        raise PromoteError(
            f"{name} is an address of Ray's client", hint="give that of its dashboard: https://..."
        )
    listed = ", ".join(sorted(known)) or "none"
    raise PromoteError(
        f"there is no target {name!r}; there are: {listed}",
        hint=f'write [targets.{name}] with address = "https://..." into {_FILE}',
    )


def targets(folder: Path) -> dict[str, Mapping[str, Any]]:
    """The settings of all targets by name; the nearest file that has any counts."""
    for path in _files(folder):
        try:
            said = tomllib.loads(path.read_text("utf-8"))
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise PromoteError(f"{path} cannot be read: {error}") from error
        own = said if path.name == _FILE else said.get("tool", {}).get("graphnb", {})
        if "targets" in own:
            found: dict[str, Mapping[str, Any]] = own["targets"]
            return found
    return {}


def _files(folder: Path) -> Iterator[Path]:
    for one in (folder, *folder.parents):
        for name in (_FILE, _PROJECT):
            if (one / name).is_file():
                yield one / name


def _default_token() -> str | None:
    return "RAY_AUTH_TOKEN" if os.environ.get("RAY_AUTH_TOKEN") else None


def _target(name: str, said: Mapping[str, Any]) -> Target:
    known = {one.name for one in fields(Target)} - {"name"}
    unknown = sorted(set(said) - known)
    if unknown:
        raise PromoteError(
            f"the target {name} has a setting {unknown[0]!r}, which means nothing",
            hint=f"there are: {', '.join(sorted(known))}",
        )
    if not _URL.match(str(said.get("address", ""))):
        raise PromoteError(
            f"the target {name} has no address", hint='address = "https://..." of its dashboard'
        )
    _check_settings(name, said)
    given = {**said, "env": tuple(said.get("env", ()))}
    return Target(name=name, **given)


def _check_settings(name: str, said: Mapping[str, Any]) -> None:
    """Raises PromoteError if a setting has a value that means nothing."""
    for key in ("install", "insecure"):
        if not isinstance(said.get(key, False), bool):
            raise PromoteError(f"the target {name} has {key} = {said[key]!r}: it is true or false")
    namespace = said.get("namespace")
    if namespace is not None and not _NAMESPACE.fullmatch(str(namespace)):
        raise PromoteError(
            f"the target {name} has the namespace {namespace!r}, which cannot begin a name",
            hint="it has letters, digits, - and _, and begins with a letter or a digit",
        )
    packages = said.get("packages")
    wrong = None if packages is None else checked_folder(str(packages))
    if wrong is not None:
        raise PromoteError(
            f"the target {name} keeps packages in {str(packages)!r}, which is no place for them",
            hint=wrong,
        )
