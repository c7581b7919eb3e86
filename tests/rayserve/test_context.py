"""What `ray.serve` tells code of where it runs in this process; what that needs of Ray Serve."""

import inspect

import pytest
import ray
from ray import serve
from ray.serve import context as serve_context
from ray.serve.exceptions import RayServeException

import graphnb
from graphnb.rayserve.context import stand_in


@pytest.fixture
def run():
    """Deploys an application in this process; ends it after the test."""

    def deploy(app, name="app"):
        return graphnb.deploy(app, name=name, on="local", http=False)

    yield deploy
    graphnb.serve.shutdown()


@serve.deployment
def double(x):
    """Twice as much."""
    return 2 * x


@pytest.mark.parametrize(
    "name", ["_get_internal_replica_context", "_get_serve_request_context", "_get_global_client"]
)
def test_ray_serve_has_the_functions_that_are_stood_in_for(name):
    """Checked with Ray 2.54 and 2.60: these names, without arguments that must be given."""
    function = inspect.unwrap(getattr(serve_context, name))
    required = [
        one for one in inspect.signature(function).parameters.values() if one.default is one.empty
    ]
    assert required == []
    assert function.__module__ == "ray.serve.context"


def test_ray_serve_keeps_models_and_queues_where_they_are_looked_for():
    """Checked with Ray 2.54 and 2.60: the two classes that are stood in for, and what they take."""
    from ray.serve.batching import _LazyBatchQueueWrapper
    from ray.serve.multiplex import _ModelMultiplexWrapper

    made_of = list(inspect.signature(_ModelMultiplexWrapper.__init__).parameters)
    assert made_of == ["self", "model_load_func", "self_arg", "max_num_models_per_replica"]
    assert inspect.iscoroutinefunction(_ModelMultiplexWrapper.load_model)
    assert isinstance(vars(_LazyBatchQueueWrapper)["queue"], property)
    assert _LazyBatchQueueWrapper()._queue is None


def test_a_function_that_outlives_its_replica_keeps_nothing_of_it(run):
    """Models end with the replica that loaded them."""
    import gc
    import weakref

    made = []

    class Model:
        pass

    @serve.multiplexed(max_num_models_per_replica=3)
    async def load(model_id):
        model = Model()
        made.append(weakref.ref(model))
        return model

    @serve.deployment
    class Loads:
        async def __call__(self):
            return type(await load("a")).__name__

    graph = run(Loads.bind())
    assert [graph.remote().result() for _ in range(2)] == ["Model", "Model"]
    assert len(made) == 1
    graph.delete()
    gc.collect()
    assert made[0]() is None


def test_outside_of_a_replica_ray_serve_answers_as_ever():
    """Code that no replica runs gets Ray Serve's own errors and values."""
    stand_in()
    with pytest.raises(RayServeException, match="may only be called from within"):
        serve.get_replica_context()
    assert serve.get_multiplexed_model_id() == ""
    assert serve_context._get_serve_request_context() is (
        serve_context._get_serve_request_context.__wrapped__()
    )


def test_standing_in_twice_is_once():
    """The functions are replaced once, however many graphs are deployed."""
    stand_in()
    before = serve_context._get_global_client
    stand_in()
    assert serve_context._get_global_client is before
    assert not hasattr(before.__wrapped__, "__wrapped__")


def test_rank_and_world_size_are_told_while_requests_are_answered(run, signals):
    """Each replica has a rank of its own, below the number of replicas."""

    @serve.deployment(num_replicas=3, max_ongoing_requests=1)
    class Ranked:
        def __call__(self):
            signals.meet("all", 3)
            context = serve.get_replica_context()
            return context.rank.rank, context.world_size

    graph = run(Ranked.bind())
    responses = [graph.remote() for _ in range(3)]
    assert sorted(one.result() for one in responses) == [(0, 3), (1, 3), (2, 3)]


def test_rank_in_a_constructor_is_refused_by_name(run):
    """Before its deployment answers requests, a replica has no rank in this process."""

    @serve.deployment
    class Eager:
        def __init__(self):
            self.rank = serve.get_replica_context().rank

    with pytest.raises(graphnb.errors.DeployError, match="Eager is not deployed yet"):
        run(Eager.bind())


@pytest.mark.parametrize(
    "ask",
    [
        lambda: serve.get_app_handle("other"),
        lambda: serve.get_deployment_handle("double", "other"),
        serve.status,
    ],
    ids=["get_app_handle", "get_deployment_handle", "status"],
)
def test_what_asks_the_controller_is_refused_and_starts_no_ray(run, ask, monkeypatch):
    """Without Ray there is no controller: the error says so, and what to do instead."""
    started = []
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", lambda **_options: started.append("ray"))

    @serve.deployment
    class Asks:
        def __call__(self):
            return ask()

    with pytest.raises(RayServeException, match="the graph runs without Ray"):
        run(Asks.bind()).remote().result()
    assert started == []


def test_a_deployment_that_is_not_there_is_told(run):
    """`get_deployment_handle` looks in the caller's own application."""

    @serve.deployment
    class Asks:
        def __call__(self, name):
            return serve.get_deployment_handle(name).deployment_name

    graph = run(Asks.bind())
    assert graph.remote("Asks").result() == "Asks"
    with pytest.raises(LookupError, match="'Missing'"):
        graph.remote("Missing").result()


def test_metrics_of_ray_serve_know_their_replica(run):
    """`ray.serve.metrics` adds deployment, replica and application to what user code measures."""
    from ray.serve import metrics

    @serve.deployment
    class Measures:
        def __init__(self):
            self.count = metrics.Counter("served", description="requests")

        def __call__(self):
            self.count.inc()
            return self.count._default_tags

    tags = run(Measures.bind(), name="measured").remote().result()
    assert tags["deployment"] == "Measures"
    assert tags["application"] == "measured"
    assert tags["replica"].startswith("Measures#")
