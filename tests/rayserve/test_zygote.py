"""When a fork does for a worker of Ray, and what it takes over from the worker's environment."""

import json
import os
import sys

import pytest

from graphnb.rayserve import zygote

LAUNCHER = "/tmp/launcher/python"
WORKER = ["/ray/default_worker.py", "--node-ip-address=127.0.0.1"]


def asked(command, **variables):
    """A launcher's question."""
    return command, {**zygote._BEGAN_WITH, "PATH": os.defpath, **variables}, "/"


def with_context(**context):
    """The command of a worker with a runtime environment."""
    flag = f"--serialized-runtime-env-context={json.dumps(context)}"
    return ["/ray/setup_worker.py", *WORKER, "--language=PYTHON", flag]


@pytest.mark.parametrize(
    "question",
    [
        asked(WORKER),
        asked(WORKER, PYTHONPATH="/somewhere/else", GREETING="hi"),
        asked(with_context()),
        asked(with_context(env_vars={"GREETING": "hi", "PYTHONPATH": "/a"})),
        asked(with_context(py_executable=sys.executable)),
        asked(with_context(py_executable=LAUNCHER)),
    ],
    ids=["plain", "path", "no environment", "variables", "this Python", "the launcher"],
)
def test_a_fork_does(question):
    """Variables and a path to find modules on can be taken over by a process that runs."""
    assert zygote._can(question, LAUNCHER)


@pytest.mark.parametrize(
    "question",
    [
        asked(WORKER, PYTHONHASHSEED="1"),
        asked(WORKER, LD_PRELOAD="/lib/libmine.so"),
        asked(with_context(env_vars={"PYTHONHASHSEED": "1"})),
        asked(with_context(command_prefix=["podman", "run"])),
        asked(with_context(py_executable="/other/python")),
        asked(["/ray/something_else.py"]),
    ],
    ids=["seed", "library", "seed of its own", "container", "other Python", "other script"],
)
def test_a_fork_does_not(question):
    """What a process begins with, and another Python, take Ray's own way."""
    assert not zygote._can(question, LAUNCHER)


def test_without_a_launcher_no_fork_does():
    """A zygote whose children would not do answers no."""
    assert not zygote._can(asked(WORKER), "")


def test_modules_are_found_on_the_path_of_the_worker(monkeypatch):
    """Folders that are new on PYTHONPATH come before what was there, after the script's own."""
    monkeypatch.setattr(sys, "path", ["/script", "/known", "/lib"])
    zygote._follow_path("/known", f"/new{os.pathsep}/more{os.pathsep}/known{os.pathsep}")
    assert sys.path == ["/script", "/new", "/more", "/known", "/lib"]


def test_variables_may_speak_of_others(monkeypatch):
    """As in Ray: `${NAME}` is the variable as it is, and nothing where there is none."""
    monkeypatch.setenv("GRAPHNB_TEST_NAME", "Ada")
    assert zygote._expanded("hi ${GRAPHNB_TEST_NAME}${GRAPHNB_TEST_NONE}!") == "hi Ada!"
