"""The request as a graph sees it.

Takes nothing of graphnb: graphs that leave it take this file along.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class RequestInput:
    """A request of several arguments: by position `[0]`, by name `["k"]` or `.k`.

    A request of one positional argument is that argument itself.
    """

    def __init__(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        self.args = args
        self.kwargs = dict(kwargs)

    def __getitem__(self, key: int | str) -> Any:
        return self.args[key] if isinstance(key, int) else self.kwargs[key]

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, RequestInput)
            and self.args == other.args
            and self.kwargs == other.kwargs
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        parts = [*map(repr, self.args), *(f"{key}={one!r}" for key, one in self.kwargs.items())]
        return f"RequestInput({', '.join(parts)})"


def request_input(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """The value that the InputNode stands for."""
    if len(args) == 1 and not kwargs:
        return args[0]
    return RequestInput(args, kwargs)
