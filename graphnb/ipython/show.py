"""What magics print and display."""

from __future__ import annotations

import reprlib
import sys
from typing import TYPE_CHECKING, Any

from IPython.display import display

from graphnb.ipython.formatters import spec_of
from graphnb.session.http_client import Answer, proxy_hint
from graphnb.views import (
    image_html,
    mimebundle,
    table_html,
    table_text,
    waterfall_svg,
    waterfall_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from graphnb.engine import NodeValues
    from graphnb.graph import GraphSpec
    from graphnb.session import RunningGraph
    from graphnb.telemetry import Trace
    from graphnb.telemetry.summary import GraphSummary


def show_deployed(graph: RunningGraph, *, held: str | None = None, live: bool = False) -> None:
    """The picture, and one line: what changed, and where it answers.

    Args:
        graph: what was deployed.
        held: how to get hold of it, where no variable has its name.
        live: whether the picture changes while requests flow.
    """
    if live:
        display(graph.live())
    else:
        display(mimebundle(graph.spec), raw=True)
    deployed = graph.deployed
    assert deployed is not None
    where = f" {graph.url}" if graph.url else ""
    hold = f"; get it by {held}" if held else ""
    for note in deployed.notes:
        print(note)
    print(f"{graph.name}: {deployed.changes}{where}{proxy_hint(graph.url)}{hold}")
    # Not on stderr: another executor has other warnings or none, and notebooks are compared.
    for warning in deployed.warnings:
        print(f"warning: {warning}")
    for finding in deployed.findings:
        print(f"warning: {finding}", file=sys.stderr)


def show_graph(value: Any, summary: GraphSummary | None) -> None:
    """The picture, with metrics where there are some."""
    if summary is not None and not summary.requests:
        print("no request has been answered yet")
    display(mimebundle(spec_of(value), summary), raw=True)


def show_measured(graph: RunningGraph, summary: GraphSummary) -> None:
    """The table of nodes, and the picture with metrics."""
    spec = graph.spec
    data = {"text/plain": table_text(summary, spec), "text/html": table_html(summary, spec)}
    display(data, raw=True)
    display(mimebundle(spec, summary), raw=True)


def show_trace(trace: Trace, spec: GraphSpec) -> None:
    """The waterfall of one request."""
    svg = waterfall_svg(trace, spec)
    data = {
        "text/plain": waterfall_text(trace, spec),
        "image/svg+xml": svg,
        "text/html": image_html(svg, "waterfall of one request"),
    }
    display(data, raw=True)


_short = reprlib.Repr()
_short.maxstring = _short.maxother = 120
_short.maxlist = _short.maxdict = _short.maxtuple = 8


def show_values(values: Iterable[NodeValues] | None) -> None:
    """What went into and came out of each node, shortened."""
    for one in values or ():
        arguments = [_brief(value) for value in one.args]
        arguments += [f"{name}={_brief(value)}" for name, value in one.kwargs.items()]
        if one.error is not None:
            came = f"{type(one.error).__name__}: {one.error}"
        else:
            came = _brief(one.result)
        print(f"{one.node}({', '.join(arguments)}) -> {came}")


def _brief(value: Any) -> str:
    shape = getattr(value, "shape", None)
    if shape is not None and hasattr(value, "dtype"):
        size = "x".join(map(str, shape)) or "scalar"
        return f"{type(value).__name__}[{size} {value.dtype}]"
    return _short.repr(value).replace("\n", " ")


def show_answer(answer: Answer) -> Any:
    """The value of an HTTP answer; a status that is an error is printed."""
    if answer.status >= 400:
        print(f"HTTP {answer.status}: {answer.reason}")
        return None
    if answer.media_type.startswith("image/"):
        from IPython.display import Image

        return Image(answer.value)
    return answer.value


def show_deployments(graphs: Iterable[RunningGraph]) -> None:
    """A line for each running graph, and one for each of its deployments."""
    rows = [("graph", "node", "state", "replicas", "busy", "queued", "restarts", "where")]
    for graph in graphs:
        for index, one in enumerate(graph.status()):
            rows.append(
                (
                    graph.name if index == 0 else "",
                    one.name,
                    one.state,
                    f"{one.running}/{one.replicas}",
                    str(one.ongoing),
                    str(one.queued),
                    str(one.restarts),
                    (graph.url or graph.on) if index == 0 else (one.error or ""),
                )
            )
    if len(rows) == 1:
        print("no graph is running; deploy one with %%deploy NAME")
        return
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print(
            "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        )
