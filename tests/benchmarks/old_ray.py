"""The chain of ten on Ray, beside Ray 2.3.1 with the graph API that it had.

Ray 2.3.1 gets an environment of its own below `build/`, and runs at the same time on the same
machine, by a program for its DAGDriver; both take turns, one request at a time. The nodes are
`async def predict(x): return x + 1` on both sides, each in a process of its own.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tests.benchmarks.on_ray import CALLS, ROUNDS, WARMUP, chain_graph
from tests.benchmarks.ray_sides import end_all, graph_side
from tests.benchmarks.rows import Row, duration, factor, times_faster
from tests.benchmarks.timing import Side, times

ROOT = Path(__file__).parents[2]
ENVIRONMENT = ROOT / "build" / "ray-2.3.1"
# Those of its time: it does not ask for them itself.
REQUIREMENTS = (
    *("ray[serve]==2.3.1", "pydantic<2", "setuptools<70", "numpy<2", "async_timeout"),
    *("protobuf<5", "googleapis-common-protos<1.60", "google-api-core<2.12", "grpcio<1.60"),
)
BAR = 1.7


def measure() -> Sequence[Row]:
    """One row: the median of rounds."""
    python = _environment()
    send = graph_side(chain_graph(), "chain")
    ours = Side(lambda: send(1).result(), CALLS, 11)
    with _old_program(python) as ask:
        ask(WARMUP)
        times(ours, WARMUP)
        pairs = [
            (statistics.median(times(ours, CALLS)), statistics.median(ask(CALLS)))
            for _ in range(ROUNDS)
        ]
    end_all()
    ratio = statistics.median(theirs / mine for mine, theirs in pairs)
    return [
        Row(
            "10-call chain on Ray, p50",
            duration(statistics.median(mine for mine, _ in pairs)),
            f"{duration(statistics.median(theirs for _, theirs in pairs))} (Ray 2.3.1, DAGDriver)",
            factor(ratio),
            (times_faster(ratio, BAR),),
        )
    ]


def _environment() -> Path:
    """The Python that has Ray 2.3.1; made when it is not there."""
    python = ENVIRONMENT / "bin" / "python"
    if not (ENVIRONMENT / "complete").exists():
        uv = [sys.executable, "-m", "uv", "--quiet"]
        subprocess.run([*uv, "venv", "--clear", "--python=3.11", str(ENVIRONMENT)], check=True)
        subprocess.run([*uv, "pip", "install", f"--python={python}", *REQUIREMENTS], check=True)
        (ENVIRONMENT / "complete").touch()
    return python


@contextmanager
def _old_program(python: Path) -> Iterator["Ask"]:
    """What asks the old Ray for the times of so many requests."""
    program = Path(__file__).with_name("old_ray_program.py")
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            [str(python), "-W", "ignore", str(program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        ask = Ask(process.stdin, process.stdout)
        if not ask.is_ready():
            errors.seek(0)
            raise RuntimeError(f"Ray 2.3.1 did not start:\n{errors.read()[-2_000:]}")
        yield ask
        process.stdin.close()  # it ends itself, and its Ray


class Ask:
    """Asks the program."""

    def __init__(self, to: IO[str], said: IO[str]) -> None:
        self._to, self._said = to, said

    def is_ready(self) -> bool:
        """Waits until it has deployed; whether it has."""
        return any(line.strip() == "ready" for line in self._said)

    def __call__(self, count: int) -> list[float]:
        """The times of so many requests, in seconds."""
        print(count, file=self._to, flush=True)
        found: list[float] = json.loads(self._said.readline())
        return found
