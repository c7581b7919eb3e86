"""The application of a promoted bundle: its graph, and a deployment that keeps its releases.

A cluster forgets a package that nobody refers to, such as that of a deployment whose only replica
is being replaced. `Releases` refers to the packages of the release that runs and of the one before
it, and its `user_config` says what was released: it is the application's memory.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ray import serve

from graphnb.rayserve.compiling import ANYBODY, bind_application, compile_graph
from graphnb.rayserve.imported import imported_graph

if TYPE_CHECKING:
    from ray.serve import Application

    from graphnb.rayserve.compiling import Part

__all__ = ["BUILDER", "RELEASES", "application"]

BUILDER = "graphnb.rayserve.promoted:application"
"""What a promoted application's configuration names as its import path."""

RELEASES = "graphnb_releases"
"""The name of the deployment that keeps its releases."""


class Releases:
    """Has nothing to do but to be there."""

    def reconfigure(self, releases: Any) -> None:
        """Takes what was released; it is read from the configuration, by whoever asks."""


def application(args: dict[str, str]) -> Application:
    """Builds the application; Ray Serve calls it where the bundle can be imported.

    Args:
        args: "import_path" is where the bundle has its application.
    """
    import_path = args["import_path"]
    compiled = compile_graph(imported_graph(import_path), http=ANYBODY, import_path=import_path)
    parts = {name: _as_configured(one) for name, one in compiled.parts.items()}
    root = parts[compiled.root]
    others = [one for one in parts.values() if one is not root]
    deployment: Any = serve.deployment(name=RELEASES, ray_actor_options={"num_cpus": 0})
    keeper = deployment(Releases).bind()
    made: Application = bind_application(root, others, [keeper])
    return made


def _as_configured(part: Part) -> Part:
    """The part without options that the configuration says: one that it leaves out is left out.

    The application may be built from the code of an earlier release, which had others.
    """
    from ray.serve.schema import DeploymentSchema

    own = {k: one for k, one in part.options.items() if k not in DeploymentSchema.model_fields}
    return replace(part, options=own, user_config=None)
