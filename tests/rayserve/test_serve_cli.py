"""What `serve.build` makes runs with Ray Serve's own command line, and with plain `ray.serve`."""

import signal
import time

import httpx
import pytest
import yaml

from graphnb.rayserve.cluster.ports import free_port
from tests.rayserve.kernels import Kernel, User
from tests.rayserve.plain_modules import run_serve, running_serve, write_modules

pytestmark = [pytest.mark.ray, pytest.mark.timeout(300)]


class Place:
    """A user's Ray, and the folder that their modules are in.

    Attributes:
        environment: of a shell in which Ray's command lines find that Ray.
    """

    def __init__(self, user, folder):
        self.user = user
        self.folder = write_modules(folder)
        self.http_port = free_port()
        dashboard_port = free_port()
        started = self.user.graphnb("ray", "start", f"--dashboard-port={dashboard_port}")
        assert started.returncode == 0, started.stderr
        said = started.stdout.partition("other programs on it")[2].splitlines()[0].split()
        self.environment = {
            **self.user.environment,
            **dict(one.split("=", 1) for one in said),
            "RAY_DASHBOARD_ADDRESS": f"http://127.0.0.1:{dashboard_port}",
            "NO_PROXY": "127.0.0.1",
        }

    def serve(self, *arguments):
        """Runs Ray Serve's command line, to its end."""
        return run_serve(self.environment, *arguments, cwd=self.folder)

    def start_serve(self):
        """Starts Ray Serve at the port of this place, where `serve run` finds it."""
        self.serve("start", "--http-host=127.0.0.1", f"--http-port={self.http_port}")

    def end_serve(self):
        """Ends all applications, and Ray Serve."""
        self.serve("shutdown", "-y")

    def ask(self, path="/", **options):
        """One request."""
        return httpx.post(
            f"http://127.0.0.1:{self.http_port}{path}", trust_env=False, timeout=20, **options
        )

    def answer(self, path="/", *, until=lambda _answer: True, process=None, **options):
        """Asks until there is an answer of a graph that will do."""
        deadline = time.monotonic() + 150
        said = None
        while time.monotonic() < deadline:
            assert process is None or process.poll() is None, self.log
            try:
                said = self.ask(path, **options)
                if said.status_code == 200 and until(said.json()):
                    return said.json()
            except httpx.TransportError as error:
                said = error
            time.sleep(0.1)
        raise AssertionError(f"no answer: {said} {getattr(said, 'text', '')} {self.log}")

    @property
    def log(self):
        """What `serve run` printed."""
        file = self.folder / "serve.log"
        return file.read_text()[-4_000:] if file.exists() else ""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A Ray with a dashboard, of a user of its own."""
    folder = tmp_path_factory.mktemp("place")
    user = User(folder)
    try:
        yield Place(user, folder / "modules")
        user.graphnb("ray", "stop")
        assert user.wait_until_alone() == []
    finally:
        user.end()


@pytest.fixture
def serve_started(place):
    """Ray Serve runs at the place's port, without applications; and not after the test."""
    place.start_serve()
    yield place
    place.end_serve()


# --- serve run ------------------------------------------------------------------------------------


def interrupt(process):
    """Ctrl-C; returns the exit code."""
    process.send_signal(signal.SIGINT)
    return process.wait(timeout=60)


def applications(place):
    """Those that `serve status` lists, and how each is."""
    found = yaml.safe_load(place.serve("status"))["applications"]
    return {name: one["status"] for name, one in found.items()}


def test_serve_run_answers_and_ends_with_ctrl_c(place):
    """`serve run module:app` answers HTTP with and without the slash, and ends with all it ran."""
    place.start_serve()
    with running_serve(
        place.environment, "run", "driven:app", "--route-prefix=/sum", cwd=place.folder
    ) as process:
        answer = place.answer("/sum", json={"x": 20}, process=process)
        assert (answer["label"], answer["sum"]) == ("plain", 41)
        assert place.ask("/sum/", json={"x": 1}).json()["sum"] == 3
        failed = place.ask("/sum", json={"x": 600})
        assert (failed.status_code, failed.json()["node"]) == (500, "Adder.add")
        assert place.ask("/sum", json={"y": 1}).status_code == 422
        assert applications(place) == {"default": "RUNNING"}
        assert interrupt(process) == 0, place.log
    own = [one for one in place.log.splitlines() if "(ServeReplica:" not in one]
    assert "Traceback" not in "\n".join(own)
    assert applications(place) == {}


def test_serve_run_takes_a_function_that_builds(serve_started):
    """`serve run module:make key=value` runs what the function returns for these arguments."""
    place = serve_started
    place.serve("run", "--non-blocking", "--name=made", "driven:make", "label=given")
    assert place.answer(json={"x": 1})["label"] == "given"
    assert applications(place) == {"made": "RUNNING"}


def test_serve_run_ships_a_working_dir(serve_started):
    """Files and modules of `--working-dir` are there where a user's own driver runs."""
    place = serve_started
    place.serve("run", "--non-blocking", "--working-dir=.", "own_driver:app")
    assert place.answer(json={"x": 5}) == {"doubled": 20, "asked": "Request"}
    assert place.answer(json="read") == {"file": "noted", "module": "late"}


# --- serve build, serve deploy --------------------------------------------------------------------


def built(place, *modules):
    """The config file that `serve build` writes, at the place's port, and what it holds."""
    file = place.folder / "config.yaml"
    place.serve("build", *modules, "-o", file)
    config = yaml.safe_load(file.read_text())
    config["http_options"] = {"host": "127.0.0.1", "port": place.http_port}
    for one in config["applications"]:
        one["runtime_env"] = {"env_vars": {"PYTHONPATH": str(place.folder)}}
    return file, config


def deployments(config, app=0):
    """The deployments of an application in a config, by name."""
    return {one["name"]: one for one in config["applications"][app]["deployments"]}


def test_serve_build_lists_every_deployment_with_its_options(place):
    """Import paths, names and the users' options are in the config file, and nothing else."""
    _, config = built(place, "driven:app", "own_driver:app")
    assert [one["import_path"] for one in config["applications"]] == [
        "driven:app",
        "own_driver:app",
    ]
    assert deployments(config, 0) == {
        "DAGDriver": {"name": "DAGDriver", "max_ongoing_requests": 1000},
        "double": {"name": "double"},
        "Adder": {
            "name": "Adder",
            "num_replicas": 1,
            "user_config": {"more": 1},
            "ray_actor_options": {"num_cpus": 0.5},
        },
    }
    assert deployments(config, 1) == {
        "Front": {"name": "Front", "num_replicas": 2},
        "double": {"name": "double"},
        "double_1": {"name": "double_1"},
        "Counter": {"name": "Counter"},
    }


def test_serve_deploy_runs_the_file_and_follows_its_edits(place):
    """Another `user_config` reaches replicas that live; another number of replicas is there."""
    file, config = built(place, "driven:app")
    file.write_text(yaml.safe_dump(config))
    place.serve("deploy", file)
    try:
        first = place.answer(json={"x": 20})
        assert first["sum"] == 41

        deployments(config)["Adder"]["user_config"] = {"more": 100}
        file.write_text(yaml.safe_dump(config))
        place.serve("deploy", file)
        second = place.answer(json={"x": 20}, until=lambda answer: answer["sum"] == 140)
        assert second["pid"] == first["pid"]

        deployments(config)["Adder"]["num_replicas"] = 2
        file.write_text(yaml.safe_dump(config))
        place.serve("deploy", file)
        place.answer(json={"x": 20}, until=lambda answer: answer["pid"] != first["pid"])
        status = yaml.safe_load(place.serve("status"))["applications"]["app1"]
        assert status["deployments"]["Adder"]["replica_states"] == {"RUNNING": 2}

        shown = yaml.safe_load(place.serve("config"))
        assert shown["import_path"] == "driven:app"
        assert "graphnb" not in str(shown["deployments"])
    finally:
        place.end_serve()
    assert applications(place) == {}


def test_serve_deploy_runs_two_applications_and_a_function_that_builds(place):
    """Each answers below its own prefix; arguments are in the file."""
    file, config = built(place, "driven:app", "own_driver:app")
    config["applications"][0] |= {"import_path": "driven:make", "args": {"label": "of the file"}}
    file.write_text(yaml.safe_dump(config))
    place.serve("deploy", file)
    try:
        assert place.answer("/app1", json={"x": 1})["label"] == "of the file"
        assert place.answer("/app2/", json={"x": 5})["doubled"] == 20
    finally:
        place.end_serve()


# --- plain ray.serve ------------------------------------------------------------------------------


@pytest.fixture
def kernel(place, tmp_path):
    """A process that knows that Ray by its environment alone."""
    made = Kernel(place.user, tmp_path, **place.environment)
    made.run(f"import sys; sys.path.insert(0, {str(place.folder)!r})")
    made.run(
        "import warnings, ray; warnings.simplefilter('ignore'); "
        "ray.init(namespace='serve', log_to_driver=False)"
    )
    yield made
    made.kill()


def test_plain_serve_run_has_handles_that_call_the_graph(serve_started, kernel):
    """`ray.serve.run` gives its own handle: it calls the driver, by whatever method."""
    kernel.run("from ray import serve; import driven; handle = serve.run(driven.app, name='sum')")
    assert kernel.run("value = handle.remote({'x': 4}).result()")["sum"] == 9
    assert kernel.run("value = handle.predict.remote({'x': 5}).result()")["sum"] == 11
    told = kernel.run(
        """
try:
    handle.remote({"x": 600}).result()
except OverflowError as error:
    value = str(error)
"""
    )
    assert "1200 is too much" in told
    by_name = "serve.get_deployment_handle('Adder', 'sum').add.remote(6).result()"
    assert kernel.run(f"value = {by_name}")["sum"] == 7


def test_plain_serve_run_again_restarts_what_has_changed(serve_started, kernel):
    """The same application keeps its replicas; one deployment that is another is made anew."""
    kernel.run("from ray import serve; import driven; handle = serve.run(driven.app, name='sum')")
    first = kernel.run("value = handle.remote({'x': 4}).result()")
    kernel.run("handle = serve.run(serve_again := driven.make({'label': 'plain'}), name='sum')")
    assert kernel.run("value = handle.remote({'x': 4}).result()") == first
    kernel.run("handle = serve.run(driven.make({'label': 'other'}), name='sum')")
    second = kernel.run("value = handle.remote({'x': 4}).result()")
    assert second["label"] == "other"
    assert second["pid"] != first["pid"]


def test_plain_handles_stream_and_choose_models(serve_started, kernel):
    """A generator of the driver streams; the id of a multiplexed model arrives."""
    kernel.run(
        "from ray import serve; import own_driver; handle = serve.run(own_driver.app, name='own')"
    )
    stream = "handle.options(method_name='count', stream=True).remote(4)"
    assert kernel.run(f"value = list({stream})") == [0, 2, 4, 6]
    assert kernel.run("value = handle.remote({'x': 3}).result()") == {
        "doubled": 12,
        "asked": "dict",
    }
    chosen = "handle.options(method_name='model', multiplexed_model_id='m2').remote().result()"
    assert kernel.run(f"value = {chosen}") == "m2"
