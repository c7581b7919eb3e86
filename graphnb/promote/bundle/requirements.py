"""The libraries that a module takes: the distributions of what it imports, at their versions."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from typing import TYPE_CHECKING

from graphnb.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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

    Args:
        modules: their names, full or at the top.
        local: the names at the top of those that come along themselves.

    Raises:
        ExportError: a module comes from nowhere.
    """
    found = {Requirement("ray", version("ray"))}
    for top in sorted({one.partition(".")[0] for one in modules} - set(local)):
        if top in sys.stdlib_module_names or top in {_OWN, "__main__"}:
            continue
        names = _distributions().get(top)
        if not names:
            raise ExportError(
                f"the module {top!r} is imported, and belongs to nothing that is installed",
                hint=f"put {top}.py beside the notebook, or install it with pip",
            )
        found |= {Requirement(_normal(name), _version(name)) for name in sorted(set(names))[:1]}
    return sorted(found)


@cache
def _distributions() -> Mapping[str, list[str]]:
    return packages_distributions()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError as error:
        raise ExportError(f"{name} has no version", hint=f"install it again: {name}") from error


def _normal(name: str) -> str:
    return name.lower().replace("_", "-")
