"""A bundle's module without graphnb: the definitions that a graph uses, above its driver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphnb.promote.extract import extract
from graphnb.promote.plain.imports import refuse_graphnb, without_graphnb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphnb.promote.extract import Extract

__all__ = ["plain_source"]


@dataclass(frozen=True, slots=True)
class _Module:
    """A module's source, as a cell."""

    raw: str
    id: str = ""
    ordinal: int = 1

    @property
    def transformed(self) -> str:
        """What is compiled."""
        return self.raw


def plain_source(
    module: str, driver: str, *, imports: Sequence[str], needs: Sequence[str], title: str
) -> Extract:
    """The source of a graph's module as plain Ray Serve code.

    Args:
        module: the source of the bundle's own module.
        driver: what is to stand below the definitions.
        imports: statements that the driver needs.
        needs: variables of the module that it uses.
        title: the first line.

    Raises:
        ExportError: a definition uses what only graphnb has.
    """
    found = extract(
        [_Module(without_graphnb(module))],
        f"({''.join(f'{one}, ' for one in needs)})",
        title=title,
        end=driver.replace("{", "{{").replace("}", "}}"),
        imports="\n".join(imports),
    )
    refuse_graphnb(found.text, "the graph's code")
    return found
