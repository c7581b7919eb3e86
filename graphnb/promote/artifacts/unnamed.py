"""Models that a graph holds and no variable: the module trains them anew, in each replica."""

from __future__ import annotations

import inspect
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from graphnb.authoring.walk import leaves
from graphnb.promote.artifacts.kinds import is_fitted
from graphnb.promote.extract.obstacles import Obstacle

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from graphnb.authoring import Graph

__all__ = ["unnamed_models"]


_MOST = 100_000


def unnamed_models(graph: Graph, taken: Iterable[Any]) -> Iterator[Obstacle]:
    """Warnings of models that nothing takes along.

    Args:
        graph: as it runs.
        taken: the values that go along.
    """
    known = _reached(taken)
    for name, binding in graph.deployments.items():
        init = {f"the init argument {at}": one for at, one in enumerate(binding.args)}
        init |= {f"the init argument {key!r}": one for key, one in binding.kwargs.items()}
        held = [*init.items(), *_closed_over(binding.func_or_class)]
        for what, value in held:
            models = [one for one, _ in leaves(value) if id(one) not in known and is_fitted(one)]
            if id(value) not in known and models:
                yield Obstacle(
                    "warning",
                    name,
                    binding.where() or "",
                    f"{what} of {name} is a model that no variable holds: the module trains it"
                    " anew, in each replica",
                    "bind it to a variable at the top of a cell",
                )


def _reached(values: Iterable[Any]) -> set[int]:
    """The ids of values, and of all that they hold."""
    seen: set[int] = set()
    waiting = list(values)
    while waiting and len(seen) < _MOST:
        one = waiting.pop()
        if id(one) not in seen:
            seen.add(id(one))
            if isinstance(one, dict):
                waiting += one.values()
            elif isinstance(one, list | tuple | set | frozenset):
                waiting += one
            elif not isinstance(one, type | FunctionType | ModuleType):
                waiting += getattr(one, "__dict__", {}).values()
    return seen


def _closed_over(definition: Any) -> Iterator[tuple[str, Any]]:
    """What a function, or the methods of a class, have from the function that they stand in."""
    functions = vars(definition).values() if isinstance(definition, type) else [definition]
    for one in functions:
        bare = inspect.unwrap(one) if callable(one) else one
        code, cells = getattr(bare, "__code__", None), getattr(bare, "__closure__", None)
        for variable, cell in zip(getattr(code, "co_freevars", ()), cells or (), strict=False):
            try:
                yield f"the variable {variable!r} around the code", cell.cell_contents
            except ValueError:  # nothing is bound to it yet
                continue
