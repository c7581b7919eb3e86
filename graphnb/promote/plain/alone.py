"""What a clean process does for plain code: says what a bundle's graph would be, and tries one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from graphnb.authoring import build
from graphnb.authoring.build import no_digest
from graphnb.promote.bundle.bundle import MODULE
from graphnb.promote.plain.module import generate
from graphnb.promote.plain.unfit import unfit_names

if TYPE_CHECKING:
    from pathlib import Path

    from graphnb.authoring import DeploymentNode, Graph

__all__ = ["described", "plain_graph"]


def described(folder: Path, root: DeploymentNode, title: str) -> dict[str, Any]:
    """The driver of a bundle's graph, as plain code.

    Args:
        folder: the bundle's; its module has been imported.
        root: the graph's.
        title: what the application is called.

    Raises:
        ExportError: something has no name, and cannot be written out.
    """
    local = {one.stem for one in folder.iterdir() if one.suffix == ".py" or one.is_dir()} - {"app"}
    graph = build(root, digest=no_digest)
    made = generate(
        graph,
        vars(sys.modules["app"]),
        local=local,
        title=title,
        unfit=unfit_names((folder / MODULE).read_text("utf-8")),
    )
    return {"text": made.text, "imports": made.imports, "needs": made.needs}


def plain_graph() -> Graph:
    """The graph of a bundle of plain code, as its own application says.

    Raises:
        Exception: what its module raises.
    """
    import app  # type: ignore[import-not-found]  # the bundle's

    from graphnb.rayserve.reading import read_application

    return read_application(app.app)
