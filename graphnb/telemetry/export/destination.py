"""Where traces go: what a destination is called says in which format."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from graphnb.errors import ExportError
from graphnb.telemetry.export.json_lines import to_json_lines
from graphnb.telemetry.export.otlp import TIMEOUT_S, OtlpEndpoint, write_otlp_json
from graphnb.telemetry.export.perfetto import write_perfetto

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from graphnb.telemetry.spans import Trace

__all__ = ["Destination", "export", "lasting", "without_messages"]

_BATCH_SPANS = 2_000
_KNOWN = "an http(s) URL, or a file named .json, .perfetto.json or .jsonl"


class Destination(Protocol):
    """Takes one batch of traces after the other."""

    def write(self, traces: Sequence[Trace], /) -> None:
        """Takes these; raises an ExportError, or an OSError, if it cannot."""

    def close(self) -> None:
        """Takes no more."""


def export(
    traces: Iterable[Trace],
    to: str | os.PathLike[str],
    *,
    graph: str = "graphnb",
    messages: bool = False,
    timeout_s: float = TIMEOUT_S,
) -> int:
    """Writes or sends traces.

    Args:
        traces: the requests, such as `graph.traces(100)`.
        to: `http://host:4318`, the endpoint of an OTLP receiver; `NAME.json`, a file in OTLP's
            JSON, which Jaeger's page opens; `NAME.perfetto.json`, which ui.perfetto.dev opens;
            `NAME.jsonl`, JSON lines, which `from_json_lines` reads. A file is written anew.
        graph: the graph's name there.
        messages: with the messages of errors. They are the nodes' own, and may quote values.
        timeout_s: how long an endpoint may take for a batch, attempts to send it again included.

    Returns:
        How many traces it were.

    Raises:
        ExportError: it is no destination, or does not take them, or needs a package that is not
            installed.
    """
    wanted = list(traces) if messages else [without_messages(one) for one in traces]
    if _is_url(to):
        endpoint = OtlpEndpoint(os.fspath(to), graph=graph, timeout_s=timeout_s)
        try:
            for batch in _batches(wanted):
                endpoint.write(batch)
        finally:
            endpoint.close()
    else:
        _write_file(wanted, Path(to), graph)
    return len(wanted)


def lasting(to: str | os.PathLike[str], *, graph: str, timeout_s: float) -> Destination:
    """A destination that takes batches for as long as there are any.

    Raises:
        ExportError: it is none that can take one batch after the other.
    """
    if _is_url(to):
        return OtlpEndpoint(os.fspath(to), graph=graph, timeout_s=timeout_s)
    if Path(to).suffix == ".jsonl":
        return _JsonLinesFile(Path(to))
    raise ExportError(
        f"{os.fspath(to)} cannot take traces as they come",
        hint="an exporter sends to an http(s) URL, or appends to a file named .jsonl",
    )


def without_messages(trace: Trace) -> Trace:
    """The trace without the error's message, which may quote a value of the request."""
    return trace if trace.error is None else trace._replace(error=None)


class _JsonLinesFile:
    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")

    def write(self, traces: Sequence[Trace]) -> None:
        to_json_lines(traces, self._file)
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def _is_url(to: str | os.PathLike[str]) -> bool:
    return isinstance(to, str) and to.startswith(("http://", "https://"))


def _write_file(traces: Sequence[Trace], path: Path, graph: str) -> None:
    if path.suffix not in (".json", ".jsonl"):
        raise ExportError(f"{path} is no destination for traces", hint=f"expected is {_KNOWN}")
    with path.open("w", encoding="utf-8") as file:
        if path.suffix == ".jsonl":
            to_json_lines(traces, file)
        elif path.name.endswith(".perfetto.json"):
            write_perfetto(traces, file, graph=graph)
        else:
            write_otlp_json(traces, file, graph=graph)


def _batches(traces: Iterable[Trace]) -> Iterator[list[Trace]]:
    """The traces in their order, cut where a message would become large."""
    batch: list[Trace] = []
    spans = 0
    for trace in traces:
        if batch and spans + len(trace.spans) > _BATCH_SPANS:
            yield batch
            batch, spans = [], 0
        batch.append(trace)
        spans += len(trace.spans)
    if batch:
        yield batch
