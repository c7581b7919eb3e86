"""Where a module holds the classes and functions that a graph deploys, and with which options."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

from graphnb.authoring import Deployment
from graphnb.errors import ExportError
from graphnb.promote.plain.expressions import parts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from graphnb.authoring.bindings import DeploymentBinding

__all__ = ["Definition", "Definitions"]


@dataclass(frozen=True, slots=True)
class Definition:
    """How a deployment is defined.

    Attributes:
        text: the expression of it.
        variable: the variable of the module that it starts with; None if it is imported.
        module: where it is imported from, if no variable holds it.
        is_bare: whether it is the class or function itself, that nothing has decorated.
        name: what the deployment is called unless it is told otherwise.
        options: those that it has already.
    """

    text: str
    variable: str | None
    module: str | None
    is_bare: bool
    name: str
    options: Mapping[str, Any]


class Definitions:
    """Finds definitions.

    Args:
        namespace: the variables of the module.
        local: the names of the modules that come along with it.
        unfit: variables that cannot go along.
    """

    def __init__(
        self, namespace: Mapping[str, Any], local: frozenset[str], unfit: Collection[str] = ()
    ) -> None:
        self._namespace = {name: one for name, one in namespace.items() if name not in unfit}
        self._local = local

    def of(self, name: str, binding: DeploymentBinding) -> Definition:
        """The definition of a deployment, with as many of its options as one has.

        Raises:
            ExportError: none can be named.
        """
        wanted = binding.func_or_class
        found = [one for one in self._all() if one[1] is wanted or _deploys(one[1], wanted)]
        if not found:
            raise ExportError(
                f"plain code cannot name the definition of {name}: no variable holds it",
                hint="bind it to a variable of its own at the top of a cell, outside of `with`"
                " blocks and loops",
            )
        made = [self._definition(*one) for one in found]
        given = {key: one for key, one in binding.options.items() if key != "route_prefix"}

        def fits(one: Definition) -> tuple[bool, int]:
            same = [key for key in one.options if _same(one.options[key], given.get(key))]
            return (one.is_bare or len(same) < len(one.options), -len(same))

        best = min(made, key=fits)
        lost = sorted(best.options.keys() - given.keys())
        if lost:
            raise ExportError(
                f"plain code cannot take the option {lost[0]!r} from {best.text}",
                hint="leave it out of the decorator",
            )
        return best

    def _all(self) -> Iterator[tuple[str, Any, str | None, str | None]]:
        """Expressions, what they are, their variables, and the modules they are imported from."""
        for name, value in self._namespace.items():
            for text, one in parts(name, value):
                yield text, one, name, None
            if isinstance(value, ModuleType) and value.__name__.partition(".")[0] in self._local:
                for part, one in vars(value).items():
                    yield f"{name}.{part}", one, name, None
        for module, value in sorted(sys.modules.items()):
            if module.partition(".")[0] in self._local:
                for part, one in vars(value).items():
                    yield part, one, None, module

    @staticmethod
    def _definition(text: str, value: Any, variable: str | None, module: str | None) -> Definition:
        if isinstance(value, Deployment):
            options = {k: v for k, v in value.user_options.items() if k != "route_prefix"}
            return Definition(text, variable, module, False, value.name, options)
        return Definition(text, variable, module, True, value.__name__, {})


def _deploys(value: Any, func_or_class: Any) -> bool:
    return isinstance(value, Deployment) and value.func_or_class is func_or_class


def _same(one: Any, other: Any) -> bool:
    try:
        return one is other or bool(one == other)
    except (TypeError, ValueError):  # arrays and the like
        return False
