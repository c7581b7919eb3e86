"""Traces for other tools: JSON lines, OpenTelemetry, and the trace viewer of browsers.

`export` writes or sends traces once; an `Exporter` does so for each request, in the background.
What the destination is called decides the format.
"""

from graphnb.telemetry.export.destination import export
from graphnb.telemetry.export.exporter import Exporter
from graphnb.telemetry.export.json_lines import from_json_lines, to_json_lines

__all__ = ["Exporter", "export", "from_json_lines", "to_json_lines"]
