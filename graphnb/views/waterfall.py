"""One request as a waterfall: what ran when, where each call's time went, who waited for whom.

    print(waterfall_text(trace))

A call's bar is as long as its caller waited, split into time queued at the caller, waiting in the
replica, executing, and in transport (there and back, drawn at the end). What the request waited
for is marked: a call that is not may take longer at no cost.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from graphnb.views import markup, units
from graphnb.views.palette import CRITICAL, FAILED, FAINT, INK, MUTED, PARTS, Part
from graphnb.views.timeline import SIGNS, Row, Timeline, timeline
from graphnb.views.typography import clean, shorten, text_width

if TYPE_CHECKING:
    from collections.abc import Iterator

    from graphnb.graph.spec import GraphSpec
    from graphnb.telemetry.spans import Trace

__all__ = ["waterfall_svg", "waterfall_text"]

_WIDTH, _ROW, _TOP, _BOTTOM = 900.0, 24.0, 78.0, 14.0
_LABELS, _BARS, _BARS_END = 18.0, 236.0, 730.0
_TOTALS, _OUTCOMES = 800.0, 812.0
_INDENT = 12.0
_CARD, _RULE = "#f7f9fc", "#dfe5ec"

_HEIGHTS: dict[Part, float] = {"queued": 4.0, "waiting": 8.0, "executing": 12.0, "transport": 4.0}
_LETTERS: dict[Part, str] = {"queued": "·", "waiting": "░", "executing": "█", "transport": "▒"}


def waterfall_svg(trace: Trace, spec: GraphSpec | None = None) -> str:
    """The waterfall as SVG text, on a light card of its own.

    Args:
        trace: the request.
        spec: names the calls as the notebook does; without it they go by their ids.
    """
    shown = timeline(trace, spec)
    more = _ROW if shown.left_out else 0.0
    height = _TOP + len(shown.rows) * _ROW + more + _BOTTOM
    parts = [
        markup.rect(0.5, 0.5, _WIDTH - 1, height - 1, rx=12, fill=_CARD, stroke=_RULE),
        *_head(trace),
        *_scale(trace.total_s, _TOP + len(shown.rows) * _ROW),
        *_links(shown, trace.total_s),
        *(_row(index, row, trace.total_s) for index, row in enumerate(shown.rows)),
    ]
    if more:
        parts.append(_said(_LABELS, height - _BOTTOM - 8, _more(shown), fill=MUTED))
    return markup.document(_WIDTH, height, _headline(trace), parts)


def waterfall_text(trace: Trace, spec: GraphSpec | None = None, *, width: int = 100) -> str:
    """The waterfall for a terminal.

    Args:
        trace: the request.
        spec: names the calls as the notebook does; without it they go by their ids.
        width: how many characters a line may have; what a call waited for comes after that.
    """
    shown = timeline(trace, spec)
    indented = ["  " * row.depth + row.title for row in shown.rows]
    names = min(max(map(len, indented), default=0), width // 3)
    cells = max(10, width - names - 17)
    lines = [_headline(trace)]
    for name, row in zip(indented, shown.rows, strict=True):
        cut = name if len(name) <= names else name[: names - 1] + "…"
        total = units.milliseconds(row.span.total_s)
        bar = _cells(row, trace.total_s, cells)
        after = _after(shown, row)
        marks = (SIGNS[row.span.outcome], f"after {after}" if after else "")
        line = f"{'●' if row.critical else ' '} {cut:{names}} {total:>9} |{bar}| "
        lines.append((line + "  ".join(filter(None, marks))).rstrip())
    if shown.left_out:
        lines.append(f"  {_more(shown)}")
    legend = "  ".join(f"{_LETTERS[part]} {part}" for part in PARTS)
    lines.append(f"● critical path  {legend}")
    return "\n".join(lines)


def _headline(trace: Trace) -> str:
    outcome = SIGNS[trace.outcome] or "ok"
    error = f" ({clean(trace.error)})" if trace.error else ""
    return (
        f"request {clean(trace.request_id)}: {units.milliseconds(trace.total_s)}, {outcome}{error}"
    )


def _more(shown: Timeline) -> str:
    return f"… and {shown.left_out} shorter call{'' if shown.left_out == 1 else 's'}"


def _after(shown: Timeline, row: Row) -> str:
    """What a call waited for, in a few words."""
    titles = [shown.rows[one].title for one in row.after]
    return (
        ", ".join(titles)
        if len(titles) <= 4
        else f"{', '.join(titles[:3])} and {len(titles) - 3} more"
    )


def _cells(row: Row, total_s: float, cells: int) -> str:
    """A row's bar in characters; every call has one at least."""
    bar = [" "] * cells
    scale = cells / total_s if total_s > 0 else 0.0
    for part, start, end in row.segments():
        first = min(int(start * scale), cells - 1)
        last = max(first + 1, round(end * scale))
        # A part too short for a character of its own leaves it to what comes after.
        bar[first:last] = _LETTERS[part] * (min(last, cells) - first)
    return "".join(bar)


def _head(trace: Trace) -> Iterator[str]:
    failed = trace.outcome != "ok"
    headline = shorten(_headline(trace), _WIDTH - 2 * _LABELS, 13, bold=True)
    yield markup.text(
        _LABELS, 26, headline, size=13, fill=FAILED if failed else INK, font_weight=600
    )
    x = _BARS
    for part in PARTS:
        height = _HEIGHTS[part]
        yield markup.rect(x, 46 - height / 2, 16, height, rx=2, fill=PARTS[part])
        yield _said(x + 21, 49.5, part, fill=MUTED)
        x += 21 + text_width(part, 10) + 16
    yield markup.rect(x, 40, 4, 12, rx=2, fill=CRITICAL)
    yield _said(x + 9, 49.5, "critical path", fill=MUTED)


def _scale(total_s: float, bottom: float) -> Iterator[str]:
    """Lines at round times."""
    step = _round_step(total_s / 5)
    ticks = int(total_s / step + 1e-9) if step > 0 else 0
    for tick in range(ticks + 1):
        x = _x(tick * step, total_s)
        yield markup.element("path", (), d=f"M{markup.number(x)},{_TOP - 4}V{bottom}", stroke=_RULE)
        said = f"{tick * step * 1000:g} ms" if step < 1 else f"{tick * step:g} s"
        yield markup.text(x, _TOP - 8, said, size=9, fill=FAINT, text_anchor="middle")


def _round_step(rough: float) -> float:
    """The next larger of 1, 2, 5 times a power of ten."""
    if rough <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(rough))
    return next(one * power for one in (1, 2, 5, 10) if one * power >= rough * (1 - 1e-9))


def _row(index: int, row: Row, total_s: float) -> str:
    span, middle = row.span, _middle(index)
    outcome = SIGNS[span.outcome]
    room = _BARS - 12 - _LABELS - row.depth * _INDENT
    named = shorten(row.title, max(40.0, room), 11, bold=row.critical)
    indent = _LABELS + min(row.depth * _INDENT, _BARS - _LABELS - 60)
    weight = 600 if row.critical else None
    parts = [markup.title(_tooltip(row))]
    if row.critical:
        parts.append(markup.rect(8, middle - 7, 4, 14, rx=2, fill=CRITICAL))
    parts.append(markup.text(indent, middle + 4, named, size=11, fill=INK, font_weight=weight))
    parts.extend(_bar(row, middle, total_s))
    total = units.milliseconds(span.total_s)
    parts.append(_said(_TOTALS, middle + 4, total, fill=INK, text_anchor="end", font_weight=weight))
    if outcome:
        fill = MUTED if span.outcome == "cancelled" else FAILED
        parts.append(_said(_OUTCOMES, middle + 4, outcome, fill=fill, font_weight=600))
    return markup.element(
        "g", parts, class_="gnb-span gnb-critical" if row.critical else "gnb-span"
    )


def _bar(row: Row, middle: float, total_s: float) -> Iterator[str]:
    faded = 0.45 if row.span.outcome == "cancelled" else None
    for part, start, end in row.segments():
        x, height = _x(start, total_s), _HEIGHTS[part]
        width = max(1.0, _x(end, total_s) - x)
        yield markup.rect(
            x,
            middle - height / 2,
            width,
            height,
            rx=min(2.0, width / 2),
            fill=PARTS[part],
            opacity=faded,
        )


def _links(shown: Timeline, total_s: float) -> Iterator[str]:
    """From the end of each result to the start of what waited for it; the flat part is slack."""
    links = [(index, one) for index, row in enumerate(shown.rows) for one in row.after]
    # What was waited for comes last, over the others.
    for index, source in sorted(links, key=lambda link: link[1] == shown.rows[link[0]].waited_for):
        row = shown.rows[index]
        critical = source == row.waited_for
        from_x = _x(shown.rows[source].span.end_s, total_s)
        to_x = _x(row.span.start_s, total_s)
        yield markup.element(
            "path",
            (),
            d=f"M{markup.number(from_x)},{_middle(source)}H{markup.number(to_x)}"
            f"V{_middle(index) - 7}",
            fill="none",
            stroke=CRITICAL if critical else "#b9c2ce",
            stroke_width=1.8 if critical else 1,
            stroke_dasharray=None if critical else "3 3",
        )


def _tooltip(row: Row) -> str:
    span, ms = row.span, units.milliseconds
    lines = [
        f"{row.title}: {span.deployment}.{span.method}, {span.outcome}",
        f"from {ms(span.start_s)} to {ms(span.end_s)}: {ms(span.total_s)}",
        f"queued {ms(span.queued_s)}, waiting {ms(span.waiting_s)}",
        f"executing {ms(span.executing_s)}, transport {ms(span.transport_s)}",
    ]
    if span.after:
        lines.append(f"after {', '.join(span.after)}")
    if span.replica:
        lines.append(f"replica {span.replica}")
    return "\n".join(map(clean, lines))


def _said(x: float, y: float, said: str, *, fill: str, **attributes: str | float | None) -> str:
    return markup.text(x, y, said, size=10, fill=fill, **attributes)


def _middle(index: int) -> float:
    return _TOP + index * _ROW + _ROW / 2


def _x(seconds: float, total_s: float) -> float:
    share = seconds / total_s if total_s > 0 else 0.0
    return _BARS + (_BARS_END - _BARS) * min(1.0, max(0.0, share))
