"""Makes NodeErrors: of graphnb's type and of the original error's type at once.

The class is made once for each type of error. What the original keeps is carried over: its
`__dict__`, its slots, and what built-in types keep in C (`OSError.errno`). An error whose type
cannot be joined, or that resists being copied, becomes a plain NodeError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from graphnb.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import Sequence

_Error = TypeVar("_Error", bound=BaseException)

_types: dict[type[BaseException], type[NodeError]] = {}


def node_error(
    original: BaseException,
    *,
    node: str,
    cell: str | None = None,
    request_id: str | None = None,
) -> NodeError:
    """Makes the NodeError for what a node raised.

    Args:
        original: what the node raised.
        node: the name of the node.
        cell: where the node was defined, for people.
        request_id: the request's id.

    Returns:
        The error to raise. An error that is a NodeError already (of a node further down) is
        returned as it is: the node that failed first is the one that matters.
    """
    if isinstance(original, NodeError):
        return original
    try:
        error = _joined(original)
    except Exception:  # noqa: BLE001  whatever a user's exception class does when it is made
        error = plain_node_error(original)
    where = f"{node} ({cell})" if cell else node
    set_fields(
        error,
        message=f"{where} raised {type(original).__name__}: {_text(original)}",
        hint=None,
        node=node,
        cell=cell,
        request_id=request_id,
        original=original,
        __cause__=original,
    )
    return error.with_traceback(original.__traceback__)


def _joined(original: BaseException) -> NodeError:
    error = made_without_init(_type_of(type(original)), original.args)
    for cls in type(original).__mro__:
        for name, member in vars(cls).items():
            # What lies in C or in slots, and can be read and set: `errno`, `filename`, `start`.
            if not name.startswith("__") and hasattr(type(member), "__set__"):
                _copy(original, error, name)
    for name, value in getattr(original, "__dict__", {}).items():
        error.__dict__.setdefault(name, value)
    return error


def _copy(original: BaseException, error: NodeError, name: str) -> None:
    try:
        value = getattr(original, name)
        if getattr(error, name, None) is not value:
            setattr(error, name, value)
    except (AttributeError, TypeError):  # unset, or read-only
        return


def set_fields(error: BaseException, **fields: Any) -> None:
    """Sets attributes of an error, also of one that forbids it: dataclasses may be frozen."""
    for name, value in fields.items():
        object.__setattr__(error, name, value)


def plain_node_error(original: BaseException) -> NodeError:
    """A NodeError that is not of the original's type, without a message."""
    error = made_without_init(_PlainNodeError, ())
    error.original = original
    return error


def made_without_init(kind: type[_Error], arguments: Sequence[Any]) -> _Error:
    """An error whose `__init__`, of unknown signature, did not run."""
    # The `__new__` of the built-in type that it rests on: a user's own has an unknown signature.
    built_in = next(base for base in kind.__mro__ if base.__module__ == "builtins")
    error: _Error = built_in.__new__(kind, *arguments)
    set_fields(error, args=tuple(arguments))
    return error


def _type_of(original: type[BaseException]) -> type[NodeError]:
    """The class that is both NodeError and `original`."""
    made = _types.get(original)
    if made is None:
        made = _types[original] = _make_type(original)
    return made


def _make_type(original: type[BaseException]) -> type[NodeError]:
    # SystemExit and its like would end the thread that runs all nodes, and StopIteration cannot
    # leave a coroutine: those are told of, but not raised again.
    untold = not issubclass(original, Exception) or issubclass(
        original, StopIteration | StopAsyncIteration
    )
    if untold or issubclass(NodeError, original):
        return _PlainNodeError
    body: dict[str, Any] = {"__module__": __name__, "__reduce__": _reduce}
    if issubclass(original, BaseExceptionGroup):
        body["derive"] = _derive
    try:
        return type("NodeError", (NodeError, original), body)
    except Exception:  # noqa: BLE001  a final class, another layout, a hostile __init_subclass__
        return _PlainNodeError


def _derive(self: BaseExceptionGroup[Any], errors: Any) -> BaseExceptionGroup[Any]:
    """Parts of a group (`except*`) are plain groups."""
    return BaseExceptionGroup(str(self), errors)


def _reduce(self: NodeError) -> tuple[Any, ...]:
    """Travels with its original, causes and traceback."""
    from graphnb.engine.remote_errors import pack_error, unpack_error

    return unpack_error, (pack_error(self),)


class _PlainNodeError(NodeError):
    """A NodeError that is not of the original's type."""

    __reduce__ = _reduce


_PlainNodeError.__name__ = _PlainNodeError.__qualname__ = "NodeError"


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001  a user's own __str__
        return "(its text cannot be made)"
