"""The Ray of one kernel: started with the first graph, and gone with the kernel."""

import os
import socket

import psutil
import pytest

from tests.rayserve.kernels import Kernel, KernelError, User

pytestmark = [pytest.mark.ray, pytest.mark.timeout(150)]

IMPORT = """
import logging, os, signal, threading
logging.getLogger("ray").addHandler(handler := logging.NullHandler())
from dataclasses import asdict
from graphnb.rayserve.cluster import ensure_ray, ensure_serve, leave
"""
CONNECT = f"{IMPORT}\nvalue = asdict(ensure_ray())"

FORK = """
if not (pid := os.fork()):
    leave()
    os._exit(0)
value = os.waitpid(pid, 0)[1]
"""


@pytest.fixture(scope="module")
def user(tmp_path_factory):
    """Who has no Ray yet."""
    made = User(tmp_path_factory.mktemp("home"))
    yield made
    made.end()


@pytest.fixture(scope="module")
def kernel(user, tmp_path_factory):
    """A kernel that nobody has used."""
    made = Kernel(user, tmp_path_factory.mktemp("kernel"))
    yield made
    made.kill()


@pytest.fixture
def other_user(tmp_path):
    """Who has no Ray, for one test."""
    made = User(tmp_path)
    yield made
    made.end()


@pytest.fixture
def other_kernel(other_user, tmp_path):
    """A kernel of theirs."""
    made = Kernel(other_user, tmp_path)
    yield made
    made.kill()


@pytest.fixture(scope="module")
def cluster(kernel):
    """The Ray that the kernel started."""
    return kernel.run(CONNECT)


@pytest.fixture(scope="module")
def taken_port():
    """Port 8000, in use by somebody: by this test, if it was free."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind(("127.0.0.1", 8000))
        except OSError:
            pass
        else:
            server.listen()
        yield 8000


def test_it_is_the_kernels_own(cluster):
    """A kernel that finds no Ray starts one, and says so."""
    assert cluster["started"]
    assert cluster["address"].startswith("127.0.0.1:")
    assert cluster["dashboard_url"] is None


def test_its_cpus_are_logical(kernel, cluster):
    """It declares 64 CPUs or more, whatever the machine has, and says that they are logical."""
    found = kernel.run("import ray; value = ray.cluster_resources()['CPU']")
    assert found == max(64, os.cpu_count())
    assert f"{found:.0f} logical CPUs" in cluster["said"]
    assert "\n" not in cluster["said"]


def test_it_is_said_once(kernel, cluster):
    """Who asks again gets the same Ray, and nothing to say."""
    assert kernel.run("value = asdict(ensure_ray())") == {**cluster, "said": ""}


def test_it_listens_on_this_machine_alone(user, cluster):
    """All ports of all its processes are on 127.0.0.1."""
    ports = [
        connection.laddr.ip.removeprefix("::ffff:")
        for one in user.processes()
        for connection in one.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(ports) > 3
    assert set(ports) == {"127.0.0.1"}


def test_it_asks_for_a_token_that_only_the_user_can_read(user, cluster):
    """The user's token is made, for the user alone; it is in no command line."""
    file = user.home / ".ray" / "auth_token"
    assert file.stat().st_mode & 0o777 == 0o600
    token = file.read_text()
    assert len(token) >= 32
    assert not [one for one in user.processes() if token in " ".join(one.cmdline())]


def test_its_store_leaves_the_memory_to_others(kernel, cluster):
    """Shared objects take a fifth of the memory at most."""
    store = kernel.run("value = ray.cluster_resources()['object_store_memory']")
    assert 0 < store <= psutil.virtual_memory().total / 5


def test_what_was_the_users_stays(kernel, cluster):
    """Handlers of loggers and of signals are as they were."""
    assert kernel.run("value = handler in logging.getLogger('ray').handlers")
    assert kernel.run("value = signal.getsignal(signal.SIGTERM) == signal.SIG_DFL")


def test_port_8000_may_be_taken(kernel, cluster, taken_port):
    """Ray Serve answers at a free port where somebody else has the usual one."""
    host, port = kernel.run("value = ensure_serve()")
    assert host == "127.0.0.1"
    assert port not in (taken_port, 8265)
    assert kernel.run("value = ensure_serve()") == [host, port]
    assert kernel.run("value = ensure_ray().http") == [host, port]
    socket.create_connection((host, port), timeout=5).close()


def test_it_has_one_port_for_all_graphs(kernel, cluster, taken_port):
    """Another port than the one that Ray Serve has is refused, with both named."""
    _, port = kernel.run("value = ensure_serve()")
    with pytest.raises(KernelError, match=f"DeployError: .*{port}.*9001"):
        kernel.run("ensure_serve(9001)")


def test_plain_serve_applications_run_on_it(kernel, cluster, taken_port):
    """It runs deployments of Ray Serve, each in a process of its own."""
    pids = kernel.run(
        """
from ray import serve

class Sum:
    def __init__(self, *parts): self.parts = parts
    async def __call__(self): return [os.getpid(), *[await one.remote() for one in self.parts]]

def here(): return os.getpid()

parts = [serve.deployment(here, name=name).bind() for name in "ab"]
handle = serve.run(serve.deployment(Sum).bind(*parts), name="sum", route_prefix="/sum")
value = handle.remote().result()
"""
    )
    assert len({*pids, kernel.process.pid}) == 4


def test_an_interrupt_is_for_the_kernel_alone(kernel, cluster):
    """Ctrl-C stops the cell, and no process of Ray."""
    with pytest.raises(KernelError, match="KeyboardInterrupt"):
        kernel.run(f"os.killpg({kernel.process.pid}, signal.SIGINT); threading.Event().wait(20)")
    assert kernel.run("value = ray.get(ray.put(1))") == 1


def test_a_connection_that_was_closed_is_made_again(kernel, cluster):
    """After `ray.shutdown()` the same Ray is found, with what runs on it."""
    kernel.run("ray.shutdown()")
    again = kernel.run("value = asdict(ensure_ray())")
    assert again["address"] == cluster["address"]
    assert kernel.run("value = list(serve.status().applications)") == ["sum"]


def test_leaving_leaves_nothing(kernel, user, cluster):
    """After `leave()`, called twice, no process of Ray is left, and no token is shown."""
    kernel.run("leave(); leave()")
    assert [one.pid for one in user.processes()] == [kernel.process.pid]
    assert kernel.run("value = ray.is_initialized()") is False
    assert kernel.run("value = os.environ.get('RAY_AUTH_MODE')") is None


def test_all_of_this_printed_nothing(kernel, cluster):
    """Neither Ray nor Ray Serve wrote a word into the notebook."""
    assert kernel.output == ""


def test_a_killed_kernel_leaves_nothing(other_user, other_kernel):
    """A Ray that was started from a thread outlives the thread, and not the kernel."""
    other_kernel.run(IMPORT)
    other_kernel.run("thread = threading.Thread(target=ensure_ray); thread.start(); thread.join()")
    other_kernel.run("import ray; value = ray.get(ray.remote(lambda: 1).remote())")
    assert len(other_user.processes()) > 5
    other_kernel.kill()
    assert other_user.wait_until_alone() == []
    assert other_kernel.output == ""


def test_the_end_of_a_program_is_its_end(other_user, other_kernel):
    """A program that ends leaves nothing behind, though it says nothing; a fork of it, all."""
    other_kernel.run(CONNECT)
    other_kernel.run("ensure_serve()")
    assert other_kernel.output == ""
    assert other_kernel.run(FORK) == 0
    assert other_kernel.run("import ray; value = ray.get(ray.put(1))") == 1
    assert other_kernel.exit() == 0
    assert other_user.processes() == []
