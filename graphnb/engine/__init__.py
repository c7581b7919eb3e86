"""How a graph computes, whoever runs it.

`schedule` fixes the steps of a graph, `run` brings one request through them, `replica` holds one
instance of a user's class. `handle`, `response` and `stream` are how anybody calls, `request`
carries what belongs to one request, and `values` says how a value travels.
"""

from graphnb.engine.caller import Caller
from graphnb.engine.handle import (
    CallOptions,
    DeploymentTarget,
    GraphTarget,
    Handle,
    Router,
    Target,
)
from graphnb.engine.multiplex import get_multiplexed_model_id, multiplexed
from graphnb.engine.replica import Replica, ReplicaContext, get_replica_context
from graphnb.engine.request import Envelope, NodeValues, Request, current_envelope
from graphnb.engine.response import Response
from graphnb.engine.run import open_schedule_stream, run_schedule
from graphnb.engine.schedule import Schedule, compile_schedule
from graphnb.engine.stream import ResponseStream

__all__ = [
    "CallOptions",
    "Caller",
    "DeploymentTarget",
    "Envelope",
    "GraphTarget",
    "Handle",
    "NodeValues",
    "Replica",
    "ReplicaContext",
    "Request",
    "Response",
    "ResponseStream",
    "Router",
    "Schedule",
    "Target",
    "compile_schedule",
    "current_envelope",
    "get_multiplexed_model_id",
    "get_replica_context",
    "multiplexed",
    "open_schedule_stream",
    "run_schedule",
]
