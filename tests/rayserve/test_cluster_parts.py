"""What starting and finding a Ray is made of, without a Ray."""

import os
import socket
import subprocess
import sys

import psutil
import pytest
from click.testing import CliRunner

from graphnb.cli import main
from graphnb.errors import DeployError
from graphnb.rayserve.cluster.ports import check_port, free_port, is_free
from graphnb.rayserve.cluster.quick_imports import STAND_INS, quick_environment
from graphnb.rayserve.cluster.settings import RaySettings, object_store_bytes, ray_environment


@pytest.fixture
def taken():
    """A port that somebody listens at."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_port_in_use_is_taken(taken):
    """A port is free until somebody listens there."""
    assert not is_free(taken)
    assert is_free(free_port())


@pytest.mark.parametrize("port", [80, 70_000])
def test_a_port_that_there_is_not_is_told(port):
    """Ports that a user cannot have are refused with the range."""
    with pytest.raises(DeployError, match=rf"port {port} (.|\n)*1024 to 65535"):
        check_port(port)


def test_a_port_in_use_is_told(taken):
    """A port in use is refused by its number."""
    with pytest.raises(DeployError, match=f"port {taken} is taken"):
        check_port(taken)


def test_cpus_are_64_or_those_of_the_machine(monkeypatch):
    """A large machine's CPUs all count; who asks for fewer gets fewer."""
    monkeypatch.setattr(os, "cpu_count", lambda: 96)
    assert RaySettings().logical_cpus == 96
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    assert RaySettings().logical_cpus == 64
    assert RaySettings(cpus=2).logical_cpus == 2


def test_the_users_settings_of_ray_win():
    """What the environment says of Ray stays; the address of another Ray does not count."""
    mine = {"RAY_AUTH_MODE": "disabled", "RAY_worker_niceness": "7", "RAY_ADDRESS": "far:1"}
    made = ray_environment(RaySettings(port=6400), {**mine, "PATH": "/bin"})
    assert made["RAY_AUTH_MODE"] == "disabled"
    assert made["RAY_worker_niceness"] == "7"
    assert made["RAY_GCS_SERVER_PORT"] == "6400"
    assert made["PATH"] == "/bin"
    assert "RAY_ADDRESS" not in made
    assert ray_environment(RaySettings(), {})["RAY_AUTH_MODE"] == "token"


def test_the_token_of_graphs_stays_with_who_was_given_it():
    """Whatever runs on the cluster could read the environment of Ray's processes."""
    made = ray_environment(RaySettings(), {"GRAPHNB_HTTP_TOKEN": "s3cret", "PATH": "/bin"})
    assert "GRAPHNB_HTTP_TOKEN" not in made
    assert "s3cret" not in str(made)


class _Memory:
    def __init__(self, total):
        self.total = total


@pytest.mark.parametrize(
    ("memory_gb", "shared_gb", "store_gb"),
    [(10, 100, 2), (1000, 100, 8), (100, 5, 4), (1, 0, 1 / 8)],
)
def test_the_store_fits_the_machine(monkeypatch, memory_gb, shared_gb, store_gb):
    """A fifth of the memory, 8 GB at most, and less than what /dev/shm has; never nothing."""
    gb = 1 << 30
    monkeypatch.setattr(psutil, "virtual_memory", lambda: _Memory(memory_gb * gb))
    usage = "graphnb.rayserve.cluster.settings.shutil.disk_usage"
    monkeypatch.setattr(usage, lambda _: type("Usage", (), {"free": shared_gb * gb}))
    assert object_store_bytes() == pytest.approx(store_gb * gb, rel=0.01)


QUICK = """
import sys
from graphnb.rayserve.cluster.quick_imports import quicken_imports
before = list(sys.path)
quicken_imports()
assert sys.path == before
import rfc3987_syntax, jsonschema
assert "lark" not in sys.modules
import ray
assert "lark" not in sys.modules
checked = jsonschema.FormatChecker()
checked.check("http://example.org/ö", "iri")
try:
    checked.check("http://[", "iri")
except jsonschema.FormatError:
    print("refused")
from rfc3987_syntax import is_valid_syntax_iri_reference, utils
print(is_valid_syntax_iri_reference("a"), is_valid_syntax_iri_reference("["), utils.__name__)
try:
    rfc3987_syntax.nothing
except AttributeError:
    print("nothing")
"""


def python(code, **environment):
    """What some code prints in a new process."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_stand_in_puts_off_what_nobody_needs():
    """`import ray` builds no parsers of web addresses; who checks one gets the real package."""
    pytest.importorskip("rfc3987_syntax")
    said = ["refused", "True False rfc3987_syntax.utils", "nothing"]
    assert python(QUICK) == said
    on_path = QUICK.replace("quicken_imports()\n", "", 1)
    assert python(on_path, **quick_environment({})) == said


def test_a_stand_in_for_nothing_is_not_there():
    """Where the real package is missing, so is its stand-in."""
    code = f"""
import sys
sys.path = [{str(STAND_INS)!r}, *[one for one in sys.path if "site-packages" not in one]]
try:
    import rfc3987_syntax
except ModuleNotFoundError as error:
    print(error.name)
"""
    assert python(code) == ["rfc3987_syntax"]


def test_the_users_python_path_stays():
    """The folder of stand-ins comes before the user's own path."""
    made = quick_environment({"PYTHONPATH": "/mine", "A": "1"})
    assert made == {"PYTHONPATH": f"{STAND_INS}{os.pathsep}/mine", "A": "1"}


def test_the_command_line_has_verbs_for_it():
    """`graphnb ray` starts, stops and tells; a port that cannot be is a mistake in the command."""
    help_text = CliRunner().invoke(main, ["ray", "--help"]).output
    assert all(verb in help_text for verb in ("start", "status", "stop"))
    mistaken = CliRunner().invoke(main, ["ray", "start", "--port=80"])
    assert mistaken.exit_code == 1
    assert "80" in mistaken.output
