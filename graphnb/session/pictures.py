"""The pictures that live views of one running graph share, each drawn once."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graphnb.graph import GraphSpec
    from graphnb.views.widget.picture import Picture

_KEPT = 2  # what runs, and what is being deployed


class Pictures:
    """The pictures of a running graph, for what it is and what it may be soon."""

    def __init__(self) -> None:
        self._kept: deque[Picture] = deque(maxlen=_KEPT)
        self._order = threading.Lock()

    def of(self, spec: GraphSpec) -> Picture:
        """The picture of the graph, drawn or not."""
        from graphnb.views.widget.picture import Picture

        with self._order:
            for one in self._kept:
                if one.spec == spec:
                    return one
            self._kept.append(Picture(spec))
            return self._kept[-1]

    def draw_ahead(self, spec: GraphSpec) -> None:
        """Draws a picture that may be asked for soon, in a thread."""

        def draw() -> None:
            with contextlib.suppress(Exception):  # raised again where it is asked for
                self.of(spec).draw()

        threading.Thread(target=draw, name="graphnb-draw", daemon=True).start()
