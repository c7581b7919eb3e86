"""A summary as a table: one row for each node, one for the whole.

The times are percentiles over requests; they don't add up from row to row, the shares of the
critical path do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphnb.views import units
from graphnb.views.palette import ALERT
from graphnb.views.typography import clean, xml

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from graphnb.graph.spec import GraphSpec
    from graphnb.telemetry.summary import GraphSummary, NodeSummary

__all__ = ["table_html", "table_text"]

_HEADERS = ("node", "count", "errors", "p50", "p95", "p99", "queued p50", "critical path")
_ERRORS = _HEADERS.index("errors")


def table_text(summary: GraphSummary, spec: GraphSpec | None = None) -> str:
    """The table in columns of characters.

    Args:
        summary: what to show.
        spec: names the calls as the notebook does, and gives their order.
    """
    rows = [_HEADERS, *_rows(summary, spec)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADERS))]
    lines = [
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    rule = "  ".join("─" * width for width in widths)
    return "\n".join((lines[0], rule, *lines[1:-1], rule, lines[-1]))


def table_html(summary: GraphSummary, spec: GraphSpec | None = None) -> str:
    """The table as HTML; a notebook's own styles make it look like its other tables.

    Args:
        summary: what to show.
        spec: names the calls as the notebook does, and gives their order.
    """
    *rows, total = _rows(summary, spec)
    head = "".join(_cell("th", column, header) for column, header in enumerate(_HEADERS))
    body = "\n".join(_html_row("td", row) for row in rows)
    return (
        f'<table class="gnb-table">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n'
        f"<tfoot>{_html_row('th', total)}</tfoot>\n</table>"
    )


def _rows(summary: GraphSummary, spec: GraphSpec | None) -> Iterator[Sequence[str]]:
    """A row for each node, the whole last."""
    ms = units.milliseconds
    labels = {one.id: one.label for one in spec.calls if one.label} if spec else {}
    on_path = set(summary.critical_path)
    for node in _in_order(summary, spec):
        yield (
            clean(labels.get(node.node, node.node)),
            str(node.count),
            str(node.errors),
            ms(node.p50_s),
            ms(node.p95_s),
            ms(node.p99_s),
            ms(node.queued_p50_s),
            units.percent(node.share) + (" ●" if node.node in on_path else "  "),
        )
    share = sum(node.share for node in summary.nodes.values())
    whole = (ms(summary.p50_s), ms(summary.p95_s), ms(summary.p99_s))
    counts = (str(summary.requests), str(summary.errors))
    yield ("requests", *counts, *whole, "", units.percent(share) + "  ")


def _in_order(summary: GraphSummary, spec: GraphSpec | None) -> list[NodeSummary]:
    """The root, the calls as the spec has them, what was called by handle."""
    nodes = list(summary.nodes.values())
    if spec is None:
        return nodes
    order = {one.id: index for index, one in enumerate(spec.calls)}

    def place(node: NodeSummary) -> int:
        return order.get(node.node, -1 if node.deployment == spec.root else len(order))

    return sorted(nodes, key=place)


def _html_row(tag: str, row: Sequence[str]) -> str:
    return f"<tr>{''.join(_cell(tag, column, cell) for column, cell in enumerate(row))}</tr>"


def _cell(tag: str, column: int, text: str) -> str:
    style = f"text-align:{'right' if column else 'left'};padding:2px 8px"
    if column == _ERRORS and text.isdigit() and int(text):
        style += f";color:{ALERT};font-weight:600"
    return f'<{tag} style="{style}">{xml(text.strip())}</{tag}>'
