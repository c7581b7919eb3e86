"""What a live picture shows of one node, or of one request, when it is clicked.

All of it is plain data, as `NodeDetails`, `Requests` and `RequestDetails` in
`widget/src/messages.ts` say.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from graphnb.telemetry.sketch import histogram, merge, new_sketch
from graphnb.telemetry.summary import summarize
from graphnb.views import labels, units
from graphnb.views.typography import clean, printable
from graphnb.views.waterfall import waterfall_svg, waterfall_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from graphnb.graph.spec import DeploymentSpec, GraphSpec
    from graphnb.telemetry import Trace
    from graphnb.telemetry.digest import TraceDigest
    from graphnb.telemetry.failures import Failure
    from graphnb.views.cards import Card

__all__ = ["node_details", "request_details", "request_lists", "slowest_call"]

_BINS = 24
_LISTED = 15
_DEFAULTS: Mapping[str, Any] = {"num_replicas": 1, "max_ongoing_requests": 5}
_PARTS = ("total", "queued", "waiting", "executing", "transport")


def node_details(
    spec: GraphSpec,
    card: Card,
    *,
    digest: TraceDigest,
    traces: Sequence[Trace],
    failure: Failure | None,
    where: str,
    source: str,
    fixed: str,
) -> dict[str, Any]:
    """Everything about one node.

    Args:
        spec: the graph.
        card: the node.
        digest: the figures that are shown.
        traces: the requests that are kept, oldest first.
        failure: its last failure.
        where: where it was defined, for people.
        source: its source, or "".
        fixed: why its numbers cannot be changed in place, or "".
    """
    deployment = spec.deployment(card.deployment) if card.deployment else None
    slowest = slowest_call(card, traces)
    return {
        "title": card.title,
        "called": _called(spec, card),
        "where": where,
        "source": printable(source),
        "options": _options(deployment) if deployment else [],
        "times": _times(traces, card),
        "histogram": _histogram(digest, card),
        "error": _error(failure),
        "slowest": slowest
        and {"request": slowest[0].request_id, "total": units.milliseconds(slowest[1])},
        "scale": None if fixed or deployment is None else _scale(deployment),
        "scale_note": fixed,
    }


def slowest_call(card: Card, traces: Iterable[Trace]) -> tuple[Trace, float] | None:
    """The request that waited longest for one call of that node, and how many seconds."""
    calls = [(trace, span.total_s) for trace in traces for span in trace.spans if _is(span, card)]
    return max(calls, key=lambda one: one[1], default=None)


def request_lists(
    traces: Sequence[Trace], failures: Sequence[Trace]
) -> dict[str, list[dict[str, Any]]]:
    """The last, the slowest and the failed requests.

    Args:
        traces: those that are kept, oldest first.
        failures: those that failed, oldest first.
    """
    slowest = sorted(traces, key=lambda one: one.total_s, reverse=True)
    lists = {
        "last": traces[::-1][:_LISTED],
        "slowest": slowest[:_LISTED],
        "failed": failures[::-1][:_LISTED],
    }
    return {name: [_line(one) for one in those] for name, those in lists.items()}


def request_details(trace: Trace, spec: GraphSpec) -> dict[str, Any]:
    """One request, with its waterfall."""
    text = waterfall_text(trace, spec)
    return {
        "id": trace.request_id,
        "headline": text.partition("\n")[0],
        "svg": waterfall_svg(trace, spec),
        "text": text,
    }


def _is(span: Any, card: Card) -> bool:
    """Whether a span is a call of that node."""
    if card.key:
        return bool(span.call == card.key)
    return span.call is None and span.deployment == card.deployment


def _called(spec: GraphSpec, card: Card) -> str:
    for call in spec.calls:
        if call.id == card.key:
            return clean(labels.call_name(call))
    return clean(card.deployment) or "the request"


def _options(deployment: DeploymentSpec) -> list[dict[str, Any]]:
    given = deployment.options
    rows = [(name, value, True) for name, value in given.items()]
    rows += [(name, value, False) for name, value in _DEFAULTS.items() if name not in given]
    return [
        {
            "name": name,
            "value": clean(labels.option_text(name, value).partition("=")[2]),
            "set": is_set,
        }
        for name, value, is_set in rows
    ]


def _times(traces: Iterable[Trace], card: Card) -> list[dict[str, Any]]:
    """Percentiles of the parts, over the requests that are kept."""
    found = list(summarize(_only(traces, card)).nodes.values())
    if not found:
        return []
    node = max(found, key=lambda one: one.count)
    columns = (
        (node.p50_s, node.p95_s, node.p99_s),
        (node.queued_p50_s, node.queued_p95_s, node.queued_p99_s),
        (node.waiting_p50_s, node.waiting_p95_s, node.waiting_p99_s),
        (node.executing_p50_s, node.executing_p95_s, node.executing_p99_s),
        (node.transport_p50_s, node.transport_p95_s, node.transport_p99_s),
    )
    return [
        {"name": name, "p": [units.milliseconds(one) for one in times]}
        for name, times in zip(_PARTS, columns, strict=True)
    ]


def _only(traces: Iterable[Trace], card: Card) -> Iterable[Trace]:
    """The requests with that node's calls alone: the rest costs, and is not asked for."""
    for trace in traces:
        spans = tuple(one._replace(parent_id=None) for one in trace.spans if _is(one, card))
        if spans:
            yield trace._replace(spans=spans)


def _histogram(digest: TraceDigest, card: Card) -> list[dict[str, Any]]:
    names = [card.key] if card.key else digest.nodes_of({card.deployment})
    together = new_sketch()
    for name in names:
        merge(together, digest.waits(name))
    bins = histogram(together, _BINS)
    most = max((count for _, _, count in bins), default=0)
    ms = units.milliseconds
    return [
        {"from": ms(low), "to": ms(high), "count": count, "part": round(count / most, 3)}
        for low, high, count in bins
    ]


def _error(failure: Failure | None) -> dict[str, str] | None:
    if failure is None:
        return None
    return {
        "message": printable(failure.message),
        "traceback": printable(failure.traceback),
        "request": failure.request_id,
        "when": _clock(failure.at),
    }


def _scale(deployment: DeploymentSpec) -> dict[str, int]:
    options = {**_DEFAULTS, **deployment.options}
    return {name: options[name] for name in _DEFAULTS if isinstance(options[name], int)}


def _line(trace: Trace) -> dict[str, Any]:
    return {
        "id": trace.request_id,
        "when": _clock(trace.started_at),
        "total": units.milliseconds(trace.total_s),
        "outcome": trace.outcome,
        "error": clean(trace.error or ""),
    }


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))
