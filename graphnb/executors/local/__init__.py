"""Graphs in this process: no Ray, one event loop in a thread of its own.

`loop` is that thread, `replicas` the instances of one deployment behind a queue, `version` one
state of a graph, `application` the graph that moves from version to version, `http` the server.
"""

from graphnb.executors.local.executor import LocalExecutor

__all__ = ["LocalExecutor"]
