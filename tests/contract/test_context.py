"""What user code is told of where it runs."""

import pytest

from graphnb import InputNode, serve


def described():
    """What the replica context says."""
    context = serve.get_replica_context()
    return [context.app_name, context.deployment, context.replica_tag]


@serve.deployment
def join(*xs):
    """A list of all that it gets."""
    return list(xs)


@serve.deployment
async def async_function(x):
    """Where an async function runs."""
    return described()


@serve.deployment
def sync_function(x):
    """Where a sync function runs."""
    return described()


@serve.deployment
class Model:
    def __init__(self):
        self.made_in = described()

    async def in_loop(self, x):
        return described()

    def in_thread(self, x):
        return described()

    def where_made(self, x):
        return self.made_in

    def myself(self, x):
        return serve.get_replica_context().servable_object is self


def test_every_kind_of_code_knows_its_replica(deploy):
    """Functions and methods, sync and async, and `__init__`, see graph, deployment and replica."""
    first, second = Model.bind(), Model.bind()
    with InputNode() as inp:
        node = join.bind(
            async_function.bind(inp),
            sync_function.bind(inp),
            *(one.in_loop.bind(inp) for one in (first, second)),
            *(one.in_thread.bind(inp) for one in (first, second)),
            *(one.where_made.bind(inp) for one in (first, second)),
        )
    found = deploy(node, name="contexts").remote(1).result()
    assert {one[0] for one in found} == {"contexts"}
    assert [one[1] for one in found] == [
        "async_function",
        "sync_function",
        *["Model", "Model_1"] * 3,
    ]
    assert found[2] == found[4] == found[6]
    assert found[3] == found[5] == found[7]
    assert len({one[2] for one in found}) == 4


def test_a_replicas_tag_is_the_one_in_its_spans(deploy):
    """Traces name replicas as user code does."""
    with InputNode() as inp:
        node = async_function.bind(inp)
    response = deploy(node).remote(1)
    _app, _deployment, tag = response.result()
    (span,) = [
        one for one in response.request.trace("ok", None).spans if one.call == "async_function"
    ]
    assert span.replica == tag


def test_the_context_has_the_instance(deploy):
    """`servable_object` is the user's own instance."""
    with InputNode() as inp:
        node = Model.bind().myself.bind(inp)
    assert deploy(node).remote(1).result() is True


def test_a_caller_keeps_its_own_context(deploy):
    """A node that calls another one through a handle is itself again after the call."""

    @serve.deployment
    class Caller:
        def __init__(self, model):
            self.model = model

        async def run(self, x):
            before = described()
            inner = await self.model.in_loop.remote(x)
            return [before, inner, described()]

        def run_in_a_thread(self, x):
            before = described()
            inner = self.model.in_thread.remote(x).result()
            return [before, inner, described()]

    graph = deploy(Caller.bind(Model.bind()))
    for method in ("run", "run_in_a_thread"):
        before, inner, after = getattr(graph.handle, method).remote(1).result()
        assert before == after
        assert before[1] == "Caller"
        assert inner[1] == "Model"


def test_generators_know_their_replica(deploy):
    """The context holds in every step of a generator."""

    @serve.deployment
    class Streams:
        async def in_loop(self):
            yield described()
            yield described()

        def in_thread(self):
            yield described()
            yield described()

    handle = deploy(Streams.bind()).handle.options(stream=True)
    for method in ("in_loop", "in_thread"):
        first, second = list(getattr(handle, method).remote())
        assert first == second
        assert first[1] == "Streams"


def test_checks_and_settings_know_their_replica(deploy, signals):
    """`reconfigure` and `check_health` see the context of their replica."""

    @serve.deployment(user_config=1, health_check_period_s=0.01)
    class Watched:
        def __init__(self):
            signals.note("tag", serve.get_replica_context().replica_tag)

        def reconfigure(self, config):
            signals.note("tag", serve.get_replica_context().replica_tag)

        async def check_health(self):
            signals.note("tag", serve.get_replica_context().replica_tag)

    deploy(Watched.bind())
    assert len(set(signals.wait_for_notes("tag", 4))) == 1


def test_outside_of_a_deployment_there_is_no_context(deploy):
    """Asking for the context elsewhere is an error, also after calls."""
    with InputNode() as inp:
        node = async_function.bind(inp)
    deploy(node).remote(1).result()
    with pytest.raises(RuntimeError, match="outside of a deployment"):
        serve.get_replica_context()
    assert serve.get_multiplexed_model_id() == ""
