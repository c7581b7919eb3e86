"""Whether `serve.yaml` can say the options of deployments as they are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from graphnb.errors import ExportError

if TYPE_CHECKING:
    from graphnb.authoring import Graph

__all__ = ["check_user_configs"]

_PLAIN = frozenset({bool, float, int, str, type(None)})


def check_user_configs(graph: Graph) -> None:
    """Raises ExportError for a `user_config` that would be another one after JSON."""
    for name, binding in graph.deployments.items():
        value = binding.options.get("user_config")
        found = _unsaid(value, "user_config")
        if found is not None:
            place, what = found
            raise ExportError(
                f"the user_config of {name} cannot be said in serve.yaml: {place} is {what}",
                hint="use numbers, text, lists, and dicts whose keys are text",
            )


def _unsaid(value: Any, place: str) -> tuple[str, str] | None:
    """The first part that JSON does not have: where it is, and what."""
    if type(value) is float and not math.isfinite(value):
        return place, repr(value)
    if type(value) in _PLAIN:
        return None
    if type(value) in (list, tuple):
        parts = [(f"{place}[{at}]", one) for at, one in enumerate(value)]
    elif type(value) is dict:
        wrong = next((key for key in value if type(key) is not str), None)
        if wrong is not None:
            return f"a key of {place}", f"a {type(wrong).__name__}"
        parts = [(f"{place}[{key!r}]", one) for key, one in value.items()]
    else:
        return place, f"a {type(value).__name__}"
    return next((one for one in (_unsaid(part, at) for at, part in parts) if one), None)
