"""Every exception of graphnb, in one tree.

    GraphnbError
    ├── BenchError                  a bench that cannot be run as asked (also a ValueError)
    ├── GraphError                  a graph that is written wrongly (has a rule's code)
    │   ├── GraphAttributeError     ... found while reading an attribute (also an AttributeError)
    │   ├── GraphTypeError          ... a node used as a value (also a TypeError)
    │   └── GraphValueError         ... an option's value (also a ValueError)
    ├── DeployError                 a deploy that did not happen; what served before still does
    ├── ExportError                 traces, or a bundle, could not be written, sent or read
    ├── PromoteError                a promotion that did not happen; the cluster is as it was
    │   ├── ClusterError            ... the cluster is not reached, or does not take something
    │   └── ProofError              ... the bundle does not run alone, or answers otherwise
    ├── NotRunningError             no running graph, node or deployment has that name
    ├── RenderError                 a picture could not be laid out
    └── RequestError                one request failed
        ├── InputError              the request does not fit the graph's input
        ├── CallError               the call does not fit the node (also a TypeError)
        ├── NodeError               a node raised (also of the original error's type)
        ├── NotSerializableError    a value cannot travel between nodes
        ├── BackPressureError       a node's queue is full
        ├── RequestTimeoutError     the deadline passed (also a TimeoutError)
        └── RequestCancelledError   the request was cancelled

Errors carry fields; the message is for people. A hint stands on its own line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Sequence

__all__ = [
    "BackPressureError",
    "BenchError",
    "CallError",
    "ClusterError",
    "DeployError",
    "ExportError",
    "GraphAttributeError",
    "GraphError",
    "GraphTypeError",
    "GraphValueError",
    "GraphnbError",
    "InputError",
    "NodeError",
    "NotRunningError",
    "NotSerializableError",
    "PromoteError",
    "ProofError",
    "RenderError",
    "RequestCancelledError",
    "RequestError",
    "RequestTimeoutError",
]


class GraphnbError(Exception):
    """The root of the tree; has a message and, where there is a next step, a hint."""

    # Here too, so that NodeErrors shadow the read-only ones of some built-in exceptions.
    message: str = ""
    hint: str | None = None

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message

    def _render_traceback_(self) -> list[str]:
        """Shows one readable message in a notebook cell (IPython calls this)."""
        return [f"{type(self).__name__}: {self}"]


class BenchError(GraphnbError, ValueError):
    """A bench that cannot be run as asked: a number does not do, or the inputs end in an error."""

    def _render_traceback_(self) -> list[str]:
        return [*super()._render_traceback_(), *_user_traceback(self.__cause__)]


class GraphError(GraphnbError):
    """A graph that is written wrongly.

    Attributes:
        code: the rule's code, such as `GN103`.
        node: the name of the node it speaks of, or None for the graph as a whole.
    """

    def __init__(
        self, code: str, message: str, *, node: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.node = node

    def __str__(self) -> str:
        return f"{self.code} {super().__str__()}"

    def __reduce__(self) -> tuple[object, ...]:
        state = {"code": self.code, "node": self.node, "message": self.message, "hint": self.hint}
        return (_made_anew, (type(self), (self.message,)), state)


class GraphAttributeError(GraphError, AttributeError):
    """A graph error found while an attribute was read, so that `hasattr` still works."""


class GraphTypeError(GraphError, TypeError):
    """A node, or a deployment, was used as what it is not."""


class GraphValueError(GraphError, ValueError):
    """An option has a value that does not do."""


class DeployError(GraphnbError):
    """A deploy or an update that did not happen; what served before still serves.

    Attributes:
        deployment: the deployment that could not start, or None.
    """

    def __init__(
        self, message: str, *, deployment: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.deployment = deployment

    def _render_traceback_(self) -> list[str]:
        return [*super()._render_traceback_(), *_user_traceback(self.__cause__)]


class ExportError(GraphnbError):
    """Traces, or a graph's bundle, could not be written, sent or read."""


class PromoteError(GraphnbError):
    """A promotion that did not happen: what ran on the cluster before runs there still."""


class ClusterError(PromoteError):
    """A cluster that is not reached, or does not take what it is given.

    Attributes:
        unreachable: whether it may be there again in a while.
    """

    def __init__(self, message: str, *, hint: str | None = None, unreachable: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.unreachable = unreachable


class ProofError(PromoteError):
    """A bundle that does not run alone, builds another graph, or answers otherwise."""


class NotRunningError(GraphnbError, LookupError):
    """No running graph, or no node of one, has that name."""

    def __init__(
        self, kind: str, name: str, known: Sequence[str], *, hint: str | None = None
    ) -> None:
        listed = ", ".join(known) if known else "none"
        super().__init__(f"no {kind} is named {name!r}", hint=hint or f"there are: {listed}")
        self.kind = kind
        self.name = name
        self.known = tuple(known)

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.kind, self.name, self.known))


class RenderError(GraphnbError):
    """A picture could not be laid out."""


class RequestError(GraphnbError):
    """One request failed.

    Attributes:
        node: the name of the node where it failed, or None.
        request_id: the request's id, or None.
    """

    node: str | None = None
    request_id: str | None = None

    def __init__(
        self,
        message: str,
        *,
        node: str | None = None,
        request_id: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.node = node
        self.request_id = request_id

    def __reduce__(self) -> tuple[object, ...]:
        return (_made_anew, (type(self), self.args), dict(self.__dict__))


class InputError(RequestError):
    """The request does not fit the graph's input: a part is missing or of another kind."""


class CallError(RequestError, TypeError):
    """The call does not fit the node: other arguments, or a stream where there is none."""


class NotSerializableError(RequestError, TypeError):
    """A value cannot travel from one node to another."""


class BackPressureError(RequestError):
    """A node has `max_queued_requests` requests waiting already."""


class RequestTimeoutError(RequestError, TimeoutError):
    """The deadline passed before the answer was there."""


class RequestCancelledError(RequestError):
    """The request was cancelled before the answer was there."""


class NodeError(RequestError):
    """A node raised; also an instance of the original error's type.

    `except ValueError` and `except NodeError` both catch it. The original is `__cause__`, and
    the traceback starts in user code. `engine.node_errors` makes them.

    Attributes:
        node: the name of the node.
        cell: where the node was defined, for people ("cell 4", "models.py"), or None.
        original: the error as the node raised it.
    """

    cell: str | None = None
    original: BaseException

    def __str__(self) -> str:
        return self.message

    def _render_traceback_(self) -> list[str]:
        return [*_user_traceback(self.original), f"{type(self).__name__}: {self}"]


def _made_anew(kind: type[BaseException], args: tuple[object, ...]) -> BaseException:
    """An exception of that type whose own `__init__`, of unknown signature, did not run."""
    error = kind.__new__(kind, *args)
    error.args = args
    return error


_cell_names: list[Callable[[str], str | None]] = []  # at most one: the notebook's


def name_cells(name_of: Callable[[str], str | None] | None) -> None:
    """Sets what files are called in the tracebacks that are shown.

    Args:
        name_of: such as "Cell In[4]" for the file that a kernel pretends to compile a cell from;
            None for files of their own name. None in its place takes it back.
    """
    _cell_names[:] = [] if name_of is None else [name_of]


def _user_traceback(error: BaseException | None) -> list[str]:
    """The lines of a traceback, as Python prints them; cells have the names of cells."""
    if error is None:
        return []
    import re
    import traceback

    text = "".join(traceback.format_exception(error))
    return re.sub(r'File "([^"\n]+)"(?=, line \d+)', _named, text).rstrip("\n").split("\n")


def _named(file: re.Match[str]) -> str:
    return next((name for one in _cell_names if (name := one(file[1]))), file[0])
