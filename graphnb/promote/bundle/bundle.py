"""A bundle as a folder that is there."""

from __future__ import annotations

import hashlib
import itertools
import json
from dataclasses import dataclass
from types import FunctionType
from typing import TYPE_CHECKING, Any

from graphnb.authoring.digest import Placeholder
from graphnb.errors import ExportError
from graphnb.graph.schema import spec_from_json
from graphnb.promote.artifacts.artifact import FOLDER
from graphnb.promote.bundle.serve_config import read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from graphnb.graph import GraphSpec

__all__ = [
    "DRIVING",
    "GOLDEN",
    "GRAPH",
    "IMPORT_PATH",
    "MODULE",
    "NOT_COUNTED",
    "SERVE",
    "WHEELS",
    "Bundle",
    "read_bundle",
    "release_of",
]

MODULE = "app.py"
IMPORT_PATH = "app:app"
GRAPH = "graph.json"
SERVE = "serve.yaml"
GOLDEN = "tests/golden.json"
PROVENANCE = "PROVENANCE.json"
README = "README.md"
WHEELS = "wheels/"
DRIVING = "driving"
"""The package that plain code takes along."""

NOT_COUNTED = frozenset({PROVENANCE, README})
"""Where and when it was made, and what says its release: neither is part of the release."""

_OF_BUNDLES = (
    f"{FOLDER}/", "tests/", WHEELS, f"{DRIVING}/", SERVE, GRAPH, PROVENANCE, README,
    "Dockerfile", "rayservice.yaml", "requirements.txt",
)  # fmt: skip
_LETTERS = 12
_DEEPEST = 3
_MOST_PARTS = 1_000
# Two that are equal may be one object: as parts they count by their values.
_SHARED = frozenset({bool, bytes, complex, float, frozenset, int, str, type(None)})


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle.

    Attributes:
        folder: where it is.
        name: the graph's.
        release: its id, by all that is in it.
        spec: the graph, as it was in the notebook.
        files: each with its size in bytes; paths below the folder.
    """

    folder: Path
    name: str
    release: str
    spec: GraphSpec
    files: dict[str, int]

    @property
    def config(self) -> dict[str, Any]:
        """What its `serve.yaml` says."""
        found: dict[str, Any] = read_yaml((self.folder / SERVE).read_text("utf-8"))
        return found

    @property
    def golden(self) -> list[dict[str, Any]]:
        """Its golden requests."""
        found: list[dict[str, Any]] = json.loads((self.folder / GOLDEN).read_text("utf-8"))
        return found

    @property
    def data_hash(self) -> str:
        """A hash of the data that packages beside the notebook have; empty if there are none.

        No digest of code counts them.
        """
        paths = [one for one in self.files if not one.startswith(_OF_BUNDLES)]
        data = [one for one in paths if not one.endswith(".py")]
        said = [f"{one}\0{file_hash(self.folder / one)}" for one in sorted(data)]
        return hashlib.sha256("\n".join(said).encode()).hexdigest()[:_LETTERS] if said else ""

    @property
    def is_plain(self) -> bool:
        """Whether it is plain Ray Serve code, that runs without graphnb."""
        return not any(one.startswith(WHEELS) for one in self.files)

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(self.files.values())


def read_bundle(folder: Path) -> Bundle:
    """The bundle in a folder.

    Raises:
        ExportError: there is none.
    """
    try:
        spec = spec_from_json((folder / GRAPH).read_text("utf-8"))
        config = read_yaml((folder / SERVE).read_text("utf-8"))
        name = config["applications"][0]["name"]
    except (OSError, LookupError, TypeError) as error:
        raise ExportError(
            f"{folder} holds no bundle: {error}",
            hint="make one: %export NAME DIR in the notebook, or graphnb export SOURCE DIR",
        ) from error
    files = {path: (folder / path).stat().st_size for path in paths_of(folder)}
    return Bundle(folder, name, release_of(folder), spec, files)


def paths_of(folder: Path) -> list[str]:
    """The files in a bundle's folder, sorted; what running it leaves behind is not among them."""
    found = (one for one in folder.rglob("*") if one.is_file())
    left = {"__pycache__", ".pytest_cache"}
    return sorted(one.relative_to(folder).as_posix() for one in found if left.isdisjoint(one.parts))


def release_of(folder: Path) -> str:
    """The id of what is in a bundle's folder: the same content has the same id."""
    whole = hashlib.sha256()
    for path in paths_of(folder):
        if path not in NOT_COUNTED:
            whole.update(f"{path}\0{file_hash(folder / path)}\n".encode())
    return whole.hexdigest()[:_LETTERS]


def file_hash(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def stand_ins_of(folder: Path, values: Mapping[str, Any]) -> dict[int, Placeholder]:
    """What counts in code digests instead of a bundle's artifacts: their files.

    A value that was saved and loaded is another object, and may not have the same state in all.

    Args:
        folder: the bundle's.
        values: by name, as they are in this process.
    """
    found: dict[int, Placeholder] = {}
    for path in sorted((folder / FOLDER).glob("*")):
        if path.stem in values:
            whole = file_hash(path)
            for name, one in _parts(path.stem, values[path.stem]):
                found.setdefault(id(one), Placeholder(f"artifact {name} {whole}"))
    return found


def _parts(name: str, value: Any, depth: int = _DEEPEST) -> Iterator[tuple[str, Any]]:
    """An artifact, and what it holds that may be bound alone, such as one model of a dict."""
    yield name, value
    items: Iterable[tuple[Any, Any]] = ()
    if type(value) is dict:
        items = value.items()
    elif type(value) in {list, tuple}:
        items = enumerate(value)
    for key, one in itertools.islice(items, _MOST_PARTS):
        if depth and type(one) not in _SHARED and not isinstance(one, type | FunctionType):
            yield from _parts(f"{name}[{key!r}]", one, depth - 1)
