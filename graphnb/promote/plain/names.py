"""Names that are free where generated code stands."""

from __future__ import annotations

import builtins
import keyword
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["OF_HANDLES", "OF_REPLICAS", "FreeNames", "words"]

OF_HANDLES = frozenset(
    """
    app_name broadcast choose_replica deployment_id deployment_name dispatch handle_options
    init_options is_initialized options remote request_id running_replicas_populated shutdown
    shutdown_async
    """.split()  # noqa: SIM905  a list of one to a line hides what is in it
)
"""What Ray Serve's handles have themselves: a method of that name is called in another way."""

OF_REPLICAS = frozenset(
    """
    app check_health docs_path options reconfigure record_autoscaling_stats
    record_replica_metadata record_routing_stats
    """.split()  # noqa: SIM905
)
"""What Ray Serve sets or calls of a class that answers HTTP: nothing else may have that name."""

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
    short = text.replace(".__call__", "")
    plain = _NO_WORD.sub("_", _CAMEL.sub("_", short)).strip("_").lower()
    return f"n{plain}" if not plain or plain[0].isdigit() else plain
