"""Other processes: Pythons that have graphnb and what is installed, and nothing of the tests."""

import os
import pickle
import socket
import struct
import subprocess
import sys

# One process that has graphnb loaded, and forks for each that is asked for.
_PROGRAM = """
import io, os, pickle, socket, struct, sys, traceback

class NothingOfTheTests:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "tests":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, NothingOfTheTests())
from graphnb.engine.remote_errors import pack_error, unpack_error
from graphnb.engine.shipping import ValuePickler, ship, unship

def dumps(value):
    file = io.BytesIO()
    ValuePickler(file).dump(value)
    return file.getvalue()

space = {"__name__": "other_process", "dumps": dumps, "loads": pickle.loads, "ship": ship,
         "unship": unship, "pack_error": pack_error, "unpack_error": unpack_error}

def serve(stream):
    while head := stream.read(4):
        text, given = pickle.loads(stream.read(*struct.unpack("!I", head)))
        space.update(given, result=None)
        try:
            exec(compile(text, "<other process>", "exec"), space)
            answer = pickle.dumps((space["result"], None))
        except BaseException:
            answer = pickle.dumps((None, traceback.format_exc()))
        stream.write(struct.pack("!I", len(answer)) + answer)
        stream.flush()

here = socket.socket(fileno=0)
while here.recv(1):
    _, (one,), _, _ = socket.recv_fds(here, 1, 1)
    pid = os.fork()
    if pid == 0:
        here.close()
        serve(socket.socket(fileno=one).makefile("rwb"))
        os._exit(0)
    os.close(one)
"""


class Processes:
    """Starts other processes, quickly.

    Args:
        folder: where they stand; nothing is to be found there.
        options: Python's own.
    """

    def __init__(self, folder, options=("-W", "error")):
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        self._socket, there = socket.socketpair()
        self._root = subprocess.Popen(
            [sys.executable, *options, "-c", _PROGRAM], cwd=folder, env=environment, stdin=there
        )
        there.close()

    def start(self):
        """A process that knows nothing yet."""
        here, there = socket.socketpair()
        self._socket.sendall(b"+")
        socket.send_fds(self._socket, [b"+"], [there.fileno()])
        there.close()
        return OtherProcess(here)

    def close(self):
        """Starts no more."""
        self._socket.close()
        self._root.wait(10)


class OtherProcess:
    """A process that runs the code it is told to run."""

    def __init__(self, connection):
        self._connection = connection
        self._stream = connection.makefile("rwb")

    def run(self, _text, /, **given):
        """What `result` is there after that code ran, with these names given."""
        message = pickle.dumps((_text, given))
        self._stream.write(struct.pack("!I", len(message)) + message)
        self._stream.flush()
        (size,) = struct.unpack("!I", self._stream.read(4))
        result, failure = pickle.loads(self._stream.read(size))
        if failure is not None:
            raise AssertionError(f"in the other process:\n{failure}")
        return result

    def close(self):
        """Ends it."""
        self._stream.close()
        self._connection.close()
