"""The wheel of graphnb that is installed here, made of its own files: no index need have it.

The format is the binary distribution format of the Python packaging user guide (PEP 427); the same
files give the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from importlib.metadata import Distribution, distribution
from importlib.resources import files
from pathlib import Path

__all__ = ["wheel"]

_TAG = "py3-none-any"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip file can say
_METADATA = ("METADATA", "entry_points.txt")


def wheel() -> tuple[str, bytes]:
    """The name of the wheel's file, and what is in it."""
    found = distribution("graphnb")
    name = f"graphnb-{found.version}"
    members = {f"graphnb/{path}": data for path, data in _package().items()}
    info = f"{name}.dist-info"
    for each in _METADATA:
        text = found.read_text(each)
        if text is not None:
            members[f"{info}/{each}"] = text.encode()
    members |= {f"{info}/licenses/{path}": data for path, data in _licenses(found).items()}
    said = f"Wheel-Version: 1.0\nGenerator: graphnb\nRoot-Is-Purelib: true\nTag: {_TAG}\n"
    members[f"{info}/WHEEL"] = said.encode()
    record = [f"{path},sha256={_hash(data)},{len(data)}" for path, data in members.items()]
    members[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()
    return f"{name}-{_TAG}.whl", _zipped(members)


def _package() -> dict[str, bytes]:
    root = Path(str(files("graphnb")))
    found = (one for one in root.rglob("*") if one.is_file() and "__pycache__" not in one.parts)
    return {one.relative_to(root).as_posix(): one.read_bytes() for one in sorted(found)}


def _licenses(found: Distribution) -> dict[str, bytes]:
    names = found.metadata.get_all("License-File") or []
    texts = {name: found.read_text(f"licenses/{name}") for name in names}
    return {name: text.encode() for name, text in texts.items() if text is not None}


def _hash(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def _zipped(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in members.items():
            info = zipfile.ZipInfo(path, _EPOCH)
            info.external_attr = 0o644 << 16
            archive.writestr(info, data, zipfile.ZIP_DEFLATED, 9)
    return file.getvalue()
