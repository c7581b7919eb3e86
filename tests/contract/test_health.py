"""A replica that is not well is replaced."""

import pytest

from graphnb import InputNode, serve
from tests.contract.waiting import eventually, status_of

QUICK = {"health_check_period_s": 0.01, "health_check_timeout_s": 0.5}


@pytest.fixture
def patient(signals):
    """A class that is sick once the gate-like note "sick" names its number."""

    def make(*, is_async=False, **options):
        def check(self):
            signals.note("checked", self.number)
            if self.number in signals.notes("sick"):
                raise RuntimeError("out of memory")

        async def acheck(self):
            check(self)

        class Patient:
            def __init__(self):
                self.number = signals.note("made")

            async def run(self, x):
                return self.number

        Patient.check_health = acheck if is_async else check
        with InputNode() as inp:
            return serve.deployment(**{**QUICK, **options})(Patient).bind().run.bind(inp)

    return make


@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
def test_a_sick_replica_is_replaced(deploy, signals, patient, is_async):
    """A replica whose `check_health` raises again and again gives way to a new instance."""
    graph = deploy(patient(is_async=is_async))
    assert graph.remote(0).result() == 1
    signals.note("sick", 1)
    eventually(lambda: graph.remote(0).result() == 2)
    eventually(lambda: (one := status_of(graph, "Patient")).restarts and one.running == 1)
    eventually(lambda: status_of(graph, "Patient").error is None)
    assert status_of(graph, "Patient").restarts == 1


def test_failures_that_are_not_in_a_row_are_forgiven(deploy, signals):
    """A replica that fails now and then, and is well in between, is not replaced."""

    @serve.deployment(**QUICK)
    class Hiccup:
        def __init__(self):
            signals.note("made")

        def check_health(self):
            if signals.note("checked") % 2 == 0:
                raise RuntimeError("hiccup")

        async def __call__(self, x):
            return x

    graph = deploy(Hiccup.bind())
    signals.wait_for_notes("checked", 12)
    assert signals.notes("made") == [None]
    assert status_of(graph, "Hiccup").restarts == 0


def test_only_the_sick_one_of_several_is_replaced(deploy, signals, patient):
    """The other replicas stay."""
    graph = deploy(patient(num_replicas=3, max_ongoing_requests=1))
    signals.note("sick", 2)
    eventually(lambda: status_of(graph, "Patient").restarts == 1)
    eventually(lambda: status_of(graph, "Patient").running == 3)
    assert len(signals.notes("made")) == 4


@pytest.fixture
def doomed(signals):
    """A class that is sick once there is a note "sick", and cannot be made a second time."""

    @serve.deployment(**QUICK)
    class Doomed:
        def __init__(self):
            if signals.note("made") > 1:
                raise OSError("no disk")

        def check_health(self):
            if signals.notes("sick"):
                raise RuntimeError("out of memory")

        async def __call__(self, x):
            return x

    return Doomed


def test_the_status_says_what_is_wrong(deploy, signals, doomed):
    """A replica that cannot be replaced is reported with the reason."""
    graph = deploy(doomed.bind())
    assert graph.remote(4).result() == 4
    assert status_of(graph, "Doomed").error is None
    signals.note("sick")
    assert signals.wait_for_notes("made", 2)
    eventually(lambda: "no disk" in (status_of(graph, "Doomed").error or ""))


# Ray Serve stops a sick replica, and then starts another.
@pytest.mark.parametrize("executor", ["local"])
def test_a_replica_that_cannot_be_replaced_serves_on(deploy, signals, doomed, executor):
    """A sick replica answers as long as no other can be made."""
    graph = deploy(doomed.bind())
    signals.note("sick")
    error = eventually(lambda: status_of(graph, "Doomed").error)
    assert "out of memory" in error or "no disk" in error
    assert signals.wait_for_notes("made", 2)
    assert graph.remote(4).result() == 4


def test_a_check_that_hangs_counts_as_sick(deploy, signals, soon):
    """`check_health` has `health_check_timeout_s` to answer."""

    @serve.deployment(health_check_period_s=0.01, health_check_timeout_s=soon)
    class Hangs:
        def __init__(self):
            self.first = signals.note("made") == 1

        async def check_health(self):
            if self.first and signals.notes("stuck"):
                await signals.await_("never")

        async def __call__(self, x):
            return self.first

    graph = deploy(Hangs.bind())
    assert graph.remote(1).result() is True
    signals.note("stuck")
    eventually(lambda: graph.remote(1).result() is False)
    assert status_of(graph, "Hangs").restarts == 1


def test_a_request_in_flight_survives_the_replacement_of_its_replica(deploy, signals):
    """A call that a sick replica is working on ends there."""

    @serve.deployment(**QUICK)
    class Patient:
        def __init__(self):
            self.number = signals.note("made")

        def check_health(self):
            if self.number == 1 and signals.notes("began"):
                raise RuntimeError("sick")

        async def run(self, x):
            await signals.anote("began")
            await signals.await_("go")
            return self.number

        def run_in_a_thread(self, x):
            signals.note("began")
            signals.wait("go")
            return self.number

    graph = deploy(Patient.bind())
    responses = [graph.handle.run.remote(1), graph.handle.run_in_a_thread.remote(1)]
    signals.wait_for_notes("began", 2)
    eventually(lambda: status_of(graph, "Patient").restarts == 1)
    signals.set("go")
    assert [one.result() for one in responses] == [1, 1]


def test_calls_that_wait_go_to_the_new_replica(deploy, signals):
    """A queue behind a replica that was replaced is served by the new one."""

    @serve.deployment(max_ongoing_requests=1, **QUICK)
    class Patient:
        def __init__(self):
            self.number = signals.note("made")

        def check_health(self):
            if self.number == 1 and signals.notes("began"):
                raise RuntimeError("sick")

        async def run(self, x):
            await signals.anote("began")
            if self.number == 1:
                await signals.await_("go")
            return self.number

    graph = deploy(Patient.bind())
    first = graph.handle.run.remote(1)
    signals.wait_for_notes("began", 1)
    second = graph.handle.run.remote(1)
    assert second.result() == 2
    signals.set("go")
    assert first.result() == 1


def test_health_is_not_asked_for_after_the_end(deploy, signals, patient):
    """A graph that was deleted checks nobody any more."""
    graph = deploy(patient())
    signals.wait_for_notes("checked", 2)
    graph.delete()
    before = len(signals.notes("checked"))
    other = deploy(patient(), name="other")
    eventually(lambda: 2 in signals.notes("checked"))
    signals.wait_for_notes("checked", before + 5)
    assert signals.notes("checked")[before:].count(1) == 0
    del other


def test_a_changed_period_holds_from_the_next_check(deploy, signals, patient):
    """The period and time-out of checks are taken over without a new instance."""
    deploy(patient(health_check_period_s=300))
    deploy(patient(health_check_period_s=0.01))
    before = len(signals.notes("checked"))
    assert signals.wait_for_notes("checked", before + 5)
    assert signals.notes("made") == [None]


def test_the_replacement_is_configured_like_the_first(deploy, signals):
    """A new instance in place of a sick one gets init args and `user_config` again."""

    @serve.deployment(user_config={"t": 7}, **QUICK)
    class Patient:
        def __init__(self, weight):
            self.number = signals.note("made")
            self.weight = weight

        def reconfigure(self, config):
            self.config = config

        def check_health(self):
            if self.number == 1 and signals.notes("sick"):
                raise RuntimeError("sick")

        async def __call__(self, x):
            return [self.number, self.weight, self.config]

    graph = deploy(Patient.bind(0.5))
    assert graph.remote(0).result() == [1, 0.5, {"t": 7}]
    signals.note("sick")
    eventually(lambda: graph.remote(0).result() == [2, 0.5, {"t": 7}])
