"""`serve.multiplexed`: many models behind one deployment, the least recently used leaving first."""

import asyncio

import httpx
import pytest

from graphnb import InputNode, serve
from tests.contract.waiting import eventually


@pytest.fixture
def translator(signals):
    """A class that loads a model for each id, keeps two, and notes what it loads."""

    @serve.deployment
    class Translator:
        def __init__(self):
            self.tag = serve.get_replica_context().replica_tag

        @serve.multiplexed(max_num_models_per_replica=2)
        async def load(self, model_id):
            signals.note("loaded", [self.tag, model_id])
            return {"model": model_id}

        async def __call__(self, text):
            model = await self.load(serve.get_multiplexed_model_id())
            return f"{model['model']}:{text}"

    return Translator


def loaded(signals):
    """The models that were loaded, in order."""
    return [model for _tag, model in signals.notes("loaded")]


def test_a_model_is_loaded_once_while_it_is_used(deploy, signals, translator):
    """The least recently used model leaves when another one comes."""
    handle = deploy(translator.bind()).handle

    def ask(model):
        return handle.options(multiplexed_model_id=model).remote("hi").result()

    assert [ask(model) for model in ("de", "fr", "de", "es", "de", "fr")] == [
        "de:hi",
        "fr:hi",
        "de:hi",
        "es:hi",
        "de:hi",
        "fr:hi",
    ]
    assert loaded(signals) == ["de", "fr", "es", "fr"]


def test_a_model_that_many_ask_for_at_once_is_loaded_once(deploy, signals):
    """Calls that come while a model is loading wait for that one."""

    @serve.deployment(max_ongoing_requests=5)
    class Slow:
        @serve.multiplexed
        async def load(self, model_id):
            await signals.anote("loaded", ["", model_id])
            await signals.await_("go")
            return model_id

        async def __call__(self, x):
            await signals.anote("asked")
            return await self.load(serve.get_multiplexed_model_id())

    handle = deploy(Slow.bind()).handle.options(multiplexed_model_id="m")
    responses = [handle.remote(n) for n in range(5)]
    signals.wait_for_notes("asked", 5)
    signals.set("go")
    assert [one.result() for one in responses] == ["m"] * 5
    assert loaded(signals) == ["m"]


def test_a_cancelled_call_does_not_take_the_model_from_others(deploy, signals):
    """One of two calls that wait for a model is cancelled; the other one gets it."""

    @serve.deployment
    class Slow:
        @serve.multiplexed(max_num_models_per_replica=1)
        async def load(self, model_id):
            await signals.anote("loaded", ["", model_id])
            await signals.await_("go")
            return model_id

        async def __call__(self, x):
            await signals.anote("asked")
            return await self.load(serve.get_multiplexed_model_id())

    handle = deploy(Slow.bind()).handle.options(multiplexed_model_id="m")
    first, second = handle.remote(1), handle.remote(2)
    signals.wait_for_notes("asked", 2)
    first.cancel()
    with pytest.raises(Exception, match="cancelled"):
        first.result()
    signals.set("go")
    assert second.result() == "m"
    assert loaded(signals) == ["m"]


def test_a_model_that_did_not_load_is_tried_again(deploy, signals):
    """An error while loading is the caller's; the next call loads anew."""

    @serve.deployment
    class Flaky:
        @serve.multiplexed(max_num_models_per_replica=1)
        async def load(self, model_id):
            await signals.anote("loaded", ["", model_id])
            if len(signals.notes("loaded")) == 1:
                raise OSError("no such file")
            return model_id

        async def __call__(self, x):
            return await self.load(serve.get_multiplexed_model_id())

    handle = deploy(Flaky.bind()).handle.options(multiplexed_model_id="m")
    with pytest.raises(OSError, match="no such file"):
        handle.remote(1).result()
    assert handle.remote(1).result() == "m"


def test_replicas_keep_models_of_their_own(deploy, signals, executor):
    """A model's requests go to the replica that has it, as long as that one is free.

    On Ray those who call learn of it a moment later.
    """

    @serve.deployment(num_replicas=3)
    class Translator:
        @serve.multiplexed(max_num_models_per_replica=4)
        async def load(self, model_id):
            signals.note("loaded", [serve.get_replica_context().replica_tag, model_id])

        async def __call__(self, text):
            await self.load(serve.get_multiplexed_model_id())

    handle = deploy(Translator.bind()).handle

    def loaded_in_a_round():
        before = len(signals.notes("loaded"))
        for model in ("de", "fr", "es", "it"):
            handle.options(multiplexed_model_id=model).remote("hi").result()
        return len(signals.notes("loaded")) - before

    assert loaded_in_a_round() == 4
    if executor == "local":
        assert [loaded_in_a_round() for _ in range(2)] == [0, 0]
    else:
        eventually(lambda: [loaded_in_a_round() for _ in range(5)] == [0] * 5)
        assert len(signals.notes("loaded")) < 3 * 4  # or each replica has them all


def test_a_busy_replica_is_not_overloaded_for_its_model(deploy, signals):
    """When the replica that has a model is busy, another one takes the call: limits come first."""

    @serve.deployment(num_replicas=2, max_ongoing_requests=1)
    class Model:
        async def run(self, x):
            tag = serve.get_replica_context().replica_tag
            async with signals.ainside(tag):
                await signals.ameet("both", 2)
            return tag

    handle = deploy(Model.bind()).handle.run.options(multiplexed_model_id="m")
    tags = [one.result() for one in [handle.remote(n) for n in range(6)]]
    assert len(set(tags)) == 2
    assert {signals.peak(tag) for tag in tags} == {1}


def test_deployments_do_not_share_models(deploy, signals, translator):
    """Two binds of one class load each for itself."""

    @serve.deployment
    class Both:
        def __init__(self, *translators):
            self.translators = [one.options(multiplexed_model_id="de") for one in translators]

        async def run(self, text):
            return [await one.remote(text) for one in self.translators]

    with InputNode() as inp:
        node = Both.bind(translator.bind(), translator.bind()).run.bind(inp)
    assert deploy(node).remote("hi").result() == ["de:hi", "de:hi"]
    assert len({tag for tag, _model in signals.notes("loaded")}) == 2


def test_the_model_id_is_each_calls_own(deploy, signals):
    """Calls at the same time see their own model id, also in threads; without one it is empty."""

    @serve.deployment(max_ongoing_requests=6)
    class Asked:
        async def run(self, x):
            await signals.ameet("all", 6)
            return serve.get_multiplexed_model_id()

        def run_in_a_thread(self, x):
            signals.meet("all", 6)
            return serve.get_multiplexed_model_id()

    handle = deploy(Asked.bind()).handle
    responses = [
        (handle.run if number % 2 else handle.run_in_a_thread)
        .options(multiplexed_model_id=model)
        .remote(1)
        for number, model in enumerate(["a", "b", "c", "d", "e"])
    ]
    responses.append(handle.run.remote(1))
    assert [one.result() for one in responses] == ["a", "b", "c", "d", "e", ""]


def test_the_header_names_the_model(deploy, client, translator):
    """Over HTTP the model id comes in the header that Ray Serve uses."""

    @serve.deployment
    class Root:
        def __init__(self, translator):
            self.translator = translator

        async def __call__(self, request):
            model = serve.get_multiplexed_model_id()
            text = (await request.body()).decode()
            return await self.translator.options(multiplexed_model_id=model).remote(text)

    graph = deploy(Root.bind(translator.bind()), http=True)
    answer = client.post(graph.url, content="hi", headers={"serve_multiplexed_model_id": "it"})
    assert answer.text == "it:hi"
    assert isinstance(answer, httpx.Response)


@pytest.mark.parametrize("wrong", [0, -2])
def test_the_number_of_models_is_checked(wrong):
    """`max_num_models_per_replica` is 1 or more, or -1."""
    with pytest.raises(ValueError, match="max_num_models_per_replica"):
        serve.multiplexed(max_num_models_per_replica=wrong)


def test_a_loader_must_be_async():
    """A sync loader is refused where it is decorated."""
    with pytest.raises(TypeError, match="async"):
        serve.multiplexed(lambda self, model_id: model_id)


def test_a_limit_of_minus_one_keeps_every_model(deploy, signals):
    """-1 is no limit."""

    @serve.deployment
    class Keeps:
        @serve.multiplexed(max_num_models_per_replica=-1)
        async def load(self, model_id):
            signals.note("loaded", ["", model_id])
            return model_id

        async def __call__(self, x):
            return await self.load(serve.get_multiplexed_model_id())

    handle = deploy(Keeps.bind()).handle
    for _ in range(2):
        for number in range(10):
            handle.options(multiplexed_model_id=str(number)).remote(1).result()
    assert len(loaded(signals)) == 10


def test_a_multiplexed_function_works_outside_of_a_class(deploy):
    """A free loader function keeps models like a method does."""
    calls = []

    @serve.multiplexed(max_num_models_per_replica=1)
    async def load(model_id):
        calls.append(model_id)
        return model_id

    async def ask():
        return [await load(one) for one in ("a", "a", "b", "a")]

    assert asyncio.run(ask()) == ["a", "a", "b", "a"]
    assert calls == ["a", "b", "a"]
