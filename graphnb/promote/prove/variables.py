"""Whether a module's variables hold what they hold in the notebook, told by digests."""

from __future__ import annotations

from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from graphnb.authoring import Deployment, Node
from graphnb.authoring.digest import code_digest

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["different", "digests_of"]

# What is code, or a part of the graph: of these the graph itself tells.
_NO_DATA = (Deployment, FunctionType, ModuleType, Node, type)


def digests_of(values: Mapping[str, Any]) -> dict[str, str]:
    """The digests of the data among some variables."""
    return {
        name: code_digest(None, (value,))
        for name, value in values.items()
        if not name.startswith("__") and name != "app" and not isinstance(value, _NO_DATA)
    }


def different(found: Mapping[str, str], values: Mapping[str, Any]) -> list[str]:
    """The variables that hold something else, or what never has the same digest twice.

    Args:
        found: digests of variables as the module made them.
        values: the variables of the notebook.
    """
    common = {name: values[name] for name in found if name in values}
    return sorted(name for name, one in digests_of(common).items() if one != found[name])
