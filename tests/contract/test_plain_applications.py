"""Applications of plain Ray Serve deploy unmodified, and answer what they answer there."""

import asyncio

import pytest
from fastapi import FastAPI
from ray import serve

import graphnb
from graphnb.errors import NodeError
from graphnb.views import mimebundle
from tests.contract import plain_programs
from tests.contract.plain_programs import UnknownLanguageError

# What is asked of each program: method, arguments, by name; "*" where the answer is a stream.
PROGRAMS = {
    "a shop": (
        plain_programs.shop,
        [
            ("__call__", ("lamp",), {}),
            ("__call__", ("desk",), {}),
            ("__call__", (), {"article": "rug"}),
        ],
    ),
    "an ensemble": (
        plain_programs.ensemble,
        [("__call__", ("",), {}), ("__call__", ("ab",), {}), ("__call__", ("abcd",), {})],
    ),
    "a pipeline": (
        plain_programs.pipeline,
        [("__call__", ("  Some  TEXT ",), {}), ("run", ("another one",), {})],
    ),
    "a router": (
        plain_programs.router,
        [
            ("__call__", ({"name": "Ada"},), {}),
            ("__call__", ({"name": "Ada", "language": "fr"},), {}),
            ("careful", ({"name": "Ada", "language": "xx"},), {}),
        ],
    ),
    "a chat": (
        plain_programs.chat,
        [("*__call__", ("one two three",), {}), ("whole", ("a b c d",), {})],
    ),
    "a service": (
        plain_programs.service,
        [
            ("place", ("lamp", 2), {}),
            ("place_in_a_thread", ("lamp",), {"count": 1}),
            ("place", ("lamp", 1), {}),
        ],
    ),
}


def answers(handle, questions):
    """What a handle answers, ours or Ray Serve's own."""
    found = []
    for method, args, kwargs in questions:
        asked = handle.options(method_name=method.lstrip("*"), stream=method.startswith("*"))
        response = asked.remote(*args, **kwargs)
        found.append(list(response) if method.startswith("*") else response.result())
    return found


@pytest.fixture
def run_plainly(monkeypatch):
    """Ray Serve's own local testing mode; with threads for sync methods on every version."""
    switch = "ray.serve._private.local_testing_mode.RAY_SERVE_RUN_SYNC_IN_THREADPOOL"
    monkeypatch.setattr(switch, True)
    return lambda app: serve.run(app, name="expected", _local_testing_mode=True)


@pytest.mark.parametrize(("make", "questions"), PROGRAMS.values(), ids=PROGRAMS)
def test_a_program_answers_what_it_answers_on_plain_ray_serve(deploy, run_plainly, make, questions):
    """Six programs answer the same as in Ray Serve's own local testing mode."""
    expected = answers(run_plainly(make()), questions)
    graph = deploy(make(), name="program")
    assert answers(graph.handle, questions) == expected


def test_an_error_has_its_type(deploy):
    """What a deployment raises arrives as that type, with the name of the deployment."""
    graph = deploy(plain_programs.router())
    with pytest.raises(UnknownLanguageError, match="no model speaks xx") as caught:
        graph.remote({"name": "Ada", "language": "xx"}).result()
    assert isinstance(caught.value, NodeError)
    assert caught.value.node == "router.__call__"


# --- HTTP -----------------------------------------------------------------------------------------


def test_fastapi_in_front_answers_over_http(deploy, client):
    """A class with `@serve.ingress` validates, calls its handles, and documents itself."""
    graph = deploy(plain_programs.service(), http=True)
    url = graph.url.rstrip("/")
    assert client.post(f"{url}/orders", json={"article": "lamp", "count": 2}).json() == {"left": 1}
    refused = client.post(f"{url}/orders", json={"article": "lamp", "count": 2})
    assert refused.json() == {"refused": "lamp", "left": 1}
    assert client.post(f"{url}/orders", json={"count": 2}).status_code == 422
    assert "/orders" in client.get(f"{url}/openapi.json").json()["paths"]


def test_a_class_that_takes_no_request_answers_over_http(deploy, client):
    """A `__call__` without parameters is called without the request."""
    graph = deploy(plain_programs.Hello.bind(), http=True)
    answer = client.get(graph.url)
    assert (answer.status_code, answer.text) == (200, "hello")


def test_a_function_answers_over_http(deploy, client):
    """A function gets Starlette's request; what it returns is JSON."""
    graph = deploy(plain_programs.echo.bind(), http=True, route_prefix="/echo")
    assert client.post(graph.url, json=[1]).json() == {"method": "POST", "body": [1]}


# --- what can be seen of it -----------------------------------------------------------------------


def test_a_program_has_a_spec_a_picture_and_a_status(deploy):
    """The running graph shows every deployment, and who holds whom."""
    graph = deploy(plain_programs.shop())
    assert str(graph.spec).splitlines()[0] == "3 deployments, root Shop"
    shown = mimebundle(graph.spec)
    for name in ("Catalog", "Pricing", "Shop"):
        assert name in shown["image/svg+xml"]
        assert name in shown["text/plain"]
    assert [(one.name, one.replicas, one.running) for one in graph.status()] == [
        ("Catalog", 1, 1),
        ("Pricing", 1, 1),
        ("Shop", 2, 2),
    ]


def test_calls_of_handles_are_spans_below_their_caller(deploy):
    """The trace of a request has each call that the program's code made, and who made it."""
    graph = deploy(plain_programs.shop())
    graph.remote("lamp").result()
    spans = graph.trace("last").spans
    names = {one.span_id: f"{one.deployment}.{one.method}" for one in spans}
    calls = sorted((names.get(one.parent_id, ""), names[one.span_id]) for one in spans)
    assert calls == [
        ("", "Shop.__call__"),
        ("Pricing.__call__", "Catalog.price"),
        ("Pricing.__call__", "Catalog.price"),
        ("Pricing.__call__", "Catalog.price"),
        ("Shop.__call__", "Catalog.similar"),
        ("Shop.__call__", "Pricing.__call__"),
        ("Shop.__call__", "Pricing.__call__"),
        ("Shop.__call__", "Pricing.__call__"),
    ]
    assert all(one.outcome == "ok" for one in spans)


def test_each_node_has_timings(deploy):
    """Metrics count and time the calls of each deployment."""
    graph = deploy(plain_programs.shop())
    for _ in range(3):
        graph.remote("lamp").result()
    nodes = graph.metrics().nodes
    counts = {name: one.count for name, one in nodes.items()}
    assert counts == {
        "Shop.__call__": 3,
        "Catalog.similar": 3,
        "Catalog.price": 9,
        "Pricing.__call__": 9,
    }
    assert all(one.p50_s > 0 for one in nodes.values())


# --- updates --------------------------------------------------------------------------------------


def test_an_update_of_a_program_keeps_what_did_not_change(deploy):
    """Deploying again with another `user_config` reconfigures that one; instances stay."""

    @serve.deployment
    class Counter:
        def __init__(self):
            self.calls = 0

        def __call__(self):
            self.calls += 1
            return self.calls

    @serve.deployment(user_config={"sign": 1})
    class Root:
        def __init__(self, counter):
            self.counter = counter

        async def reconfigure(self, config):
            self.sign = config["sign"]

        async def __call__(self):
            return self.sign * await self.counter.remote()

    first = deploy(Root.bind(Counter.bind()))
    assert first.remote().result() == 1
    second = deploy(Root.options(user_config={"sign": -1}).bind(Counter.bind()))
    assert str(second.deployed.changes) == "reconfigured Root; kept 1"
    assert second.remote().result() == -2


def test_an_application_bound_once_and_held_twice_is_one_deployment(deploy):
    """Two parents of one bound application share its instance."""

    @serve.deployment
    class Counter:
        def __init__(self):
            self.calls = 0

        def __call__(self):
            self.calls += 1
            return self.calls

    @serve.deployment
    class Parent:
        def __init__(self, child):
            self.child = child

        async def __call__(self):
            return await self.child.remote()

    @serve.deployment
    class Root:
        def __init__(self, *children):
            self.children = children

        async def __call__(self):
            return [await one.remote() for one in self.children]

    shared = Counter.bind()
    graph = deploy(Root.bind(Parent.bind(shared), Parent.bind(shared), shared))
    assert graph.remote().result() == [1, 2, 3]
    assert [one.name for one in graph.spec.deployments] == ["Counter", "Parent", "Parent_1", "Root"]


# --- handles and responses ------------------------------------------------------------------------


@serve.deployment
class Calculator:
    async def add(self, x, y):
        return x + y

    def count(self, n):
        yield from range(n)


def test_a_handle_takes_what_ray_serves_handles_take(deploy):
    """Options about the way of a call are accepted; names and initialization are there."""

    @serve.deployment
    class Root:
        def __init__(self, calculator):
            calculator._init(_prefer_local_routing=True)
            self.calculator = calculator
            self.add = calculator.options(
                method_name="add",
                session_id="s",
                _by_reference=False,
                request_serialization="pickle",
                response_serialization="pickle",
            )

        async def __call__(self):
            held = self.calculator
            names = [held.deployment_name, held.app_name, held.is_initialized]
            return [*names, await self.add.remote(1, y=2)]

    graph = deploy(Root.bind(Calculator.bind()), name="handles")
    assert graph.remote().result() == ["Calculator", "handles", True, 3]


def test_what_a_handle_lacks_is_told_by_name(deploy):
    """Ray Serve's ways around the router, and options that nobody has, are errors that say so."""
    handle = deploy(Calculator.bind()).handle
    with pytest.raises(TypeError, match=r"\.broadcast\(\) is of Ray Serve's handles"):
        handle.broadcast("add", 1, 2)
    with pytest.raises(TypeError, match="a handle has no option 'metod_name'"):
        handle.options(metod_name="add")


def test_a_response_does_what_ray_serves_responses_do(deploy, signals):
    """`result` takes its time-out by name; a response says whether it was cancelled."""

    @serve.deployment
    class Slow:
        async def __call__(self, x):
            await signals.await_("go")
            return x

    graph = deploy(Slow.bind())
    first, second = graph.handle.remote(1), graph.handle.remote(2)
    with pytest.raises(TimeoutError):
        first.result(timeout_s=0.01)
    second.cancel()
    assert (first.cancelled(), second.cancelled()) == (False, True)
    signals.set("go")
    assert first.result(timeout_s=10) == 1
    assert asyncio.run(_awaited(graph.handle.remote(3))) == 3


async def _awaited(response):
    return await asyncio.wait_for(response, 10)


def test_object_references_are_refused_by_name(deploy):
    """No response and no stream of graphnb is an object reference."""
    handle = deploy(Calculator.bind()).handle
    response = handle.add.remote(1, 2)
    with pytest.raises(RuntimeError, match="no object reference"):
        response._to_object_ref_sync()
    with pytest.raises(RuntimeError, match="no object reference"):
        asyncio.run(response._to_object_ref())
    assert response.result() == 3
    stream = handle.options(stream=True).count.remote(2)
    with pytest.raises(RuntimeError, match="no object reference"):
        stream._to_object_ref_gen_sync()
    with pytest.raises(RuntimeError, match="no object reference"):
        asyncio.run(stream._to_object_ref_gen())
    assert list(stream) == [0, 1]


def test_a_stream_is_no_response(deploy):
    """A stream has no result to wait for, and says whether it was cancelled."""
    handle = deploy(Calculator.bind()).handle.options(stream=True)
    stream = handle.count.remote(3)
    with pytest.raises(TypeError, match=r"a stream has no \.result"):
        stream.result(timeout_s=1)
    assert not stream.cancelled()
    assert next(stream) == 0
    stream.cancel()
    assert stream.cancelled()
    assert list(stream) == []


# --- where code runs ------------------------------------------------------------------------------


@serve.multiplexed(max_num_models_per_replica=1)
async def load_by_function(model_id):
    """A loader outside of any class."""
    return model_id.lower()


@serve.deployment(max_ongoing_requests=20)
class Models:
    """Models by id, alone and in batches, and where they are."""

    def __init__(self):
        self.context = serve.get_replica_context()
        self.loaded = []

    @serve.multiplexed(max_num_models_per_replica=2)
    async def load(self, model_id):
        self.loaded.append(model_id)
        return model_id.upper()

    async def __call__(self, x):
        return [await self.load(serve.get_multiplexed_model_id()), x]

    def in_a_thread(self, x):
        return [serve.get_multiplexed_model_id(), serve.get_replica_context().deployment]

    @serve.batch(max_batch_size=4, batch_wait_timeout_s=0.05)
    async def batched(self, xs):
        model = await self.load(serve.get_multiplexed_model_id())
        tag = serve.get_replica_context().replica_tag
        return [[model, x, tag == self.context.replica_tag] for x in xs]

    async def by_function(self):
        return await load_by_function(serve.get_multiplexed_model_id())

    def loads(self):
        return self.loaded

    def where(self):
        context = serve.get_replica_context()
        return [
            context.app_name,
            context.deployment,
            context.servable_object is self,
            context.replica_tag == self.context.replica_tag,
            isinstance(context, serve.context.ReplicaContext),
        ]


@serve.deployment
class Asks:
    """Calls models by their ids."""

    def __init__(self, models):
        self.models = models

    async def __call__(self, ids):
        return [
            await self.models.options(multiplexed_model_id=one).remote(index)
            for index, one in enumerate(ids)
        ]

    async def at_once(self, method, ids):
        handle = self.models.options(method_name=method)
        return await asyncio.gather(
            *[
                handle.options(multiplexed_model_id=one).remote(index)
                for index, one in enumerate(ids)
            ]
        )

    async def where(self):
        own = serve.get_replica_context()
        return [[own.app_name, own.deployment], await self.models.where.remote()]

    async def by_name(self, name):
        return await serve.get_deployment_handle(name).where.remote()


def test_multiplexed_models_are_loaded_and_kept(deploy):
    """`ray.serve.multiplexed` and `get_multiplexed_model_id` work as they are."""
    graph = deploy(Asks.bind(Models.bind()))
    assert graph.remote(["a", "b", "a", "c", "b"]).result() == [
        ["A", 0],
        ["B", 1],
        ["A", 2],
        ["C", 3],
        ["B", 4],
    ]
    assert graph.node("Models").loads.remote().result() == ["a", "b", "c", "b"]
    threads = graph.handle.at_once.remote("in_a_thread", ["x", "y"]).result()
    assert threads == [["x", "Models"], ["y", "Models"]]
    by_function = graph.node("Models").by_function.options(multiplexed_model_id="F")
    assert by_function.remote().result() == "f"
    with pytest.raises(ValueError, match="model ID cannot be empty"):
        graph.node("Models").remote(1).result()


def test_a_batch_has_one_model(deploy):
    """Requests of one batch ask for one model, and the batch knows which, and where it runs."""
    graph = deploy(Asks.bind(Models.bind()))
    answer = graph.handle.at_once.remote("batched", ["a", "b"] * 3).result()
    assert answer == [["AB"[index % 2], index, True] for index in range(6)]


def test_the_replica_context_is_the_callers(deploy):
    """`ray.serve.get_replica_context` names graph and deployment, and holds the instance."""
    graph = deploy(Asks.bind(Models.bind()), name="contexts")
    own, models = graph.handle.where.remote().result()
    assert own == ["contexts", "Asks"]
    assert models == ["contexts", "Models", True, True, True]


def test_a_deployment_is_found_by_name_while_requests_are_answered(deploy):
    """`serve.get_deployment_handle` finds the deployments of the caller's own application."""
    graph = deploy(Asks.bind(Models.bind()), name="names")
    assert graph.handle.by_name.remote("Models").result()[:2] == ["names", "Models"]


def test_a_fastapi_lifespan_knows_its_replica(deploy, signals, client):
    """Code that runs before the first request has its replica's context, too."""
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def lifespan(_app):
        await signals.anote("deployment", serve.get_replica_context().deployment)
        yield

    app = FastAPI(lifespan=lifespan)

    @serve.deployment
    @serve.ingress(app)
    class Service:
        @app.get("/where")
        def where(self):
            return serve.get_replica_context().deployment

    graph = deploy(Service.bind(), http=True)
    assert signals.notes("deployment") == ["Service"]
    assert client.get(graph.url.rstrip("/") + "/where").json() == "Service"


def test_two_applications_do_not_mix(deploy):
    """Two graphs of one program at the same time each have their own name and instances."""
    first = deploy(Asks.bind(Models.bind()), name="first")
    second = deploy(Asks.bind(Models.bind()), name="second")
    for graph in (first, second, first):
        own, models = graph.handle.where.remote().result()
        assert own[0] == models[0] == graph.name
    assert {one.name for one in graphnb.running()} == {"first", "second"}


def served_program():
    """An application whose parts keep something alive while they serve: apps, queues, models."""
    app = FastAPI()

    @serve.batch(max_batch_size=2, batch_wait_timeout_s=0.01)
    async def doubled(xs):
        return [[2 * x, serve.get_replica_context().deployment] for x in xs]

    @serve.multiplexed(max_num_models_per_replica=1)
    async def load(model_id):
        return model_id.upper()

    @serve.deployment
    class Worker:
        @serve.batch(max_batch_size=2, batch_wait_timeout_s=0.01)
        async def negated(self, xs):
            return [-x for x in xs]

        @serve.multiplexed(max_num_models_per_replica=1)
        async def load(self, model_id):
            return model_id.lower()

        async def work(self, x):
            model = serve.get_multiplexed_model_id()
            return [
                await doubled(x),
                await self.negated(x),
                await load(model),
                await self.load(model),
            ]

    @serve.deployment
    @serve.ingress(app)
    class Front:
        def __init__(self, worker):
            self.worker = worker.options(multiplexed_model_id="Id")

        @app.get("/")
        async def get(self):
            return await self.worker.work.remote(3)

    return Front, Worker


def test_a_program_that_has_served_can_be_bound_and_deployed_again(deploy, client):
    """Nothing alive stays on classes and functions: they bind again, and are found unchanged."""
    front, worker = served_program()
    expected = [[6, "Worker"], -3, "ID", "id"]
    changes = []
    for _ in range(3):
        graph = deploy(front.bind(worker.bind()), http=True)
        assert client.get(graph.url).json() == expected
        assert client.get(graph.url.rstrip("/") + "/openapi.json").status_code == 200
        changes.append(str(graph.deployed.changes))
    unchanged = "nothing changed (2 kept)"
    assert changes == ["deployed 2 deployments", unchanged, unchanged]


def test_functions_that_deployments_share_keep_what_they_keep_by_replica(deploy, signals):
    """A batched or multiplexed function outside of a class works for each deployment apart."""

    @serve.batch(max_batch_size=2, batch_wait_timeout_s=0.2)
    async def where(xs):
        return [serve.get_replica_context().deployment for _ in xs]

    @serve.multiplexed(max_num_models_per_replica=2)
    async def load(model_id):
        await signals.anote("loaded", serve.get_replica_context().deployment)
        return model_id

    @serve.deployment
    class Caller:
        async def run(self, x):
            return [await where(x), await load("model")]

    @serve.deployment
    class Root:
        def __init__(self, *callers):
            self.callers = callers

        async def __call__(self):
            return await asyncio.gather(*[one.run.remote(1) for one in self.callers])

    graph = deploy(Root.bind(Caller.bind(), Caller.bind()))
    for _ in range(2):
        assert graph.remote().result() == [["Caller", "model"], ["Caller_1", "model"]]
    assert sorted(signals.notes("loaded")) == ["Caller", "Caller_1"]
