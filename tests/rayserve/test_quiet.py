"""What Ray and Ray Serve say stays out of the notebook, and what the user asked for stays in."""

import pytest

from tests.rayserve.kernels import Kernel, User

pytestmark = [pytest.mark.ray, pytest.mark.timeout(200)]

SETUP = """
import logging, os
import graphnb
from graphnb import InputNode, serve

def deploy(word, replicas=1, name="quiet"):
    @serve.deployment(num_replicas=replicas)
    def speak(x):
        print(word, "was printed", flush=True)
        logging.getLogger("ray.serve").warning("%s was logged", word)
        if x == "fail":
            raise ValueError(x)
        if x == "die":
            os._exit(1)
        return x

    with InputNode() as request:
        return graphnb.deploy(speak.bind(request), name=name, on="ray")

def deploy_broken():
    @serve.deployment
    class Broken:
        def __init__(self):
            raise ValueError("broken")

        def __call__(self, x):
            return x

    return graphnb.deploy(Broken.bind().__call__.bind(1), name="broken", on="ray")

def fails(x):
    try:
        graph.remote(x).result()
    except graphnb.errors.NodeError:
        return True
"""

# All that a notebook does to a graph.
LIFE = """
import httpx

graph = deploy("first", name=NAME)
assert graph.remote(1).result() == 1
graph = deploy("second", name=NAME)
graph = deploy("second", 2, name=NAME)
assert graph.remote(1).result() == 1
with httpx.Client(trust_env=False) as client:
    assert client.post(graph.url, json=3).json() == 3
assert fails("fail")
assert fails("die")
assert graph.status() and graph.metrics() and graph.logs()
try:
    deploy_broken()
except graphnb.errors.DeployError:
    broken = True
assert broken
graph.delete()
value = graph.name
"""


@pytest.fixture(scope="module")
def user(tmp_path_factory):
    """Who has no Ray yet."""
    made = User(tmp_path_factory.mktemp("home"))
    yield made
    made.end()


@pytest.fixture(scope="module")
def kernel(user, tmp_path_factory):
    """The kernel that a Ray is started for."""
    made = Kernel(user, tmp_path_factory.mktemp("kernel"))
    made.run(SETUP)
    yield made
    made.kill()


@pytest.fixture(scope="module")
def address(kernel):
    """Where its Ray is."""
    return kernel.run(
        "from graphnb.rayserve.cluster import ensure_ray; value = ensure_ray().address"
    )


@pytest.fixture
def other(user, address, tmp_path):
    """Another kernel that may join it."""
    made = Kernel(
        user,
        tmp_path,
        RAY_ADDRESS=address,
        RAY_AUTH_MODE="token",
        RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER="0",
    )
    yield made
    made.kill()


def test_a_ray_that_was_started_is_silent(kernel, address):
    """Deploys, updates, requests, failures and the end of a graph print nothing."""
    assert kernel.run(f"NAME = 'started'\n{LIFE}") == "started"
    assert kernel.output == ""


def test_a_ray_at_an_address_is_silent(other):
    """So does joining one that runs."""
    assert other.run(f"{SETUP}\nNAME = 'joined'\n{LIFE}") == "joined"
    assert other.output == ""


def test_on_a_connection_of_the_users_their_own_prints_stay(other):
    """Who says `ray.init` sees what their tasks print, and no line of Ray Serve or of a replica."""
    other.run("import ray; ray.init(logging_level='ERROR')")
    assert other.run(f"{SETUP}\nNAME = 'own'\n{LIFE}") == "own"
    other.run(
        """
import threading
from ray._private import worker
seen = threading.Event()
kept = worker.print_worker_logs

def print_worker_logs(data, *args, **kwargs):
    kept(data, *args, **kwargs)
    if "of my own" in str(data):
        seen.set()

worker.print_worker_logs = print_worker_logs
ray.get(ray.remote(lambda: print("of my own")).remote())
assert seen.wait(20)
"""
    )
    assert "of my own" in other.output
    lines = [one for one in other.output.splitlines() if "of my own" not in one]
    assert [one for one in lines if "(raylet)" not in one] == []


def test_who_wants_to_read_ray_serve_can(other):
    """A level that the user sets, before or after, is kept."""
    levels = other.run(
        f"""{SETUP}
import warnings
with warnings.catch_warnings(action="ignore"):
    import ray.serve
logger = logging.getLogger("ray.serve")
logger.setLevel(logging.WARNING)
graph = deploy("first", name="levels")
value = [logger.level]
logger.setLevel(logging.INFO)
graph.delete()
value += [logger.level]
"""
    )
    assert levels == [30, 20]
    assert "Deleting app" in other.output
