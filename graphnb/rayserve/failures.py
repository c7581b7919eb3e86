"""What Ray raises when a call fails, as graphnb says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphnb.errors import BackPressureError, RequestCancelledError, RequestError

if TYPE_CHECKING:
    from graphnb.rayserve.wire import RemoteFailure  # noqa: F401  named in the docstring


def failure_of(error: BaseException) -> BaseException:
    """What an error that Ray raised is about.

    Returns:
        A `RemoteFailure` when the host raised; else the error in graphnb's own terms, or as it is.
    """
    from ray import exceptions as ray_errors
    from ray.serve import exceptions as serve_errors

    if isinstance(error, ray_errors.RayTaskError):
        cause = getattr(error, "cause", None)
        if isinstance(cause, BaseException):
            return failure_of(cause)
    if isinstance(error, serve_errors.BackPressureError):
        return BackPressureError(
            "too many requests wait already: its max_queued_requests is reached",
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
