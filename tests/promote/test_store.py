"""Where packages are kept: the cluster's memory, or a folder that its nodes reach."""

from pathlib import Path
from typing import ClassVar

import httpx
import pytest

from graphnb.errors import ClusterError, PromoteError
from graphnb.promote.release.package import Package
from graphnb.promote.release.store import Folder, Memory, checked_folder, store_of
from graphnb.promote.release.target import Target
from graphnb.rayserve.rest import ServeRest


@pytest.fixture
def package(tmp_path):
    """A package on this machine."""
    file = tmp_path / "package.zip"
    file.write_bytes(b"content")
    return Package(file, "_ray_pkg_0123.zip")


@pytest.fixture
def bucket(monkeypatch):
    """A store of objects, in memory, that answers to s3://."""
    from fsspec.implementations import memory
    from fsspec.registry import _registry

    class Bucket(memory.MemoryFileSystem):
        protocol = ("s3", "memory")
        store: ClassVar = {}
        pseudo_dirs: ClassVar = [""]

        @classmethod
        def _strip_protocol(cls, path):
            return super()._strip_protocol(path.replace("s3://", "memory://"))

    monkeypatch.setitem(_registry, "s3", Bucket)
    return Bucket.store


def test_a_folder_has_what_was_put_there(package, tmp_path):
    """Whole, under its own name, and nothing beside it."""
    place = tmp_path / "shared" / "graphs"
    uri = f"{place.as_uri()}/{package.name}"
    folder = Folder()
    assert not folder.has(uri)
    folder.put(uri, package)
    assert folder.has(uri)
    assert [one.name for one in place.iterdir()] == [package.name]
    assert (place / package.name).read_bytes() == b"content"


def test_a_write_that_breaks_off_leaves_nothing(package, tmp_path, monkeypatch):
    """The name is given last, and what was written till then is taken away."""
    from fsspec.implementations.local import LocalFileSystem

    def broken(self, source, place, **options):
        Path(place).write_bytes(b"cont")
        raise OSError("no space left")

    monkeypatch.setattr(LocalFileSystem, "put_file", broken)
    uri = f"{(tmp_path / 'shared').as_uri()}/{package.name}"
    with pytest.raises(PromoteError, match=r"cannot be written: OSError: no space left"):
        Folder().put(uri, package)
    assert list((tmp_path / "shared").iterdir()) == []


def test_a_bucket_has_what_was_put_there(package, bucket):
    """As one object."""
    uri = f"s3://graphs/team/{package.name}"
    assert not Folder().has(uri)
    Folder().put(uri, package)
    assert Folder().has(uri)
    assert list(bucket) == [f"/graphs/team/{package.name}"]


def test_a_library_that_is_missing_is_named(package):
    """With how to install it."""
    with pytest.raises(PromoteError, match="takes s3fs, which is not installed here") as caught:
        Folder().has(f"s3://graphs/{package.name}")
    assert caught.value.hint == "pip install s3fs"


WRONG = [
    ("/mnt/graphs", "there are s3://"),
    ("http://x.example/graphs", "there are s3://"),
    ("file://mnt/graphs", "three slashes"),
    ("file:///", "three slashes"),
    ("s3:///graphs", "the bucket is missing"),
    ("s3://bucket/graphs?token=1", "credentials stand where"),
    ("s3://user:key@bucket/graphs", "credentials stand where"),
]


@pytest.mark.parametrize(("uri", "said"), WRONG)
def test_what_is_no_place_for_packages_is_told(uri, said):
    """With what would be one."""
    assert said in checked_folder(uri)


@pytest.mark.parametrize(
    "uri", ["s3://b", "gs://b/x/", "abfss://c@a.dfs.core.windows.net/x", "file:///mnt/x"]
)
def test_what_ray_reads_is_a_place(uri):
    """Ray itself takes the URI of a package there."""
    from ray._private.runtime_env.validation import validate_uri

    assert checked_folder(uri) is None
    made = Target("t", "https://x.example", packages=uri).package_uri("_ray_pkg_0.zip")
    validate_uri(made, "working_dir")
    assert isinstance(store_of(made, None), Folder)


def test_without_a_place_it_is_the_clusters_memory():
    """By the name that Ray gives it."""
    made = Target("t", "https://x.example").package_uri("_ray_pkg_0.zip")
    assert made == "gcs://_ray_pkg_0.zip"
    assert isinstance(store_of(made, None), Memory)


def test_what_is_too_large_for_a_dashboard_is_told(package, monkeypatch):
    """With its size, and three ways around."""
    monkeypatch.setattr("graphnb.rayserve.rest._MAX_PACKAGE", 5)
    with ServeRest("http://127.0.0.1:9") as rest, pytest.raises(ClusterError) as caught:
        monkeypatch.setattr(httpx.Client, "request", None)
        Memory(rest).put(f"gcs://{package.name}", package)
    assert "MB packed" in str(caught.value)
    for way in ('packages = "s3://', "serve deploy serve.yaml", "__init__"):
        assert way in caught.value.hint
