"""What happened: spans and traces, the recorder that keeps them, and what they add up to.

`Span` is one call, `Trace` one request, `Recorder` keeps the last ones of a running graph;
`summarize` makes percentiles and shares of them, `critical_path` says where a request's time went.
"""

from graphnb.telemetry.recorder import Observer, Recorder
from graphnb.telemetry.spans import Outcome, Span, Trace

__all__ = ["Observer", "Outcome", "Recorder", "Span", "Trace"]
