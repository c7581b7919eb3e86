"""A notebook without a front end: cells run in a real IPython shell, and what they show is kept."""

import atexit
import contextlib
import io
import re
import sys
import textwrap
from dataclasses import dataclass, field

from IPython.core.completer import provisionalcompleter
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

SETUP = """
%load_ext graphnb
import graphnb
from graphnb import DAGDriver, InputNode, serve
"""


class _KeptHook(DisplayHook):
    """Keeps a cell's own value beside what it displays, as a kernel publishes both."""

    def write_output_prompt(self):
        pass

    def flush(self):
        """Without IPython's garbage collection, which costs more than a test; see `_collected`."""

    def write_format_data(self, format_dict, md_dict=None):
        self.shell.display_pub.outputs.append({"data": format_dict, "metadata": md_dict})


class _Shell(InteractiveShell):
    displayhook_class = _KeptHook
    display_pub_class = CapturingDisplayPublisher


@dataclass(frozen=True)
class Shown:
    """What one cell left behind.

    Attributes:
        number: the one in the cell's brackets.
        success: whether the notebook goes on after it.
        error: what ended the cell, or None.
        out: what was printed.
        err: what was printed to stderr; IPython says usage errors there.
        displays: the mimebundles, in order.
        value: the value of the cell's last expression.
    """

    number: int
    success: bool
    error: BaseException | None
    out: str
    err: str
    displays: list[dict[str, object]] = field(repr=False)
    value: object = None

    @property
    def texts(self):
        return [one.get("text/plain") for one in self.displays]

    @property
    def lines(self):
        return self.out.splitlines()

    @property
    def everything(self):
        """All that a reader of the saved notebook would find, in one text."""
        return "\n".join([self.out, self.err, *map(str, self.displays)])


class Notebook:
    """One shell of its own; it is the process's shell until it is closed."""

    def __init__(self, folder):
        self._main = sys.modules["__main__"]
        self._hooks = sys.displayhook, sys.excepthook
        config = Config()
        config.HistoryManager.enabled = False
        config.InteractiveShell.colors = "nocolor"
        self.shell = _Shell.instance(config=config, ipython_dir=str(folder))

    def run(self, cell, *, stdin=None, out=None):
        """Runs a cell.

        Args:
            cell: its text.
            stdin: the lines that are typed when the cell asks for some.
            out: where it prints to, instead of a buffer.
        """
        out, err = out or io.StringIO(), io.StringIO()
        number = self.shell.execution_count
        typed = io.StringIO("".join(f"{line}\n" for line in stdin or ()))
        before, sys.stdin = sys.stdin, typed
        # A debugger takes the trace function away, by which coverage counts.
        tracer = sys.gettrace()
        self.shell.display_pub.outputs.clear()
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                result = self.shell.run_cell(textwrap.dedent(cell).strip("\n"), store_history=True)
        finally:
            sys.stdin = before
            sys.settrace(tracer)
        return Shown(
            number,
            result.success,
            result.error_before_exec or result.error_in_exec,
            out.getvalue(),
            err.getvalue(),
            [one["data"] for one in self.shell.display_pub.outputs],
            result.result,
        )

    def complete(self, cell, cursor=None):
        """What Tab offers at a place of a cell, as front ends ask for it; the end, unless told."""
        with provisionalcompleter():
            found = self.shell.Completer.completions(cell, len(cell) if cursor is None else cursor)
            return [one.text for one in found]

    def __getitem__(self, name):
        return self.shell.user_ns[name]

    def close(self):
        """Gives the process back what it was."""
        self.shell.run_cell("%unload_ext graphnb", silent=True)
        atexit.unregister(self.shell.atexit_operations)
        self.shell.atexit_operations()
        self.shell.restore_sys_module_state()
        _Shell.clear_instance()
        sys.modules["__main__"] = self._main
        sys.displayhook, sys.excepthook = self._hooks
        for name in ("last_type", "last_value", "last_traceback", "last_exc"):
            if hasattr(sys, name):
                delattr(sys, name)


def without_port(text):
    """The text without what differs from process to process: the port."""
    return re.sub(r"127\.0\.0\.1:\d+|/proxy/\d+", "PORT", text)
