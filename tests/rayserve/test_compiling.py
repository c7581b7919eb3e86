"""What `serve.build` makes of a graph: an ordinary application of Ray Serve."""

import json
import subprocess
import sys
import warnings

import pytest
from ray import serve as ray_serve
from ray.serve.config import AutoscalingConfig
from ray.serve.deployment import deployment_to_schema

from graphnb import DAGDriver, InputNode, serve
from graphnb.authoring import build
from graphnb.errors import DeployError, GraphError, NotSerializableError
from graphnb.rayserve.compiling import application_of, compile_graph
from graphnb.rayserve.config import MARK
from graphnb.rayserve.reading import held_applications


@serve.deployment
async def double(x):
    """Twice as much."""
    return 2 * x


@serve.deployment
class Adder:
    def __init__(self, more):
        self.more = more

    def reconfigure(self, config):
        self.more = config["more"]

    def add(self, x):
        return x + self.more


@serve.deployment
class Caller:
    def __init__(self, graph, other=None):
        self.graph = graph

    async def __call__(self, x):
        return await self.graph.remote(x)


def chain(*, more=1, first=double, adder=Adder, constant=0):
    """A driver, two deployments, and what the second adds."""
    with InputNode() as request:
        doubled = first.bind(request["x"])
        total = adder.bind(more).add.bind(doubled if constant == 0 else constant)
    return DAGDriver.bind(total)


def parts_of(app):
    """The Serve deployments of an application, by name."""
    found = [app, *held_applications(app)]
    return {one._bound_deployment.name: one._bound_deployment for one in found}


def options_of(app, name):
    """What `serve build` writes of a deployment."""
    schema = deployment_to_schema(parts_of(app)[name])
    dump = getattr(schema, "model_dump", None) or schema.dict  # before Ray 2.60
    shown = dump(exclude_unset=True)
    return {option: value for option, value in shown.items() if option != "name"}


def versions_of(app):
    """By which Ray Serve tells whether replicas have to be made anew."""
    return {name: one.version for name, one in parts_of(app).items()}


# --- one deployment for each ----------------------------------------------------------------------


def test_an_application_of_ray_serve_comes_out():
    """It is Ray Serve's own type, with one Serve deployment for each of the graph."""
    app = serve.build(chain())
    assert isinstance(app, ray_serve.Application)
    assert list(parts_of(app)) == ["DAGDriver", "double", "Adder"]


def test_the_root_of_the_graph_is_the_ingress():
    """Requests enter by the driver, ours or the user's own."""
    with InputNode() as request:
        doubled = double.bind(request)
    assert serve.build(doubled)._bound_deployment.name == "DAGDriver"
    assert serve.build({"/double": doubled})._bound_deployment.name == "DAGDriver"
    assert serve.build(Caller.bind(doubled))._bound_deployment.name == "Caller"


def test_names_are_the_graphs():
    """A name that the user gave, and the numbers of names that are taken."""
    with InputNode() as request:
        first = double.bind(request)
        total = Adder.options(name="sum").bind(1).add.bind(double.bind(first))
    assert sorted(parts_of(serve.build(total))) == ["DAGDriver", "double", "double_1", "sum"]


def test_what_a_deployment_holds_is_there_once():
    """A deployment that two others hold, and that nobody calls in a graph, is one."""
    shared = Adder.bind(1)
    with InputNode() as request:
        doubled = double.bind(request)
    app = serve.build(
        Caller.bind(doubled, [shared, Caller.options(name="b").bind(doubled, shared)])
    )
    assert sorted(parts_of(app)) == ["Adder", "Caller", "b", "double"]


def test_an_application_of_plain_ray_serve_can_be_built():
    """What plain Ray Serve bound keeps its names and options."""

    @ray_serve.deployment(num_replicas=3)
    class Plain:
        def __call__(self):
            return 1

    app = serve.build(Plain.options(name="plain").bind())
    assert options_of(app, "plain") == {"num_replicas": 3}


def test_it_builds_without_a_ray():
    """Neither Ray nor an actor for telemetry is needed to build, and none to run."""
    import ray

    was_there = ray.is_initialized()
    graph = build(chain())
    compiled = compile_graph(graph)
    assert [one.payload.collector for one in compiled.parts.values()] == [None, None, None]
    application_of(graph)
    assert ray.is_initialized() == was_there


# --- options --------------------------------------------------------------------------------------

OPTIONS = {
    "num_replicas": 3,
    "max_ongoing_requests": 7,
    "max_queued_requests": 11,
    "ray_actor_options": {"num_cpus": 0.5, "resources": {"stand": 0.1}, "num_gpus": 1.0},
    "graceful_shutdown_timeout_s": 3.5,
    "graceful_shutdown_wait_loop_s": 0.5,
    "health_check_period_s": 4.0,
    "health_check_timeout_s": 5.0,
    "max_replicas_per_node": 2,
    "user_config": {"more": 3},
}


@pytest.mark.parametrize(("name", "value"), OPTIONS.items(), ids=OPTIONS)
def test_an_option_passes_untouched(name, value):
    """What the user gave is in Ray Serve's deployment, and nothing else is."""
    app = serve.build(chain(adder=Adder.options(**{name: value})))
    assert options_of(app, "Adder") == {name: value}
    assert options_of(app, "double") == {}


def test_all_options_together_pass_untouched():
    """Many options at once."""
    assert options_of(serve.build(chain(adder=Adder.options(**OPTIONS))), "Adder") == OPTIONS


@pytest.mark.parametrize(
    "given",
    [
        {"min_replicas": 2, "max_replicas": 5, "target_ongoing_requests": 3},
        AutoscalingConfig(min_replicas=2, max_replicas=5, target_ongoing_requests=3),
    ],
    ids=["as a dict", "as Ray Serve's object"],
)
def test_autoscaling_passes_untouched(given):
    """A deployment that scales by itself does as the user asked."""
    app = serve.build(chain(adder=Adder.options(autoscaling_config=given)))
    found = parts_of(app)["Adder"]._deployment_config.autoscaling_config
    assert (found.min_replicas, found.max_replicas, found.target_ongoing_requests) == (2, 5, 3)


def test_replicas_may_be_left_to_ray_serve():
    """`num_replicas="auto"` means what it means there."""

    def expected():
        return None

    plain = ray_serve.deployment(expected, num_replicas="auto")
    app = serve.build(chain(adder=Adder.options(num_replicas="auto")))
    found = parts_of(app)["Adder"]
    assert (
        found._deployment_config.autoscaling_config == plain._deployment_config.autoscaling_config
    )
    assert found.max_ongoing_requests == plain.max_ongoing_requests


def test_groups_of_resources_pass_untouched():
    """The options of placement groups go along."""
    group = {
        "placement_group_bundles": [{"CPU": 1.0}, {"CPU": 2.0}],
        "placement_group_strategy": "SPREAD",
        "ray_actor_options": {"num_cpus": 1},
    }
    found = options_of(serve.build(chain(adder=Adder.options(**group))), "Adder")
    assert found == {**group, "ray_actor_options": {"num_cpus": 1.0}}


def test_the_user_config_is_the_users_alone():
    """It holds nothing of graphnb's, so that a config file can say another."""
    config = {"weights": [1, 2], "labels": {"a": None}}
    app = serve.build(chain(adder=Adder.options(user_config=config)))
    assert parts_of(app)["Adder"].user_config == config
    assert all(MARK not in (one.user_config or {}) for one in parts_of(app).values())


def test_the_limit_of_the_driver_is_no_limit_of_the_graph():
    """DAGDriver takes many requests at once, as everywhere."""
    assert options_of(serve.build(chain()), "DAGDriver") == {"max_ongoing_requests": 1000}


# --- the route prefix -----------------------------------------------------------------------------


def test_a_route_prefix_is_said_to_be_missing():
    """Ray Serve takes it from whoever runs the application; building says how to give it."""
    with pytest.warns(UserWarning, match="'/sums' of DAGDriver") as told:
        app = serve.build(DAGDriver.options(route_prefix="/sums").bind(chain()._args[0]))
    assert "serve run --route-prefix /sums" in str(told[0].message)
    assert told[0].filename == __file__
    assert options_of(app, "DAGDriver") == {"max_ongoing_requests": 1000}


def test_the_usual_route_prefix_is_not_worth_a_word():
    """Applications answer at "/" unless they are told otherwise."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        serve.build(DAGDriver.options(route_prefix="/").bind(chain()._args[0]))


# --- versions -------------------------------------------------------------------------------------


def test_the_same_graph_has_the_same_versions():
    """So that running it again restarts nothing."""
    assert versions_of(serve.build(chain())) == versions_of(serve.build(chain()))


def test_versions_are_the_same_in_every_process(tmp_path):
    """They are made of what the graph is, and nothing of the process that built it."""
    (tmp_path / "sums.py").write_text(
        "from graphnb import InputNode, serve\n"
        "@serve.deployment\n"
        "async def double(x):\n"
        "    return {2 * x, 'b', 'a'} - {'c', 'd'}\n"
        "with InputNode() as request:\n"
        "    app = serve.build(double.bind(double.bind(request['x'])))\n"
    )
    show = (
        "import json, sums; from graphnb.rayserve.reading import held_applications as held\n"
        "made = [one._bound_deployment for one in (sums.app, *held(sums.app))]\n"
        "print(json.dumps({one.name: one.version for one in made}))"
    )
    found = []
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", show],
            check=True,
            cwd=tmp_path,
            env={"PYTHONHASHSEED": seed, "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=100,
        )
        found.append(json.loads(done.stdout))
    assert found[0] == found[1]
    assert len(set(found[0].values())) == 3


def changed(before, after):
    """The deployments whose version is another."""
    before, after = versions_of(serve.build(before)), versions_of(serve.build(after))
    return sorted(name for name in after if before.get(name) != after[name])


def test_options_are_no_part_of_a_version():
    """Ray Serve itself sees what to do about another option."""
    scaled = Adder.options(num_replicas=2, user_config={"more": 4}, max_ongoing_requests=9)
    assert changed(chain(), chain(adder=scaled)) == []


def test_another_init_arg_is_another_version():
    """Only that deployment is made anew."""
    assert changed(chain(more=1), chain(more=2)) == ["Adder"]


def test_other_code_is_another_version():
    """Only that deployment is made anew."""

    @serve.deployment(name="double")
    async def double_again(x):
        return x + x

    assert changed(chain(), chain(first=double_again)) == ["double"]


def test_another_schedule_is_another_version_of_its_driver():
    """How calls are joined travels with the driver's code, which is made anew then."""

    def sums(key):
        with InputNode() as request:
            return serve.build(Adder.bind(1).add.bind(double.bind(request[key])))

    def swapped(first, second):
        with InputNode() as request:
            one, two = double.bind(request), Adder.bind(1)
            return serve.build(two.add.bind(one if first else request) if second else one)

    first, second = versions_of(sums("x")), versions_of(sums("y"))
    assert [name for name in first if first[name] != second[name]] == ["DAGDriver"]
    direct, passing = versions_of(swapped(False, True)), versions_of(swapped(True, True))
    assert direct["Adder"] == passing["Adder"]
    assert direct["DAGDriver"] != passing["DAGDriver"]


def test_another_constant_in_a_call_is_another_version_of_its_driver():
    """Constants travel with the schedule."""
    assert changed(chain(constant=3), chain(constant=4)) == ["DAGDriver"]


def test_a_node_in_another_variable_is_the_same_version():
    """Labels are for pictures."""
    with InputNode() as request:
        one = double.bind(request)
    with InputNode() as question:
        other = double.bind(question)
    assert changed(one, other) == []


# --- what cannot be built -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"num_replicas": 2, "autoscaling_config": {"max_replicas": 3}}, "num_replicas"),
        ({"ray_actor_options": {"num_cpu": 2}}, "num_cpu"),
        ({"autoscaling_config": {"min_replicas": 4, "max_replicas": 3}}, "max_replicas"),
        ({"logging_config": {"log_level": "LOUD"}}, "LOUD"),
    ],
    ids=["together", "actor", "bounds", "log level"],
)
def test_an_option_that_ray_serve_does_not_take_is_told(options, reason):
    """The error names the deployment, and says what Ray Serve says."""
    with pytest.raises(DeployError, match="options of Adder") as caught:
        serve.build(chain(adder=Adder.options(**options)))
    assert caught.value.deployment == "Adder"
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value).strip()


def test_what_cannot_leave_the_process_is_told_by_name():
    """A generator in init args is refused, with the deployment's name and the place."""
    with pytest.raises(NotSerializableError, match=r"Adder .*init arg 0 .*\['a'\].*generator"):
        serve.build(chain(more={"a": (one for one in "ab")}))


def test_an_open_file_in_a_constant_is_told_by_name(tmp_path):
    """A constant argument travels with the schedule, and has to be able to."""
    with (tmp_path / "file").open("w") as file, pytest.raises(GraphError, match=r"Adder\.add"):
        serve.build(chain(constant=file))
