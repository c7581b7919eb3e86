"""Traces as JSON lines: one request a line, every field of its spans by name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from graphnb.errors import ExportError
from graphnb.telemetry.spans import Span, Trace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import TextIO

__all__ = ["VERSION", "from_json_lines", "to_json_lines"]

VERSION = 1
"""Of the schema: counts up when a field goes or changes its meaning, not when one is added."""


def to_json_lines(traces: Iterable[Trace], file: TextIO) -> None:
    """Writes each request as one line of JSON.

    Args:
        traces: the requests.
        file: a text file that is open for writing.
    """
    for trace in traces:
        spans = [span._asdict() for span in trace.spans]
        line = {"version": VERSION, **trace._asdict(), "spans": spans}
        file.write(json.dumps(line, separators=(",", ":")) + "\n")


def from_json_lines(file: TextIO) -> Iterator[Trace]:
    """Reads what `to_json_lines` wrote, line by line; passes over fields that it does not know.

    Raises:
        ExportError: a line is not a trace, or one of a later schema.
    """
    for number, line in enumerate(file, 1):
        if line.strip():
            where = f"line {number} of {getattr(file, 'name', 'the file')}"
            yield _trace(_fields(line, where), where)


def _fields(line: str, where: str) -> Mapping[str, Any]:
    try:
        fields: Any = json.loads(line)
    except ValueError as error:
        raise ExportError(f"{where} is not JSON: {error}") from None
    if not isinstance(fields, dict) or not isinstance(fields.get("version"), int):
        raise ExportError(
            f"{where} is not a trace: it has no version",
            hint="a file that to_json_lines wrote is expected",
        )
    version = fields["version"]
    if version > VERSION:
        raise ExportError(
            f"{where} is of version {version} of the schema, this graphnb reads {VERSION}",
            hint="read it with the graphnb that wrote it, or a later one",
        )
    return fields


def _trace(fields: Mapping[str, Any], where: str) -> Trace:
    try:
        spans = tuple(_span(one) for one in fields["spans"])
        return Trace(**{**_known(Trace, fields), "spans": spans})
    except (AttributeError, KeyError, TypeError) as error:
        raise ExportError(
            f"{where} is not a trace: {error}", hint="docs/telemetry.md lists the fields"
        ) from None


def _span(fields: Mapping[str, Any]) -> Span:
    return Span(**{**_known(Span, fields), "after": tuple(fields.get("after", ()))})


def _known(kind: type[Span | Trace], fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name in kind._fields}
