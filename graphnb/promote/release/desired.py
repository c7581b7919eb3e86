"""What an application is to be on the cluster, with as little made anew as can be.

Ray Serve restarts every deployment of an application whose import path, runtime environment or
arguments change. So these stay what they were for as long as the same deployments make up the
graph, and each deployment has a runtime environment of its own: the package of the release in
which it changed last. Replicas import their code from there (`serve.build(..., import_path=)`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from graphnb.errors import PromoteError
from graphnb.promote.bundle.bundle import IMPORT_PATH
from graphnb.promote.release.history import Release, as_user_config, with_release
from graphnb.promote.release.installing import with_requirements
from graphnb.rayserve.compiling import version_within
from graphnb.rayserve.promoted import BUILDER, RELEASES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from graphnb.promote.bundle import Bundle

__all__ = ["application_config", "check_entry", "next_release"]

_TAKEN = frozenset({"name", "route_prefix", "import_path", "deployments"})
_HEAD_NODE = "node:__internal_head__"
_A_LITTLE = 0.001
_SURGE = 100  # percent: new replicas are there before old ones go


def next_release(
    bundle: Bundle,
    package: str,
    before: Release | None,
    *,
    route_prefix: str,
    requirements: Sequence[str],
    at: str,
) -> Release:
    """The release of a bundle, after the one that runs.

    Args:
        bundle: what is to run.
        package: the URI of its package.
        before: what runs now; None if nothing does.
        route_prefix: where it is to answer.
        requirements: what its replicas are to install.
        at: the time.
    """
    spec = bundle.spec
    data = bundle.data_hash  # which of them reads it, nobody knows
    versions = {one.name: version_within(spec, one) + data for one in spec.deployments}
    entry = bundle.config["applications"][0]
    check_entry(entry, versions)
    options = {one["name"]: _without_name(one) for one in entry["deployments"]}
    base, packages = package, dict.fromkeys(versions, package)
    if before is not None and before.versions.keys() == versions.keys():
        kept = {name for name, one in versions.items() if before.versions[name] == one}
        if kept:
            base = before.base
            packages |= {name: before.packages[name] for name in kept}
    return Release(
        id=bundle.release,
        at=at,
        base=base,
        versions=versions,
        packages=packages,
        options=options,
        route_prefix=route_prefix,
        requirements=list(requirements),
    )


def check_entry(entry: Mapping[str, Any], names: Iterable[str]) -> None:
    """Raises PromoteError if a `serve.yaml` says what a promotion would not do.

    Args:
        entry: its application.
        names: of the graph's deployments.
    """
    extra = sorted(entry.keys() - _TAKEN)
    if extra:
        raise PromoteError(
            f"serve.yaml has {extra[0]!r} for the whole application, which a promotion does not"
            " take over",
            hint="say it of each deployment; environment variables in `env` of the target",
        )
    said = [one["name"] for one in entry["deployments"]]
    differing = sorted({*said} ^ {*names})
    if differing:
        raise PromoteError(
            f"serve.yaml and the graph do not have the same deployments: {', '.join(differing)}",
            hint="put back the entries of the bundle, or export it again",
        )


def _without_name(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: one for key, one in entry.items() if key != "name"}


def application_config(
    name: str,
    release: Release,
    known: Sequence[Release],
    *,
    environment: Mapping[str, str],
    surges: bool,
) -> dict[str, Any]:
    """The configuration of an application, as Ray Serve takes it.

    Args:
        name: the application's.
        release: what is to run.
        known: the history up to now.
        environment: variables that replicas are given.
        surges: whether this Ray starts new replicas before it ends old ones.
    """
    deployments = [
        _deployment(each, release, environment, surges=surges) for each in release.options
    ]
    return {
        "name": name,
        "route_prefix": release.route_prefix,
        "import_path": BUILDER,
        "args": {"import_path": IMPORT_PATH},
        "runtime_env": with_requirements(name, {"working_dir": release.base}, release.requirements),
        "deployments": [*deployments, _keeper(release, known, surges=surges)],
    }


def _deployment(
    name: str, release: Release, environment: Mapping[str, str], *, surges: bool
) -> dict[str, Any]:
    options = dict(release.options[name])
    actor = dict(options.get("ray_actor_options", {}))
    own = with_requirements(name, actor.get("runtime_env", {}), release.requirements)
    own["working_dir"] = release.packages[name]
    variables = {**own.get("env_vars", {}), **environment}
    if variables:
        own["env_vars"] = variables
    options["ray_actor_options"] = {**actor, "runtime_env": own}
    if surges:
        options.setdefault("max_surge_percent", _SURGE)
    return {"name": name, **options}


def _keeper(release: Release, known: Sequence[Release], *, surges: bool) -> dict[str, Any]:
    """The deployment that refers to what may be needed: this release, and the one before it."""
    earlier = [one for one in known if one != release][-1:]
    needed = sorted({uri for one in [release, *earlier] for uri in one.all_packages})
    made: dict[str, Any] = {
        "name": RELEASES,
        "num_replicas": 1,
        "ray_actor_options": {
            "num_cpus": 0,
            "resources": {_HEAD_NODE: _A_LITTLE},
            "runtime_env": {"working_dir": release.base, "py_modules": needed},
        },
        "user_config": as_user_config(with_release(known, release)),
    }
    if surges:
        made["max_surge_percent"] = _SURGE
    return made


def again(release: Release, at: str) -> Release:
    """An earlier release, released anew."""
    return replace(release, at=at)
