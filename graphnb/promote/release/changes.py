"""What happens to each deployment of an application, told by two of its configurations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from graphnb.graph.diff import IN_PLACE
from graphnb.rayserve.promoted import RELEASES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from graphnb.promote.release.history import Release

__all__ = ["Change", "Kind", "changes_between", "differ"]

_REQUIREMENTS = "what it requires has changed"

Kind = Literal["added", "removed", "changed in place", "restarted", "unchanged"]


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one deployment.

    Attributes:
        name: the deployment's.
        kind: what happens to it.
        reasons: why, for people.
    """

    name: str
    kind: Kind
    reasons: tuple[str, ...] = ()


def changes_between(
    release: Release, before: Release | None, config: Mapping[str, Any], there: Mapping[str, Any]
) -> tuple[Change, ...]:
    """What happens to each deployment.

    Args:
        release: what is to run.
        before: what runs; None if nothing does.
        config: the configuration that the application is to have.
        there: the one that it has.
    """
    if before is None:
        return tuple(Change(name, "added") for name in release.versions)
    old, new = _deployments(there), _deployments(config)
    rebuilt = _rebuilt(config, there)
    found = []
    for name in release.versions:
        if name not in old:
            found.append(Change(name, "added"))
            continue
        is_other = before.versions.get(name) != release.versions[name]
        found.append(_change(name, old[name], new[name], rebuilt, is_other=is_other))
    gone = [Change(name, "removed") for name in old if name not in release.versions]
    return (*found, *gone)


def _deployments(config: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The graph's own, by name."""
    return {one["name"]: one for one in config["deployments"] if one["name"] != RELEASES}


def _rebuilt(config: Mapping[str, Any], there: Mapping[str, Any]) -> str | None:
    """Why Ray Serve makes every deployment of the application anew; None if it does not."""
    if _deployments(config).keys() != _deployments(there).keys():
        return "the graph has other deployments"
    if _pip(config) != _pip(there):
        return _REQUIREMENTS
    for key in ("import_path", "runtime_env", "args"):
        if config.get(key) != there.get(key):
            return "every deployment has changed"
    if _build_options(config) != _build_options(there):
        return "an autoscaling policy or a request router has changed"
    return None


def _pip(config: Mapping[str, Any]) -> Any:
    return (config.get("runtime_env") or {}).get("pip")


def _build_options(config: Mapping[str, Any]) -> list[Any]:
    """Options that Ray Serve counts as the application's code."""
    return [
        [
            one.get("request_router_config"),
            (one.get("autoscaling_config") or {}).get("policy"),
            one.get("deployment_actors"),
        ]
        for one in config["deployments"]
    ]


def _change(
    name: str,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    rebuilt: str | None,
    *,
    is_other: bool,
) -> Change:
    before, after = _options(old), _options(new)
    differ = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
    reasons = [
        _difference(key, before.get(key), after.get(key))
        for key in differ
        if not (rebuilt == _REQUIREMENTS and key == "runtime_env pip")
    ]
    if is_other:
        also = [rebuilt] if rebuilt == _REQUIREMENTS else []
        return Change(name, "restarted", ("its code has changed", *also, *reasons))
    if rebuilt is not None:
        return Change(name, "restarted", (rebuilt, *reasons))
    if _package(old) != _package(new):
        return Change(name, "restarted", ("it runs other code there", *reasons))
    if not differ:
        return Change(name, "unchanged")
    in_place = set(differ) <= IN_PLACE
    return Change(name, "changed in place" if in_place else "restarted", tuple(reasons))


def differ(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two configurations say something else of any deployment.

    The environment counts for nothing: what replicas were given of it is known nowhere else.
    """
    old, new = _deployments(one), _deployments(other)
    if old.keys() != new.keys() or one.get("route_prefix") != other.get("route_prefix"):
        return True
    return any(
        _package(old[each]) != _package(new[each])
        or _without_environment(old[each]) != _without_environment(new[each])
        for each in old
    )


def _without_environment(entry: Mapping[str, Any]) -> dict[str, Any]:
    options = _options(entry)
    return {key: one for key, one in options.items() if not key.startswith("environment ")}


def _package(entry: Mapping[str, Any]) -> Any:
    return (entry.get("ray_actor_options", {}).get("runtime_env") or {}).get("working_dir")


def _options(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a deployment but for its code, those of actors among the others."""
    found = {key: one for key, one in entry.items() if key not in ("name", "ray_actor_options")}
    actor = dict(entry.get("ray_actor_options") or {})
    own = dict(actor.pop("runtime_env", None) or {})
    own.pop("working_dir", None)
    variables = own.pop("env_vars", None) or {}
    return {
        **found,
        **actor,
        **{f"runtime_env {key}": one for key, one in own.items()},
        **{f"environment variable {key}": one for key, one in variables.items()},
    }


def _difference(key: str, old: Any, new: Any) -> str:
    """What changes of an option; values that may be long, or secret, are not shown."""
    if isinstance(old, int | float | None) and isinstance(new, int | float | None):
        return f"{key} {_shown(old)} -> {_shown(new)}"
    return key


def _shown(number: float | None) -> str:
    return "none" if number is None else f"{number:g}"
