"""Graphs that a kernel left on a Ray that outlives it: the next kernel finds them, and goes on."""

import contextlib
from pathlib import Path

import pytest

from tests.rayserve.kernels import Kernel, KernelError, User

pytestmark = [pytest.mark.ray, pytest.mark.timeout(200)]

CELLS = """
import os
import graphnb
from graphnb import InputNode, serve

@serve.deployment
class Doubler:
    def __init__(self, factor):
        self.factor = factor
    async def run(self, x):
        return self.factor * x, os.getpid()

@serve.deployment
async def label(found, text):
    return f"{text} {found[0]}", found[1], os.getpid()

def graph(factor=2, text="is"):
    with InputNode() as request:
        return label.bind(Doubler.bind(factor).run.bind(request["x"]), text)
"""


@pytest.fixture(scope="module")
def user(tmp_path_factory):
    """Who has started a Ray that outlives kernels."""
    made = User(tmp_path_factory.mktemp("home"))
    assert made.graphnb("ray", "start").returncode == 0
    yield made
    made.graphnb("ray", "stop")
    made.end()


@pytest.fixture
def new_kernel(user, tmp_path):
    """Starts kernels; ends them after the test."""
    with contextlib.ExitStack() as ending:

        def start(**environment):
            made = Kernel(user, tmp_path, **environment)
            ending.callback(made.kill)
            return made

        yield start


def deploy(kernel, name, call="graph()", **options):
    """Deploys the graph of these cells, and sends it a request."""
    kernel.run(CELLS)
    given = "".join(f", {key}={value!r}" for key, value in options.items())
    return kernel.run(
        f"{name} = graphnb.deploy({call}, name={name!r}, on='ray'{given})\n"
        f"value = [*{name}.remote({{'x': 21}}).result(), {name}.url]"
    )


ANSWER = "graphnb.get({0!r}).remote({{'x': 21}}).result()"


def test_a_restarted_kernel_finds_its_graph(new_kernel):
    """`running()` lists it with its spec; it answers, by the same replicas; and it can be ended."""
    before = new_kernel()
    text, *pids, url = deploy(before, "kept")
    before.kill()
    after = new_kernel()
    after.run("import graphnb, httpx")
    assert after.run("value = [one.name for one in graphnb.running()]") == ["kept"]
    assert "Doubler" in after.run("value = str(graphnb.get('kept').spec)")
    assert after.run(f"value = {ANSWER.format('kept')}") == [text, *pids]
    assert after.run("value = graphnb.get('kept').url") == url
    sent = "httpx.post(graphnb.get('kept').url, json={'x': 21}, trust_env=False).json()"
    assert after.run(f"value = {sent}") == [text, *pids]
    states = "[(one.name, one.state) for one in graphnb.get('kept').status()]"
    assert ["label", "running"] in after.run(f"value = {states}")
    assert after.run("value = graphnb.get('kept').metrics().requests") >= 1
    after.run("graphnb.get('kept').delete()")
    assert after.run("value = [one.name for one in graphnb.running()]") == []
    with pytest.raises(KernelError, match="NotRunningError"):
        after.run("graphnb.get('kept')")


def test_deploying_again_from_a_new_kernel_restarts_what_changed(new_kernel):
    """The same cells run again: nothing restarts. One is edited: that one alone does."""
    before = new_kernel()
    _, doubler, label, _ = deploy(before, "again")
    before.kill()
    after = new_kernel()
    assert deploy(after, "again")[1:3] == [doubler, label]
    assert after.run("value = bool(again.deployed.changes)") is False
    text, new_doubler, same_label, _ = deploy(after, "again", "graph(3)")
    assert (text, same_label) == ("is 63", label)
    assert new_doubler != doubler
    assert after.run("value = again.deployed.changes.names('replaced')") == ["Doubler"]
    after.run("again.delete()")


def test_a_failed_deploy_from_a_new_kernel_leaves_the_graph_serving(new_kernel):
    """What an earlier kernel left goes on, when the new one's version cannot start."""
    before = new_kernel()
    _, doubler, label, _ = deploy(before, "stays")
    before.kill()
    after = new_kernel()
    after.run(CELLS)
    after.run(
        "class Broken(Doubler.func_or_class):\n    def __init__(self, factor):\n        1 / 0"
    )
    after.run("Doubler = serve.deployment(Broken)")
    with pytest.raises(KernelError, match="ZeroDivisionError"):
        after.run("graphnb.deploy(graph(), name='stays', on='ray')")
    assert after.run(f"value = {ANSWER.format('stays')}") == ["is 42", doubler, label]
    after.run("graphnb.get('stays').delete()")


def test_two_kernels_take_turns(new_kernel):
    """What one kernel deployed, another one deploys again; the first then goes on from there."""
    first, second = new_kernel(), new_kernel()
    deploy(first, "shared")
    assert deploy(second, "shared", "graph(3)")[0] == "is 63"
    assert first.run(f"value = {ANSWER.format('shared')}")[0] == "is 63"
    text, _, same, _ = deploy(first, "shared", "graph(3, 'was')")
    assert text == "was 63"
    assert first.run("value = shared.deployed.changes.names('replaced')") == []
    assert same != 0
    first.run("shared.delete()")


def test_without_a_ray_nothing_is_looked_for(tmp_path):
    """`running()` starts no Ray, and does not import it."""
    alone = User(tmp_path)
    kernel = Kernel(alone, tmp_path)
    try:
        kernel.run("import sys, graphnb\nvalue = graphnb.running()")
        assert kernel.run("value = 'ray' in sys.modules") is False
    finally:
        kernel.kill()
        alone.end()


def test_an_address_where_nobody_answers_is_told(tmp_path):
    """Graphs of this process are listed; that those on Ray are not is a warning."""
    alone = User(tmp_path, RAY_ADDRESS="127.0.0.1:1")
    kernel = Kernel(alone, tmp_path)
    try:
        kernel.run("import warnings, graphnb")
        found, told = kernel.run(
            "with warnings.catch_warnings(record=True) as caught:\n"
            "    warnings.simplefilter('always')\n"
            "    value = [graphnb.running(), [str(one.message) for one in caught]]"
        )
        assert found == []
        assert "127.0.0.1:1" in told[0]
    finally:
        kernel.kill()
        alone.end()


def test_what_another_kernel_ended_has_ended(new_kernel):
    """It is on no list, its live picture says so, and its name is free."""
    here, there = new_kernel(), new_kernel()
    deploy(here, "gone")
    here.run(
        f"import sys\nsys.path.insert(0, {str(Path.cwd())!r})\n"
        "from tests.session.front_end import FrontEnd\n"
        "front = FrontEnd(gone.live())\n"
        "front.ask('open')"
    )
    there.run("import graphnb\ngraphnb.get('gone').delete()")
    assert here.run("value = front.until(lambda: front.frame['head']['state'] == 'ended')")
    assert "gone" not in here.run("value = [one.name for one in graphnb.running()]")
    with pytest.raises(KernelError, match="no running graph is named 'gone'"):
        here.run("graphnb.get('gone')")
    text, *_ = here.run(
        "gone = graphnb.deploy(graph(), name='gone', on='ray')\n"
        "value = gone.remote({'x': 21}).result()"
    )
    assert text == "is 42"
