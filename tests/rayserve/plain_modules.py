"""The modules that tests run with Ray Serve's own command line, and how that is called."""

import contextlib
import subprocess
import sys
from pathlib import Path

HELPER = """
\"\"\"A module beside the application's, as people have them; nobody installed it.\"\"\"

FACTOR = {factor}


def twice(x):
    return FACTOR * x
"""

DRIVEN = """
\"\"\"A graph with the driver that graphnb gives it.\"\"\"
import os

from arithmetic import twice

from graphnb import InputNode, serve


@serve.deployment
async def double(x: int) -> int:
    return twice(x)


@serve.deployment(
    num_replicas=1, user_config={"more": 1}, ray_actor_options={"num_cpus": 0.5}
)
class Adder:
    def __init__(self, label):
        self.label = label

    def reconfigure(self, config):
        self.more = config["more"]

    def add(self, x):
        if x > 1_000:
            raise OverflowError(f"{x} is too much")
        return {"label": self.label, "sum": x + self.more, "pid": os.getpid()}


def graph(label):
    with InputNode() as request:
        return Adder.bind(label).add.bind(double.bind(request["x"]))


app = serve.build(graph("plain"))


def make(args):
    return serve.build(graph(args["label"]))
"""

OWN_DRIVER = """
\"\"\"A driver of the user's own, which holds a graph and a deployment.\"\"\"
from pathlib import Path

from arithmetic import twice
from starlette.requests import Request

from graphnb import InputNode, serve


@serve.deployment
async def double(x):
    return twice(x)


@serve.deployment
class Counter:
    def count(self, n):
        yield from range(n)


@serve.deployment(num_replicas=2)
class Front:
    def __init__(self, graph, counter):
        self.graph = graph
        self.counter = counter

    async def __call__(self, request):
        given = await request.json() if isinstance(request, Request) else request
        if given == "read":
            from imported_late import WORD  # where it runs, not where it is built

            return {"file": Path("notes.txt").read_text(), "module": WORD}
        return {"doubled": await self.graph.remote(given), "asked": type(request).__name__}

    async def count(self, n):
        async for one in self.counter.options(stream=True).count.remote(n):
            yield twice(one)

    def model(self):
        return serve.get_multiplexed_model_id()


with InputNode() as request:
    app = serve.build(Front.bind(double.bind(double.bind(request["x"])), Counter.bind()))
"""


def write_modules(folder, factor=2):
    """Writes both applications and the module that they import."""
    folder.mkdir(exist_ok=True)
    (folder / "arithmetic.py").write_text(HELPER.format(factor=factor))
    (folder / "driven.py").write_text(DRIVEN)
    (folder / "own_driver.py").write_text(OWN_DRIVER)
    (folder / "imported_late.py").write_text("WORD = 'late'\n")
    (folder / "notes.txt").write_text("noted")
    return folder


SERVE = [str(Path(sys.executable).with_name("serve"))]

# Becomes the command line; SIGINT is ignored by what nohup started, and by its children.
_LISTENING = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""


def run_serve(environment, *arguments, cwd):
    """Runs Ray Serve's command line to its end; returns what it printed."""
    done = subprocess.run(
        [*SERVE, *map(str, arguments)],
        check=False,
        env=environment,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-4_000:] + done.stdout[-2_000:]
    return done.stdout


@contextlib.contextmanager
def running_serve(environment, *arguments, cwd):
    """Ray Serve's command line, as long as it runs; a process of its own group."""
    with (cwd / "serve.log").open("w+b") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", _LISTENING, *SERVE, *map(str, arguments)],
            env=environment,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
