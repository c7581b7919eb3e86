"""Where a cluster takes packages from: its own memory, or a folder that it reaches.

What Ray's runtime environments read is written here: the URI of a package says where it is.
"""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from graphnb.errors import PromoteError
from graphnb.promote.bundle.secrets import masked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from graphnb.promote.release.package import Package
    from graphnb.rayserve.rest import ServeRest

__all__ = ["Memory", "Store", "checked_folder", "store_of"]

_MEMORY = "gcs"
# What Ray reads and can be written to, with the library that fsspec takes for it.
_PROTOCOLS = {"s3": "s3fs", "gs": "gcsfs", "abfss": "adlfs", "file": "fsspec"}


class Store(Protocol):
    """Keeps packages; each has its content in its name, and is written once."""

    def has(self, uri: str) -> bool:
        """Whether the package is there, and stays for ten minutes at least."""

    def put(self, uri: str, package: Package) -> None:
        """Writes a package: all of it, or nothing."""


def store_of(uri: str, rest: ServeRest) -> Store:
    """Where a package of that URI is."""
    return Memory(rest) if urlsplit(uri).scheme == _MEMORY else Folder()


class Memory:
    """The cluster's own memory; what nobody refers to is forgotten.

    Args:
        rest: the connection to the cluster.
    """

    def __init__(self, rest: ServeRest) -> None:
        self._rest = rest

    def has(self, uri: str) -> bool:
        """Whether it is there; it then stays for ten minutes."""
        return self._rest.keep_package(_name(uri))

    def put(self, uri: str, package: Package) -> None:
        """Sends it through the dashboard."""
        self._rest.upload(_name(uri), package.file)
        self._rest.keep_package(_name(uri))


class Folder:
    """A folder or a bucket, which the cluster's nodes read themselves."""

    def has(self, uri: str) -> bool:
        """Whether it is there."""
        with _told(uri, "asked for"):
            files, path = _files(uri)
            return bool(files.exists(path))

    def put(self, uri: str, package: Package) -> None:
        """Writes it; where that takes several steps, it gets its name with the last one."""
        with _told(uri, "written"):
            files, path = _files(uri)
            if urlsplit(uri).scheme != "file":  # an object of a bucket is there when it is whole
                files.put_file(str(package.file), path)
                return
            files.makedirs(path.rpartition("/")[0], exist_ok=True)
            part = f"{path}.{secrets.token_hex(4)}"
            try:
                files.put_file(str(package.file), part)
                files.mv(part, path)
            except BaseException:
                if files.exists(part):
                    files.rm_file(part)
                raise


def checked_folder(uri: str) -> str | None:
    """What is wrong with a folder for packages; None if it will do."""
    parts = urlsplit(uri)
    if parts.scheme not in _PROTOCOLS:
        known = ", ".join(f"{one}://" for one in _PROTOCOLS)
        return f"there are {known}"
    if parts.scheme == "file":
        is_local = not parts.netloc and parts.path.strip("/")
        return None if is_local else "a folder is written with three slashes: file:///mnt/graphs"
    if not parts.netloc:
        return f"the bucket is missing: {parts.scheme}://bucket/graphs"
    if parts.query or parts.fragment or parts.password:
        return "it is an address alone: credentials stand where the library of the store finds them"
    return None


def _name(uri: str) -> str:
    return uri.rpartition("/")[2]


def _files(uri: str) -> tuple[Any, str]:
    """The file system of a URI, and the path in it.

    Raises:
        PromoteError: the library that speaks its protocol is not installed.
    """
    from fsspec.core import url_to_fs

    scheme = urlsplit(uri).scheme
    library = _PROTOCOLS[scheme]
    try:
        found: tuple[Any, str] = url_to_fs(uri)
    except ImportError:
        raise PromoteError(
            f"{uri} cannot be reached: {scheme}:// takes {library}, which is not installed here",
            hint=f"pip install {library}",
        ) from None
    return found


@contextmanager
def _told(uri: str, what: str) -> Iterator[None]:
    """Tells an error of a store, each of which has errors of its own, in words."""
    try:
        yield
    except PromoteError:
        raise
    except Exception as error:
        said = masked(f"{type(error).__name__}: {error}")
        raise PromoteError(
            f"{uri} cannot be {what}: {said}",
            hint="see that this machine may write there, and the cluster's nodes may read there",
        ) from error
