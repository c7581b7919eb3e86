"""Fixtures that all tests share: where graphs run, how they come and go, and signals from nodes.

Every test of `tests/contract` takes `deploy`, and so runs on each executor of `EXECUTORS`.
"""

import logging
import os
import signal
import threading

import httpx
import hypothesis
import pytest

import graphnb
from tests.contract.signals import SignalServer

EXECUTORS = [pytest.param("local"), pytest.param("ray", marks=pytest.mark.ray)]

# On Ray each deployment is a process, so the whole contract takes the better part of an hour there:
# `make test-ray`. These files run on Ray each time.
ON_RAY_EACH_TIME = (
    "test_composition.py",
    "test_dataflow.py",
    "test_large_values.py",
    "test_live.py",
    "test_updates.py",
    "test_user_config.py",
)

# Deadlines measure the machine, and a failing example is printed by pytest anyway.
hypothesis.settings.register_profile("graphnb", deadline=None, max_examples=20, database=None)
hypothesis.settings.load_profile("graphnb")


def pytest_collection_modifyitems(config, items):
    """Leaves out what runs on Ray only when GRAPHNB_TEST_RAY asks for it."""
    if os.environ.get("GRAPHNB_TEST_RAY"):
        return
    left_out = [
        one
        for one in items
        if "executor" in getattr(getattr(one, "callspec", None), "params", {})
        and one.callspec.params["executor"] == "ray"
        and one.path.name not in ON_RAY_EACH_TIME
    ]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [one for one in items if one not in set(left_out)]


@pytest.fixture(params=EXECUTORS)
def executor(request):
    """What `on=` names: the same contract holds for each."""
    return request.param


@pytest.fixture(scope="session")
def signal_server():
    """What carries the signals of all tests."""
    server = SignalServer()
    yield server
    server.stop()


@pytest.fixture
def signals(signal_server, request):
    """Gates, barriers, notes and gauges, for this test alone."""
    found = signal_server.signals(request.node.nodeid)
    yield found
    found.release()


@pytest.fixture(scope="session")
def quick_ends():
    """Has replicas on Ray look every moment whether they may end, instead of every two seconds."""
    from ray.serve._private.config import DeploymentConfig

    if not hasattr(DeploymentConfig, "model_rebuild"):  # Ray 2.54 has models of pydantic 1
        DeploymentConfig.__fields__["graceful_shutdown_wait_loop_s"].default = 0.1
        return
    DeploymentConfig.model_fields["graceful_shutdown_wait_loop_s"].default = 0.1
    DeploymentConfig.model_rebuild(force=True)


@pytest.fixture
def deploy(executor, signals, request):
    """`graphnb.deploy` on the executor under test; ends every graph after the test.

    Without HTTP unless a test asks for it.
    """
    if executor == "ray":
        request.getfixturevalue("quick_ends")

    def deploy_here(target, *, name="graph", **options):
        return graphnb.deploy(target, name=name, on=executor, **{"http": False, **options})

    yield deploy_here
    signals.release()
    graphnb.serve.shutdown()
    assert graphnb.running() == []


@pytest.fixture(scope="session")
def client():
    """An HTTP client that takes no proxy from the environment and follows no redirect."""
    with httpx.Client(trust_env=False, follow_redirects=False, timeout=20) as made:
        yield made


@pytest.fixture
def ctrl_c():
    """Interrupts the main thread as Ctrl-C does; also where SIGINT is ignored (under nohup)."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda: signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def _nothing_lost(caplog):
    """Fails a test during which asyncio reported an error that nobody had asked for."""
    yield
    lost = [one for when in ("setup", "call", "teardown") for one in caplog.get_records(when)]
    assert [one.getMessage() for one in lost if _is_lost(one)] == []


def _is_lost(record):
    return record.name == "asyncio" and record.levelno >= logging.ERROR
