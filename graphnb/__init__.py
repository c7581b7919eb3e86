"""Multi-model inference graphs in notebooks: write them, see them, run them, ship them.

from graphnb import serve, InputNode, DAGDriver

@serve.deployment
async def double(x: int) -> int:
    return 2 * x

with InputNode() as request:
    doubled = double.bind(request["x"])

graph = graphnb.deploy(doubled, name="doubler")
graph.remote({"x": 21}).result()  # 42
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from graphnb import errors, http_adapters, serve
    from graphnb.authoring import InputNode
    from graphnb.drivers import DAGDriver
    from graphnb.executors import HttpOptions
    from graphnb.session import RunningGraph, deploy, get, running

__version__ = "0.1.0"

__all__ = [
    "DAGDriver",
    "HttpOptions",
    "InputNode",
    "RunningGraph",
    "__version__",
    "deploy",
    "errors",
    "get",
    "http_adapters",
    "running",
    "serve",
]

_HOMES = {
    "DAGDriver": "graphnb.drivers",
    "HttpOptions": "graphnb.executors",
    "InputNode": "graphnb.authoring",
    "RunningGraph": "graphnb.session",
    "deploy": "graphnb.session",
    "get": "graphnb.session",
    "running": "graphnb.session",
}


def __getattr__(name: str) -> Any:
    """Loads public names on first use, so that `import graphnb` stays light."""
    if name in ("errors", "http_adapters", "serve"):
        return importlib.import_module(f"graphnb.{name}")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'graphnb' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__


def load_ipython_extension(shell: InteractiveShell) -> None:
    """What `%load_ext graphnb` calls."""
    from graphnb.ipython import load

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """What `%unload_ext graphnb` calls."""
    from graphnb.ipython import unload

    unload(shell)
