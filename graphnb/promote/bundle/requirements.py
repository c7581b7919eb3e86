"""The libraries that a module takes: the distributions of what it imports, at their versions."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.metadata import (
    PackageNotFoundError,
    distribution,
    packages_distributions,
    version,
)
from typing import TYPE_CHECKING

from graphnb.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Requirement", "requirements"]

_OWN = "graphnb"
_EXTRAS = {"ray": "ray[serve]"}


@dataclass(frozen=True, slots=True, order=True)
class Requirement:
    """A distribution at a version.

    Attributes:
        name: as pip knows it, without extras.
        version: the one that is installed here.
    """

    name: str
    version: str

    def __str__(self) -> str:
        return f"{_EXTRAS.get(self.name, self.name)}=={self.version}"


def requirements(modules: Iterable[str], local: Iterable[str] = ()) -> list[Requirement]:
    """What must be installed for these modules, beside graphnb.

    A module that is not installed here is left out: code that asks for it goes on without.

    Args:
        modules: their full names.
        local: the names at the top of those that come along themselves.
    """
    found = {Requirement("ray", version("ray"))}
    known = packages_distributions()
    here = {*local, *sys.stdlib_module_names, _OWN, "__main__"}
    for module in sorted(modules):
        top = module.partition(".")[0]
        names = sorted(set(known.get(top, ()))) if top not in here else []
        holding = [one for one in names if _holds(one, module)] if len(names) > 1 else names
        found |= {Requirement(_normal(one), _version(one)) for one in holding or names}
    return sorted(found)


def _holds(name: str, module: str) -> bool:
    """Whether a distribution has that module: several share the top of a namespace."""
    path = module.replace(".", "/")
    wanted = (f"{path}.py", f"{path}/__init__.py")
    files = [one.as_posix() for one in distribution(name).files or ()]
    return any(one in wanted or one.startswith(f"{path}.") for one in files)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError as error:
        raise ExportError(f"{name} has no version", hint=f"install it again: {name}") from error


def _normal(name: str) -> str:
    return name.lower().replace("_", "-")
