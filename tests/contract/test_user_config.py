"""`user_config` and `reconfigure`: settings that change without a new instance."""

import pytest

from graphnb import InputNode, serve
from graphnb.errors import DeployError


@pytest.fixture
def configured(signals):
    """A class that notes its instances and configs, with the options of the test."""

    def make(*, is_async=False, **options):
        def reconfigure(self, config):
            signals.note("config", config)
            if config == {"broken": True}:
                raise ValueError("no such setting")
            self.config = config

        async def areconfigure(self, config):
            reconfigure(self, config)

        class Configured:
            def __init__(self):
                signals.note("made")
                self.config = None

            def run(self, x):
                return [self.config, x]

        Configured.reconfigure = areconfigure if is_async else reconfigure
        with InputNode() as inp:
            return serve.deployment(**options)(Configured).bind().run.bind(inp)

    return make


@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
def test_a_user_config_is_given_before_the_first_request(deploy, signals, configured, is_async):
    """`reconfigure` gets the `user_config` after `__init__`, and before any call."""
    graph = deploy(configured(is_async=is_async, user_config={"t": 1}))
    assert graph.remote(5).result() == [{"t": 1}, 5]
    assert signals.notes("config") == [{"t": 1}]


@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
def test_a_changed_user_config_reaches_the_live_instance(deploy, signals, configured, is_async):
    """A redeploy with another `user_config` reconfigures, and makes no new instance."""
    deploy(configured(is_async=is_async, user_config={"t": 1}))
    graph = deploy(configured(is_async=is_async, user_config={"t": 2}))
    assert graph.remote(5).result() == [{"t": 2}, 5]
    assert signals.notes("config") == [{"t": 1}, {"t": 2}]
    assert len(signals.notes("made")) == 1
    assert graph.deployed.changes.names("reconfigured") == ("Configured",)


def test_every_replica_is_reconfigured(deploy, signals, configured):
    """All instances get the new settings."""
    deploy(configured(user_config=1, num_replicas=3))
    deploy(configured(user_config=2, num_replicas=3))
    assert signals.notes("config") == [1, 1, 1, 2, 2, 2]
    assert len(signals.notes("made")) == 3


def test_an_unchanged_user_config_is_not_given_again(deploy, signals, configured):
    """Nothing changed, nothing is called."""
    deploy(configured(user_config={"t": 1}))
    deploy(configured(user_config={"t": 1}))
    assert signals.notes("config") == [{"t": 1}]


def test_without_user_config_nothing_is_reconfigured(deploy, signals, configured):
    """`reconfigure` is called only where there are settings."""
    assert deploy(configured()).remote(1).result() == [None, 1]
    assert signals.notes("config") == []


def test_a_user_config_without_reconfigure_is_an_error(deploy):
    """Settings that nobody would take are a DeployError that names the deployment."""

    @serve.deployment(user_config={"t": 1})
    class Deaf:
        def run(self, x):
            return x

    with InputNode() as inp:
        node = Deaf.bind().run.bind(inp)
    with pytest.raises(DeployError, match=r"Deaf.*reconfigure") as caught:
        deploy(node)
    assert caught.value.deployment == "Deaf"


def test_a_failing_reconfigure_fails_the_first_deploy(deploy, configured):
    """A first deploy whose settings are refused does not serve."""
    with pytest.raises(DeployError, match=r"Configured.*ValueError.*no such setting") as caught:
        deploy(configured(user_config={"broken": True}))
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_failing_reconfigure_leaves_the_old_settings(deploy, signals, configured):
    """When `reconfigure` raises, the old graph goes on with the old settings, in every replica."""
    graph = deploy(configured(user_config={"t": 1}, num_replicas=2))
    with pytest.raises(DeployError, match="could not reconfigure"):
        deploy(configured(user_config={"broken": True}, num_replicas=2))
    found = [graph.remote(n).result() for n in range(6)]
    assert found == [[{"t": 1}, n] for n in range(6)]
    assert len(signals.notes("made")) == 2
    assert graph.spec.deployment("Configured").options["user_config"] == {"t": 1}


def test_settings_are_the_instances_own(deploy):
    """An instance that changes its settings changes no other instance's, nor the user's."""

    @serve.deployment
    class Changes:
        def reconfigure(self, config):
            config["seen"] += 1
            self.config = config

        def run(self, x):
            return self.config["seen"]

    settings = {"seen": 0}
    with InputNode() as inp:
        node = Changes.options(user_config=settings, num_replicas=3).bind().run.bind(inp)
    assert deploy(node).remote(1).result() == 1
    assert settings == {"seen": 0}


def test_a_new_replica_gets_the_current_settings(deploy, signals, configured):
    """Replicas that are added later are configured like those that were there."""
    deploy(configured(user_config={"t": 1}))
    deploy(configured(user_config={"t": 2}))
    deploy(configured(user_config={"t": 2}, num_replicas=2))
    assert signals.notes("config") == [{"t": 1}, {"t": 2}, {"t": 2}]
