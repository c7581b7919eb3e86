"""What replicas ask of a cluster: that it lacks something is said, and nobody waits for ever."""

import pytest

import graphnb
from graphnb.authoring import build
from graphnb.errors import DeployError
from graphnb.rayserve.cluster import RaySettings, resources_of
from graphnb.rayserve.compiling import compile_graph
from graphnb.rayserve.resources import Machine, PlaceWatch, lacking, taken, too_much, wanted_by

GB = 1 << 30
SMALL = Machine({"CPU": 4.0, "memory": 8.0 * GB}, {"CPU": 1.0, "memory": 2.0 * GB})
LARGE = Machine({"CPU": 16.0, "GPU": 1.0}, {"CPU": 0.5, "GPU": 0.0})


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        pytest.param({}, [{"CPU": 1}], id="Ray Serve's default"),
        pytest.param({"ray_actor_options": {"num_cpus": 0}}, [{}], id="nothing"),
        pytest.param(
            {"ray_actor_options": {"num_cpus": 0.5, "num_gpus": 1, "resources": {"tpu": 2}}},
            [{"CPU": 0.5, "GPU": 1, "tpu": 2}],
            id="all kinds",
        ),
        pytest.param(
            {"ray_actor_options": {"memory": GB}}, [{"CPU": 1, "memory": GB}], id="memory"
        ),
        pytest.param(
            {"placement_group_bundles": [{"CPU": 1}, {"GPU": 1}]},
            [{"CPU": 1}, {"GPU": 1}],
            id="bundles",
        ),
    ],
)
def test_what_a_replica_asks_for_is_read_from_its_options(options, wanted):
    """CPUs, GPUs, memory and custom resources, or the bundles of its placement group."""
    assert wanted_by(options) == wanted


def test_what_the_user_wrote_stays_what_it_is():
    """Ray Serve writes its defaults into its options; the user's dict, and the graph, have none."""
    asked = {"resources": {"tpu": 1}}

    @graphnb.serve.deployment(ray_actor_options=asked)
    def score(x):
        return x

    with graphnb.InputNode() as request:
        scored = score.bind(request)
    graph = build(graphnb.DAGDriver.bind(scored))
    made = compile_graph(graph).parts["score"].deployment()
    assert made.ray_actor_options["num_cpus"] == 1
    assert asked == {"resources": {"tpu": 1}}
    assert graph.spec.deployment("score").options["ray_actor_options"] == {"resources": {"tpu": 1}}


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        pytest.param({"CPU": 1}, None, id="there"),
        pytest.param({"GPU": 1}, None, id="there, though taken"),
        pytest.param({"tpu": 1}, "wants 1 tpu; this cluster has 0", id="unknown"),
        pytest.param({"GPU": 2}, "wants 2 GPUs; this cluster has 1", id="more than there are"),
        pytest.param(
            {"CPU": 20},
            "wants 20 CPUs; no machine of this cluster has more than 16",
            id="more than on one machine",
        ),
        pytest.param(
            {"memory": 16 * GB},
            "wants 16 GB of memory; this cluster has 8 GB",
            id="memory",
        ),
        pytest.param(
            {"GPU": 1, "memory": GB},
            "wants 1 GPU and 1 GB of memory on one machine; no machine of this cluster has both",
            id="not on one machine",
        ),
    ],
)
def test_what_no_machine_has_is_named(wanted, said):
    """With what there is beside it."""
    assert lacking(wanted, [SMALL, LARGE]) == said


def test_a_cluster_without_machines_has_nothing():
    """All of its machines may have gone."""
    assert lacking({"CPU": 1}, []) == "wants 1 CPU; this cluster has 0"


def test_what_is_all_taken_is_named():
    """With what is free of it."""
    assert taken({"CPU": 1}, [SMALL, LARGE]) is None
    assert taken({"CPU": 2}, [SMALL, LARGE]) == (
        "wants 2 CPUs; of the 20 of this cluster 1.5 are free"
    )
    assert taken({"CPU": 1, "GPU": 1}, [SMALL, LARGE]) == (
        "wants 1 GPU; of the 1 of this cluster 0 are free"
    )


def test_what_all_ask_for_together_is_counted():
    """Replicas and their resources; autoscaling begins with its smallest number."""
    assert too_much([{"num_replicas": 10}, {}], [SMALL, LARGE]) is None
    assert too_much([{"num_replicas": 20}, {}], [SMALL, LARGE]) == (
        "wants 21 CPUs in all; this cluster has 20"
    )
    scaled = {"autoscaling_config": {"min_replicas": 30, "max_replicas": 40}}
    assert too_much([scaled], [SMALL, LARGE]) == "wants 30 CPUs in all; this cluster has 20"
    assert too_much([{"num_replicas": "auto"}], [SMALL]) is None


def test_custom_resources_are_json():
    """What a Ray is to declare is told as JSON; all else is refused by what it is."""
    assert resources_of(None) is None
    assert resources_of('{"accelerator": 2}') == {"accelerator": 2}
    for wrong in ("accelerator=2", "[1]", '{"accelerator": "two"}', '{"a": -1}', '{"a": true}'):
        with pytest.raises(DeployError, match="expected JSON"):
            resources_of(wrong)


def test_settings_of_a_ray_travel_to_its_process():
    """They are compared as a whole, to say which start asks for others."""
    assert RaySettings(resources={"a": 1}) != RaySettings()


@graphnb.serve.deployment
async def scorer(x):
    """A node that asks for what its options say."""
    return x


@pytest.fixture
def ray_graph(quick_ends):
    """Deploys on Ray; ends all graphs after the test."""
    yield lambda node, name="graph": graphnb.deploy(node, name=name, on="ray", http=False)
    graphnb.serve.shutdown()


def graph_of(**options):
    """A graph of one node with these options."""
    with graphnb.InputNode() as request:
        return scorer.options(**options).bind(request)


@pytest.mark.ray
@pytest.mark.timeout(60)
def test_a_gpu_that_is_not_there_is_named_at_once(ray_graph):
    """A first deploy fails, and leaves nothing; the graph that was there goes on."""
    wants_gpu = graph_of(ray_actor_options={"num_gpus": 1})
    with pytest.raises(DeployError, match=r"scorer wants 1 GPU; this cluster has 0"):
        ray_graph(wants_gpu)
    assert graphnb.running() == []
    graph = ray_graph(graph_of())
    with pytest.raises(DeployError, match="wants 1 GPU") as caught:
        ray_graph(wants_gpu)
    assert caught.value.deployment == "scorer"
    assert "still answers" in str(caught.value)
    assert graph.remote(3).result() == 3


@pytest.mark.ray
@pytest.mark.timeout(60)
def test_more_replicas_than_there_is_room_for_are_told(ray_graph):
    """Together they ask for more than there is; or others have it: Ray would wait for ever."""
    with pytest.raises(DeployError, match=r"graph wants 91 CPUs in all; this cluster has 64"):
        ray_graph(graph_of(num_replicas=3, ray_actor_options={"num_cpus": 30}))
    takes = graph_of(ray_actor_options={"num_cpus": 40})
    first = ray_graph(takes, "first")
    with pytest.raises(
        DeployError, match=r"scorer wants 40 CPUs; of the 64 of this cluster .* free"
    ):
        ray_graph(takes, "second")
    assert first.remote(3).result() == 3


@pytest.mark.ray
def test_a_cluster_that_may_grow_has_time_to(ray_graph):
    """What is missing is told meanwhile, and is no error yet."""
    ray_graph(graph_of())
    watch = PlaceWatch(patience_s=60)
    asking = [("scorer", {"ray_actor_options": {"num_gpus": 1}}, False)]
    assert watch.look(asking) == "scorer wants 1 GPU; this cluster has 0"
    with pytest.raises(DeployError, match="wants 1 GPU"):
        PlaceWatch(patience_s=0).look(asking)
