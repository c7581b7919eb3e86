"""What a bench says: while it goes on, and at its end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from graphnb.session.bench.load import Loop
    from graphnb.telemetry.digest import TraceDigest
    from graphnb.telemetry.summary import GraphSummary

__all__ = ["BenchProgress", "BenchResult", "Phase"]

Phase = Literal["warm-up", "sending", "waiting"]
"""What a bench is at.

- warm-up: requests that are not measured
- sending: those that are
- waiting: all are sent; the last answers are waited for
"""

# How late a sender may be before it is said: more would be seen in the figures.
_LATE_S = 0.005
_LATE_PART = 0.1
_WAKING_UP_S = 0.0005


@dataclass(frozen=True, slots=True)
class BenchProgress:
    """How far a bench is; times in seconds.

    Attributes:
        phase: what it is at.
        answered: requests that were answered, with an answer or with an error.
        failed: how many of them failed.
        under_way: requests without an answer yet.
        part: what is done of it, from 0 to 1.
        elapsed_s: since the first request was due to be sent; 0 in the warm-up.
        left_s: what it takes still, as it looks; None while nothing is known of it.
        throughput: answers per second.
        p50_s: what half of the clients waited at the most, within 1 %.
    """

    phase: Phase
    answered: int
    failed: int
    under_way: int
    part: float
    elapsed_s: float
    left_s: float | None
    throughput: float
    p50_s: float


@dataclass(frozen=True, slots=True)
class BenchResult:
    """What a bench measured; times in seconds.

    A latency ends when the answer has arrived and is loaded. In an open loop it counts from the
    moment at which the request was due, whenever it was sent: a graph, or a sender, that falls
    behind is seen in the percentiles.

    Attributes:
        count: requests that were answered, with an answer or with an error.
        errors: how many failed.
        duration_s: from the beginning to the last answer.
        throughput: answers per second.
        p50_s, p95_s, p99_s: what a client waited. Of more than a million requests within 1 %.
        nodes: the same requests, node by node; of more than 5,000 an even sample of so many.
        first_error: the first failure in one line, or None.
        interrupted: it was ended before it was done.
        loop: "closed" or "open".
        concurrency: how many clients a closed loop had; None for an open one.
        rps: how many requests per second an open loop was to send; None for a closed one.
        lag_p99_s: how late requests were sent after they were due; 99 of 100 were less late.
        lag_max_s: how late the latest was sent. Both are 0 in a closed loop.
        overrun: an open loop was ended because too many requests were under way.
        unanswered: requests that were given up when it ended early; no figure has them.
        started_at: when it began, in seconds since the epoch, after the warm-up.
        digest: of the requests of `nodes`, for who adds up or compares benches.
    """

    count: int
    errors: int
    duration_s: float
    throughput: float
    p50_s: float
    p95_s: float
    p99_s: float
    nodes: GraphSummary
    first_error: str | None
    interrupted: bool
    loop: Loop
    concurrency: int | None
    rps: float | None
    lag_p99_s: float
    lag_max_s: float
    overrun: bool
    unanswered: int
    started_at: float
    digest: TraceDigest = field(repr=False, compare=False)

    @property
    def lagged(self) -> bool:
        """Whether requests were sent so late that it matters for the figures."""
        tolerated = max(_WAKING_UP_S, _LATE_PART * self.p50_s)
        return self.lag_p99_s > min(_LATE_S, tolerated)

    def __str__(self) -> str:
        """The figures in one line, how they were measured, and what to know of them."""
        lines = [self._figures(), self._method()]
        if self.overrun:
            lines.append(
                f"ended early: {self.unanswered} requests were under way at once, and what they "
                f"waited is in no figure; the graph does not keep up with {self.rps:g}/s"
            )
        if self.lagged:
            lines.append(
                f"the sender was up to {_ms(self.lag_max_s)} late (p99 {_ms(self.lag_p99_s)}), "
                "which latencies include: ask for less, or send from several processes"
            )
        return "\n".join(lines)

    def _figures(self) -> str:
        failed = f", {self.errors} failed" if self.errors else ""
        given_up = f", {self.unanswered} given up" if self.unanswered else ""
        ended = ", interrupted" if self.interrupted else ""
        return (
            f"{self.count} requests in {self.duration_s:.2f} s{failed}{given_up}{ended}: "
            f"{self.throughput:.1f}/s, p50 {_ms(self.p50_s)}, p95 {_ms(self.p95_s)}, "
            f"p99 {_ms(self.p99_s)}"
        )

    def _method(self) -> str:
        if self.loop == "closed":
            clients = "1 client" if self.concurrency == 1 else f"{self.concurrency} clients"
            return f"closed loop, {clients}"
        return (
            f"open loop, Poisson arrivals at {self.rps:g}/s, latency from when each request was due"
        )


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.2f} ms"
