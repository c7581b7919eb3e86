"""A real Jupyter kernel, and a client that keeps what each cell answers."""

import os
import re
import textwrap
from dataclasses import dataclass, field
from pathlib import Path

import zmq
from jupyter_client.manager import KernelManager

ROOT = Path(__file__).parents[2]
PATIENCE_S = 15
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass
class Answered:
    """What one cell answered.

    Attributes:
        status: "ok" or "error", as a front end is told.
        out: what was printed while it ran.
        err: what was printed to stderr.
        displays: the mimebundles, in order, its own value last.
        traceback: what the cell shows of an error, as plain text.
        elsewhere: outputs that came meanwhile and belong to another cell.
    """

    status: str = ""
    out: str = ""
    err: str = ""
    error: str | None = None
    traceback: str = ""
    displays: list[dict[str, str]] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    @property
    def texts(self):
        return [one.get("text/plain") for one in self.displays]

    def take(self, message, *, own):
        """Keeps one message of the kernel."""
        content, kind = message["content"], message["msg_type"]
        if not own:
            if kind in ("stream", "display_data", "execute_result", "error"):
                self.elsewhere.append(str(content))
        elif kind == "stream":
            name = "out" if content["name"] == "stdout" else "err"
            setattr(self, name, getattr(self, name) + _ANSI.sub("", content["text"]))
        elif kind in ("display_data", "execute_result"):
            self.displays.append(content["data"])
        elif kind == "error":
            self.error = content["ename"]
            self.traceback = _ANSI.sub("", "\n".join(content["traceback"]))


class Kernel:
    """One kernel; nothing of it stays in the user's folders."""

    def __init__(self, folder):
        path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(ROOT)]))
        env = {name: one for name, one in os.environ.items() if not name.startswith("GRAPHNB_")}
        env |= {"IPYTHONDIR": str(folder / "ipython"), "PYTHONPATH": path}
        self._manager = KernelManager(
            kernel_name="python3", connection_file=str(folder / "kernel.json")
        )
        self._manager.start_kernel(env=env, cwd=str(folder), extra_arguments=["--log-level=ERROR"])
        self._client = self._manager.blocking_client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=PATIENCE_S)

    def run(self, cell, *, interrupt_at=None, stdin=()):
        """Runs a cell to its end.

        Args:
            cell: its text.
            interrupt_at: presses Ctrl-C as soon as this was printed.
            stdin: the lines that are typed when the cell asks for some.
        """
        answered = Answered()
        typed = iter(stdin)
        sent = self._client.execute(textwrap.dedent(cell).strip("\n"), allow_stdin=bool(stdin))
        while True:
            message = self._next_message()
            if message["msg_type"] == "input_request":
                self._client.input(next(typed))
                continue
            own = message["parent_header"].get("msg_id") == sent
            if own and message["content"].get("execution_state") == "idle":
                break
            answered.take(message, own=own)
            if interrupt_at is not None and interrupt_at in answered.out:
                interrupt_at = None
                self._manager.interrupt_kernel()
        answered.status = self._reply(sent)["status"]
        return answered

    def _next_message(self):
        """What comes first, an output or a question; a kernel that hangs is interrupted."""
        channels = self._client.stdin_channel, self._client.iopub_channel
        poller = zmq.Poller()
        for channel in channels:
            poller.register(channel.socket, zmq.POLLIN)
        ready = dict(poller.poll(1000 * PATIENCE_S))
        if not ready:
            self._manager.interrupt_kernel()
            raise TimeoutError(f"the kernel said nothing for {PATIENCE_S} s")
        return next(one for one in channels if one.socket in ready).get_msg()

    def complete(self, code, cursor=None):
        """What a front end offers at a place of a cell; the end, unless told."""
        sent = self._client.complete(code, len(code) if cursor is None else cursor)
        return self._reply(sent)["matches"]

    def inspect(self, code):
        """What a front end shows of the name at the end of a text."""
        sent = self._client.inspect(code, len(code))
        return _ANSI.sub("", self._reply(sent)["data"].get("text/plain", ""))

    def _reply(self, sent):
        while True:
            message = self._client.get_shell_msg(timeout=PATIENCE_S)
            if message["parent_header"].get("msg_id") == sent:
                return message["content"]

    def close(self):
        """Ends the process."""
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)
        self._manager.cleanup_resources()
