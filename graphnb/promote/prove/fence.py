"""Lets a process import no more than a bundle names: its own files, and its requirements.

Runs before anything of graphnb is imported, in a process of its own.
"""

from __future__ import annotations

import sys
import sysconfig
from functools import cache
from importlib.machinery import BuiltinImporter, FrozenImporter, PathFinder
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Fence", "put_up"]

_BUILT_IN = (BuiltinImporter, FrozenImporter)
_STANDARD = tuple(sysconfig.get_path(one) for one in ("stdlib", "platstdlib"))
_INSTALLED = frozenset({"site-packages", "dist-packages"})


class Fence:
    """A finder of modules (PEP 451) in front of others: what is not named, they are not asked for.

    To the bundle it looks as if that were not installed.

    Attributes:
        refused: what was asked for, is there, and is not named.
    """

    def __init__(self, named: Iterable[str], folder: str, finders: Sequence[Any]) -> None:
        self._allowed = allowed_modules(named)
        self._folder = folder
        self._finders = finders
        self.refused: set[str] = set()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """What the first of the finders finds."""
        top = name.partition(".")[0]
        if path is None and top not in self._allowed and self._is_outside(top):
            self.refused.add(top)
            return None
        specs = (one.find_spec(name, path, target) for one in self._finders)
        return next((one for one in specs if one is not None), None)

    def invalidate_caches(self) -> None:
        """As `importlib.invalidate_caches` wants it."""
        PathFinder.invalidate_caches()

    def _is_outside(self, top: str) -> bool:
        """Whether it is there, and neither Python's own nor the bundle's."""
        found = PathFinder.find_spec(top)
        if found is None or PathFinder.find_spec(top, [self._folder]) is not None:
            return False
        place = found.origin or next(iter(found.submodule_search_locations or ()), "")
        parts = Path(place).parts
        installed = next((at for at, one in enumerate(parts[:-1]) if one in _INSTALLED), None)
        if installed is None:
            return not place.startswith(_STANDARD) and top not in sys.builtin_module_names
        return parts[installed + 1] not in self._allowed  # else a library brings it along


def put_up(requirements: str, folder: str) -> Fence:
    """Puts up the fence.

    Args:
        requirements: the text of `requirements.txt`.
        folder: the bundle's: what is in it may be imported.
    """
    names = [line for line in requirements.splitlines() if line and not line.startswith((".", "#"))]
    kept = [one for one in sys.meta_path if one in _BUILT_IN]
    finders = [one for one in sys.meta_path if one not in _BUILT_IN]
    fence = Fence(["graphnb", *names], folder, finders)
    sys.meta_path[:] = [*kept, fence]
    return fence


def allowed_modules(named: Iterable[str]) -> frozenset[str]:
    """The modules at the top of some distributions, and of all that these require."""
    tops: set[str] = set()
    waiting, seen = [*map(Requirement, named)], set()
    while waiting:
        one = waiting.pop()
        key = (canonicalize_name(one.name), frozenset(one.extras))
        found = None if key in seen else _distribution(key[0])
        seen.add(key)
        if found is not None:
            tops |= _tops(found)
            waiting += _required(found, key[1])
    return frozenset(tops)


@cache
def _distribution(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def _required(found: Distribution, extras: Iterable[str]) -> list[Requirement]:
    """What it requires, with those extras."""
    wanted = [{"extra": one} for one in ("", *extras)]
    required = [Requirement(one) for one in found.requires or ()]
    return [one for one in required if one.marker is None or any(map(one.marker.evaluate, wanted))]


def _tops(found: Distribution) -> set[str]:
    listed = (found.read_text("top_level.txt") or "").split()
    files = found.files or ()
    tops = {one.parts[0].removesuffix(".py") for one in files if one.suffix == ".py"}
    tops |= {one.parts[0].partition(".")[0] for one in files if one.suffix in {".so", ".pyd"}}
    return {one for one in {*listed, *tops} if one.isidentifier()} | _of_editable(found)


def _of_editable(found: Distribution) -> set[str]:
    """The name of a distribution that is installed in place."""
    return (
        {found.metadata["Name"].replace("-", "_")} if found.read_text("direct_url.json") else set()
    )
