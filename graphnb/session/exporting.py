"""A running graph as a bundle: asked for here, made by `promote`."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphnb.authoring import build
from graphnb.authoring.digest import code_digest
from graphnb.errors import ExportError
from graphnb.graph.diff import diff
from graphnb.promote.artifacts.unnamed import unnamed_models
from graphnb.promote.export import Recorded
from graphnb.promote.export import export as export_notebook
from graphnb.promote.golden import Golden, record
from graphnb.session.target import root_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from graphnb.authoring import Graph
    from graphnb.authoring.digest import Placeholder
    from graphnb.graph import GraphSpec
    from graphnb.promote.export import ExportResult
    from graphnb.promote.notebook import Notebook
    from graphnb.session.running_graph import RunningGraph

__all__ = ["export_graph", "export_source_of"]


def export_graph(
    graph: RunningGraph,
    notebook: Notebook,
    folder: str | Path,
    *,
    golden: Sequence[Any] = (),
    venv: bool = False,
    plain: bool = False,
    progress: Callable[[str], None],
) -> ExportResult:
    """Writes the bundle of a running graph, and proves it.

    Args:
        graph: what runs.
        notebook: in which it is written.
        folder: where the bundle goes.
        golden: requests to send to it over HTTP now, whose answers the bundle keeps.
        venv: whether the proof installs its requirements in a fresh environment.
        plain: whether it is plain Ray Serve code, that runs without graphnb.
        progress: is told what it is at.

    Raises:
        ExportError: something cannot be carried.
        ProofError: the bundle does not run alone, or answers otherwise.
    """
    running = _check_unchanged(graph)
    sent = _recorded(graph, golden, progress) if golden else []
    result = export_notebook(
        notebook,
        Path(folder).expanduser().absolute(),
        name=graph.name,
        spec_of=lambda stand_ins: _spec_with(graph._kept.target, stand_ins),
        recorded=Recorded([one.to_json() for one in sent], _profile(graph)),
        venv=venv,
        plain=plain,
        progress=progress,
    )
    unnamed = unnamed_models(running, [one.value for one in result.artifacts])
    return replace(result, warnings=(*unnamed, *result.warnings))


def export_source_of(
    notebook: Notebook,
    folder: Path,
    *,
    name: str,
    venv: bool,
    plain: bool,
    progress: Callable[[str], None],
) -> ExportResult:
    """Writes the bundle of a graph that does not run here, and proves it.

    Args:
        notebook: its source.
        folder: where the bundle goes.
        name: what the application is called.
        venv: whether the proof installs its requirements in a fresh environment.
        plain: whether it is plain Ray Serve code, that runs without graphnb.
        progress: is told what it is at.

    Raises:
        ExportError: something cannot be carried.
        ProofError: the bundle does not run alone.
    """
    return export_notebook(
        notebook,
        folder.absolute(),
        name=name,
        spec_of=None,
        venv=venv,
        plain=plain,
        progress=progress,
    )


def _spec_with(target: Any, stand_ins: Mapping[int, Placeholder]) -> GraphSpec:
    return build(root_of(target), digest=partial(code_digest, stand_ins=stand_ins)).spec


def _check_unchanged(graph: RunningGraph) -> Graph:
    """The graph as it is written; ExportError if it is no longer what was deployed."""
    now = build(root_of(graph._kept.target))
    changed = diff(graph.spec, now.spec).names("added", "removed", "replaced")
    if changed:
        raise ExportError(
            f"{', '.join(changed)} {'has' if len(changed) == 1 else 'have'} changed in the notebook"
            f" since {graph.name} was deployed",
            hint="deploy it again, so that what runs is what the cells say",
        )
    return now


def _recorded(
    graph: RunningGraph, golden: Sequence[Any], progress: Callable[[str], None]
) -> list[Golden]:
    import httpx

    if not isinstance(golden, list | tuple):
        raise ExportError(
            f"golden requests are a {type(golden).__name__}", hint="give a list of requests"
        )
    if graph.url is None:
        raise ExportError(
            f"{graph.name} does not answer HTTP: golden requests cannot be recorded",
            hint="deploy it with http=True",
        )
    progress("recording golden requests")
    options = graph._application.http
    headers = {}
    if options is not None and options.token:
        headers["authorization"] = f"Bearer {options.token}"
    with httpx.Client(trust_env=False, timeout=60, headers=headers) as client:
        return record(client, graph.url, golden)


def _profile(graph: RunningGraph) -> Mapping[str, Any] | None:
    """What requests took, if there were any."""
    found = graph.metrics()
    if not found.requests:
        return None
    nodes = {
        name: {"count": one.count, "p50_s": one.p50_s, "p95_s": one.p95_s}
        for name, one in found.nodes.items()
    }
    return {
        "requests": found.requests, "errors": found.errors,
        "p50_s": found.p50_s, "p95_s": found.p95_s, "nodes": nodes,
    }  # fmt: skip
