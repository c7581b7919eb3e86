"""Calls straight from process to process, where Ray Serve need not be asked.

Ray Serve says which replicas there are and starts and ends them; once a caller knows a replica, it
opens a *line* to it, a connection of their own, and a call is one message each way. Each host has a
`Door` that lines come in by. Calls that Ray Serve has to know of (it counts them to scale, it
queues them up to a limit, it chooses a replica by its models, they take references) go by its
handles, as do all of them where a line cannot be had.
"""

from graphnb.rayserve.lines.door import Door
from graphnb.rayserve.lines.lines import Lines, forget_lines, lines_of

__all__ = ["Door", "Lines", "forget_lines", "lines_of"]
