"""Kernels to start, restart and kill: Python processes that run code, each with a user's home."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import uuid

import psutil

from graphnb.rayserve.cluster.ports import is_free

_MAIN = """
import json, os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where nohup started this
scope = {{}}
with os.fdopen({read}) as cells, os.fdopen({write}, "w") as replies:
    for line in cells:
        try:
            exec(json.loads(line), scope)
            reply = {{"value": scope.pop("value", None)}}
        except BaseException as error:
            reply = {{"error": f"{{type(error).__name__}}: {{error}}"}}
        replies.write(json.dumps(reply) + "\\n")
        replies.flush()
"""


class KernelError(AssertionError):
    """What the code raised."""


class User:
    """Somebody with a home, whose processes can be told from others'."""

    def __init__(self, home, **environment):
        self.mark = uuid.uuid4().hex
        self.home = home
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("RAY_", "XDG_", "GRAPHNB_"))
        }
        self.environment = {
            **kept,
            "HOME": str(home),
            "GRAPHNB_TEST_USER": self.mark,
            **environment,
        }

    def graphnb(self, *arguments, **environment):
        """Runs the command line, to its end."""
        return subprocess.run(
            [sys.executable, "-c", "from graphnb.cli import main; main()", *arguments],
            check=False,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=200,
        )

    def processes(self):
        """The processes of this user that live, and are not of the test itself."""
        found = []
        for one in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if one.environ().get("GRAPHNB_TEST_USER") == self.mark and is_alive(one):
                    found.append(one)
        return found

    def wait_until_alone(self, timeout=20):
        """Waits until no process of this user is left; returns those that stay."""
        left = self.processes()
        while left:
            _, left = psutil.wait_procs(left, timeout=timeout)
            if left:
                return [" ".join(one.cmdline()) for one in left]
            left = self.processes()
        return []

    def end(self):
        """Kills what is left of this user."""
        for one in self.processes():
            with contextlib.suppress(psutil.Error):
                one.kill()


class Kernel:
    """A process that runs code, as a notebook's kernel does, and can be ended in every way."""

    def __init__(self, user, folder, **environment):
        read, self._code = os.pipe()
        self._replies, write = os.pipe()
        self._output = folder / f"output-{uuid.uuid4().hex}"
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-W", "error", "-c", _MAIN.format(read=read, write=write)],
                env={**user.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(read, write),
                start_new_session=True,
                cwd=folder,
            )
        os.close(read)
        os.close(write)
        self._open = True
        self._reader = os.fdopen(self._replies)

    def run(self, code):
        """Runs code; returns what it leaves in the variable `value`."""
        os.write(self._code, (json.dumps(code) + "\n").encode())
        line = self._reader.readline()
        assert line, f"the kernel died: {self.output}"
        reply = json.loads(line)
        if "error" in reply:
            raise KernelError(reply["error"])
        return reply["value"]

    @property
    def output(self):
        """All that its cells would have shown, and what came past them."""
        return self._output.read_text(errors="replace")

    def exit(self):
        """Ends it as a program ends; returns its exit code."""
        self._close()
        return self.process.wait(timeout=60)

    def kill(self):
        """Ends it without a warning."""
        self.process.kill()
        self._close()
        self.process.wait(timeout=10)

    def interrupt(self):
        """Interrupts it as Jupyter does: the whole process group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def _close(self):
        if self._open:
            self._open = False
            os.close(self._code)
            self._reader.close()


def is_alive(process):
    """Whether a process runs, and is not one that ended and was not asked how."""
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def usual_port_is_free():
    """Whether port 8000 is."""
    return is_free(8000)
