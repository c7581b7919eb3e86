"""An application as an entry of the file that `serve deploy` takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphnb.errors import DeployError

if TYPE_CHECKING:
    from graphnb.graph.spec import DeploymentSpec, GraphSpec

__all__ = ["application_entry", "checked_config"]

# What Ray Serve does unless it is told otherwise; said, so that it can be edited.
_DEFAULTS = {"num_replicas": 1, "max_ongoing_requests": 5}
_CPUS = {"num_cpus": 1}


def application_entry(
    spec: GraphSpec, *, name: str, route_prefix: str, import_path: str
) -> dict[str, Any]:
    """The entry of a graph, with every deployment's options.

    Args:
        spec: the graph's.
        name: the application's.
        route_prefix: the path that it answers below.
        import_path: of the application, "module:variable".
    """
    return {
        "name": name,
        "route_prefix": route_prefix,
        "import_path": import_path,
        "deployments": [_deployment(one) for one in spec.deployments],
    }


def _deployment(spec: DeploymentSpec) -> dict[str, Any]:
    from ray.serve.schema import DeploymentSchema

    options = {key: value for key, value in spec.options.items() if value is not None}
    known = {key: one for key, one in options.items() if key in DeploymentSchema.model_fields}
    scales = "autoscaling_config" in known or known.get("num_replicas") == "auto"
    made = {"name": spec.name, **_DEFAULTS}
    if scales:
        del made["num_replicas"]
    made |= known
    made["name"] = spec.name
    if "placement_group_bundles" not in known:
        made["ray_actor_options"] = {**_CPUS, **known.get("ray_actor_options", {})}
    return made


def checked_config(config: dict[str, Any]) -> dict[str, Any]:
    """The same configuration, if Ray Serve takes it.

    Raises:
        DeployError: it does not; says which part.
    """
    from ray.serve.schema import ServeDeploySchema

    try:
        ServeDeploySchema.model_validate(config)
    except ValueError as error:
        tell = getattr(error, "errors", None)
        found = tell()[0] if callable(tell) else {"loc": (), "msg": str(error)}
        place = ".".join(map(str, found["loc"]))
        raise DeployError(f"Ray Serve does not take {place or 'it'}: {found['msg']}") from error
    return config
