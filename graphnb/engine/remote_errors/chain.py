"""Errors with all that they are linked to: causes, contexts, the members of groups."""

from __future__ import annotations

import contextlib
import pickle
from typing import Any, NamedTuple

from graphnb.engine.node_errors import node_error, plain_node_error, set_fields
from graphnb.engine.remote_errors.bodies import (
    Body,
    body_of,
    error_from,
    shortened,
    text_of,
    type_name,
)
from graphnb.engine.remote_errors.frames import FrameFacts, frames_of, traceback_from
from graphnb.errors import NodeError

_MOST_ERRORS = 100
_MOST_MEMBERS = 50
_MOST_NOTES = 20


class NodeFacts(NamedTuple):
    """What a NodeError says beside the error that it stands for; its attributes by name."""

    message: str
    hint: str | None
    node: str | None
    cell: str | None
    request_id: str | None


class Link(NamedTuple):
    """One error of a chain; others by their numbers.

    Attributes:
        body: what it holds; None for a NodeError, which is made of its original.
        node: what a NodeError says.
        frames: of its traceback.
        notes: its `__notes__`.
        cause, context, original: the errors that it is linked to.
        members: those of a group.
        suppress: its `__suppress_context__`.
    """

    body: Body | None
    node: NodeFacts | None
    frames: list[FrameFacts]
    notes: list[str]
    cause: int | None
    context: int | None
    original: int | None
    members: list[int]
    suppress: bool


def pack_error(error: BaseException) -> bytes:
    """An error as bytes, with what it is linked to, and its traceback from user code on.

    No variable of any frame is in it; texts and other parts that are large are cut. It never fails:
    what cannot be pickled is left behind.
    """
    try:
        links = _Packing().links(error)
    except Exception:  # noqa: BLE001  an error whose own attributes raise
        text = f"{type_name(type(error))}: {text_of(error)}"
        links = _Packing().links(NodeError(text))
    return pickle.dumps(links, protocol=5)


def unpack_error(data: bytes) -> BaseException:
    """The error that was packed.

    An error whose class is not known in this process arrives as a NodeError with its text.
    """
    try:
        links: list[Link] = pickle.loads(data)  # noqa: S301  made by `pack_error`
    except Exception as error:  # noqa: BLE001  of another version of graphnb
        return NodeError(f"an error arrived that cannot be read here: {error!r}")
    return _Unpacking(links).error(0)


class _Packing:
    """Numbers the errors of a chain and takes each apart."""

    def __init__(self) -> None:
        self._errors: list[BaseException] = []
        self._numbers: dict[int, int] = {}

    def links(self, error: BaseException) -> list[Link]:
        """The links of a chain; the error itself is the first."""
        self._number(error)
        found: list[Link] = []
        while len(found) < len(self._errors):
            found.append(self._link(self._errors[len(found)]))
        return found

    def _number(self, error: BaseException | None) -> int | None:
        if error is None:
            return None
        number = self._numbers.get(id(error))
        if number is None and len(self._errors) < _MOST_ERRORS:
            number = self._numbers[id(error)] = len(self._errors)
            self._errors.append(error)
        return number

    def _link(self, error: BaseException) -> Link:
        unknown: Body | None = vars(error).get(_BODY)
        is_node = isinstance(error, NodeError) and unknown is None
        shows_context = error.__cause__ is None and not error.__suppress_context__
        members = self._members(error) if isinstance(error, BaseExceptionGroup) else []
        return Link(
            body=None if is_node else unknown or body_of(error),
            node=_node_facts(error) if is_node else None,
            frames=frames_of(error),
            notes=_notes(error),
            cause=self._number(error.__cause__),
            context=self._number(error.__context__) if shows_context else None,
            original=self._number(getattr(error, "original", None)) if is_node else None,
            members=[] if is_node else members,
            suppress=error.__suppress_context__,
        )

    def _members(self, group: BaseExceptionGroup[Any]) -> list[int]:
        numbers = (self._number(one) for one in group.exceptions[:_MOST_MEMBERS])
        return [one for one in numbers if one is not None]


def _node_facts(error: Any) -> NodeFacts:
    return NodeFacts(shortened(error.message), error.hint, error.node, error.cell, error.request_id)


def _notes(error: BaseException) -> list[str]:
    notes = getattr(error, "__notes__", None)
    if not isinstance(notes, list | tuple):
        return []
    return [shortened(one) for one in notes[:_MOST_NOTES] if isinstance(one, str)]


class _Unpacking:
    """Makes the errors of a chain anew, each once."""

    def __init__(self, links: list[Link]) -> None:
        self._links = links
        self._made: dict[int, BaseException] = {}
        self._begun: set[int] = set()

    def error(self, number: int) -> BaseException:
        """The error of that number, with all that it is linked to."""
        made = self._made.get(number)
        if made is not None:
            return made
        if number in self._begun:  # an error that holds itself
            return NodeError("an error that is told above")
        self._begun.add(number)
        link = self._links[number]
        self._made[number] = made = self._make(link)
        with contextlib.suppress(Exception):  # a class that resists even that loses its links
            self._tie(made, link)
        return made

    def _make(self, link: Link) -> BaseException:
        if link.node is not None:
            return self._node_error(link.node, link.original)
        assert link.body is not None
        members = [self.error(one) for one in link.members]
        made = error_from(link.body, members)
        return _unknown(link.body) if made is None else made

    def _node_error(self, facts: NodeFacts, number: int | None) -> NodeError:
        original = None if number is None else self.error(number)
        if original is None or isinstance(original, NodeError):
            # Its class is not known here; the message has its text.
            error = plain_node_error(original or NodeError(facts.message))
        else:
            error = node_error(original, node=facts.node or "", cell=facts.cell)
        set_fields(error, **facts._asdict())
        return error

    def _tie(self, error: BaseException, link: Link) -> None:
        if link.cause is not None:
            set_fields(error, __cause__=self.error(link.cause))
        if link.context is not None:
            set_fields(error, __context__=self.error(link.context))
        set_fields(
            error,
            __suppress_context__=link.suppress,
            __traceback__=traceback_from(link.frames),
        )
        if link.notes:
            set_fields(error, __notes__=list(link.notes))


# By this name an error that stands for one of an unknown class holds what that one was.
_BODY = "_graphnb_body"


def _unknown(body: Body) -> NodeError:
    """What stands for an error whose class is not known here; sent on, it is that one again."""
    error = NodeError(f"{body.type_name}: {body.text}")
    set_fields(error, original=error, **{_BODY: body})
    return error
