"""Graphs that a kernel left on a Ray that outlives it: the next kernel finds them, and goes on."""

import contextlib
from pathlib import Path

import pytest

from tests.contract.waiting import eventually
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
        "before, gone = gone, graphnb.deploy(graph(), name='gone', on='ray')\n"
        "value = gone.remote({'x': 21}).result()"
    )
    assert text == "is 42"
    assert here.run("value = repr(before)") == "RunningGraph('gone', ended)"
    here.run("again = FrontEnd(gone.live())\nagain.ask('open')")
    assert here.run("value = again.frame['head']['state']") == "running"
    assert here.run("value = front.frame['head']['state']") == "ended"
    here.run("gone.delete()")


def test_what_another_kernel_ended_just_now_is_deployed_anew(new_kernel):
    """However short ago it was seen to run."""
    here, there = new_kernel(), new_kernel()
    deploy(here, "short")
    there.run("import graphnb\ngraphnb.get('short')")
    here.run("graphnb.running()")
    there.run("graphnb.get('short').delete()")
    text, *_ = here.run(
        "short = graphnb.deploy(graph(), name='short', on='ray')\n"
        "value = short.remote({'x': 21}).result()"
    )
    assert text == "is 42"
    assert here.run("value = sorted(short.deployed.changes.names('added'))")
    here.run("short.delete()")


def test_who_deploys_waits_for_whoever_does(new_kernel, tmp_path):
    """What the second one deploys is told apart from what the first one has just deployed."""
    first, second = new_kernel(), new_kernel()
    deploy(first, "turns")
    began, go = tmp_path / "began", tmp_path / "go"
    first.run(f"""
import threading, time, pathlib

class Slow(Doubler.func_or_class):
    def __init__(self, factor):
        pathlib.Path({str(began)!r}).touch()
        while not pathlib.Path({str(go)!r}).exists():
            time.sleep(0.02)
        super().__init__(factor)

Doubler = serve.deployment(name="Doubler")(Slow)
deploying = threading.Thread(target=lambda: graphnb.deploy(graph(5), name="turns", on="ray"))
deploying.start()
while not pathlib.Path({str(began)!r}).exists():
    assert deploying.is_alive()
    time.sleep(0.02)
""")
    second.run(f"""{CELLS}
graphnb.get("turns")

import threading
from graphnb.executors.ray import turns

refused, ask = threading.Event(), turns.ask

def asked(*what):
    found = ask(*what)
    if found is False:
        refused.set()
    return found

turns.ask = asked
made = []
target = graph(7, "was")
def deploy():
    made.append(graphnb.deploy(target, name="turns", on="ray"))

deploying = threading.Thread(target=deploy)
deploying.start()
""")
    assert second.run("value = refused.wait(60)")
    assert second.run("value = made == []")
    go.touch()
    first.run("deploying.join(); value = deploying.is_alive()")
    second.run("deploying.join()")
    assert second.run(f"value = {ANSWER.format('turns')}")[0] == "was 147"
    # The first one looks once a second.
    eventually(lambda: first.run(f"value = {ANSWER.format('turns')}")[0] == "was 147")
    assert second.run("value = made[0].deployed.changes.names('replaced')") == ["Doubler"]
    second.run("made[0].delete()")


def test_what_ray_serve_tells_late_undoes_nothing(new_kernel):
    """A host that knows a later version of the graph stays with it."""
    kernel = new_kernel()
    kernel.run(CELLS)
    numbers = kernel.run("""
import asyncio, ray
from graphnb.rayserve import here
from graphnb.rayserve.config import with_wiring
from graphnb.rayserve.private import replicas_of

def again(_actor):
    host = here._present
    versions = {number: one.wiring for number, one in host._versions.items()}
    before = host._current.number
    late = with_wiring(versions[min(versions)], host._user_config)
    asyncio.run_coroutine_threadsafe(host.reconfigure(late), host._loop).result(20)
    return min(versions), before, host._current.number

def told(timeout_s):
    with InputNode() as request:
        found = Doubler.bind(2).run.bind(request["x"]).options(timeout_s=timeout_s)
        return label.bind(found, "is")

for timeout_s in (5, 6):
    late = graphnb.deploy(told(timeout_s), name="late", on="ray")
(replica,) = replicas_of("late")["DAGDriver"]
value = ray.get(replica.__ray_call__.remote(again))
""")
    earlier, before, after = numbers
    assert earlier < before
    assert after == before
    kernel.run("late.delete()")
