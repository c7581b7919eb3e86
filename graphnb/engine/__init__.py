"""How a graph computes, whoever runs it.

`schedule` fixes the steps of a graph, `run` brings one request through them, `replica` holds one
instance of a user's class, `handle` and `response` are how anybody calls, `request` carries what
belongs to one request, and `values` says how a value travels.
"""

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
from graphnb.engine.response import Response, ResponseStream
from graphnb.engine.run import Caller, open_schedule_stream, run_schedule
from graphnb.engine.schedule import Schedule, compile_schedule

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
