"""Where a graph runs: one Protocol, and the executors that fulfil it."""

from graphnb.executors.base import (
    Application,
    ApplyResult,
    DeploymentStatus,
    Executor,
    HttpOptions,
)
from graphnb.executors.choose import executor_for, executors_within_reach, known_executors

__all__ = [
    "Application",
    "ApplyResult",
    "DeploymentStatus",
    "Executor",
    "HttpOptions",
    "executor_for",
    "executors_within_reach",
    "known_executors",
]
