"""A value as a file, with the statement that loads it.

Each is of the plainest format that holds it: JSON, numpy's, safetensors for tensors by name,
joblib's for models, and pickle for all else.
"""

from __future__ import annotations

import importlib.util
import json
import pickle
import pkgutil
import sys
from dataclasses import dataclass
from types import FunctionType
from typing import TYPE_CHECKING, Any, Literal

from graphnb.errors import ExportError
from graphnb.promote.artifacts.kinds import is_array, is_fitted, is_plain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["FOLDER", "MODULE", "Artifact", "artifact_of"]

FOLDER = "artifacts"
"""Where artifacts are, beside the module."""

MODULE = "app"
"""The module that loads them: what a notebook defines is its own there."""

Format = Literal["json", "npy", "safetensors", "joblib", "pkl"]


@dataclass(frozen=True, slots=True)
class Artifact:
    """A value, and how it is kept.

    Attributes:
        name: the variable.
        value: what it holds.
        format: how it is written; also the end of its file's name.
        tensors: whether they are torch's, of a file of safetensors.
        needs: what the notebook itself defines, and the file refers to.
        libraries: the modules that loading it takes.
    """

    name: str
    value: Any
    format: Format
    tensors: bool = False
    needs: frozenset[str] = frozenset()
    libraries: frozenset[str] = frozenset()

    @property
    def file(self) -> str:
        """Its file in the folder of artifacts."""
        return f"{self.name}.{self.format}"

    @property
    def kind(self) -> str:
        """What the value is, for people."""
        return type(self.value).__name__

    @property
    def module(self) -> str:
        """The module that the statement which loads it uses."""
        if self.format == "safetensors":
            return "safetensors.torch" if self.tensors else "safetensors.numpy"
        return {"json": "json", "npy": "numpy", "joblib": "joblib", "pkl": "pickle"}[self.format]

    def loaded(self, module: str, folder: str) -> str:
        """The statement that loads it.

        Args:
            module: the name of `self.module` where that stands.
            folder: the name of the folder's path there.
        """
        path = f'{folder} / "{self.file}"'
        expression = {
            "json": f'{module}.loads(({path}).read_text(encoding="utf-8"))',
            "npy": f"{module}.load({path}, allow_pickle=False)",
            "safetensors": f"{module}.load_file({path})",
            "joblib": f"{module}.load({path})",
            "pkl": f"{module}.loads(({path}).read_bytes())",
        }[self.format]
        return f"{self.name} = {expression}"

    def write(self, folder: Path) -> int:
        """Writes the file.

        Returns:
            Its size in bytes.

        Raises:
            ExportError: the value cannot be saved.
        """
        path = folder / self.file
        try:
            _WRITERS[self.format](self, path)
        except Exception as error:
            raise _not_saved(self.name, self.value, error) from error
        return path.stat().st_size


def _not_saved(name: str, value: Any, error: Exception) -> ExportError:
    return ExportError(
        f"{name}, a {type(value).__name__}, cannot be saved: {type(error).__name__}: {error}",
        hint=f"have the node make it: in the __init__ of the class that uses {name}",
    )


def artifact_of(name: str, value: Any) -> Artifact:
    """How a value is kept.

    Raises:
        ExportError: it cannot be saved.
    """
    if is_plain(value) and _is_json(value):
        return Artifact(name, value, "json")
    if is_array(value):
        return Artifact(name, value, "npy", libraries=frozenset({"numpy"}))
    tensors = _tensors(value)
    if tensors is not None:
        return Artifact(
            name, value, "safetensors", tensors == "torch", libraries=frozenset({tensors})
        )
    listener = _Listener()
    try:
        listener.dump(value)
    except Exception as error:
        raise _not_saved(name, value, error) from error
    is_own = bool(listener.own)
    way: Format = "joblib" if is_fitted(value) and not is_own and _has("joblib") else "pkl"
    libraries = frozenset(listener.libraries)
    return Artifact(name, value, way, needs=frozenset(listener.own), libraries=libraries)


def _is_json(value: Any) -> bool:
    try:
        return _same(json.loads(json.dumps(value, allow_nan=False)), value)
    except (TypeError, ValueError, RecursionError):
        return False


def _same(one: Any, other: Any) -> bool:
    """Whether they are equal, with the same types all through: JSON has no tuples."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        if list(one) != list(other):
            return False
        return all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _tensors(value: Any) -> Literal["torch", "numpy"] | None:
    """The library of a dict of tensors by name, if safetensors can keep it."""
    if not (type(value) is dict and value and _has("safetensors")):
        return None
    modules = {type(one).__module__.partition(".")[0] for one in value.values()}
    if not all(isinstance(name, str) for name in value):
        return None
    if modules == {"torch"}:
        return "torch"
    is_numbers = all(is_array(one) and one.dtype.kind in "biuf" for one in value.values())
    return "numpy" if is_numbers else None


def _has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


class _Pickler(pickle.Pickler):
    """Pickles what the notebook defines as the module's."""

    def reducer_override(self, value: Any) -> Any:
        name = _own_name(value)
        if name is None:
            return NotImplemented
        return pkgutil.resolve_name, (f"{MODULE}:{name}",)


class _Listener(_Pickler):
    """Only finds out what it takes to pickle a value, and to load it."""

    def __init__(self) -> None:
        self.own: set[str] = set()  # the names that the notebook must define
        self.libraries: set[str] = set()
        super().__init__(_Nothing(), protocol=5)

    def reducer_override(self, value: Any) -> Any:
        name = _own_name(value)
        if name is not None:
            if _found(name) is not value:
                raise pickle.PicklingError(f"{name} is not what it was when this was made")
            self.own.add(name.partition(".")[0])
        else:
            is_named = isinstance(value, type | FunctionType)
            module = getattr(value if is_named else type(value), "__module__", None)
            self.libraries |= _library(module)
        return super().reducer_override(value)


def _own_name(value: Any) -> str | None:
    """The name under which the notebook defines a class or a function."""
    name = getattr(value, "__qualname__", None)
    is_own = isinstance(name, str) and getattr(value, "__module__", None) == "__main__"
    return name if is_own and (isinstance(value, type) or callable(value)) else None


def _found(name: str) -> Any:
    """What the notebook has under a name now."""
    found: Any = sys.modules["__main__"]
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _library(module: object) -> set[str]:
    """The module at the top, if it is one of a file: compilers make others up."""
    top = module.partition(".")[0] if isinstance(module, str) else ""
    there = sys.modules.get(top)
    return {top} if getattr(there, "__file__", None) else set()


class _Nothing:
    """A file that keeps nothing."""

    def write(self, data: Any) -> int:
        return memoryview(data).nbytes


def _write_json(one: Artifact, path: Path) -> None:
    path.write_text(json.dumps(one.value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _write_array(one: Artifact, path: Path) -> None:
    import numpy as np

    np.save(path, one.value, allow_pickle=False)


def _write_tensors(one: Artifact, path: Path) -> None:
    library = __import__(one.module, fromlist=["save_file"])
    library.save_file({name: _in_order(value) for name, value in one.value.items()}, path)


def _in_order(tensor: Any) -> Any:
    """The tensor laid out in C's order: safetensors writes memory as it lies there."""
    if hasattr(tensor, "contiguous"):
        return tensor.contiguous()
    return tensor if tensor.flags.c_contiguous else tensor.copy(order="C")


def _write_model(one: Artifact, path: Path) -> None:
    library: Any = __import__("joblib")
    library.dump(one.value, path)


def _write_pickle(one: Artifact, path: Path) -> None:
    with path.open("wb") as file:
        _Pickler(file, protocol=5).dump(one.value)


_WRITERS: dict[Format, Callable[[Artifact, Path], None]] = {
    "json": _write_json,
    "npy": _write_array,
    "safetensors": _write_tensors,
    "joblib": _write_model,
    "pkl": _write_pickle,
}
