"""Names that are free where generated code stands."""

from __future__ import annotations

import builtins
import keyword
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["FreeNames", "words"]

_RESERVED = frozenset({*dir(builtins), *keyword.kwlist, *keyword.softkwlist})
_NO_WORD = re.compile(r"\W+", re.ASCII)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class FreeNames:
    """Hands out names, each once.

    Args:
        taken: those that mean something already.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = {*_RESERVED, *taken}

    def of(self, wanted: str) -> str:
        """The name itself, or with the first number that makes it free."""
        name, number = wanted, 0
        while name in self._taken:
            number += 1
            name = f"{wanted}_{number}"
        self._taken.add(name)
        return name

    def within(self) -> FreeNames:
        """Names of a scope inside this one."""
        return FreeNames(self._taken)


def words(text: str) -> str:
    """A text as a variable is called: "TextModel.run#1" becomes "text_model_run_1"."""
    plain = _NO_WORD.sub("_", _CAMEL.sub("_", text)).strip("_").lower()
    return f"n{plain}" if not plain or plain[0].isdigit() else plain
