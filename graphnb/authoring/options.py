"""The options that the installed Ray Serve takes, read from its source without importing it."""

from __future__ import annotations

import ast
import difflib
import importlib.util
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphnb.errors import GraphValueError
from graphnb.graph import rules

if TYPE_CHECKING:
    from collections.abc import Mapping

# Ours; everything else in `serve.deployment(...)` is Ray Serve's.
OWN_OPTIONS = ("route_prefix",)


@cache
def ray_serve_options() -> tuple[str, ...]:
    """The keyword options of `ray.serve.deployment`, in its order; empty without Ray."""
    found = importlib.util.find_spec("ray")
    if found is None or found.origin is None:
        return ()
    source = Path(found.origin).parent.joinpath("serve", "api.py").read_text()
    start = source.index("\ndef deployment(")
    end = source.index(":\n", source.index("\n) ->", start)) + 1
    function = ast.parse(source[start:end] + " ...").body[0]
    assert isinstance(function, ast.FunctionDef)
    named = [*function.args.args, *function.args.kwonlyargs]
    return tuple(one.arg for one in named if not one.arg.startswith("_"))


def check_options(options: Mapping[str, Any], *, node: str) -> None:
    """Checks the names of a deployment's options, and the numbers among them.

    Raises:
        GraphError: GN110, an option that Ray Serve does not have; the nearest is named. GN118, a
            number that is none, or is too small.
    """
    unknown = [name for name in options if name not in OWN_OPTIONS]
    known = ray_serve_options() if unknown else ()
    for name in unknown:
        if known and name not in known:
            near = difflib.get_close_matches(name, [*known, *OWN_OPTIONS], 1)
            raise rules.UNKNOWN_OPTION.error(
                f"{node} has the option {name!r}, which Ray Serve does not have",
                node=node,
                hint=f"did you mean {near[0]!r}?" if near else None,
            )
    for name, (least, kind) in _NUMBERS.items():
        value = options.get(name)
        if value is None or (name == "num_replicas" and value == "auto"):
            continue
        fits = isinstance(value, kind) and not isinstance(value, bool) and value >= least
        if not fits:
            noun = "a whole number" if kind is int else "a number"
            raise rules.OPTION_VALUE.error(
                f"{node} has {name}={value!r}, expected {noun} of {least} or more",
                node=node,
                kind=GraphValueError,
            )


# The least value, and the type; as Ray Serve has them.
_NUMBERS: dict[str, tuple[int, Any]] = {
    "num_replicas": (1, int),
    "max_ongoing_requests": (1, int),
    "max_queued_requests": (-1, int),
    "graceful_shutdown_timeout_s": (0, int | float),
    "graceful_shutdown_wait_loop_s": (0, int | float),
    "health_check_period_s": (0, int | float),
    "health_check_timeout_s": (0, int | float),
}
