"""Modules: which are the user's, by what they count, and what they import.

A module that is installed counts by its name and version. One that is not (a helper beside the
notebook) counts by its source, by the modules it imports, and by the attributes that the code
which met it names: those may have been changed since the file was read.
"""

from __future__ import annotations

import ast
import importlib.metadata
import os
import sys
import sysconfig
import time
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

from graphnb.authoring.digest.bodies import BodyImport
from graphnb.authoring.digest.source import tree_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from graphnb.authoring.digest.stream import Stream

Origin = Literal[
    "standard",  # Python's own
    "installed",  # where pip and the system put packages; graphnb itself, wherever it stands
    "local",  # any other file
    "dynamic",  # made at run time, `__main__` above all
]

# What does not change while its version stays.
LIBRARY: frozenset[Origin] = frozenset({"standard", "installed"})

_STANDARD_PLACES = tuple(
    {
        os.path.realpath(place) + os.sep
        for place in map(sysconfig.get_path, ("stdlib", "platstdlib"))
    }
)

# A file that changed a moment ago may change again within one tick of its clock.
_SETTLED_NS = 2_000_000_000


@dataclass(frozen=True, slots=True)
class ModuleUse:
    """A module as some code meets it.

    Attributes:
        name: the module's full name.
        path: of its file or folder, if there is one.
        names: all names in that code; those that the module has count by their values.
        namespace: the module's attributes; empty if it is not loaded.
    """

    name: str
    path: str | None = None
    names: tuple[str, ...] = ()
    namespace: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, module: ModuleType, names: tuple[str, ...] = ()) -> ModuleUse:
        """The use of a loaded module."""
        namespace = getattr(module, "__dict__", {})
        return cls(namespace.get("__name__", ""), _path(namespace), names, namespace)


def origin(namespace: Mapping[str, Any]) -> Origin:
    """Where the code with these globals comes from."""
    return _where(str(namespace.get("__name__", "")), _path(namespace))


def in_library(module: str, path: str | None = None) -> bool:
    """Whether that module is Python's own or installed: every process can import it.

    Code of all other modules counts for a digest, and travels by value.

    Args:
        module: its name.
        path: of its file or folder, if it is not loaded.
    """
    return _where(module, path or _path(_namespace(module))) in LIBRARY


def library_holds(module: object, qualname: str, value: object) -> bool:
    """Whether a value is what a library's module holds under that name."""
    if not isinstance(module, str) or not in_library(module):
        return False
    namespace: Mapping[str, Any] = _namespace(module)
    found: object = None
    for part in qualname.split("."):  # by __dict__, since this must run no code of the library
        found = namespace.get(part)
        if isinstance(found, staticmethod | classmethod):
            found = found.__func__
        namespace = getattr(found, "__dict__", {})
    return found is value


def _namespace(name: str) -> Mapping[str, Any]:
    """The attributes of a loaded module; read this way, packages that load late stay asleep."""
    return getattr(sys.modules.get(name), "__dict__", {})


def _where(name: str, path: str | None) -> Origin:
    found = _origin(name, path)
    parent = name.rpartition(".")[0]
    if found == "dynamic" and parent:  # made at run time by its package, as compiled ones do
        above = _where(parent, _path(_namespace(parent)))
        return above if above in LIBRARY else found
    return found


@lru_cache(maxsize=4096)
def _origin(name: str, path: str | None) -> Origin:
    top = name.partition(".")[0]
    if top in {"__main__", "__mp_main__"}:
        return "dynamic"
    if top == "graphnb":
        return "installed"
    if path is None:
        return "standard" if top in sys.stdlib_module_names else "dynamic"
    if not {"site-packages", "dist-packages"}.isdisjoint(Path(path).parts):
        return "installed"
    if any(map(_has_installed, islice(Path(path).parents, name.count(".") + 2))):
        return "installed"
    return "standard" if os.path.realpath(path).startswith(_STANDARD_PLACES) else "local"


@lru_cache(maxsize=1024)
def _has_installed(folder: Path) -> bool:
    """Whether pip installs packages into that folder (`pip install --target`)."""
    return next(folder.glob("*.dist-info"), None) is not None


def _path(namespace: Mapping[str, Any]) -> str | None:
    path = namespace.get("__file__")
    if path is None:  # a folder without __init__.py
        path = next(iter(namespace.get("__path__", ())), None)
    return path if isinstance(path, str) else None


def version(name: str) -> str:
    """The version of the distribution that a module belongs to, or nothing if it has none."""
    parts = name.split(".")
    prefixes = [".".join(parts[: n + 1]) for n in range(len(parts))]
    for prefix in prefixes:
        found = _namespace(prefix).get("__version__")
        if isinstance(found, str):
            return found
    return next(filter(None, map(_distribution_version, prefixes)), "")


@lru_cache(maxsize=1024)
def _distribution_version(module: str) -> str:
    try:
        return importlib.metadata.version(module.replace(".", "-"))
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return ""


def module_parts(stream: Stream, use: ModuleUse) -> Iterator[object]:
    """Writes a module, once, and gives its imports and the attributes that are named."""
    where = _where(use.name, use.path)
    if where in LIBRARY:
        stream.write("module", use.name, "" if where == "standard" else version(use.name))
        return
    key = (use.name, id(use.namespace) if use.namespace else 0)
    if not stream.repeats(use, name=key):
        stream.write("local module", use.name)
        yield from _own_parts(stream, use, where)
    # Modules may hold one another; the same names are followed through each of them once.
    if use.names and not stream.repeats(use, name=(*key, use.names)):
        for name in use.names:
            if name in use.namespace and not name.startswith("__"):
                stream.write("attribute", name)
                yield used(use.namespace[name], use.names)


def used(value: object, names: tuple[str, ...]) -> object:
    """The value as code with these names meets it."""
    return ModuleUse.of(value, names) if isinstance(value, ModuleType) else value


def _own_parts(stream: Stream, use: ModuleUse, where: Origin) -> Iterator[object]:
    """What a module counts for, whoever meets it."""
    if where == "dynamic":
        if use.name != "__main__":  # no file says what it holds
            yield {n: v for n, v in use.namespace.items() if not n.startswith("__")}
        return
    facts = file_facts(use.path or "")
    stream.write("file", facts.digest)
    is_package = "__path__" in use.namespace or Path(use.path or "").stem == "__init__"
    parent = use.name.rpartition(".")[0]
    if parent:
        yield _find(parent, ())
    yield from import_parts(facts.imports, use.name if is_package else parent, ())


def import_parts(
    imports: Iterable[BodyImport], package: str, names: tuple[str, ...]
) -> Iterator[object]:
    """The modules that import statements load.

    Args:
        package: what relative imports start from.
        names: all names in the importing code.
    """
    for statement in imports:
        base = _absolute(statement, package)
        parts = base.split(".")
        for count in range(1, len(parts) + 1):
            found = _find(".".join(parts[:count]), names)
            yield found
        if _where(found.name, found.path) in LIBRARY:
            continue
        for name in statement.names:
            value = found.namespace.get(name)
            if value is None or isinstance(value, ModuleType):
                yield _find(f"{base}.{name}", names) if value is None else used(value, names)


def _absolute(statement: BodyImport, package: str) -> str:
    if not statement.level:
        return statement.name
    base = package.split(".")[: len(package.split(".")) - statement.level + 1]
    return ".".join(filter(None, [*base, statement.name]))


def _find(name: str, names: tuple[str, ...]) -> ModuleUse:
    """The module of that name, which is not loaded for it."""
    module = sys.modules.get(name)
    if module is not None:
        return ModuleUse.of(module, names)
    folders: list[str] | None = None
    path: str | None = None
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        if count > 1 and folders is None:  # the parent is no package
            return ModuleUse(name)
        prefix = ".".join(parts[:count])
        loaded = _namespace(prefix).get("__path__")  # as the package itself may have set it
        path, folders = (None, list(loaded)) if loaded else _locate(prefix, folders)
    return ModuleUse(name, path, names)


def _locate(name: str, search: list[str] | None) -> tuple[str | None, list[str] | None]:
    """The file of a module, and the folders of its submodules; nothing is imported."""
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        try:
            spec = find and find(name, search)
        except ImportError:  # so that nobody imports it
            return None, None
        if spec:
            folders = spec.submodule_search_locations
            folders = None if folders is None else list(folders)
            path = spec.origin if spec.has_location else next(iter(folders or ()), None)
            return path, folders
    return None, None


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a source file counts for: the digest of its syntax tree, and its imports."""

    digest: bytes
    imports: tuple[BodyImport, ...]


_files: dict[str, tuple[tuple[int, ...], FileFacts]] = {}


def file_facts(path: str) -> FileFacts:
    """The facts about a file, read again when its time or size changed."""
    try:
        stat = Path(path).stat()
    except OSError:
        return FileFacts(b"no file", ())
    stamp = (stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino)
    known = _files.get(path)
    if known is not None and known[0] == stamp:
        return known[1]
    facts = _read(Path(path))
    if time.time_ns() - stat.st_mtime_ns > _SETTLED_NS:
        _files[path] = (stamp, facts)
    return facts


def _read(path: Path) -> FileFacts:
    if path.is_dir():
        return FileFacts(b"folder", ())
    content = path.read_bytes()
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):  # compiled code, or a file in the middle of an edit
        return FileFacts(blake2b(content, digest_size=16).digest(), ())
    statements = (statement for node in ast.walk(tree) for statement in _imports(node))
    return FileFacts(tree_digest(tree), tuple(dict.fromkeys(statements)))


def _imports(node: ast.AST) -> Iterator[BodyImport]:
    if isinstance(node, ast.Import):
        yield from (BodyImport(alias.name, 0, ()) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        names = tuple(alias.name for alias in node.names)
        yield BodyImport(node.module or "", node.level, names)
