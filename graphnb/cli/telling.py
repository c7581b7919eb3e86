"""How the command line tells progress and errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["done", "show_progress"]

_T = TypeVar("_T")


class _Progress:
    """Tells what long work is at, beside the results; what was told last is not told again."""

    def __init__(self) -> None:
        self._told = ""

    def __call__(self, stage: str) -> None:
        if stage != self._told:
            self._told = stage
            click.echo(f"{stage} ...", err=True)


show_progress = _Progress()


def done(work: Callable[[], _T]) -> _T:
    """What that returns; an error of graphnb is told in its own words, with exit code 1.

    So is what came of work that was stopped by Ctrl-C.
    """
    from graphnb.errors import GraphnbError

    try:
        return work()
    except GraphnbError as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt as stopped:
        for note in getattr(stopped, "__notes__", ()):
            click.echo(note, err=True)
        raise
