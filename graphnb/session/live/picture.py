"""A live picture of a running graph, as a notebook shows it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from graphnb.errors import GraphnbError
from graphnb.session.live.choices import Choices
from graphnb.session.live.desk import Desk
from graphnb.views.widget.changes import changes, is_empty
from graphnb.views.widget.frame import Frames
from graphnb.views.widget.moment import Moment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from graphnb.session.live.promoter import Promoter
    from graphnb.session.live.watch import Watch
    from graphnb.session.running_graph import RunningGraph
    from graphnb.views.widget.picture import Picture

__all__ = ["LivePicture"]

MAX_UNSEEN = 20
"""Ticks that the browser may be behind; beyond, it gets one a second until it has caught up."""

GONE_S = 60.0
"""A view that has not been heard of for so long is gone, such as that of a page that was closed."""

_SLOW_S = 1.0


class LivePicture:
    """What `RunningGraph.live()` returns: displays as the picture that changes.

    Args:
        graph: what to show.
        watch: gathers its figures.
        promoter: brings it to clusters.
        busy_since: when the cell that runs began, on `time.monotonic`, or None: a front end without
            subshells is not heard until it ends.
    """

    def __init__(
        self,
        graph: RunningGraph,
        watch: Watch,
        promoter: Promoter,
        busy_since: Callable[[], float | None],
    ) -> None:
        from graphnb.views.widget.widget import LiveWidget

        self._graph = graph
        self._watch = watch
        self._busy_since = busy_since
        self._name, self._on = graph.name, graph.on
        self._choices = Choices(watch, graph.benches)
        self._desk = Desk(graph, watch, self._choices, promoter, lambda: self._drawn)
        self._views: dict[str, float] = {}  # when each was heard last
        self._tick = self._seen = 0
        self._shown_at = 0.0
        picture = self._picture()
        self._widget = LiveWidget(
            self._answer,
            at_hand=frozenset({"open", "close", "seen", "choose"}),
            bundle=lambda: self._drawn.bundle,
            # Else the front end gets ready for it while it is drawn.
            picture=self._traits(picture) if picture.drawn else {},
        )
        self._redraw()
        promoter.show_to(self)

    @property
    def widget(self) -> Any:
        """The widget, to put among others of ipywidgets."""
        return self._widget

    def show(self, now: float) -> None:
        """Sends what has changed to the browser (a `Viewer`)."""
        with self._widget.order:
            self._let_go(now)
            if not self._views:
                return
            waits = self._choices.paused or (self._is_behind() and now - self._shown_at < _SLOW_S)
            if waits and not self._watch.ended:
                return
            self._shown_at = now
            self._next(now, whole=self._watch.ended)

    def promoted(self, promotion: Mapping[str, Any]) -> None:
        """Sends how the promotion of the graph is now (a `Shower`)."""
        if self._views:
            self._widget.tell({"type": "promotion", "promotion": promotion})

    @property
    def _drawn(self) -> Picture:
        return self._frames.picture

    def close(self) -> None:
        """Takes the picture away, wherever it is shown; the graph runs on."""
        self._watch.remove(self)
        self._widget.close()

    def _next(self, now: float, *, whole: bool) -> dict[str, Any]:
        """The frame now; the browser is told what differs from the one that it has."""
        if self._number != self._watch.version:
            self._redraw()
        before = self._frames.last
        frame = self._frame(now, whole=whole)
        found = None if before is None else changes(before, frame)
        if found is not None and not is_empty(found):
            self._tick += 1
            self._widget.tell({"type": "tick", "tick": self._tick, "changes": found})
        return frame

    def _redraw(self) -> None:
        """The graph is another one: its picture is drawn, and views ask for its figures."""
        self._number = self._watch.version
        picture = self._picture()
        self._frames = Frames(picture, self._number)
        self._widget.picture = self._traits(picture)

    def _picture(self) -> Picture:
        return self._graph._kept.pictures.of(self._watch.spec)

    def _traits(self, picture: Picture) -> dict[str, Any]:
        return picture.traits(self._watch.version, self._name, self._on)

    def _frame(self, now: float, *, whole: bool) -> dict[str, Any]:
        with self._watch.lock:
            self._choices.let_go(now)
            window, label = self._choices.shown(now)
            compared = self._choices.compared(now)
            moment = Moment(
                window,
                label,
                self._watch.loads,
                self._drawn.spec.root,
                self._state(),
                None if compared is None else compared.window.digest,
                "" if compared is None else compared.label,
                self._watch.figures.fresh,
            )
            return self._frames.next(moment, self._choices.plain(), whole=whole)

    def _state(self) -> str:
        if self._watch.ended:
            return "ended"
        moving = any(one.state in ("starting", "updating") for one in self._watch.loads.values())
        return "changing" if moving else "running"

    def _is_behind(self) -> bool:
        if self._tick - self._seen <= MAX_UNSEEN:
            return False
        busy = self._busy_since()
        # Not heard of since a cell began: the front end may well be waiting for its end.
        return busy is None or max(self._views.values()) > busy

    def _let_go(self, now: float) -> None:
        """Forgets views that are gone; without any, nobody watches."""
        if self._busy_since() is None:
            self._views = {one: at for one, at in self._views.items() if now - at < GONE_S}
        if not self._views:
            self._watch.remove(self)

    # What the browser asks for.

    def _answer(self, verb: str, view: str, args: Mapping[str, Any]) -> Any:
        now = time.monotonic()
        if verb == "open":
            return self._open(view, now)
        if verb == "close":
            self._views.pop(view, None)
            return None
        if view in self._views:
            self._views[view] = now
        if verb == "seen":
            tick = args.get("tick")
            self._seen = max(self._seen, tick if isinstance(tick, int) else 0)
            return None
        if verb == "choose":
            return self._choose(args, now)
        return self._desk.answer(verb, args)

    def _open(self, view: str, now: float) -> dict[str, Any]:
        self._views[view] = now
        self._seen = self._tick
        self._watch.add(self)
        self._watch.look(now)
        return self._whole(now)

    def _choose(self, args: Mapping[str, Any], now: float) -> dict[str, Any]:
        window, against, paused = (args.get(name) for name in ("window", "against", "paused"))
        for one, kind in ((window, str), (against, str), (paused, bool)):
            if one is not None and not isinstance(one, kind):
                raise GraphnbError(f"{one!r} cannot be chosen")
        with self._watch.lock:
            self._choices.choose(now, window=window, against=against, paused=paused)
        return self._whole(now)

    def _whole(self, now: float) -> dict[str, Any]:
        """All of the frame, for one view; the others get what is new to them."""
        last = self._frames.last
        if self._choices.paused and last is not None and last["picture"] == self._watch.version:
            with self._watch.lock:
                return {**last, "choices": self._choices.plain()}
        return self._next(now, whole=True)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self._widget._repr_mimebundle_(**kwargs)

    def __repr__(self) -> str:
        return f"LivePicture({self._name!r})"
