"""Graphs that replicas import, rather than being sent their definitions.

A module that ends in `app = serve.build(best, import_path="app:app")` is imported where the
application is built, and again in each replica: there only for its nodes, so that nothing is
serialized, hashed or compiled for the deployments that run elsewhere. Which code a replica runs is
then said by its own runtime environment alone.
"""

from __future__ import annotations

import pkgutil
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from graphnb.authoring import build
from graphnb.authoring.build import no_digest
from graphnb.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from graphnb.authoring import DeploymentNode, Graph

__all__ = ["for_nodes_alone", "imported_graph", "imported_root", "keep_root"]

_roots: dict[str, DeploymentNode] = {}
_importing = threading.local()


def keep_root(import_path: str, root: DeploymentNode) -> bool:
    """Notes the root of a graph that a module builds.

    Returns:
        Whether the module is imported for its nodes alone, and no application is wanted.
    """
    _roots[import_path] = root
    return getattr(_importing, "alone", False)


@contextmanager
def for_nodes_alone() -> Iterator[None]:
    """While it lasts, modules that this thread imports make no applications."""
    before = getattr(_importing, "alone", False)
    _importing.alone = True
    try:
        yield
    finally:
        _importing.alone = before


def imported_root(import_path: str) -> DeploymentNode:
    """The root of the graph that is built at an import path.

    Raises:
        DeployError: nothing is built there.
        Exception: what the module raises.
    """
    if import_path not in _roots:
        module, _, name = import_path.partition(":")
        with for_nodes_alone():
            pkgutil.resolve_name(module)
    if import_path not in _roots:
        raise DeployError(
            f"{module} builds no application at {import_path!r}",
            hint=f'end it in: {name} = serve.build(..., import_path="{import_path}")',
        )
    return _roots[import_path]


def imported_graph(import_path: str) -> Graph:
    """The graph that is built at an import path; its digests are empty.

    Raises:
        DeployError: nothing is built there.
        Exception: what the module raises.
    """
    return build(imported_root(import_path), digest=no_digest)
