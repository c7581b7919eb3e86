"""The running graphs of this process, by name; nothing else is global.

`deploy` brings a graph to life, `get` and `running` find it again, `RunningGraph` is what a user
holds, `bench` measures it.
"""

from graphnb.session.registry import delete, deploy, get, running, shutdown
from graphnb.session.running_graph import RunningGraph

__all__ = ["RunningGraph", "delete", "deploy", "get", "running", "shutdown"]
