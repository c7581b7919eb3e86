"""`%load_ext graphnb` in a fresh process that has an IPython shell already.

No module of Ray may be loaded after it. Beside it: `from ray import serve` in a fresh process of
its own, in turns.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from tests.benchmarks.rows import Bar, Row, at_most, duration, factor

ROUNDS = 5
BAR = 0.4

LOAD_GRAPHNB = """
import json, sys, time
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.profiledir import ProfileDir

shell = InteractiveShell.instance(profile_dir=ProfileDir.create_profile_dir("."))
began = time.perf_counter()
shell.run_line_magic("load_ext", "graphnb")
seconds = time.perf_counter() - began
assert "deploy" in shell.magics_manager.magics["cell"]
print(json.dumps([seconds, "ray" in sys.modules]))
"""

LOAD_RAY = """
import json, time

began = time.perf_counter()
from ray import serve
print(json.dumps([time.perf_counter() - began, True]))
"""


def measure() -> Sequence[Row]:
    """One row."""
    rounds = [(_fresh(LOAD_GRAPHNB), _fresh(LOAD_RAY)) for _ in range(ROUNDS)]
    ours = statistics.median(one[0] for one, _ in rounds)
    theirs = statistics.median(one[0] for _, one in rounds)
    ratio = statistics.median(ray[0] / graphnb[0] for graphnb, ray in rounds)
    imported = any(graphnb[1] for graphnb, _ in rounds)
    return [
        Row(
            "`%load_ext graphnb`",
            duration(ours),
            f"{duration(theirs)} (`from ray import serve`)",
            factor(ratio),
            (at_most(ours, BAR), Bar("no Ray", "missed: Ray is imported" if imported else "")),
        )
    ]


def _fresh(code: str) -> tuple[float, bool]:
    """Runs code in a fresh interpreter: the seconds that it says, and whether Ray is loaded."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=folder, check=True, capture_output=True, text=True
        )
    seconds, ray = json.loads(done.stdout.splitlines()[-1])
    return seconds, ray
