"""Applications of plain Ray Serve as graphs: names, edges, options, digests, what is refused."""

import collections
import dataclasses
from typing import Any, NamedTuple

import pytest
import ray
from ray import serve
from ray.serve._private.build_app import build_app
from ray.serve.config import AutoscalingConfig

import graphnb
from graphnb.authoring import HandleMarker
from graphnb.authoring.walk import leaves
from graphnb.errors import GraphError
from graphnb.graph.diff import diff
from graphnb.rayserve.reading import read_application
from tests.contract import plain_programs


@serve.deployment
class Model:
    def __init__(self, weight: Any = 1.0):
        self.weight = weight

    def __call__(self, x):
        return self.weight * x


@serve.deployment
class Holder:
    def __init__(self, *held, **named):
        self.held = held
        self.named = named


@serve.deployment
def double(x):
    """Twice as much."""
    return 2 * x


@dataclasses.dataclass(frozen=True)
class Pair:
    left: Any
    right: Any


class Point(NamedTuple):
    x: Any
    y: Any


class Box:
    """An object that pickling looks into, and nobody else."""

    def __init__(self, held):
        self.held = held


# --- names and edges ------------------------------------------------------------------------------


def _one():
    return Model.bind()


def _chain():
    return Holder.bind(Holder.bind(Holder.bind(Model.bind())))


def _diamond():
    shared = Model.bind()
    return Holder.bind(Holder.bind(shared), other=Holder.bind(shared))


def _same_class_again():
    return Holder.bind([Model.bind(weight) for weight in range(4)])


def _explicit_name_twice():
    named = Model.options(name="scorer")
    return Holder.options(name="scorer").bind(named.bind(1), named.bind(2))


def _name_that_looks_numbered():
    return Holder.bind(Model.options(name="Model_1").bind(), Model.bind(), Model.bind())


def _root_named_last():
    return Model.bind(Model.bind(Model.bind()))


def _nested():
    return Holder.bind(
        Pair(Model.bind(1), [Model.bind(2)]),
        Point(double.bind(), {"deep": (Model.bind(3),)}),
        named=collections.OrderedDict(b=Model.bind(4), a={"set": frozenset([double.bind()])}),
    )


def _held_twice():
    shared = Model.bind()
    return Holder.bind(shared, [shared], again=shared)


def _function_alone():
    return double.bind()


APPLICATIONS = [
    _one,
    _chain,
    _diamond,
    _same_class_again,
    _explicit_name_twice,
    _name_that_looks_numbered,
    _root_named_last,
    _nested,
    _held_twice,
    _function_alone,
    plain_programs.shop,
    plain_programs.ensemble,
    plain_programs.pipeline,
    plain_programs.router,
    plain_programs.chat,
    plain_programs.service,
]


@pytest.mark.parametrize("make", APPLICATIONS, ids=lambda make: make.__name__.strip("_"))
def test_names_order_and_handles_are_ray_serves_own(make):
    """Deployments have the names and the order of `build_app`, and hold what it puts in place."""
    app = make()
    built = build_app(app, name="app", make_deployment_handle=lambda one, _app: f"<{one.name}>")
    graph = read_application(app)
    assert [one.name for one in graph.spec.deployments] == [one.name for one in built.deployments]
    assert graph.spec.root == built.ingress_deployment_name
    for one in built.deployments:
        binding = graph.deployments[one.name]
        assert binding.func_or_class is one.func_or_class
        expected = _texts((one.init_args, one.init_kwargs))
        assert _texts((binding.args, dict(binding.kwargs))) == expected
        held = [edge.deployment for edge in graph.spec.deployment(one.name).handles]
        assert [f"<{name}>" for name in held] == [text for text in expected if text[:1] == "<"]


def _texts(arguments):
    """Every leaf as text, handles as "<name>"."""
    return [
        f"<{leaf.deployment}>" if isinstance(leaf, HandleMarker) else str(leaf)
        for leaf, _place in leaves(arguments)
    ]


def test_the_spec_reads_like_the_program():
    """`str(spec)` lists deployments, options, and what holds whom at which place."""
    text = str(read_application(plain_programs.shop()).spec)
    assert text == (
        "3 deployments, root Shop\n"
        "  Catalog = class Catalog ray_actor_options={'num_cpus': 0}\n"
        "  Pricing = class Pricing max_ongoing_requests=20 user_config={'discount': 0.1}\n"
        "    holds Catalog as catalog\n"
        "  Shop = class Shop num_replicas=2\n"
        "    holds Catalog as catalog\n"
        "    holds Pricing as pricing"
    )


def test_a_place_names_the_parameter_and_the_way_to_it():
    """Edges say where in the init args a handle goes."""
    graph = read_application(Model.bind({"a": [0, Pair(1, double.bind())]}))
    (edge,) = graph.spec.deployment("Model").handles
    assert (edge.deployment, edge.argument) == ("double", "weight['a'][1].right")


def test_where_definitions_stand_is_asked_of_the_caller():
    """Errors of nodes name the cell or file that `where` gives."""
    graph = read_application(Holder.bind(double.bind()), where=lambda one: f"cell {one.__name__}")
    assert graph.deployments["double"].where() == "cell double"
    assert graph.deployments["Holder"].where() == "cell Holder"


# --- options --------------------------------------------------------------------------------------

OPTIONS = {
    "none": (Model, {}),
    "numbers": (
        Model.options(num_replicas=2, max_ongoing_requests=7, health_check_period_s=3),
        {"num_replicas": 2, "max_ongoing_requests": 7, "health_check_period_s": 3.0},
    ),
    "a later call wins": (
        Model.options(num_replicas=2, max_queued_requests=5).options(num_replicas=3),
        {"num_replicas": 3, "max_queued_requests": 5},
    ),
    "None is the default": (
        Model.options(user_config=None, autoscaling_config=None, num_replicas=1),
        {"num_replicas": 1},
    ),
    "user_config": (
        Model.options(user_config={"a": [1, (2, 3)]}),
        {"user_config": {"a": [1, [2, 3]]}},
    ),
    "resources": (
        Model.options(ray_actor_options={"num_gpus": 0.5, "num_cpus": 0}),
        {"ray_actor_options": {"num_gpus": 0.5, "num_cpus": 0}},
    ),
    "of the replica": (
        Model.options(max_replicas_per_node=2),
        {"max_replicas_per_node": 2},
    ),
    "placement": (
        Model.options(placement_group_bundles=[{"CPU": 1}], placement_group_strategy="PACK"),
        {"placement_group_bundles": [{"CPU": 1}], "placement_group_strategy": "PACK"},
    ),
    "autoscaling": (
        Model.options(autoscaling_config={"min_replicas": 1, "max_replicas": 3}),
        {"autoscaling_config": {"min_replicas": 1, "max_replicas": 3}},
    ),
    "autoscaling, an object": (
        Model.options(autoscaling_config=AutoscalingConfig(max_replicas=3)),
        {"autoscaling_config": {"max_replicas": 3}},
    ),
    "the name is no option": (Model.options(name="other"), {}),
}


@pytest.mark.parametrize(("deployment", "expected"), OPTIONS.values(), ids=OPTIONS)
def test_the_spec_has_the_options_that_the_user_set(deployment, expected):
    """Options are those that were set, as JSON; Ray Serve's defaults are not repeated."""
    (spec,) = read_application(deployment.bind()).spec.deployments
    assert dict(spec.options) == expected


def test_num_replicas_auto_is_read_as_the_autoscaling_it_means():
    """Of `num_replicas="auto"` Ray Serve keeps an `autoscaling_config`, and so does the spec."""
    (spec,) = read_application(Model.options(num_replicas="auto").bind()).spec.deployments
    assert list(spec.options) == ["autoscaling_config"]
    assert spec.options["autoscaling_config"]["max_replicas"] == 100


@pytest.mark.parametrize("deployment", [one for one, _expected in OPTIONS.values()], ids=OPTIONS)
def test_the_options_make_the_same_deployment_again(deployment):
    """Passed to `serve.deployment`, the binding's options give the configuration they came from."""
    app = deployment.bind()
    binding = read_application(app).deployments[app._bound_deployment.name]
    again = serve.deployment(**binding.options)(binding.func_or_class).bind()
    kept, made = app._bound_deployment, again._bound_deployment
    told = kept._deployment_config.user_configured_option_names  # also those that are None
    made._deployment_config.user_configured_option_names = told
    assert made._deployment_config == kept._deployment_config
    assert made.ray_actor_options == kept.ray_actor_options
    assert made._replica_config.max_replicas_per_node == kept._replica_config.max_replicas_per_node


# --- digests --------------------------------------------------------------------------------------


def test_reading_again_changes_nothing():
    """An application that is bound anew from the same code is the same graph."""
    first, second = (read_application(plain_programs.shop()).spec for _ in range(2))
    assert first == second
    assert not diff(first, second)


def test_a_changed_argument_replaces_its_deployment_alone():
    """Init args are part of a deployment's digest; those of others are not."""

    def made(weight):
        return read_application(Holder.bind(Model.bind(weight), double.bind())).spec

    assert str(diff(made(1), made(2))) == "replaced Model; kept 2"


def test_a_changed_user_config_is_a_reconfiguration():
    """`user_config` reaches replicas that run."""

    def made(config):
        return read_application(Holder.bind(Model.options(user_config=config).bind())).spec

    assert str(diff(made({"a": 1}), made({"a": 2}))) == "reconfigured Model; kept 1"


def test_a_definition_has_the_digest_that_graphnb_gives_it():
    """A class has one digest, whichever of the two decorators it has."""
    own = graphnb.serve.deployment(Model.func_or_class)
    with graphnb.InputNode() as inp:
        node = own.bind(3).__call__.bind(inp)
    built = graphnb.authoring.build(graphnb.DAGDriver.bind(node)).spec.deployment("Model")
    assert read_application(Model.bind(3)).spec.deployment("Model").digest == built.digest


# --- what is refused, and what is told -----------------------------------------------------------


@pytest.mark.parametrize(
    "hide",
    [
        Box,
        lambda one: [Box({"a": one})],
        lambda one: lambda: one,
        lambda one: {one: "as a key"},
    ],
    ids=["an object", "deeper", "a closure", "a key"],
)
def test_an_application_hidden_in_an_object_is_refused_by_name(hide):
    """GN114: what would arrive as an application, not as a handle, is said where it is bound."""
    with pytest.raises(GraphError, match=r"GN114 the init args of Holder hold double inside"):
        read_application(Holder.bind(hide(double.bind())))


def test_init_args_that_do_not_fit_are_told_before_anything_starts():
    """GN102: Ray Serve finds out in the replica; here the signature is checked."""
    with pytest.raises(GraphError, match=r"GN102 .*Model.bind do not fit.*'size'"):
        read_application(Holder.bind(Model.bind(size=3)))


def test_a_class_of_another_language_is_refused_by_name():
    """GN120: there is no Python to run."""
    java = serve.deployment(name="scorer")("com.example.Scorer")
    with pytest.raises(GraphError, match=r"GN120 scorer is 'com.example.Scorer'") as caught:
        read_application(Holder.bind(java.bind()))
    assert caught.value.node == "scorer"


def test_a_task_consumer_is_refused_by_name():
    """GN120: nobody would take its tasks."""
    from ray.serve.schema import CeleryAdapterConfig, TaskProcessorConfig
    from ray.serve.task_consumer import task_consumer

    adapter = CeleryAdapterConfig(broker_url="memory://", backend_url="memory://")
    config = TaskProcessorConfig(queue_name="work", adapter_config=adapter)

    @serve.deployment
    @task_consumer(task_processor_config=config)
    class Worker:
        pass

    with pytest.raises(GraphError, match=r"GN120 Worker is a task consumer"):
        read_application(Worker.bind())


def test_a_router_of_the_ingress_is_refused_by_name():
    """GN120: HAProxy's way into a replica is not ours."""
    app = Model.bind()
    app._ingress_request_router = double.bind()  # what Serve's LLM applications do
    with pytest.raises(GraphError, match=r"GN120 Model has an ingress request router"):
        read_application(app)


def test_an_entry_for_grpc_is_told():
    """GN121, a warning: the method answers by handle, and no gRPC request comes."""

    @serve.deployment
    class Grpc:
        def predict(self, message, grpc_context=None):
            return message

    (finding,) = read_application(Grpc.bind()).findings
    assert (finding.code, finding.severity, finding.node) == ("GN121", "warning", "Grpc")
    assert "grpc_context" in finding.message


def test_rules_for_graphs_hold_for_applications():
    """GN111: a batch that never fills is told."""

    @serve.deployment(max_ongoing_requests=2)
    class Batched:
        @serve.batch(max_batch_size=8)
        async def run(self, xs):
            return xs

    (finding,) = read_application(Batched.bind()).findings
    assert (finding.code, finding.node) == ("GN111", "Batched")


def test_a_deployment_that_is_not_bound_is_no_target():
    """GN115, with what to write."""
    with pytest.raises(GraphError, match=r"GN115 the deployment Model, which is not bound") as told:
        graphnb.deploy(Model, http=False)
    assert told.value.hint == "write Model.bind(...)"


def test_the_two_serves_do_not_mix_in_one_graph():
    """An application in a graphnb node, and a node in an application, are refused by name."""
    own = graphnb.serve.deployment(Holder.func_or_class)
    with pytest.raises(GraphError, match=r"GN102 the init args of Holder hold an application"):
        graphnb.deploy(own.bind([double.bind()]), http=False)
    with pytest.raises(GraphError, match=r"GN114 DeploymentNode\(Holder\)"):
        Holder.bind(own.bind())


def test_no_ray_is_started_for_it():
    """Reading and running an application in this process leaves Ray alone."""
    before = ray.is_initialized()
    graph = graphnb.deploy(Model.bind(2), name="no_ray", on="local", http=False)
    try:
        assert graph.remote(21).result() == 42
        assert ray.is_initialized() is before
    finally:
        graph.delete()
