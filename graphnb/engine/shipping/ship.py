"""Shipping: definitions and their arguments to bytes, and what cannot travel told by name."""

from __future__ import annotations

import inspect
import io
import re
import sys
from typing import TYPE_CHECKING, Any

from graphnb.engine.shipping.culprits import Step, largest_path, path_to
from graphnb.engine.shipping.namespaces import by_name
from graphnb.engine.shipping.parcels import StuckError, make_parcel, open_parcel
from graphnb.engine.shipping.pickler import CodePickler
from graphnb.engine.shipping.wanted import Wanted
from graphnb.errors import NotSerializableError

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_BYTES = 100_000_000
"""The most that one parcel may hold: Ray keeps every definition, and sends it to each replica."""

_INSIDE = (
    "make it inside the deployment, in __init__ or where it is first used, "
    "so that each replica has its own"
)
_ARGUMENT = "pass what it is made from (a path, an address), and make it in __init__"
_DATA = "pass plain data; make connections, locks and models inside a deployment"


class _Shipper(CodePickler):
    """Pickles definitions: an open file does not travel as its text."""

    def __init__(self, file: Any, *, wanted: Wanted) -> None:
        super().__init__(file, wanted=wanted, reducers={io.TextIOWrapper: _refuse_file})


def _refuse_file(file: io.TextIOWrapper) -> Any:
    for name in ("stdin", "stdout", "stderr"):
        if file is getattr(sys, name):
            return getattr, (sys, name)
    raise TypeError(f"cannot pickle the open file {file.name!r}")


def ship(
    value: Any, *, what: str = "the value", node: str | None = None, limit: int = MAX_BYTES
) -> bytes:
    """A value, with the code that no other process can import.

    Args:
        value: a class or function, a tuple of one with its init args, or any other value.
        what: names the value in an error; a definition is named by its own name.
        node: the node that an error speaks of.
        limit: the most bytes that it may be.

    Raises:
        NotSerializableError: something in it cannot travel, or it is too large.
    """
    wanted = Wanted()
    while True:
        try:
            data = make_parcel(value, _Shipper, wanted)
        except StuckError as error:
            way = path_to(error.culprit, value, wanted)
            if not _leaves_out(way or [], wanted):
                raise _refusal(value, error, way, what, node) from error.__cause__
        else:
            break
    if len(data) > limit:
        raise _too_large(value, len(data), limit, wanted, what, node)
    return data


def unship(data: bytes) -> Any:
    """What was shipped; the modules that came with it can be imported from then on.

    Raises:
        ImportError: it needs a package that is not installed here.
    """
    try:
        return open_parcel(data)
    except ImportError as error:
        error.add_note("the code that arrived needs it: install it where replicas run")
        raise


def _leaves_out(way: list[Step], wanted: Wanted) -> bool:
    """Leaves out a module's attribute that no code takes from the module, if one is on the way."""
    from types import ModuleType

    return any(
        isinstance(one.holder, ModuleType) and wanted.leave_out(one.holder.__name__, one.name)
        for one in way
    )


# --- errors --------------------------------------------------------------------------------------


def _refusal(
    value: Any, stuck: StuckError, way: list[Step] | None, what: str, node: str | None
) -> NotSerializableError:
    culprit, cause = stuck.culprit, stuck.__cause__
    kind = type(culprit)
    name = (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )
    reason = f"{type(cause).__name__}: {cause}"
    if isinstance(cause, RecursionError) or "recursion" in str(cause):
        held = "it is nested too deeply"
    else:
        held = f"{_route(value, way)}a {name}"
    return NotSerializableError(
        f"{_subject(value, what, node)} cannot travel to another process: {held} ({reason})",
        node=node,
        hint=_hint(value, way),
    )


def _too_large(
    value: Any, size: int, limit: int, wanted: Wanted, what: str, node: str | None
) -> NotSerializableError:
    known: dict[int, int] = {}

    def size_of(part: Any) -> int:
        if id(part) not in known:
            try:
                known[id(part)] = len(make_parcel(part, _Shipper, wanted))
            except StuckError:
                known[id(part)] = 0
        return known[id(part)]

    way = largest_path(value, size_of, wanted)
    most = f"; most of it is {_route(value, way)}a {type(way[-1].part).__name__}" if way else ""
    return NotSerializableError(
        f"{_subject(value, what, node)} is too large to be shipped: {size / 1e6:,.0f} MB, "
        f"and {limit / 1e6:,.0f} MB is the most{most}",
        node=node,
        hint="load it in __init__, from a file or a store that every replica reaches",
    )


def _definition(value: Any) -> Any:
    """The class or function that a value is, or begins with."""
    first = value[0] if isinstance(value, tuple) and value else value
    return first if isinstance(first, type) or inspect.isroutine(first) else None


def _subject(value: Any, what: str, node: str | None) -> str:
    definition = _definition(value)
    if definition is not None:
        return str(definition.__qualname__)
    return f"{what} of {node}" if node else what


def _route(value: Any, way: list[Step] | None) -> str:
    """The way to the culprit, for people: "method 'score' → global 'connection': "."""
    if not way:
        return "it holds " if way is None else "it is "
    labels = [one.label for one in way]
    if _definition(value) is not None and isinstance(value, tuple):
        labels = _argument_labels(labels)
    return f"{' → '.join(labels)}: " if labels else "it is "


def _argument_labels(labels: list[str]) -> list[str]:
    """Labels of a definition that comes with its init args."""
    place = labels[0]
    if place == "[0]":
        return labels[1:]
    if len(labels) > 1 and place in {"[1]", "[2]"}:
        return [f"init arg {labels[1].strip('[]')}", *labels[2:]]
    return ["init args", *labels[1:]]


def _hint(value: Any, way: list[Step] | None) -> str:
    if _definition(value) is None:
        return _DATA
    in_arguments = isinstance(value, tuple) and way and way[0].label != "[0]"
    return _ARGUMENT if in_arguments else _INSIDE


# --- pickles that know nothing of it -------------------------------------------------------------


def mentions_local_code(data: bytes) -> bool:
    """Whether a pickle of protocol 4 or 5 may speak of what no other process can import.

    By the names of modules as they stand in the pickle: a text that is one is taken for one.
    """
    return _local_names()(data) is not None


_names: tuple[tuple[int, str], Callable[[bytes], Any]] | None = None


def _local_names() -> Callable[[bytes], Any]:
    """Finds the name of a local module in bytes; made anew when modules were loaded."""
    global _names  # noqa: PLW0603  one for all
    loaded = list(sys.modules)
    mark = (len(loaded), loaded[-1])
    if _names is None or _names[0] != mark:
        local = sorted(name.encode() for name in loaded if not by_name(name))
        # As pickle writes a name: how it is written, its length, itself.
        written = [b"\x8c%c%b" % (len(one), one) for one in (b"__main__", *local) if len(one) < 256]
        _names = (mark, re.compile(b"|".join(map(re.escape, written))).search)
    return _names[1]
