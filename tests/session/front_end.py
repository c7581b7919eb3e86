"""A front end without a browser: asks as the page does, and merges what it is told."""

from __future__ import annotations

import copy
import threading

PATIENCE_S = 20.0


class FrontEnd:
    """One view of a live picture.

    Attributes:
        patience_s: how long it waits for what is to come.
    """

    patience_s = PATIENCE_S

    def __init__(self, picture, view="view-1"):
        self.picture = picture
        self.view = view
        self.frame = None
        self.ticks = 0
        self.replies = {}
        self._numbers = iter(range(1, 10_000))
        self._changed = threading.Condition()
        tell = picture.widget.send

        def send(message):
            self._heard(copy.deepcopy(message))
            return tell(message)

        picture.widget.send = send

    def _heard(self, message):
        with self._changed:
            if message["type"] == "tick":
                self.ticks += 1
                self._merge(message["changes"])
            elif message["view"] == self.view:
                self.replies[message["id"]] = message
            self._changed.notify_all()

    def _merge(self, changes):
        frame = self.frame
        if frame is None or changes["picture"] != frame["picture"]:
            return
        frame["head"].update(changes.get("head", {}))
        for part in ("nodes", "edges"):
            for name, fields in changes.get(part, {}).items():
                frame[part][name].update(fields)
        frame["choices"] = changes.get("choices", frame["choices"])

    def say(self, verb, number=0, **args):
        """Sends a message without waiting."""
        message = {"type": "ask", "view": self.view, "id": number, "verb": verb, "args": args}
        self.picture.widget._received(None, message, [])

    def ask(self, verb, **args):
        """The answer to a verb; an AssertionError that has the message when it is refused."""
        number = next(self._numbers)
        self.say(verb, number, **args)
        reply = self.until(lambda: self.replies.get(number))
        if "error" in reply:
            raise Refused(reply["error"])
        if verb in ("open", "choose"):
            with self._changed:
                self.frame = copy.deepcopy(reply["value"])
        return reply["value"]

    def until(self, holds):
        """Waits for a message after which something holds."""
        with self._changed:
            found = self._changed.wait_for(holds, self.patience_s)
        assert found, f"it never came to hold: {self.frame}"
        return found

    def node(self, name):
        """The figures of a node."""
        return self.frame["nodes"][name]

    def close(self):
        """Takes the view away."""
        self.say("close")


class Refused(Exception):
    """The kernel said no."""

    def __init__(self, error):
        super().__init__(error["message"])
        self.hint = error["hint"]
