"""Spans and traces to test with: made by hand, and a strategy for any."""

from hypothesis import strategies as st

from graphnb.telemetry.spans import Span, Trace

OUTCOMES = ("ok", "ok", "ok", "error", "cancelled", "timeout", "rejected")


def call(number, name, start=0.0, seconds=0.1, **changes):
    """A call node's span, all of its time in user code."""
    one = Span(number, 0, name, name, "__call__", "", start, 0, 0, seconds, 0, "ok", 0)
    return one._replace(**changes)


def by_handle(number, name, start=0.0, seconds=0.1, *, parent, **changes):
    """A span of a call that user code made."""
    one = call(number, name, start, seconds, parent_id=parent, **changes)
    return one._replace(call=None, method="run")


def trace(*spans, request="r", at=0.0, end=1.0, outcome="ok", error=None):
    """A request whose root takes from 0 to `end`."""
    root = Span(0, None, "driver", None, "predict", "", 0.0, 0, 0, end, 0, outcome, 0)
    return Trace(request, at, outcome, error, (*spans, root))


def chain(length=10, *, request="r", seconds=0.01, **changes):
    """A request through calls one after the other."""
    calls = [
        call(one, f"n{one}", (one - 1) * seconds, seconds, after=(f"n{one - 1}",) * (one > 1))
        for one in range(1, length + 1)
    ]
    return trace(*calls, request=request, end=length * seconds, **changes)


durations = st.just(0.0) | st.floats(1e-6, 100.0)


@st.composite
def spans(draw, number):
    """A span of any of a few nodes, called by a root or by any span before it."""
    is_call = draw(st.booleans())
    name = draw(st.sampled_from("abcd"))
    start, queued, waiting, executing, transport = (draw(durations) for _ in range(5))
    return Span(
        number,
        draw(st.integers(0, number - 1)),
        f"D{name}",
        name if is_call else None,
        draw(st.sampled_from(["run", "other"])),
        draw(st.sampled_from(["", "r1", "r2"])),
        start,
        queued,
        waiting,
        executing,
        transport,
        draw(st.sampled_from(OUTCOMES)),
        draw(st.integers(0, 1 << 40)),
        tuple(draw(st.sets(st.sampled_from("abcd").filter(lambda one: one != name), max_size=2))),
    )


@st.composite
def traces(draw):
    """A request with any spans, as measured by clocks that need not agree."""
    inner = [draw(spans(number)) for number in range(1, draw(st.integers(0, 6)) + 1)]
    outcome = draw(st.sampled_from(OUTCOMES))
    request = draw(st.text("0123456789abcdef-é", min_size=1, max_size=12))
    error = draw(st.none() | st.text(max_size=20)) if outcome != "ok" else None
    at = draw(st.floats(0, 4e9))
    return trace(*inner, request=request, at=at, end=draw(durations), outcome=outcome, error=error)
