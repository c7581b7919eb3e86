"""Makes `import ray` quick where a package that comes with JupyterLab slows it down.

`stand_ins/` holds modules that put off what the real ones do when they are imported. On the path
of Ray's processes they save each of them more than a second; in a notebook's kernel, the first
`import ray`. Nothing else changes: what uses the real module gets it.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

STAND_INS = Path(__file__).with_name("stand_ins")


def quicken_imports() -> None:
    """Has this process use the stand-ins for what it has not imported yet."""
    folder = str(STAND_INS)
    sys.path.insert(0, folder)
    try:
        for file in STAND_INS.glob("*.py"):
            if file.stem not in sys.modules:
                _try_import(file.stem)
    finally:
        sys.path.remove(folder)


def _try_import(name: str) -> None:
    try:
        import_module(name)
    except ModuleNotFoundError:  # there is nothing to stand in for
        return


def quick_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """A process environment in which Python finds the stand-ins first."""
    rest = environment.get("PYTHONPATH")
    path = str(STAND_INS) if not rest else f"{STAND_INS}{os.pathsep}{rest}"
    return {**environment, "PYTHONPATH": path}
