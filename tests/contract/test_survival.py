"""User code that raises SystemExit ends nothing but what it belongs to.

The cases run in a process of their own, since what is tested is whether that process lives on: when
one ends it, that one and those after it fail.
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
def told():
    """What a process that went through all the cases had to say."""
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[2]), "GRAPHNB_ON": "local"}
    found = subprocess.run(
        [sys.executable, str(SCRIPT), *PLACES],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return found.stdout.splitlines(), found.stderr


@pytest.mark.parametrize("place", PLACES)
def test_the_process_and_its_other_graphs_live_on(told, place):
    """A SystemExit in a constructor, a check, a generator or a handler is an error like another."""
    lines, errors = told
    assert f"{place}: alive" in lines, errors[-2000:]
