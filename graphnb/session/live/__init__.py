"""Live pictures of running graphs: where their figures come from, and what they let people do.

`LivePicture` is what a notebook shows; `Watch` gathers the figures of one running graph, in one
thread, for all its pictures; `Desk` answers what a picture asks for; `Promoter` promotes the graph
as its pictures ask.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from graphnb.session.live.picture import LivePicture
from graphnb.session.live.promoter import Promoter
from graphnb.session.live.watch import Watch
from graphnb.session.registry import busy_since

if TYPE_CHECKING:
    from graphnb.session.running_graph import RunningGraph

__all__ = ["LivePicture", "live_picture"]


def live_picture(graph: RunningGraph) -> LivePicture:
    """A live picture of a running graph; all of one graph share its watch and its promoter.

    Raises:
        NotRunningError: the graph has ended.
    """
    kept = graph._kept
    if kept.watch is not None:  # nobody may have looked for long: it is another graph, or has ended
        kept.watch.look(time.monotonic())
    if kept.watch is None or kept.watch.ended:
        kept.watch = Watch(graph)
    if kept.promoter is None:
        kept.promoter = Promoter(graph)
    return LivePicture(graph, kept.watch, kept.promoter, busy_since)
