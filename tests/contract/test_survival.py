"""User code that raises SystemExit ends nothing but what it belongs to.

Each case runs in a process of its own, since what is tested is whether that process lives on.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("survival.py")
PLACES = [
    "SyncInit",
    "AsyncInit",
    "SyncReconfigure",
    "AsyncReconfigure",
    "SyncHealth",
    "AsyncHealth",
    "SyncGenerator",
    "AsyncGenerator",
    "SyncHttp",
    "Http",
    "BackgroundTask",
]


@pytest.fixture(scope="module")
def processes():
    """All cases at the same time: a process spends most of its time importing."""
    root = str(SCRIPT.parents[2])
    environment = {**os.environ, "PYTHONPATH": root, "GRAPHNB_ON": "local"}
    started = {
        place: subprocess.Popen(
            [sys.executable, str(SCRIPT), place],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for place in PLACES
    }
    yield started
    for one in started.values():
        one.kill()
        one.communicate()


@pytest.mark.parametrize("place", PLACES)
def test_the_process_and_its_other_graphs_live_on(processes, place):
    """A SystemExit in a constructor, a check, a generator or a handler is an error like another."""
    try:
        output, errors = processes[place].communicate(timeout=20)
    except subprocess.TimeoutExpired:
        pytest.fail("the engine hangs")
    assert output.endswith("alive\n"), errors[-2000:]
