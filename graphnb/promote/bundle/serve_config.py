"""`serve.yaml`: what `serve deploy` takes, with every deployment's options to edit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["read_yaml", "yaml_text"]

_HEAD = """\
# The graph {name}, for `serve deploy serve.yaml`. {where}
# Options of deployments are read from here, not from app.py: change them here.
"""
_WHERE = """Every node of the cluster must be able to import
# app.py: from an image that holds this folder, or from `runtime_env: {working_dir: URL}`."""
_VARIABLES = """\
# The code reads these environment variables; set them on the cluster, or in `runtime_env`:
{lines}
"""


def yaml_text(name: str, config: Mapping[str, Any], variables: Collection[str]) -> str:
    """The file's text.

    Args:
        name: the graph's.
        config: what Ray Serve takes.
        variables: the environment variables that the code reads; their values are not in it.
    """
    head = _HEAD.format(name=name, where=_WHERE)
    if variables:
        head += _VARIABLES.format(lines="\n".join(f"#   {one}" for one in sorted(variables)))
    return head + "\n" + yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True)


def read_yaml(text: str) -> Any:
    """What such a file says."""
    return yaml.safe_load(text)
