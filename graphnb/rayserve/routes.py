"""Which paths applications answer below on this cluster."""

from __future__ import annotations

from graphnb.errors import DeployError
from graphnb.rayserve.private import route_prefixes


def free_prefix(name: str, asked: str | None, had: str | None) -> str:
    """The route prefix of an application.

    Args:
        name: the application's.
        asked: what the user wants, or None for what it had, else "/" if free, else "/NAME".
        had: what it has now, or None.

    Raises:
        DeployError: another application answers there.
    """
    owners = {at: app for app, at in route_prefixes().items() if at and app != name}
    if asked is None:
        return had or ("/" if "/" not in owners else f"/{name}")
    if not asked.startswith("/"):
        raise DeployError(f"the route prefix {asked!r} does not begin with a slash")
    prefix = asked.rstrip("/") or "/"
    if prefix in owners:
        raise DeployError(
            f"the graph {owners[prefix]!r} already answers at {prefix}",
            hint="choose another route_prefix, or delete that graph",
        )
    return prefix
