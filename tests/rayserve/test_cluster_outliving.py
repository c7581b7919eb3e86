"""The Ray that outlives kernels, `RAY_ADDRESS`, and several users of one machine."""

import contextlib
import http.server
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

import httpx
import pytest

from graphnb.rayserve.cluster.ports import free_port
from tests.rayserve.kernels import Kernel, KernelError, User

pytestmark = [pytest.mark.ray, pytest.mark.timeout(150)]

IMPORT = """
from dataclasses import asdict
from graphnb.rayserve.cluster import ensure_ray, ensure_serve, leave
"""
CONNECT = f"{IMPORT}\nvalue = asdict(ensure_ray())"


@pytest.fixture(scope="module")
def user(tmp_path_factory):
    """Who has started a Ray that outlives kernels."""
    made = User(tmp_path_factory.mktemp("home"))
    yield made
    made.end()


@pytest.fixture(scope="module")
def http_port():
    """The port that this user wants for graphs."""
    return free_port()


@pytest.fixture(scope="module")
def dashboard_port():
    """The port that this user wants for Ray's dashboard."""
    return free_port()


@pytest.fixture(scope="module")
def started(user, http_port, dashboard_port):
    """What `graphnb ray start` said."""
    ports = f"--http-port={http_port}", f"--dashboard-port={dashboard_port}"
    return user.graphnb("ray", "start", "--cpus=70", *ports)


@pytest.fixture(scope="module")
def address(started):
    """Where it runs."""
    return re.search(r"127\.0\.0\.1:\d+", started.stdout)[0]


@pytest.fixture
def kernel_of(tmp_path):
    """Starts kernels; ends them after the test."""
    with contextlib.ExitStack() as ending:

        def start(user, **environment):
            made = Kernel(user, tmp_path, **environment)
            ending.callback(made.kill)
            return made

        yield start


@pytest.fixture
def stranger(tmp_path):
    """Another user, who has started nothing."""
    made = User(tmp_path)
    yield made
    made.end()


def test_start_says_how_it_goes_and_where(started, user, address):
    """`graphnb ray start` shows its steps, then the address, and how to find and to end it."""
    assert started.returncode == 0
    assert "starting Ray" in started.stderr
    assert "70" in started.stdout
    assert f"RAY_ADDRESS={address}" in started.stdout
    assert "graphnb ray stop" in started.stdout
    token = (user.home / ".ray" / "auth_token").read_text()
    assert token not in started.stdout + started.stderr


def test_a_second_start_says_that_it_runs(user, address):
    """One is enough: the second start changes nothing, and says so."""
    again = user.graphnb("ray", "start", "--cpus=3")
    assert again.returncode == 0
    assert f"runs already, at {address}" in again.stdout
    assert "stop" in again.stdout


def test_status_finds_it(user, address):
    """`graphnb ray status` says the same as the start did."""
    status = user.graphnb("ray", "status")
    assert status.returncode == 0
    assert address in status.stdout


def test_its_dashboard_asks_for_the_token(user, started, dashboard_port):
    """The dashboard is where it was asked for, and answers who has the token."""
    assert f"http://127.0.0.1:{dashboard_port}" in started.stdout
    token = (user.home / ".ray" / "auth_token").read_text()
    with httpx.Client(trust_env=False) as client:
        url = f"http://127.0.0.1:{dashboard_port}/api/serve/applications/"
        assert client.get(url).status_code == 401
        shown = client.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=30)
    assert shown.status_code == 200
    assert shown.json()["applications"] == {}


def test_a_kernel_finds_it_and_the_next_one_finds_what_runs(user, address, http_port, kernel_of):
    """A kernel needs no address; what it leaves on that Ray is there for the next kernel."""
    first = kernel_of(user)
    found = first.run(CONNECT)
    assert (found["address"], found["started"], found["said"]) == (address, False, "")
    assert first.run("value = ensure_serve()") == ["127.0.0.1", http_port]
    first.run(
        "from ray import serve\n"
        "handle = serve.run(serve.deployment(lambda: 42).bind(), name='left', route_prefix='/left')"
    )
    assert first.exit() == 0
    second = kernel_of(user)
    assert second.run(CONNECT)["address"] == address
    assert (
        second.run("from ray import serve\nvalue = serve.get_app_handle('left').remote().result()")
        == 42
    )
    assert first.output + second.output == ""


def test_leaving_it_lets_it_live(user, address, kernel_of):
    """`leave()` closes the connection, and nothing else."""
    kernel = kernel_of(user)
    kernel.run(f"{CONNECT}; leave()")
    assert kernel.run("import ray; value = ray.is_initialized()") is False
    assert kernel.run(CONNECT)["address"] == address


def test_a_connection_of_the_users_own_is_used_and_kept(user, address, kernel_of):
    """Who is connected by `ray.init` goes on so, and is so after `leave()`."""
    environment = dict(one.split("=") for one in printed_environment(user))
    kernel = kernel_of(user, **environment)
    kernel.run("import warnings; warnings.simplefilter('ignore'); import ray; ray.init()")
    found = kernel.run(CONNECT)
    assert (found["address"], found["started"]) == (address, False)
    assert kernel.run("leave(); value = ray.is_initialized()") is True


def printed_environment(user):
    """The variables that `graphnb ray status` prints for other programs."""
    return re.findall(r"\bRAY_\w+=\S+", user.graphnb("ray", "status").stdout)


def test_its_own_address_may_be_named(user, address, kernel_of):
    """RAY_ADDRESS alone is enough for the user who started it."""
    found = kernel_of(user, RAY_ADDRESS=address).run(CONNECT)
    assert (found["address"], found["started"]) == (address, False)


def test_somebody_else_needs_the_token(user, stranger, address, kernel_of):
    """Another user joins with the token, and is told so without it."""
    file = str(user.home / ".ray" / "auth_token")
    refused = r"DeployError: .*token(.|\n)*hint: .*RAY_AUTH_TOKEN_PATH"
    with pytest.raises(KernelError, match=refused):
        kernel_of(stranger, RAY_ADDRESS=address).run(CONNECT)
    allowed = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": file}
    found = kernel_of(stranger, RAY_ADDRESS=address, **allowed).run(CONNECT)
    assert (found["address"], found["started"]) == (address, False)


@contextlib.contextmanager
def web_server():
    """Something that listens, and is no Ray."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def nobody():
    """Where nobody listens."""
    yield f"127.0.0.1:{free_port()}"


@pytest.mark.parametrize("there", [nobody, web_server])
def test_an_address_without_ray_is_told_within_seconds(stranger, there, kernel_of):
    """The error names the address and what to look at, soon; no Ray is started instead."""
    with there() as address:
        kernel = kernel_of(stranger, RAY_ADDRESS=address)
        kernel.run(f"{IMPORT}\nimport ray")
        began = time.monotonic()
        with pytest.raises(KernelError, match=f"DeployError: .*{address}(.|\n)*hint: "):
            kernel.run(CONNECT)
        assert time.monotonic() - began < 20
    assert [one.pid for one in stranger.processes()] == [kernel.process.pid]


@pytest.mark.parametrize(
    "address", ["ray://127.0.0.1:10001", "http://127.0.0.1:8265", "somewhere", "auto"]
)
def test_an_address_that_does_not_do_is_told(stranger, address, kernel_of):
    """What no kernel can join by is refused, by name."""
    kernel = kernel_of(stranger, RAY_ADDRESS=address, RAY_TMPDIR=str(stranger.home))
    with pytest.raises(KernelError, match=f"DeployError: RAY_ADDRESS is '{address}'"):
        kernel.run(CONNECT)


def test_another_version_of_ray_is_told(user, address, kernel_of):
    """A kernel of another environment is told both versions, and what to do."""
    note = next(user.home.rglob("ray-*.json"))
    written = note.read_text()
    version = json.loads(written)["version"]
    note.write_text(written.replace(version, "2.9.0"))
    try:
        told = rf"DeployError: .*2\.9\.0.*{version}(.|\n)*hint: .*graphnb ray stop"
        with pytest.raises(KernelError, match=told):
            kernel_of(user).run(CONNECT)
    finally:
        note.write_text(written)


def test_users_do_not_meet(user, stranger, address, kernel_of):
    """Each user has a Ray, at ports of its own; who stops theirs stops no other, and all of it.

    Also when somebody is in a hurry, and starts it twice.
    """
    with start(stranger) as one, start(stranger) as other:
        said = sorted([one.communicate(timeout=120)[0], other.communicate(timeout=120)[0]])
    assert (one.returncode, other.returncode) == (0, 0)
    assert "runs already" in said[0]
    assert "runs at" in said[1]
    assert address not in "".join(said)
    kernel = kernel_of(stranger)
    theirs = kernel.run(CONNECT)["address"]
    assert all(theirs in one for one in said)
    kernel.exit()
    stopped = stranger.graphnb("ray", "stop")
    assert stopped.returncode == 0
    assert f"{theirs} has ended" in stopped.stdout
    assert stranger.processes() == []
    assert list(stranger.home.rglob("ray-*.json")) == []
    assert stranger.graphnb("ray", "status").returncode == 1
    assert stranger.graphnb("ray", "stop").returncode == 0
    assert user.graphnb("ray", "status").returncode == 0


def start(user):
    """`graphnb ray start`, under way."""
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from graphnb.cli import main; main(['ray', 'start'])"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env=user.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def starting(stranger):
    """A start that is at starting Ray."""
    with start(stranger) as made:
        for line in made.stderr:
            if "starting Ray" in line:
                break
        yield made


def test_a_start_that_is_interrupted_leaves_nothing(stranger, starting):
    """Ctrl-C while it starts ends what was started."""
    starting.send_signal(signal.SIGINT)
    assert starting.wait(timeout=60) == 1
    assert stranger.processes() == []
    assert list(stranger.home.rglob("ray-*.json")) == []


def test_a_start_that_breaks_is_told(stranger, starting):
    """When what starts Ray is killed, the start fails with a message."""
    keeper = next(one for one in stranger.processes() if "--answer" in " ".join(one.cmdline()))
    keeper.kill()
    _, said = starting.communicate(timeout=60)
    assert starting.returncode == 1
    assert "Error: Ray did not start" in said


@pytest.mark.parametrize("option", ["--port", "--http-port", "--dashboard-port"])
def test_a_port_that_is_taken_is_told(stranger, option):
    """A port in use ends the start with its number, before anything is started."""
    with web_server() as taken:
        port = taken.rpartition(":")[2]
        failed = stranger.graphnb("ray", "start", f"{option}={port}")
    assert failed.returncode == 1
    assert f"port {port} is taken" in failed.stderr
    assert "hint: " in failed.stderr
    assert stranger.processes() == []


def test_a_note_of_a_ray_that_is_gone_is_removed(stranger):
    """A note that nobody stands for is not believed, whoever has the number of its process."""
    folder = stranger.home / ".local" / "state" / "graphnb"
    written = stranger.graphnb("ray", "status")  # makes nothing
    assert written.returncode == 1
    assert not folder.exists()
    folder.mkdir(parents=True)
    host = os.uname().nodename
    note = folder / f"ray-{host}.json"
    record = {"address": "127.0.0.1:1", "pid": os.getpid(), "cpus": 64, "version": "2.60.0"}
    note.write_text(json.dumps({**record, "python": "3.11.7", "token": True}))
    (folder / f"ray-{host}.lock").touch()
    assert stranger.graphnb("ray", "status").returncode == 1
    assert not note.exists()


# The last one: it ends the Ray that the others use.


def test_a_ray_that_breaks_ends_as_a_whole(user, address):
    """When a part of Ray dies, its keeper ends the rest, and nobody finds it any more."""
    raylet = next(one for one in user.processes() if one.name() == "raylet")
    raylet.kill()
    assert user.wait_until_alone(40) == []
    assert user.graphnb("ray", "status").returncode == 1
    assert list(user.home.rglob("ray-*.json")) == []
