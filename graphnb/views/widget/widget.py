"""The anywidget that carries a live picture to a browser, and asks of it to whoever answers."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import anywidget
import traitlets

from graphnb.errors import GraphnbError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["LiveWidget"]

logger = logging.getLogger("graphnb")

MAX_ASKED = 8
"""How much may be asked for at a time."""

_GRAPH_MIME = "application/vnd.graphnb.graph+json"
_WIDGET_MIME = "application/vnd.jupyter.widget-view+json"


class LiveWidget(anywidget.AnyWidget):
    """A picture of a graph, as the front end has it.

    What the browser asks for is answered in a thread, unless it is at hand: a cell that runs, or
    the front end's own messages, never wait for it. What is saved with a notebook is the static
    picture.

    Args:
        answer: answers a verb with its arguments; raises a GraphnbError, which is shown.
        at_hand: the verbs that are answered where they arrive.
        bundle: the static picture, by MIME type.
        picture: as below.

    Attributes:
        picture: `Picture` in `widget/src/messages.ts`; empty until it is laid out.
        order: held while a message is worked out that speaks of the one before, until it is sent.
    """

    _esm: ClassVar[Path] = Path(__file__).parent / "static" / "widget.js"

    picture = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        answer: Callable[[str, str, Mapping[str, Any]], Any],
        *,
        at_hand: frozenset[str],
        bundle: Callable[[], Mapping[str, Any]],
        picture: Mapping[str, Any],
    ) -> None:
        self._answer = answer
        self._at_hand = at_hand
        self._bundle = bundle
        self._asked = threading.BoundedSemaphore(MAX_ASKED)
        self.order = threading.RLock()
        super().__init__(picture=dict(picture))
        _answer_where_it_arrives(self.comm)
        self.on_msg(self._received)

    def tell(self, message: Mapping[str, Any]) -> None:
        """Sends a message to every view; from any thread."""
        with self.order:
            self.send(dict(message))

    def _received(self, _widget: object, content: Any, _buffers: object) -> None:
        if not isinstance(content, dict) or content.get("type") != "ask":
            return
        verb, view, number = (content.get(name) for name in ("verb", "view", "id"))
        args = content.get("args")
        if not (isinstance(verb, str) and isinstance(view, str) and isinstance(number, int)):
            return
        asked = (verb, view, number, args if isinstance(args, dict) else {})
        if verb in self._at_hand:
            with self.order:
                self._reply(*asked)
        elif self._asked.acquire(blocking=False):
            # A daemon: an act that hangs keeps no kernel from its end.
            threading.Thread(
                target=self._reply_later, args=asked, name="graphnb-live-ask", daemon=True
            ).start()
        elif number:
            busy = {"message": f"{MAX_ASKED} things are asked for already", "hint": "wait for one"}
            self.tell({"type": "reply", "view": view, "id": number, "error": busy})

    def _reply_later(self, *asked: Any) -> None:
        try:
            self._reply(*asked)
        finally:
            self._asked.release()

    def _reply(self, verb: str, view: str, number: int, args: Mapping[str, Any]) -> None:
        message: dict[str, Any] = {"type": "reply", "view": view, "id": number}
        try:
            message["value"] = self._answer(verb, view, args)
        except GraphnbError as error:
            message["error"] = {"message": error.message, "hint": error.hint or ""}
        except Exception as error:
            logger.exception("a live picture could not answer %r", verb)
            message["error"] = {"message": f"{type(error).__name__}: {error}", "hint": ""}
        if number:
            self.tell(message)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The live view beside the static picture, for wherever this is shown."""
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        bundle: dict[str, Any] = dict(self._bundle())
        if _WIDGET_MIME in data:
            bundle[_WIDGET_MIME] = data[_WIDGET_MIME]
        bundle[_GRAPH_MIME] = {"version": 1}
        return bundle, metadata


def _answer_where_it_arrives(comm: Any) -> None:
    """Lets messages of the browser be heard while a cell runs.

    ipykernel 7.4 hands a comm's messages to the subshell that last published on the comm: to the
    main one, as soon as a thread has sent a tick, and that waits for the cell to end.
    """
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = lambda _data, default: default
