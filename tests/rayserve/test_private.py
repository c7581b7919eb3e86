"""What graphnb uses of Ray that is not public: what is expected of it, and the ways around it.

`make test-ray-versions` runs this with each version of Ray in `CHECKED`.
"""

import ast
import importlib
import inspect
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
import ray
from ray import serve as ray_serve
from ray.serve.config import RequestRouterConfig
from ray.serve.handle import DeploymentHandle
from ray.serve.request_router import RequestRouter

import graphnb
from graphnb import InputNode, serve
from graphnb.errors import DeployError
from graphnb.rayserve import here, private
from graphnb.rayserve.cluster import private as cluster_private
from graphnb.rayserve.cluster.addresses import reach, resolve
from graphnb.rayserve.reading import read_application
from tests.contract.waiting import eventually

PACKAGE = Path(graphnb.__file__).parent


def test_the_versions_checked_are_named():
    """Those of `private.CHECKED`; this is one of them, in the environments that we make."""
    assert private.CHECKED == ("2.54", "2.60")
    assert ray.__version__.rpartition(".")[0] in private.CHECKED


# --- where they are -------------------------------------------------------------------------------

PLACES = {
    "rayserve/private.py": "Ray Serve: handles, versions, its account of what runs",
    "rayserve/cluster/private.py": "Ray: starting and joining one",
    "rayserve/context.py": "what ray.serve tells code of where it runs; see test_context.py",
    "rayserve/kept.py": "models and batch queues of a replica; see test_context.py",
    "rayserve/adopt.py": "what Ray Serve's decorators leave on user code; see test_context.py",
    "rayserve/zygote.py": "modules to import ahead of need; those that are not there are left out",
    "authoring/signatures.py": "asks a function whether @serve.batch decorated it",
    "executors/local/starter.py": "the same",
    "engine/handle.py": "options of Ray Serve's handles that graphnb's take, and ignore",
}

NAMES = {
    "_blocking",
    "_bound_deployment",
    "_by_reference",
    "_get_global_client",
    "_get_max_batch_size",
    "_ingress_request_router",
    "_internal",
    "_INTERNAL_REPLICA_CONTEXT",
    "_prefer_local_routing",
    "_asyncio_router",
    "_replica_config",
    "_replica_info",
    "_run_router_in_separate_loop",
    "_run_asgi_lifespan_startup",
    "_set_asgi_app",
    "_set_global_client",
    "__ray_call__",
    "user_configured_option_names",
}


def private_parts(tree):
    """What a module says of Ray that begins with an underscore, or is known to be private."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "ray":
            yield from (f"{node.module}.{one.name}" for one in node.names if _hidden(one.name))
            if _hidden(node.module) or node.module == "ray.serve.context":
                yield node.module
        elif isinstance(node, ast.Import):
            yield from (one.name for one in node.names if _hidden(one.name, of="ray"))
        elif isinstance(node, ast.Attribute) and node.attr in NAMES:
            yield node.attr
        elif isinstance(node, ast.keyword) and node.arg in NAMES:
            yield node.arg
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from {node.value} & NAMES
            yield from [node.value] if _hidden(node.value, of="ray") else []


def _hidden(name, of=None):
    first, *_ = parts = name.split(".")
    return (of is None or first == of) and any(one.startswith("_") for one in parts)


def test_private_parts_are_used_in_few_places():
    """Each module that uses some is listed above, with what for."""
    found = {}
    for file in PACKAGE.rglob("*.py"):
        parts = set(private_parts(ast.parse(file.read_text())))
        if parts:
            found[file.relative_to(PACKAGE).as_posix()] = parts
    assert set(found) == set(PLACES), found


# --- what is expected of Ray ----------------------------------------------------------------------

EXPECTED = [
    ("ray.serve.deployment:Deployment.options", {"version", "_internal"}),
    ("ray.serve.handle:DeploymentHandle.__init__", {"deployment_name", "app_name"}),
    (
        "ray.serve.handle:DeploymentHandle.options",
        {"_by_reference", "request_serialization", "response_serialization"},
    ),
    ("ray.serve._private.handle_options:InitHandleOptions", {"_run_router_in_separate_loop"}),
    ("ray.serve._private.request_router.replica_wrapper:RunningReplica", {"replica_info"}),
    ("ray.serve.api:delete", {"name", "_blocking"}),
    ("ray.serve.context:_get_global_client", {"raise_if_no_controller_running"}),
    ("ray.serve.context:_set_global_client", {"client"}),
    ("ray.serve._private.client:ServeControllerClient.get_serve_details", set()),
    ("ray.serve._private.controller:ServeController.get_http_config", set()),
    ("ray.serve._private.common:ReplicaID", {"unique_id", "deployment_id"}),
    ("ray.serve._private.common:DeploymentID", {"name", "app_name"}),
    ("ray._private.state:available_resources_per_node", set()),
    ("ray._private.services:find_node_ids", set()),
    ("ray._private.services:find_bootstrap_address", {"temp_dir"}),
    ("ray._private.services:get_node", {"gcs_address", "node_id"}),
    ("ray._private.worker:print_to_stdstream", {"data"}),
]


@pytest.mark.parametrize(("place", "parameters"), EXPECTED, ids=[one for one, _ in EXPECTED])
def test_ray_has_it(place, parameters):
    """It is where it is looked for, and takes what it is given; nothing else has to be given."""
    module, _, path = place.partition(":")
    found = importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    signature = inspect.signature(inspect.unwrap(found)).parameters
    assert parameters <= set(signature)
    required = {one.name for one in signature.values() if one.default is one.empty}
    required -= {one.name for one in signature.values() if one.kind in (2, 4)}
    assert required - {"self"} <= parameters | {"ignore_prefix"}


@pytest.mark.parametrize(
    "place",
    [
        "ray.serve.context:_INTERNAL_REPLICA_CONTEXT",
        "ray._private.ray_constants:ENABLE_RAY_CLUSTER",
        "ray._raylet:Config",
        "ray._raylet:GcsClient",
        "ray.actor:ActorClassID",
        "ray.serve.handle:DeploymentHandle._init",
        "ray.serve._private.router:AsyncioRouter.request_router",
        "ray.serve._private.request_router.request_router:RequestRouter.curr_replicas",
        "ray.serve.config:RequestRouterConfig._serialize_request_router_cls",
        "ray._private.ray_logging:global_worker_stdstream_dispatcher.handlers",
    ],
)
def test_ray_has_the_name(place):
    """It is where it is looked for; what it takes, other tests see."""
    module, _, path = place.partition(":")
    found = importlib.import_module(module)
    for name in path.split("."):
        assert hasattr(found, name)
        found = getattr(found, name)


def test_deployments_can_be_made_by_several_threads():
    """Ray Serve's own way registers a module and takes it off again, as if it were alone."""
    private.configure_one_at_a_time()
    private.configure_one_at_a_time()  # once is enough
    made, together = [], threading.Barrier(4)

    def make():
        together.wait()
        made.extend(ray_serve.deployment(double_of) for _ in range(25))

    threads = [threading.Thread(target=make) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(made) == 100  # an error would have ended a thread


def test_a_router_of_the_users_own_is_not_taken_for_rays():
    """What is kept of making deployments is Ray Serve's router alone."""
    private.configure_one_at_a_time()
    RequestRouterConfig()
    own = RequestRouterConfig(request_router_class="tests.rayserve.test_private:OwnRouter")
    assert own.get_request_router_class() is OwnRouter
    assert RequestRouterConfig().get_request_router_class() is not OwnRouter


class OwnRouter(RequestRouter):
    """One that a user wrote."""

    async def choose_replicas(self, candidate_replicas, pending_request=None):
        """All of them."""
        return [candidate_replicas]


def test_prints_of_other_processes_are_filtered(monkeypatch):
    """Each printer is given what passes, also when it is asked for twice; Ray's order stays."""
    dispatcher = SimpleNamespace(handlers=[("one", (first := []).append), ("two", print)])
    monkeypatch.setattr("ray._private.ray_logging.global_worker_stdstream_dispatcher", dispatcher)
    cluster_private.filter_prints(lambda data: data != "noise")
    cluster_private.filter_prints(lambda _data: False)
    assert [name for name, _ in dispatcher.handlers] == ["one", "two"]
    for data in ("noise", "news"):
        dispatcher.handlers[0][1](data)
    assert first == ["news"]
    monkeypatch.delattr("ray._private.ray_logging.global_worker_stdstream_dispatcher")
    cluster_private.filter_prints(lambda _data: False)  # nothing to filter


def test_an_application_tells_of_its_deployment():
    """And that of the options which the user has set."""

    @ray_serve.deployment(num_replicas=3, user_config={"a": 1}, max_replicas_per_node=2)
    def three():
        return 3

    deployment = private.deployment_of(three.bind())
    assert deployment.name == "three"
    known = ["num_replicas", "user_config", "max_replicas_per_node", "max_ongoing_requests"]
    assert private.given_options(deployment, known) == {
        "num_replicas": 3,
        "user_config": {"a": 1},
        "max_replicas_per_node": 2,
    }
    assert not private.has_request_router(three.bind())


# --- ways around, without a Ray -------------------------------------------------------------------


def lacking(*names):
    """A function in place of one of Ray's that has lost arguments."""

    def make(original):
        def without(*args, **kwargs):
            for name in names:
                if name in kwargs:
                    raise TypeError(f"got an unexpected keyword argument {name!r}")
            return original(*args, **kwargs)

        return without

    return make


@pytest.mark.parametrize("lost", ["version", "_internal"])
def test_without_versions_a_deployment_is_as_it_was(monkeypatch, lost):
    """Where Ray Serve takes no version, it gives one of its own: all else stays."""
    made = ray_serve.deployment(double_of, num_replicas=2)
    assert private.with_version(made, "v1").version == "v1"
    options = type(made).options
    monkeypatch.setattr(type(made), "options", lacking(lost)(options))
    assert private.with_version(made, "v1") is made


def double_of(x):
    """Twice as much."""
    return 2 * x


def test_versions_that_are_refused_are_left_out():
    """A Ray Serve that has removed them for all says so by a ValueError."""

    class Deployment:
        def options(self, **_options):
            raise ValueError("`version` has been removed")

    made = Deployment()
    assert private.with_version(made, "v1") is made


def test_a_way_that_cannot_be_chosen_is_rays():
    """A handle that takes no `_by_reference` calls as it likes."""
    asked = []

    class Handle:
        def options(self, **options):
            if "_by_reference" in options:
                raise TypeError("got an unexpected keyword argument '_by_reference'")
            asked.append(options)
            return self

    private.calling(Handle(), "m", by_reference=True)
    private.calling(Handle(), "m", stream=True)
    assert asked == [
        {"method_name": "m", "stream": False},
        {"method_name": "m", "stream": True},
    ]


def test_options_can_be_told_from_what_is_public(monkeypatch):
    """Where Ray Serve keeps no note of what the user set, what is unusual counts."""
    made = ray_serve.deployment(double_of, num_replicas=3, max_ongoing_requests=7)
    known = ["name", "num_replicas", "max_ongoing_requests", "user_config", "health_check_period_s"]
    monkeypatch.setattr(made, "_deployment_config", PublicOnly(made._deployment_config))
    assert private.given_options(made, known) == {"num_replicas": 3, "max_ongoing_requests": 7}


class PublicOnly:
    """A config that does not tell what the user set."""

    def __init__(self, config):
        self._config = config

    def __getattr__(self, name):
        if name == "user_configured_option_names":
            raise AttributeError(name)
        return getattr(self._config, name)


def test_applications_that_cannot_be_read_are_refused():
    """The error says what to do."""
    with pytest.raises(DeployError, match=r"cannot be read\n.*from graphnb import serve"):
        private.deployment_of(SimpleNamespace())
    read = read_application(ray_serve.deployment(double_of).bind())
    assert read.spec.root == "double_of"


def test_a_replica_has_an_id_of_the_same_shape(monkeypatch):
    """Where Ray Serve's own class is gone, something like it."""
    native = private.replica_id("model", "app", "a1")
    monkeypatch.setitem(sys.modules, "ray.serve._private.common", None)
    own = private.replica_id("model", "app", "a1")
    for one in (native, own):
        assert (one.unique_id, one.deployment_id.name, one.deployment_id.app_name) == (
            "a1",
            "model",
            "app",
        )


def test_a_limit_that_is_not_told_is_none(monkeypatch):
    """Outside of replicas, and where Ray Serve does not tell."""
    assert private.max_ongoing_requests() == sys.maxsize
    monkeypatch.delattr("ray.serve.context._INTERNAL_REPLICA_CONTEXT")
    assert private.max_ongoing_requests() == sys.maxsize


STAND_INS = """
import sys
from ray.serve import batching, context, multiplex
for module, name in {lost!r}:
    delattr(sys.modules[module], name)

import graphnb
from graphnb import InputNode, serve

@serve.deployment
class Model:
    @serve.multiplexed(max_num_models_per_replica=2)
    async def load(self, model_id):
        return model_id.upper()

    async def __call__(self, x):
        return [x, await self.load("m"), serve.get_replica_context().deployment]

with InputNode() as request:
    graph = graphnb.deploy(Model.bind().__call__.bind(request), http=False)
print(graph.remote(1).result())
"""


@pytest.mark.parametrize(
    "lost",
    [
        [
            ("ray.serve.context", "_get_internal_replica_context"),
            ("ray.serve.context", "_get_serve_request_context"),
        ],
        [("ray.serve.batching", "_BatchQueue"), ("ray.serve.batching", "_LazyBatchQueueWrapper")],
        [("ray.serve.multiplex", "_ModelMultiplexWrapper")],
    ],
    ids=["contexts", "queues", "models"],
)
def test_what_cannot_be_stood_in_for_is_left_alone(lost):
    """Graphs run where Ray Serve has not the functions and classes that are stood in for."""
    done = subprocess.run(
        [sys.executable, "-c", STAND_INS.format(lost=lost)],
        check=False,
        cwd=PACKAGE.parent,
        env={**os.environ, "GRAPHNB_ON": "local"},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.stdout == "[1, 'M', 'Model']\n", done.stderr


# --- ways around, of starting and joining a Ray ---------------------------------------------------


def test_a_node_is_known_by_its_address(monkeypatch):
    """Where Ray does not tell the ids of this machine's nodes."""
    monkeypatch.setitem(sys.modules, "ray._private.services", None)
    assert cluster_private.is_here(cluster_private.Node("ab", "127.0.0.1"))
    assert not cluster_private.is_here(cluster_private.Node("ab", "192.0.2.1"))


def test_a_cluster_that_tells_no_nodes_is_joined_as_it_is(monkeypatch):
    """Then the address is that of the node, and joining shows whether it is."""
    monkeypatch.delattr("ray._raylet.GcsClient")
    assert cluster_private.alive_nodes("127.0.0.1:1", 1) is None
    assert tuple(vars_of(reach("127.0.0.1:1"))) == ("127.0.0.1:1", "127.0.0.1")


def vars_of(node):
    """The fields of a `RayNode`."""
    return node.gcs, node.host


def test_the_latest_ray_has_to_be_named(monkeypatch):
    """Where Ray does not tell which that is, the error asks for its address."""
    monkeypatch.setitem(sys.modules, "ray._private.services", None)
    with pytest.raises(DeployError, match="'auto'"):
        resolve("auto")


def test_switches_that_are_gone_switch_nothing(monkeypatch):
    """What Ray prints, reads and waits for is its own affair then."""
    import ray._private.ray_constants
    import ray._private.services
    import ray._private.worker

    monkeypatch.delattr("ray._private.worker.print_to_stdstream")
    monkeypatch.delattr("ray._private.services.get_node")
    monkeypatch.delattr("ray._private.ray_constants.ENABLE_RAY_CLUSTER")
    monkeypatch.delattr("ray._raylet.Config")
    monkeypatch.delattr("ray.serve.context._set_global_client")
    cluster_private.replace_prints(print)
    cluster_private.restore_prints(print)
    cluster_private.be_patient(1)
    cluster_private.read_environment_again()
    private.forget_serve()
    with cluster_private.loopback_as_it_is(loopback=True):
        assert not hasattr(ray._private.ray_constants, "ENABLE_RAY_CLUSTER")


def test_the_switch_of_addresses_is_put_back():
    """127.0.0.1 is taken for what it is while a Ray there is joined, and no longer."""
    from ray._private import ray_constants

    before = ray_constants.ENABLE_RAY_CLUSTER
    with cluster_private.loopback_as_it_is(loopback=True):
        assert ray_constants.ENABLE_RAY_CLUSTER is False
    assert before == ray_constants.ENABLE_RAY_CLUSTER


# --- ways around, on a Ray ------------------------------------------------------------------------


@pytest.fixture
def deploy():
    """`graphnb.deploy` on Ray, without HTTP; ends every graph after the test."""
    yield lambda target: graphnb.deploy(target, name="private", on="ray", http=False)
    graphnb.serve.shutdown()


@serve.deployment
class Adder:
    def __init__(self, more):
        self.more = more

    def add(self, x):
        return [*x, (self.more, os.getpid())]


@serve.deployment
class Large:
    def make(self, size):
        return b"x" * size

    def measure(self, data):
        return len(data)


def states(graph):
    """How each node is, and how many replicas of it run."""
    return [(one.state, one.running) for one in graph.status()]


def adding(*amounts):
    """A chain that notes who added what, and in which process."""
    with InputNode() as request:
        found = request
        for one in amounts:
            found = Adder.bind(one).add.bind(found)
    return found


@pytest.mark.ray
@pytest.mark.timeout(240)
def test_without_versions_an_update_restarts_all_and_answers(deploy, monkeypatch):
    """Where Ray Serve takes no version, a graph deploys and updates; nothing is kept alive."""
    made = ray_serve.deployment(double_of)
    monkeypatch.setattr(type(made), "options", lacking("_internal")(type(made).options))
    graph = deploy(adding(1, 2))
    before = graph.remote([]).result()
    assert [one for one, _ in before] == [1, 2]
    graph = deploy(adding(1, 3))
    after = graph.remote([]).result()
    assert [one for one, _ in after] == [1, 3]
    assert {pid for _, pid in before}.isdisjoint(pid for _, pid in after)
    eventually(lambda: states(graph) == [("running", 1)] * 3)  # what goes restarts all again
    assert [one for one, _ in graph.remote([]).result()] == [1, 3]


@pytest.mark.ray
@pytest.mark.timeout(240)
def test_where_the_way_of_calls_cannot_be_chosen_they_arrive(deploy, monkeypatch):
    """Calls from outside go by Ray's object store then, small and large."""
    options = lacking("_by_reference")(DeploymentHandle.options)
    monkeypatch.setattr(DeploymentHandle, "options", options)
    init = lacking("_run_router_in_separate_loop")(DeploymentHandle._init)
    monkeypatch.setattr(DeploymentHandle, "_init", init)
    monkeypatch.setattr("graphnb.rayserve.lines.lines.replica_limits", lambda _known: {})
    large = Large.bind()
    with InputNode() as size:
        measured = large.measure.bind(large.make.bind(size))
    graph = deploy(measured)
    assert graph.remote(10).result() == 10
    assert graph.remote(2_000_000).result() == 2_000_000
    assert not graph._application._router.current.callees["DAGDriver"]._lines._lines


@pytest.mark.ray
@pytest.mark.timeout(240)
def test_lines_are_found_and_used(deploy):
    """What Ray Serve's router knows of replicas is enough to call them without it."""
    graph = deploy(adding(1))
    callee = graph._application._router.current.callees["DAGDriver"]
    eventually(lambda: graph.remote([]).result() and callee._lines._lines)
    (line,) = callee._lines._lines.values()
    assert line.limit == 1_000  # of a driver, unless somebody says otherwise
    sent = line._number
    assert graph.remote([]).result()[0][0] == 1
    assert line._number == sent + 1


@pytest.mark.ray
@pytest.mark.timeout(240)
def test_without_an_account_of_replicas_calls_go_by_ray_serve(deploy, monkeypatch):
    """Where the router has lost what is asked of it."""
    monkeypatch.setattr("graphnb.rayserve.lines.lines._of_handle", {})  # of earlier tests
    monkeypatch.setattr("graphnb.rayserve.lines.lines.replicas_known_to", lambda _handle: None)
    graph = deploy(adding(1))
    assert graph.remote([]).result()[0][0] == 1
    assert graph._application._router.current.callees["DAGDriver"]._lines is None


def test_an_account_of_replicas_that_is_gone_is_none():
    """Of handles and replicas that have lost what is asked of them."""
    assert private.replicas_known_to(SimpleNamespace()) is None
    assert private.replicas_known_to(SimpleNamespace(_router=SimpleNamespace())) is None
    assert private.replica_limits(None) == {}
    assert private.replica_limits({"a": SimpleNamespace(max_ongoing_requests=3)}) == {}


@pytest.mark.parametrize(
    ("said", "known"), [("1", True), ("True", True), ("0", False), (None, False)]
)
def test_ray_is_told_to_encrypt_by_the_environment(monkeypatch, said, known):
    """Then no host says where its door is."""
    monkeypatch.delenv("RAY_USE_TLS", raising=False)
    if said is not None:
        monkeypatch.setenv("RAY_USE_TLS", said)
    assert private.encrypts() is known


def test_what_a_direct_call_logs_has_its_id(monkeypatch):
    """While it logs, and no longer; without an id where Ray has lost what that takes."""
    asked = ray_serve.context._get_serve_request_context
    before = asked().request_id
    with private.logged_as("r-1"):
        assert asked().request_id == "r-1"
    assert asked().request_id == before
    monkeypatch.delattr("ray.serve.context._RequestContext")
    with private.logged_as("r-2"):
        assert asked().request_id == before


def test_a_process_without_a_replica_takes_no_calls():
    """Nor one whose Ray does not tell how calls are to come."""
    assert not private.takes_direct_calls()


@pytest.mark.ray
@pytest.mark.timeout(240)
def test_what_is_asked_of_a_ray_that_runs(deploy, monkeypatch):
    """Replicas, limits, ports and handles are found; and where Ray does not tell, another way."""
    from graphnb.rayserve.cluster.proxy import serve_address

    graph = deploy(adding(1))
    graph.remote([]).result()
    (actor,) = private.replicas_of("private")["Adder"]
    (state,) = private.ask_actors([actor], here.state, 10)
    assert state.ongoing == 0
    name = ray.get(actor.__ray_call__.remote(lambda _: ray.get_runtime_context().get_actor_name()))
    assert ray.get(private.ask_replica(name, here.state)) == state
    with pytest.raises(ValueError, match="nobody"):
        private.ask_replica("nobody", here.state)
    assert private.route_prefixes() == {"private": None}
    assert sum(one.get("CPU", 0) for one in private.free_resources().values()) > 1

    assert private.ask_actors([SimpleNamespace()], here.state, 1) == [None]
    address = serve_address()
    monkeypatch.delattr("ray.serve.context._get_global_client")
    assert serve_address() == address
    assert private.route_prefixes() == {}
    assert private.replicas_of("private") == {}
    eventually(lambda: states(graph) == [("running", 1)] * 2)
    assert graph.remote([]).result()[0][0] == 1
