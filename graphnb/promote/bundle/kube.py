"""Files for Kubernetes: an image of the bundle, and a `RayService` of KubeRay that runs it.

graphnb's own tests check their form and do not run them; their first lines say so.
"""

from __future__ import annotations

import re
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["dockerfile", "rayservice"]

NOT_RUN = "# Checked by form alone: graphnb's own tests do not run it."
_MOST_LETTERS = 50  # KubeRay makes names of it that end in more


def dockerfile(python: str, ray: str, *, has_wheels: bool) -> str:
    """The `Dockerfile` of a bundle.

    Args:
        python: the version of Python, such as "3.11".
        ray: the version of Ray.
        has_wheels: whether the bundle brings wheels, that its requirements name.
    """
    wheels = "\nCOPY --chown=ray:users wheels ./wheels" if has_wheels else ""
    tag = f"{ray}-py{python.replace('.', '')}"
    return _template("Dockerfile").substitute(note=NOT_RUN, tag=tag, wheels=wheels)


def rayservice(name: str, ray: str, config: Mapping[str, Any]) -> str:
    """The `RayService` of a bundle.

    Args:
        name: the graph's.
        ray: the version of Ray.
        config: what Ray Serve takes.
    """
    label = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")[:_MOST_LETTERS] or "graph"
    text = yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True)
    indented = "\n".join(f"    {line}" if line else "" for line in text.splitlines())
    return _template("rayservice.yaml").substitute(
        note=NOT_RUN, name=label, ray=ray, config=indented
    )


def _template(name: str) -> Template:
    return Template(files("graphnb.promote.bundle").joinpath("templates", name).read_text("utf-8"))
