"""What a live picture can show, and what it can compare that with."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from graphnb.errors import NotRunningError
from graphnb.telemetry.sliding import Window
from graphnb.views import units

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphnb.session.live.watch import Watch
    from graphnb.session.running_graph import BenchRun

__all__ = ["Choices", "Shown"]

_WINDOWS: dict[str, tuple[str, float | None]] = {
    "10s": ("last 10 s", 10.0),
    "1m": ("last minute", 60.0),
    "all": ("all since the last change", None),
}
_MAX_PINS = 5


class Shown(NamedTuple):
    """Figures, and what they are of."""

    window: Window
    label: str


@dataclass(slots=True)
class _Pin:
    """Figures that were kept."""

    key: str
    shown: Shown


class Choices:
    """What is chosen in one live picture.

    Attributes:
        window: the key of the figures that are shown.
        against: the key of those that they are compared with, or "".
        paused: whether the picture stands still.
    """

    def __init__(self, watch: Watch, benches: Sequence[BenchRun]) -> None:
        self._watch = watch
        self._benches = benches
        self._pins: list[_Pin] = []
        self._pinned = 0
        self.window = "10s"
        self.against = ""
        self.paused = False

    def choose(
        self, now: float, *, window: str | None, against: str | None, paused: bool | None
    ) -> None:
        """Takes over what is not None; `against="pin"` keeps the figures that are shown.

        Raises:
            NotRunningError: there is no such window, bench or pin.
        """
        if window is not None:
            self._found(window, now)
            self.window = window
        if against == "pin":
            self.against = self._pin(now)
        elif against is not None:
            if against:
                self._found(against, now)
            self.against = against
        if paused is not None:
            self.paused = paused

    def let_go(self, now: float) -> None:
        """Chooses what there always is in place of a bench that is kept no more."""
        try:
            self.shown(now)
            self.compared(now)
        except NotRunningError:
            self.window, self.against = "10s", ""

    def shown(self, now: float) -> Shown:
        """The figures that are chosen."""
        return self._found(self.window, now)

    def compared(self, now: float) -> Shown | None:
        """What they are compared with, if anything."""
        return self._found(self.against, now) if self.against else None

    def plain(self) -> dict[str, Any]:
        """`Choices` in `widget/src/messages.ts`."""
        windows = [{"key": key, "label": label} for key, (label, _) in _WINDOWS.items()]
        benches = [
            {"key": f"bench:{one.number}", "label": _bench_label(one)}
            for one in tuple(self._benches)
        ]
        pins = [{"key": one.key, "label": one.shown.label} for one in reversed(self._pins)]
        before = [{"key": "before", "label": "before the last change"}]
        return {
            "windows": [*windows, *reversed(benches)],
            "window": self.window,
            "againsts": [
                {"key": "", "label": "nothing"},
                *(before if self._watch.before is not None else ()),
                *pins,
                *reversed(benches),
                *windows,
            ],
            "against": self.against,
            "paused": self.paused,
        }

    def _found(self, key: str, now: float) -> Shown:
        if key in _WINDOWS:
            label, span_s = _WINDOWS[key]
            return Shown(self._watch.figures.window(span_s, now), label)
        if key == "before" and self._watch.before is not None:
            before = self._watch.before
            return Shown(Window(before, before.requests), "before the last change")
        for pin in self._pins:
            if pin.key == key:
                return pin.shown
        for bench in tuple(self._benches):
            if key == f"bench:{bench.number}":
                result = bench.result
                window = Window(result.digest, result.count, result.duration_s, result.errors)
                return Shown(window, _bench_label(bench))
        raise NotRunningError("window", key, list(_WINDOWS))

    def _pin(self, now: float) -> str:
        """Keeps what is shown; the key that it goes by."""
        window, label = self.shown(now)
        kept = window.digest.copy()
        self._pinned += 1
        label = f"kept at {time.strftime('%H:%M:%S')}: {label}"
        made = Window(kept, window.requests, window.covered_s, window.errors)
        self._pins = [*self._pins[1 - _MAX_PINS :], _Pin(f"pin:{self._pinned}", Shown(made, label))]
        return f"pin:{self._pinned}"


def _bench_label(run: BenchRun) -> str:
    result = run.result
    ended = ", interrupted" if result.interrupted else ""
    p50 = units.milliseconds(result.p50_s)
    many = "request" if result.count == 1 else "requests"
    return f"bench {run.number}: {units.amount(result.count)} {many}{ended}, p50 {p50}"
