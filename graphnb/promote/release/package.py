"""What a cluster is sent: a bundle's code with graphnb itself, as one zip file.

Its name is made of its content, so that it is sent once, and replicas of an earlier release go on
with an earlier one. Beside Ray Serve, nothing has to be installed there for graphnb's sake.
"""

from __future__ import annotations

import hashlib
import importlib
import tempfile
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from graphnb.errors import PromoteError
from graphnb.promote.bundle.bundle import paths_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from graphnb.promote.bundle import Bundle

__all__ = ["Package", "packed"]

_LIBRARIES = ("cloudpickle", "ddsketch")  # what replicas of graphnb import that Ray does not bring
_LEFT_OUT = ("wheels/", "tests/", "Dockerfile", "rayservice.yaml", "PROVENANCE.json")
_EPOCH = (1980, 1, 1, 0, 0, 0)
_LETTERS = 32
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Package:
    """A package on this machine.

    Attributes:
        file: where it is.
        name: what it is called wherever it is kept: made of its content.
    """

    file: Path
    name: str


@contextmanager
def packed(bundle: Bundle) -> Iterator[Package]:
    """The package of a bundle, in a file that is there for a while.

    Raises:
        PromoteError: it is of plain code.
    """
    if bundle.is_plain:
        raise PromoteError(
            f"{bundle.folder} is plain Ray Serve code, which is deployed without graphnb",
            hint="use `serve deploy serve.yaml` there, or export it without --plain",
        )
    with tempfile.TemporaryDirectory(prefix="graphnb-package-") as folder:
        file = Path(folder) / "package.zip"
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            for path in paths_of(bundle.folder):
                if not path.startswith(_LEFT_OUT):
                    _add(archive, path, bundle.folder / path)
            (wheel,) = (bundle.folder / "wheels").glob("graphnb-*.whl")
            with zipfile.ZipFile(wheel) as own:
                for name in sorted(own.namelist()):
                    archive.writestr(zipfile.ZipInfo(name, _EPOCH), own.read(name))
            for library in _LIBRARIES:
                root = Path(str(importlib.import_module(library).__file__)).parent
                for each in sorted(root.rglob("*.py")):
                    _add(archive, f"{library}/{each.relative_to(root).as_posix()}", each)
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()[:_LETTERS]
        yield Package(file, f"_ray_pkg_{digest}.zip")


def _add(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    """Adds a file piece by piece: artifacts may be large."""
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    with archive.open(info, "w", force_zip64=True) as inside, path.open("rb") as outside:
        while piece := outside.read(_PIECE):
            inside.write(piece)
