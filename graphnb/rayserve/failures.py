"""What Ray raises when a call fails, as graphnb says it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from graphnb.errors import BackPressureError, RequestCancelledError, RequestError

if TYPE_CHECKING:
    from graphnb.rayserve.wire import RemoteFailure  # noqa: F401  named in the docstring


_MAX_QUEUED = re.compile(r"max_queued_requests=(\d+)")


def failure_of(error: BaseException, name: str) -> BaseException:
    """What an error that Ray raised is about.

    Args:
        error: what a call of a Serve deployment raised.
        name: of the deployment, as the graph names it.

    Returns:
        A `RemoteFailure` when the host raised; else the error in graphnb's own terms, or as it is.
    """
    from ray import exceptions as ray_errors
    from ray.serve import exceptions as serve_errors

    if isinstance(error, ray_errors.RayTaskError):
        cause = getattr(error, "cause", None)
        if isinstance(cause, BaseException):
            return failure_of(cause, name)
    if isinstance(error, serve_errors.BackPressureError):
        limit = _MAX_QUEUED.search(str(error))
        return BackPressureError(
            f"{name} has {limit[1] if limit else 'too many'} requests waiting, "
            "which is its max_queued_requests",
            hint="try again later, or raise max_queued_requests, num_replicas "
            "or max_ongoing_requests",
        )
    if isinstance(error, serve_errors.RequestCancelledError | ray_errors.TaskCancelledError):
        return RequestCancelledError("the call was cancelled")
    if isinstance(error, ray_errors.RayActorError | ray_errors.ActorUnavailableError):
        return ReplicaGoneError("its replica died during the call")
    unavailable = getattr(serve_errors, "DeploymentUnavailableError", None)
    if unavailable is not None and isinstance(error, unavailable):
        return RequestError(
            "it has no replica that could answer",
            hint="see .status() for why it could not start",
        )
    return error


class ReplicaGoneError(RuntimeError):
    """The process that worked on a call has ended."""
