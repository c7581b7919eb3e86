"""What Ray starts instead of Python: asks the zygote for a worker, or else becomes Python.

It runs with nothing imported that it does not need. The zygote module writes it to a file of its
own, with the paths that it is called with at its end.
"""

import json
import os
import socket
import sys


def launch(python: str, address: str) -> None:
    """Has the zygote fork, and waits as long as the worker lives.

    Args:
        python: what to become when the zygote cannot help.
        address: the zygote's socket.
    """
    if len(sys.argv) > 1 and sys.argv[1].endswith(("setup_worker.py", "default_worker.py")):
        try:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.connect(address)
            asked = json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]) + "\n"  # noqa: PTH109  nothing more is imported
            socket.send_fds(connection, [asked.encode()], [0, 1, 2])
            if connection.recv(1) == b"1":
                connection.recv(1)  # returns when the worker has ended
                return
        except OSError:  # no zygote: Ray's own way
            pass
    os.execv(python, [python, *sys.argv[1:]])  # noqa: S606  that is its purpose
