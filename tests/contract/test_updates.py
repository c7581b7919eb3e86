"""Deploying again: what stays, what is swapped, and what happens to requests under way."""

import threading
import time

import pytest

import graphnb
from graphnb import DAGDriver, InputNode, serve
from graphnb.errors import (
    DeployError,
    GraphError,
    NotRunningError,
    RequestCancelledError,
    RequestError,
)
from tests.contract.waiting import eventually, status_of


@pytest.fixture
def pair(signals):
    """Two classes, `first` feeding `second`; each notes its instances, and can be edited."""

    def make(*, first=1, second=1, **options):
        def cls(name, number):
            class Stage:
                def __init__(self, number):
                    self.number = number
                    self.instance = signals.note(f"made {name}")

                def run(self, x):
                    return [*x, f"{name}{self.number} instance {self.instance}"]

            return serve.deployment(name=name, **options)(Stage).bind(number)

        first_node, second_node = cls("first", first), cls("second", second)
        with InputNode() as inp:
            return second_node.run.bind(first_node.run.bind(inp))

    return make


def ask(graph):
    """What the pair answers."""
    return graph.remote([]).result()


# --- what changes --------------------------------------------------------------------------------


def test_an_unchanged_deployment_keeps_its_instance(deploy, signals, pair):
    """Of two deployments the edited one gets a new instance, the other keeps its own."""
    graph = deploy(pair())
    assert ask(graph) == ["first1 instance 1", "second1 instance 1"]
    graph = deploy(pair(second=2))
    assert ask(graph) == ["first1 instance 1", "second2 instance 2"]
    graph = deploy(pair(first=2, second=2))
    assert ask(graph) == ["first2 instance 2", "second2 instance 2"]


def test_an_update_says_what_it_did(deploy, pair):
    """`deployed.changes` tells of each deployment, in one line."""
    assert deploy(pair()).deployed.changes.names("added") == ("first", "second", "DAGDriver")
    graph = deploy(pair(second=2))
    assert graph.deployed.changes.names("replaced") == ("second",)
    assert graph.deployed.changes.names("unchanged") == ("first", "DAGDriver")
    assert str(graph.deployed.changes) == "replaced second; kept 2"


def test_deploying_the_same_graph_again_does_nothing(deploy, signals, pair):
    """Nothing is made, nothing is stopped, and the answer says so."""
    deploy(pair())
    graph = deploy(pair())
    assert not graph.deployed.changes
    assert str(graph.deployed.changes) == "nothing changed (3 kept)"
    assert ask(graph) == ["first1 instance 1", "second1 instance 1"]
    assert len(signals.notes("made first")) == len(signals.notes("made second")) == 1


def test_the_running_graph_is_the_same_object(deploy, pair):
    """Who holds the graph from before sees the new version."""
    first = deploy(pair())
    second = deploy(pair(second=2))
    assert first is second
    assert graphnb.get("graph") is first
    assert graphnb.running() == [first]


def test_edited_code_replaces(deploy):
    """A function whose code was edited answers with the new code."""

    def version(n):
        if n == 1:

            @serve.deployment
            def add(x):
                return x + 1
        else:

            @serve.deployment
            def add(x):
                return x + 2

        with InputNode() as inp:
            return add.bind(inp)

    assert deploy(version(1)).remote(0).result() == 1
    graph = deploy(version(2))
    assert graph.deployed.changes.names("replaced") == ("add",)
    assert graph.remote(0).result() == 2


def test_a_helper_that_was_edited_replaces_its_users(deploy):
    """What a function reaches counts as its code."""

    def version(offset):
        def helper(x):
            return x + offset

        @serve.deployment
        def add(x):
            return helper(x)

        @serve.deployment
        def apart(x):
            return x

        with InputNode() as inp:
            return add.bind(apart.bind(inp))

    assert deploy(version(1)).remote(0).result() == 1
    graph = deploy(version(5))
    assert graph.deployed.changes.names("replaced") == ("add",)
    assert graph.remote(0).result() == 5


def test_rewiring_replaces_nobody(deploy, signals, pair):
    """Other edges among the same deployments keep every instance."""

    @serve.deployment
    class Stage:
        def __init__(self, name):
            self.name = name
            self.instance = signals.note("made")

        def run(self, x):
            return f"{self.name}({x})"

    def wired(order):
        a, b = Stage.bind("a"), Stage.bind("b")
        with InputNode() as inp:
            return b.run.bind(a.run.bind(inp)) if order else a.run.bind(b.run.bind(inp))

    assert deploy(wired(True)).remote("x").result() == "b(a(x))"
    graph = deploy(wired(False))
    assert graph.remote("x").result() == "a(b(x))"
    assert len(signals.notes("made")) == 2
    assert graph.deployed.changes.rewired


def test_a_changed_constant_is_a_rewiring(deploy, signals):
    """An argument that is a plain value may change without a new instance."""

    @serve.deployment
    class Adds:
        def __init__(self):
            signals.note("made")

        def run(self, x, y):
            return x + y

    def graph_of(y):
        with InputNode() as inp:
            return deploy(Adds.bind().run.bind(inp, y))

    assert graph_of(1).remote(1).result() == 2
    assert graph_of(10).remote(1).result() == 11
    assert len(signals.notes("made")) == 1


def test_edits_in_quick_succession_are_never_undone(deploy):
    """What one update told late is no word against a later one."""

    @serve.deployment
    async def say(text):
        return text

    def saying(number):
        with InputNode():
            return say.bind(f"edit {number}")

    for number in range(6):
        graph = deploy(saying(number))
        assert graph.remote(None).result() == f"edit {number}"
    until = time.monotonic() + 3.0
    while time.monotonic() < until:
        assert graph.remote(None).result() == "edit 5"


def test_changed_options_of_a_call_hold(deploy):
    """Another fallback, time-out or number of retries holds from the next request on."""

    @serve.deployment
    def fails(x):
        raise ValueError("no")

    def graph_of(**options):
        with InputNode() as inp:
            return deploy(fails.bind(inp).options(**options))

    assert graph_of(fallback=1).remote(0).result() == 1
    graph = graph_of(fallback=2)
    assert graph.remote(0).result() == 2
    assert graph.deployed.changes.rewired


def test_a_new_deployment_comes_in_and_another_one_goes(deploy, signals):
    """Added deployments answer, removed ones are closed, the rest stays."""

    @serve.deployment
    class Kept:
        def __init__(self):
            signals.note("made kept")

        def run(self, x):
            return x + 1

    @serve.deployment
    class Gone:
        def run(self, x):
            return x * 10

        def __del__(self):
            signals.note("gone")

    @serve.deployment
    class New:
        def run(self, x):
            return x * 100

    def graph_of(other):
        with InputNode() as inp:
            return deploy(other.bind().run.bind(Kept.bind().run.bind(inp)))

    assert graph_of(Gone).remote(1).result() == 20
    graph = graph_of(New)
    assert graph.remote(1).result() == 200
    assert graph.deployed.changes.names("added") == ("New",)
    assert graph.deployed.changes.names("removed") == ("Gone",)
    assert {one.name for one in graph.status()} == {"Kept", "New", "DAGDriver"}
    assert len(signals.notes("made kept")) == 1
    with pytest.raises(NotRunningError):
        graph.node("Gone")
    signals.wait_for_notes("gone", 1)


def test_a_replaced_instance_is_let_go(deploy, signals):
    """Nothing keeps an old instance alive when its last request has ended."""

    def version(n):
        @serve.deployment
        class Model:
            def run(self, x):
                return n

            def __del__(self):
                signals.note("gone", n)

        with InputNode() as inp:
            return deploy(Model.bind().run.bind(inp))

    assert version(1).remote(0).result() == 1
    assert version(2).remote(0).result() == 2
    assert signals.wait_for_notes("gone", 1) == [1]


def test_a_holder_keeps_its_instance_when_what_it_holds_is_replaced(deploy, signals):
    """A handle is a name: the holder of an edited class stays, and calls the new instance."""

    def version(n):
        @serve.deployment
        class Model:
            def get(self):
                return n

        @serve.deployment
        class Holder:
            def __init__(self, model):
                signals.note("made")
                self.model = model

            async def run(self, x):
                return await self.model.get.remote()

        with InputNode() as inp:
            return deploy(Holder.bind(Model.bind()).run.bind(inp))

    assert version(1).remote(0).result() == 1
    assert version(2).remote(0).result() == 2
    assert len(signals.notes("made")) == 1


def test_a_driver_keeps_its_instance_when_its_graph_changes(deploy, signals):
    """Edges, calls and constants of a graph are no part of the driver."""

    @serve.deployment
    class Driver:
        def __init__(self, dag):
            signals.note("made")
            self.dag = dag

        async def predict(self, x):
            return await self.dag.remote(x)

    @serve.deployment
    def add(x, y):
        return x + y

    for y in (1, 2):
        with InputNode() as inp:
            node = add.bind(inp, y)
        assert deploy(Driver.bind(node)).remote(0).result() == y
    assert len(signals.notes("made")) == 1


# --- scale ---------------------------------------------------------------------------------------


def test_replicas_are_added_and_taken_away(deploy, signals, pair):
    """Another `num_replicas` starts what lacks, and closes what is too much."""
    graph = deploy(pair())
    deploy(pair(num_replicas=3))
    assert status_of(graph, "first").running == 3
    assert len(signals.notes("made first")) == 3
    assert graph.deployed.changes.names("rescaled") == ("first", "second")
    deploy(pair(num_replicas=1))
    eventually(lambda: status_of(graph, "first").running == 1)
    assert len(signals.notes("made first")) == 3
    assert ask(graph)[0].startswith("first1")


def test_a_replica_that_leaves_ends_its_request(deploy, signals):
    """Scaling down waits for the calls of the replicas that go."""

    @serve.deployment(max_ongoing_requests=1)
    class Waits:
        async def run(self, x):
            await signals.anote("began", x)
            await signals.await_("go")
            return x

    def graph_of(count):
        with InputNode() as inp:
            return deploy(Waits.options(num_replicas=count).bind().run.bind(inp))

    graph = graph_of(3)
    responses = [graph.remote(number) for number in range(3)]
    signals.wait_for_notes("began", 3)
    graph_of(1)
    assert status_of(graph, "Waits").running == 1
    signals.set("go")
    assert sorted(one.result() for one in responses) == [0, 1, 2]


def test_a_replica_that_leaves_ends_its_stream(deploy, signals):
    """A stream that a leaving replica is in the middle of goes on to its end."""

    @serve.deployment(max_ongoing_requests=1)
    class Counter:
        def count(self, x):
            yield serve.get_replica_context().replica_tag
            signals.wait("go")
            yield from range(x)

    def graph_of(count):
        with InputNode() as inp:
            return deploy(Counter.options(num_replicas=count).bind().count.bind(inp))

    graph = graph_of(2)
    streams = [graph.options(stream=True).remote(3) for _ in range(2)]
    assert len({next(one) for one in streams}) == 2
    graph_of(1)
    assert status_of(graph, "Counter").running == 1
    signals.set("go")
    assert [list(one) for one in streams] == [[0, 1, 2]] * 2


def test_a_replica_that_leaves_is_let_go_when_it_is_idle(deploy, signals):
    """A leaving replica is finalized as soon as its last call has ended, and not before."""

    @serve.deployment(max_ongoing_requests=1)
    class Waits:
        async def run(self, x):
            await signals.anote("began")
            await signals.await_("go")
            signals.note("ended")
            return x

        def __del__(self):
            signals.note("gone", len(signals.notes("ended")))

    def graph_of(count):
        with InputNode() as inp:
            return deploy(Waits.options(num_replicas=count).bind().run.bind(inp))

    graph = graph_of(2)
    responses = [graph.remote(number) for number in range(2)]
    signals.wait_for_notes("began", 2)
    graph_of(1)
    signals.set("go")
    assert [one.result() for one in responses] == [0, 1]
    assert signals.wait_for_notes("gone", 1)[0] >= 1


def test_more_replicas_serve_those_who_wait(deploy, signals):
    """Calls in the queue go to the replicas that an update adds."""

    @serve.deployment(max_ongoing_requests=1)
    class Waits:
        async def run(self, x):
            await signals.ameet("three", 3)
            return x

    def graph_of(count):
        with InputNode() as inp:
            return deploy(Waits.options(num_replicas=count).bind().run.bind(inp))

    graph = graph_of(1)
    responses = [graph.remote(number) for number in range(3)]
    eventually(lambda: status_of(graph, "Waits").queued == 2)
    graph_of(3)
    assert sorted(one.result() for one in responses) == [0, 1, 2]


def test_higher_limits_serve_those_who_wait(deploy, signals):
    """Calls in the queue begin when `max_ongoing_requests` is raised."""

    @serve.deployment
    async def waits(x):
        await signals.ameet("three", 3)
        return x

    def graph_of(limit):
        with InputNode() as inp:
            return deploy(waits.options(max_ongoing_requests=limit).bind(inp))

    graph = graph_of(1)
    responses = [graph.remote(number) for number in range(3)]
    eventually(lambda: status_of(graph, "waits").queued == 2)
    graph_of(3)
    assert sorted(one.result() for one in responses) == [0, 1, 2]


def test_a_replica_that_cannot_be_added_fails_the_update(deploy, signals):
    """When a further replica cannot start, the update fails, and what served before goes on."""

    @serve.deployment
    class Once:
        def __init__(self):
            if signals.note("made") > 1:
                raise OSError("no more memory")

        def run(self, x):
            return x

    def graph_of(count):
        with InputNode() as inp:
            return deploy(Once.options(num_replicas=count).bind().run.bind(inp))

    graph = graph_of(1)
    with pytest.raises(DeployError, match="no more memory"):
        graph_of(2)
    assert graph.remote(3).result() == 3
    assert status_of(graph, "Once").replicas == 1


# --- requests under way --------------------------------------------------------------------------


@pytest.fixture
def gated_version(signals):
    """Version n of a graph of two nodes; the first waits at the gate of its version."""

    def make(n, **options):
        @serve.deployment(**options)
        class Gate:
            async def run(self, x):
                await signals.anote("began", n)
                if n == 1:
                    await signals.await_("go")
                return [n]

            def run_in_a_thread(self, x):
                signals.note("began", n)
                if n == 1:
                    signals.wait("go")
                return [n]

        @serve.deployment(**options)
        class After:
            async def run(self, x):
                return [*x, n]

        return Gate.bind(), After.bind()

    return make


def gated_graph(deploy, stages, method="run", **driver):
    """Deploys the two stages of a version."""
    gate, after = stages
    with InputNode() as inp:
        node = after.run.bind(getattr(gate, method).bind(inp))
    return deploy(DAGDriver.options(**driver).bind(node))


@pytest.mark.parametrize("method", ["run", "run_in_a_thread"])
def test_a_request_under_way_ends_in_its_version(deploy, signals, gated_version, method):
    """A request that began before an update is answered by the old version throughout."""
    graph = gated_graph(deploy, gated_version(1), method)
    old = graph.remote(0)
    signals.wait_for_notes("began", 1)
    gated_graph(deploy, gated_version(2), method)
    assert graph.remote(0).result() == [2, 2]
    assert not old.done()
    signals.set("go")
    assert old.result() == [1, 1]
    assert graph.remote(0).result() == [2, 2]


def test_a_request_under_way_survives_several_updates(deploy, signals, gated_version):
    """An old version lives as long as it has a request."""
    graph = gated_graph(deploy, gated_version(1))
    old = graph.remote(0)
    signals.wait_for_notes("began", 1)
    for n in (2, 3, 4):
        gated_graph(deploy, gated_version(n))
        assert graph.remote(0).result() == [n, n]
    signals.set("go")
    assert old.result() == [1, 1]


@pytest.mark.parametrize(
    "change", [{"y": 2}, {"y": 1, "num_replicas": 2}, {"y": 2, "user_config": {"a": 1}}]
)
def test_a_request_under_way_outlasts_an_update_that_replaces_nobody(deploy, signals, change):
    """It is answered by what it began in, however long it takes."""

    @serve.deployment
    class Gate:
        async def run(self, x, y):
            await signals.anote("began", y)
            if x == "first":
                await signals.await_("go")
            return y

        def reconfigure(self, config):
            signals.note("configured", config)

    def graph_of(y, **options):
        with InputNode() as inp:
            return deploy(Gate.options(**options).bind().run.bind(inp, y))

    graph = graph_of(1)
    first = graph.remote("first")
    signals.wait_for_notes("began", 1)
    graph_of(**change)
    assert graph.remote("second").result() == change["y"]
    graph_of(3)
    assert graph.remote("third").result() == 3
    assert not first.done()
    signals.set("go")
    assert first.result() == 1


def test_requests_that_wait_in_the_queue_are_answered_too(deploy, signals, gated_version):
    """Requests that had no slot yet when the update came get their answer."""
    graph = gated_graph(deploy, gated_version(1, max_ongoing_requests=1))
    olds = [graph.remote(0) for _ in range(3)]
    signals.wait_for_notes("began", 1)
    eventually(lambda: status_of(graph, "Gate").queued == 2)
    gated_graph(deploy, gated_version(2, max_ongoing_requests=1))
    assert graph.remote(0).result() == [2, 2]
    signals.set("go")
    assert [one.result() for one in olds] == [[1, 1]] * 3


def test_no_request_fails_while_updates_come(deploy):
    """Requests all the time, updates all the time: each is answered by one version in whole."""

    def version(n):
        @serve.deployment
        async def first(x):
            return n

        @serve.deployment
        def second(x):
            return (x, n)

        with InputNode() as inp:
            return deploy(second.bind(first.bind(inp)))

    graph = version(0)
    answers, failures = [], []
    stop = threading.Event()

    def keep_asking():
        while not stop.is_set():
            try:
                answers.append(graph.remote(0).result(timeout_s=10))
            except Exception as error:
                failures.append(error)

    threads = [threading.Thread(target=keep_asking) for _ in range(3)]
    for one in threads:
        one.start()
    for n in range(1, 8):
        version(n)
    stop.set()
    for one in threads:
        one.join()
    assert failures == []
    assert answers
    assert {first == second for first, second in answers} == {True}
    assert graph.remote(0).result() == (7, 7)


def test_no_request_over_http_fails_while_updates_come(deploy, client):
    """Requests all the time, over a real socket, while nodes are replaced and rewired."""

    def version(n):
        @serve.deployment
        async def first(x):
            return n // 2  # every other update leaves it as it is

        @serve.deployment
        def second(x, y):
            return [x, y]

        with InputNode() as inp:
            return deploy(second.bind(first.bind(inp), n), http=True)

    graph = version(0)
    url, answers = graph.url, []
    stop = threading.Event()

    def keep_asking():
        while not stop.is_set():
            answer = client.post(url, json=0)
            answers.append((answer.status_code, answer.json()))

    askers = [threading.Thread(target=keep_asking) for _ in range(2)]
    for one in askers:
        one.start()
    for n in range(1, 5):
        seen = len(answers) + 1
        eventually(lambda seen=seen: len(answers) > seen)
        version(n)
    assert client.post(url, json=0).json() == [2, 4]
    stop.set()
    for one in askers:
        one.join()
    expected = [(200, [n // 2, n]) for n in range(5)]
    assert [one for one in answers if one not in expected] == []
    assert answers[0] == expected[0]


def test_a_stream_under_way_ends_in_its_version(deploy, signals):
    """A stream that began before an update yields the old version's items to the end."""

    def version(n):
        @serve.deployment
        async def count(x):
            yield n
            if n == 1:
                await signals.await_("go")
            yield n

        with InputNode() as inp:
            return deploy(count.bind(inp))

    graph = version(1)
    old = graph.options(stream=True).remote(0)
    assert next(old) == 1
    version(2)
    assert list(graph.options(stream=True).remote(0)) == [2, 2]
    signals.set("go")
    assert list(old) == [1]


def test_a_version_waits_no_longer_than_it_grants(deploy, signals, gated_version):
    """After `graceful_shutdown_timeout_s` an old version ends: nobody is left waiting for ever."""
    brief = {"graceful_shutdown_timeout_s": 0.05}
    graph = gated_graph(deploy, gated_version(1, max_ongoing_requests=1, **brief), **brief)
    began, queued = graph.remote(0), graph.remote(0)
    signals.wait_for_notes("began", 1)
    eventually(lambda: status_of(graph, "Gate").queued == 1)
    gated_graph(deploy, gated_version(2, max_ongoing_requests=1, **brief), **brief)
    assert graph.remote(0).result() == [2, 2]
    for one in (began, queued):
        assert_ended(one)


def assert_ended(response):
    """It has an error that says so: neither an answer, nor an error of a node, nor silence."""
    with pytest.raises(RequestError) as caught:
        response.result(timeout_s=2)
    assert isinstance(caught.value, RequestCancelledError)


# --- updates that fail ---------------------------------------------------------------------------


def test_a_constructor_that_raises_leaves_the_old_graph(deploy, signals, pair):
    """The old graph goes on with its own instances, spec and answers."""
    graph = deploy(pair())
    before = graph.spec

    @serve.deployment(name="second")
    class Broken:
        def __init__(self):
            raise OSError("no weights")

        def run(self, x):
            return x

    with InputNode() as inp:
        node = Broken.bind().run.bind(inp)
    with pytest.raises(DeployError, match="second could not start: OSError: no weights"):
        deploy(node)
    assert graph.spec == before
    assert graphnb.get("graph") is graph
    assert ask(graph) == ["first1 instance 1", "second1 instance 1"]
    assert deploy(pair(second=2)).deployed.changes.names("replaced") == ("second",)


def test_replicas_that_were_added_for_a_failed_update_are_let_go(deploy, signals, executor):
    """Scaling up beside a deployment that cannot start leaves as many replicas as there were.

    On Ray none is added before all that is new is well.
    """
    added = 0 if executor == "ray" else 1

    @serve.deployment
    class Fine:
        def __init__(self):
            self.number = signals.note("made")

        def run(self, x):
            return self.number

        def __del__(self):
            signals.note("gone", self.number)

    @serve.deployment
    class Broken:
        def __init__(self):
            signals.wait_for_notes("made", 1 + added)
            raise OSError("no weights")

        def run(self, x):
            return x

    with InputNode() as inp:
        graph = deploy(Fine.bind().run.bind(inp))
    with InputNode() as inp:
        fine = Fine.options(num_replicas=2).bind().run.bind(inp)
        node = Broken.bind().run.bind(fine)
    with pytest.raises(DeployError):
        deploy(node)
    assert signals.wait_for_notes("gone", added) == [2] * added
    assert [graph.remote(0).result() for _ in range(3)] == [1, 1, 1]
    assert len(signals.notes("made")) == 1 + added
    assert status_of(graph, "Fine").running == 1


def test_a_graph_error_leaves_the_old_graph(deploy, pair):
    """A graph that breaks a rule changes nothing."""
    graph = deploy(pair())

    @serve.deployment
    def takes_a_lock(x, lock):
        return x

    with InputNode() as inp:
        node = takes_a_lock.bind(inp, threading.Lock())
    with pytest.raises(GraphError):
        deploy(node)
    assert ask(graph) == ["first1 instance 1", "second1 instance 1"]


def settings_graph(signals, config, *, route=None):
    """A class that answers its `user_config`, and notes its instances."""

    @serve.deployment(user_config=config)
    class Settings:
        def __init__(self):
            signals.note("made")

        def reconfigure(self, config):
            self.config = config

        def run(self, x):
            return self.config

    with InputNode() as inp:
        return Settings.bind().run.bind(inp)


def test_an_update_that_fails_elsewhere_leaves_the_old_settings(deploy, signals):
    """When one deployment cannot start, another one that was reconfigured is as before."""
    graph = deploy(settings_graph(signals, 1))

    @serve.deployment
    class Broken:
        def __init__(self):
            raise OSError("no weights")

        def run(self, x):
            return x

    with InputNode() as inp:
        node = Broken.bind().run.bind(inp)
    both = DAGDriver.bind({"/": settings_graph(signals, 2), "/broken": node})
    with pytest.raises(DeployError):
        deploy(both)
    assert graph.remote(0).result() == 1
    assert len(signals.notes("made")) == 1


def test_an_update_that_fails_by_its_route_leaves_everything(deploy, signals, client):
    """A route that is taken is found before anything is changed."""
    with InputNode() as inp:
        other = settings_graph(signals, 0)
    deploy(other, name="other", route_prefix="/taken", http=True)
    graph = deploy(settings_graph(signals, 1), route_prefix="/mine", http=True)
    made = len(signals.notes("made"))
    with pytest.raises(DeployError, match="/taken"):
        deploy(settings_graph(signals, 2), route_prefix="/taken", http=True)
    assert graph.remote(0).result() == 1
    assert client.post(graph.url, json=0).json() == 1
    assert graph.url.endswith("/mine")
    assert len(signals.notes("made")) == made
    del inp


def test_a_failed_update_leaves_no_new_instance(deploy, signals, client):
    """What was started for an update that failed is let go."""

    def version(n):
        @serve.deployment
        class Model:
            def run(self, x):
                return n

            def __del__(self):
                signals.note("gone", n)

        @serve.deployment
        class Last:
            async def __init__(self):
                if n == 2:
                    await signals.await_("started")
                    raise OSError("no more memory")

            def run(self, x):
                return x

        with InputNode() as inp:
            return deploy(Last.bind().run.bind(Model.bind().run.bind(inp)))

    graph = version(1)
    signals.set("started")
    with pytest.raises(DeployError):
        version(2)
    assert signals.wait_for_notes("gone", 1) == [2]
    assert graph.remote(0).result() == 1


def test_updates_of_one_graph_wait_for_each_other(deploy, signals, executor):
    """Two deploys of one name at once: both are done, one after the other."""

    def version(n):
        @serve.deployment
        def number(x):
            return n

        with InputNode() as inp:
            return number.bind(inp)

    graph = deploy(version(0))
    threads = [threading.Thread(target=lambda n=n: deploy(version(n))) for n in range(1, 5)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert graph.remote(0).result() in {1, 2, 3, 4}
    assert graphnb.running() == [graph]


# --- the end -------------------------------------------------------------------------------------


def test_deleting_waits_for_requests_under_way(deploy, signals, gated_version):
    """`delete()` returns when the requests under way are answered; new ones are refused."""
    graph = gated_graph(deploy, gated_version(1))
    response = graph.remote(0)
    signals.wait_for_notes("began", 1)
    handle = graph.handle
    thread = threading.Thread(target=graph.delete)
    thread.start()

    def refused():
        try:
            handle.predict.remote(0).result(timeout_s=0.01)
        except NotRunningError:
            return True
        except TimeoutError:
            return False

    eventually(refused)
    assert not response.done()
    signals.set("go")
    thread.join()
    assert response.result() == [1, 1]
    assert graphnb.running() == []


def test_deleting_waits_no_longer_than_is_granted(deploy, signals, gated_version):
    """What does not end in time is cancelled: nobody is left waiting."""
    brief = {"graceful_shutdown_timeout_s": 0.05}
    graph = gated_graph(deploy, gated_version(1, max_ongoing_requests=1, **brief), **brief)
    responses = [graph.remote(0) for _ in range(3)]
    signals.wait_for_notes("began", 1)
    graph.delete()
    for one in responses:
        assert_ended(one)


def test_a_stream_that_outlives_its_graph_ends(deploy, signals):
    """A stream that is not read to its end in time is closed, and its reader told."""

    @serve.deployment(graceful_shutdown_timeout_s=0.05)
    class Counter:
        async def count(self, x):
            try:
                yield 1
                await signals.await_("never")
                yield 2
            finally:
                signals.note("closed")

    with InputNode() as inp:
        node = Counter.bind().count.bind(inp)
    graph = deploy(DAGDriver.options(graceful_shutdown_timeout_s=0.05).bind(node))
    waiting, idle = (graph.options(stream=True).remote(0) for _ in range(2))
    assert next(waiting) == next(idle) == 1
    found = []

    def read():
        try:
            found.extend(waiting)
        except RequestError as error:
            found.append(type(error))

    reader = threading.Thread(target=read)
    reader.start()
    graph.delete()
    reader.join(3)
    assert found in ([], [RequestCancelledError])
    assert not reader.is_alive()
    assert len(signals.wait_for_notes("closed", 2)) == 2


def test_a_name_is_free_after_the_end(deploy, signals, pair):
    """A deleted graph's name begins anew."""
    deploy(pair()).delete()
    graph = deploy(pair())
    assert graph.deployed.changes.names("added") == ("first", "second", "DAGDriver")
    assert ask(graph) == ["first1 instance 2", "second1 instance 2"]


def test_instances_are_let_go_at_the_end(deploy, signals):
    """Deleting a graph finalizes its instances."""

    @serve.deployment(num_replicas=2)
    class Model:
        def run(self, x):
            return x

        def __del__(self):
            signals.note("gone")

    with InputNode() as inp:
        node = Model.bind().run.bind(inp)
    graph = deploy(node)
    assert graph.remote(1).result() == 1
    graph.delete()
    assert len(signals.wait_for_notes("gone", 2)) == 2
