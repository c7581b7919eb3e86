"""Live pictures, from the kernel's side: what a front end is told, and what it can ask for."""

from __future__ import annotations

import json
import re
import threading
import time

import pytest

import graphnb
from graphnb import InputNode, serve
from graphnb.errors import DeployError, NodeError, NotRunningError
from graphnb.session.live import live_picture
from graphnb.session.live.picture import MAX_UNSEEN
from graphnb.session.running_graph import MAX_BENCHES
from tests.contract.waiting import eventually
from tests.session.front_end import FrontEnd, Refused


def deploy(slow_s=0.0):
    """A graph of two nodes; "bad" makes the second fail."""

    @serve.deployment
    def split(text):
        return text.split()

    @serve.deployment(num_replicas=2, ray_actor_options={"runtime_env": {"env_vars": {"K": "s3"}}})
    class Scorer:
        def __init__(self, slow_s):
            self.slow_s = slow_s

        def score(self, words):
            if self.slow_s:
                threading.Event().wait(self.slow_s)
            if "bad" in words:
                raise ValueError("a bad word")
            return len(words)

    with InputNode() as request:
        answer = Scorer.bind(slow_s).score.bind(split.bind(request))
    return graphnb.deploy(answer, name="live", http=False)


@pytest.fixture
def graph():
    """The graph, running."""
    return deploy()


@pytest.fixture
def view(graph):
    """An open view of its live picture."""
    found = FrontEnd(graph.live())
    found.ask("open")
    yield found
    found.close()
    eventually(lambda: not live_threads())


def send(graph, count, text="so it goes"):
    """Sends requests one after the other."""
    for _ in range(count):
        graph.remote(text).result()


def live_threads():
    """The threads that live pictures have."""
    return [one.name for one in threading.enumerate() if one.name == "graphnb-live"]


# --- figures -------------------------------------------------------------------------------------


def test_an_opened_view_has_the_whole_picture(view, graph):
    """Every node and line of the graph, before any request."""
    assert view.frame["head"]["requests"] == "0 requests"
    assert set(view.frame["nodes"]) == {"node-split", "node-Scorer.score", "deployment-DAGDriver"}
    assert view.node("node-split")["p"] == ["–", "–", "–"]
    traits = view.picture.widget.picture
    assert set(view.frame["edges"]) == set(traits["edges"])
    assert all(f'id="{one}"' in traits["svg"] for one in (*traits["nodes"], *traits["edges"]))


def test_figures_follow_requests(view, graph):
    """After each request numbers change, without being asked for."""
    send(graph, 30)
    view.until(lambda: view.node("node-Scorer.score")["count"] == "30×")
    node = view.node("node-split")
    assert node["p"][0].endswith(" ms")
    assert not node["few"]
    assert view.frame["head"]["requests"] == "30 requests"
    assert view.frame["edges"]["edge-split--Scorer.score"]["rate"].endswith("/s")
    assert sum(node["split"]) == pytest.approx(1.0, abs=0.02)


def test_few_samples_are_marked(view, graph):
    """Nineteen are few; the twentieth makes them enough."""
    send(graph, 19)
    view.until(lambda: view.node("node-split")["count"] == "19×")
    assert view.node("node-split")["few"]
    send(graph, 1)
    view.until(lambda: not view.node("node-split")["few"])


def test_requests_from_before_the_view_are_counted(graph):
    """Those that the graph still knows, since it was deployed."""
    send(graph, 7)
    view = FrontEnd(graph.live())
    view.ask("open")
    view.until(lambda: view.node("node-split")["count"] == "7×")
    view.close()


def test_a_request_that_ends_while_the_view_opens_counts_once(graph, monkeypatch):
    """It is among those that are known, and it is told of."""
    recorder = graph._application.recorder
    known = recorder.traces

    def late(*given):
        send(graph, 1)
        return known(*given)

    send(graph, 2)
    monkeypatch.setattr(recorder, "traces", late)
    view = FrontEnd(graph.live())
    view.ask("open")
    view.until(lambda: view.node("node-split")["count"] == "3×")
    monkeypatch.undo()
    send(graph, 1)
    view.until(lambda: view.node("node-split")["count"] == "4×")
    assert view.frame["head"]["requests"] == "4 requests"
    view.close()


def test_what_was_sent_adds_up_to_what_there_is(view, graph):
    """Whoever merged every change has what whoever opens now gets."""
    for text in ("a b", "so it goes", "c"):
        send(graph, 5, text)
    view.until(lambda: view.node("deployment-DAGDriver")["count"] == "15×")
    merged = view.frame
    other = FrontEnd(view.picture, "view-2")
    fresh = other.ask("open")
    assert {name: one["count"] for name, one in fresh["nodes"].items()} == {
        name: one["count"] for name, one in merged["nodes"].items()
    }
    assert fresh["nodes"] == view.frame["nodes"]
    other.close()


def test_failures_are_counted_where_they_happened(view, graph):
    """On the node and on the whole, not on the nodes before."""
    with pytest.raises(NodeError):
        graph.remote("bad luck").result()
    view.until(lambda: view.node("node-Scorer.score")["errors"] == "1 error")
    assert view.node("node-split")["errors"] == ""
    assert view.frame["head"]["errors"] == "1 error"


def test_calls_under_way_are_shown(signals):
    """While a request is at work its node is busy, and its figures have not changed."""

    @serve.deployment(max_ongoing_requests=1)
    async def wait(x):
        await signals.anote("began", x)
        await signals.await_("go")
        return x

    with InputNode() as request:
        graph = graphnb.deploy(wait.bind(request), name="gated", http=False)
    view = FrontEnd(graph.live())
    view.ask("open")
    responses = [graph.remote(one) for one in range(3)]
    view.until(lambda: view.node("node-wait")["now"] == "1 busy · 2 queued")
    signals.release()
    for one in responses:
        one.result()
    view.until(lambda: view.node("node-wait")["now"] == "")
    view.close()


def test_what_is_chosen_at_run_time_lights_up():
    """The handle that a node called is lit and has a rate; the other is dim."""

    @serve.deployment
    class Model:
        def __init__(self, name):
            self.name = name

        def __call__(self, x):
            return self.name

    @serve.deployment
    class Switch:
        def __init__(self, small, large):
            self.small, self.large = small, large

        async def route(self, x):
            return await (self.small if x < 10 else self.large).remote(x)

    with InputNode() as request:
        switch = Switch.bind(Model.bind("small"), Model.bind("large"))
        graph = graphnb.deploy(switch.route.bind(request), name="choice", http=False)
    view = FrontEnd(graph.live())
    view.ask("open")
    # What ends while the view opens may count among what was before, which lights up nothing.
    graph.remote(1).result()
    view.until(lambda: view.node("deployment-Model")["count"] == "1×")
    seen = []
    graph.remote(1).result()
    view.until(lambda: seen.append(view.frame["edges"]["handle-Switch--Model"]["lit"]) or any(seen))
    view.until(lambda: view.node("deployment-Model_1")["dim"])
    assert view.frame["edges"]["handle-Switch--Model_1"]["dim"]
    assert view.frame["edges"]["handle-Switch--Model"]["rate"]
    view.close()


# --- its thread ----------------------------------------------------------------------------------


def test_nothing_runs_until_a_view_is_open(graph):
    """A picture that nobody looks at costs requests nothing."""
    eventually(lambda: not live_threads())
    graph.live()
    assert live_threads() == []


def test_two_pictures_share_a_thread(graph):
    """And it ends with the last view."""
    views = [FrontEnd(graph.live()) for _ in range(2)]
    for one in views:
        one.ask("open")
    assert live_threads() == ["graphnb-live"]
    views[0].close()
    send(graph, 3)
    views[1].until(lambda: views[1].node("node-split")["count"] == "3×")
    views[1].close()
    eventually(lambda: not live_threads())


def test_the_thread_ends_with_the_graph(view, graph):
    """The view says so, and asks are refused in words."""
    graph.delete()
    view.until(lambda: view.frame["head"]["state"] == "ended")
    eventually(lambda: not live_threads())
    with pytest.raises(Refused):
        view.ask("again")
    with pytest.raises(NotRunningError):
        graph.live()


def test_a_view_can_be_opened_again(view, graph):
    """After the thread has ended, figures are there and go on."""
    send(graph, 5)
    view.close()
    eventually(lambda: not live_threads())
    send(graph, 2)
    view.ask("open")
    view.until(lambda: view.node("node-split")["count"] == "7×")


def test_a_view_that_does_not_keep_up_is_told_less(graph):
    """So many ticks behind it gets one a second, and all again when it has seen them."""
    picture = graph.live()
    view = FrontEnd(picture)
    view.ask("open")
    picture._watch.remove(picture)  # the thread: this test is its clock
    eventually(lambda: not live_threads())
    before, now = view.ticks, time.monotonic()
    told = 0
    for index in range(MAX_UNSEEN + 30):
        send(graph, 1)
        now += 0.1
        picture._watch.figures.note(graph.traces(1)[0])
        picture._watch.look(now)
        picture.show(now)
        if index == MAX_UNSEEN:
            told = view.ticks
    assert told - before >= MAX_UNSEEN
    assert 1 <= view.ticks - told <= 4
    view.say("seen", tick=10_000)
    picture._watch.figures.note(graph.traces(1)[0])
    behind = view.ticks
    for _ in range(5):
        now += 0.1
        picture._watch.figures.note(graph.traces(1)[0])
        picture._watch.look(now)
        picture.show(now)
    assert view.ticks - behind >= 3


def test_a_picture_that_fails_leaves_requests_alone(view, graph, monkeypatch, caplog):
    """It is closed, and the log says why."""

    def fail(_message):
        raise RuntimeError("the page is on fire")

    monkeypatch.setattr(view.picture.widget, "send", fail)
    send(graph, 3)
    eventually(lambda: not live_threads())
    assert graph.remote("still there").result() == 2
    assert "on fire" in caplog.text


# --- windows and comparisons ---------------------------------------------------------------------


def test_a_bench_can_be_looked_at(view, graph):
    """Its figures stand still, whatever comes after."""
    graph.bench(["a b c"], count=25)
    view.until(lambda: len(view.frame["choices"]["windows"]) == 4)
    bench = view.frame["choices"]["windows"][-1]
    assert bench["label"].startswith("bench 1: 25 requests")
    view.ask("choose", window=bench["key"])
    send(graph, 5)
    assert view.node("node-split")["count"] == "25×"
    assert view.frame["head"]["window"] == bench["label"]


def test_what_is_shown_can_be_kept_and_compared(view, graph):
    """What was kept stays what it was; each node says how it differs, with the counts."""
    send(graph, 30)
    view.until(lambda: view.node("node-split")["count"] == "30×")
    view.ask("choose", window="all", against="pin")
    assert view.node("node-split")["change"].endswith("30→30")
    assert view.node("node-split")["trend"] == "same"
    send(graph, 10)
    view.until(lambda: view.node("node-split")["change"].endswith("30→40"))
    view.ask("choose", against="")
    assert view.node("node-split")["change"] == ""


def test_an_edit_can_be_compared_with_what_was_before(view, graph):
    """The slowed node is slower, the one before it is not; the figures began anew."""
    send(graph, 40)
    view.until(lambda: view.node("node-split")["count"] == "40×")
    deploy(slow_s=0.02)
    view.until(lambda: view.picture.widget.picture["number"] == 2)
    frame = view.ask("open")
    assert frame["nodes"]["node-split"]["count"] == ""
    view.ask("choose", against="before", window="all")
    send(graph, 25)
    view.until(lambda: view.node("node-Scorer.score")["trend"] == "slower")
    assert re.search(r"40→\d+$", view.node("node-Scorer.score")["change"])


def test_a_paused_picture_stands_still(view, graph):
    """No tick comes until it goes on; then it has what came meanwhile."""
    view.ask("choose", paused=True)
    ticks = view.ticks
    send(graph, 12)
    seen = FrontEnd(graph.live(), "another")
    seen.ask("open")
    seen.until(lambda: seen.node("node-split")["count"] == "12×")
    assert view.ticks == ticks
    view.ask("choose", paused=False)
    assert view.node("node-split")["count"] == "12×"
    seen.close()


@pytest.mark.parametrize("choice", [{"window": "bench:9"}, {"against": "pin:3"}, {"window": 7}])
def test_what_is_not_there_cannot_be_chosen(view, choice):
    """It is refused, and what was chosen stays."""
    with pytest.raises(Refused):
        view.ask("choose", **choice)
    assert view.ask("choose")["choices"]["window"] == "10s"


# --- nodes and requests --------------------------------------------------------------------------


def test_a_node_shows_its_code_options_and_times(view, graph):
    """Options that were set beside the defaults that matter; no value of the environment."""
    send(graph, 20)
    found = view.ask("node", node="node-Scorer.score")
    assert (found["title"], found["called"]) == ("answer", "Scorer.score")
    assert "def score" in found["source"]
    assert {"name": "num_replicas", "value": "2", "set": True} in found["options"]
    assert {"name": "max_ongoing_requests", "value": "5", "set": False} in found["options"]
    assert "s3" not in json.dumps(found["options"])
    assert found["times"][0]["name"] == "total"
    assert sum(one["count"] for one in found["histogram"]) == 20
    assert found["scale"] == {"num_replicas": 2, "max_ongoing_requests": 5}
    assert found["slowest"]["request"] in {one.request_id for one in graph.traces(100)}


def test_a_node_shows_its_last_error(view, graph):
    """With the traceback from user code on, and the request."""
    response = graph.remote("bad luck")
    with pytest.raises(NodeError):
        response.result()
    error = view.ask("node", node="node-Scorer.score")["error"]
    assert "a bad word" in error["message"]
    assert 'raise ValueError("a bad word")' in error["traceback"]
    assert "graphnb/engine" not in error["traceback"]
    assert error["request"] == response.request.request_id
    assert view.ask("node", node="node-split")["error"] is None


def test_the_request_itself_can_be_clicked(view):
    """It has no deployment, and says so."""
    found = view.ask("node", node="node-input")
    assert (found["called"], found["scale"], found["options"]) == ("the request", None, [])


def test_requests_are_listed_and_shown(view, graph):
    """The last first, the slowest, and the failed; each has its waterfall."""
    send(graph, 3)
    with pytest.raises(NodeError):
        graph.remote("bad luck").result()
    lists = view.ask("requests")
    assert [one["outcome"] for one in lists["last"]] == ["error", "ok", "ok", "ok"]
    assert [one["outcome"] for one in lists["failed"]] == ["error"]
    shown = view.ask("request", which=lists["failed"][0]["id"])
    assert shown == view.ask("request", which="failed")
    assert shown["svg"].startswith("<svg")
    assert "split" in shown["text"]
    saved = view.ask("trace", which="last")
    assert json.loads(saved["text"])["request_id"] == lists["last"][0]["id"]


def test_a_request_that_is_not_kept_is_named(view):
    """With what can be asked for."""
    with pytest.raises(Refused, match="no-such") as refused:
        view.ask("request", which="no-such")
    assert "slowest" in str(refused.value) + refused.value.hint


# --- acts ----------------------------------------------------------------------------------------


def test_the_last_request_can_be_sent_again(view, graph):
    """With the same arguments; it is one more request."""
    graph.remote("one two three").result()
    found = view.ask("again")
    assert found["said"].startswith("answered in ")
    assert graph.traces(1)[0].request_id == found["request"]
    view.until(lambda: view.node("node-split")["count"] == "2×")


def test_without_a_request_there_is_none_to_send_again(view):
    """It says how to send one."""
    with pytest.raises(Refused) as refused:
        view.ask("again")
    assert "remote" in refused.value.hint


def test_a_request_that_fails_again_says_so(view, graph):
    """In one line, as any failure."""
    with pytest.raises(NodeError):
        graph.remote("bad luck").result()
    with pytest.raises(Refused, match="a bad word"):
        view.ask("again")


def test_replicas_can_be_changed_in_place(view, graph):
    """The graph answers on, its figures stay, and there is code to paste."""
    send(graph, 4)
    found = view.ask("scale", node="node-Scorer.score", num_replicas=3, max_ongoing_requests=7)
    assert found["code"] == "Scorer = Scorer.options(num_replicas=3, max_ongoing_requests=7)"
    assert [one.replicas for one in graph.status() if one.name == "Scorer"] == [3]
    view.until(lambda: view.picture.widget.picture["number"] == 2)
    view.ask("open")
    view.until(lambda: view.node("node-Scorer.score")["replicas"] == "3/3")
    assert view.node("node-Scorer.score")["count"] == "4×"


@pytest.mark.parametrize("number", [0, -1, True, "3", 1.5])
def test_numbers_that_do_not_do_change_nothing(view, graph, number):
    """They are refused, and the graph is as it was."""
    with pytest.raises(Refused):
        view.ask("scale", node="node-split", num_replicas=number, max_ongoing_requests=5)
    assert [one.replicas for one in graph.status() if one.name == "split"] == [1]


def test_what_scales_by_itself_is_left_alone():
    """Its numbers are in its code."""

    @serve.deployment(autoscaling_config={"min_replicas": 1, "max_replicas": 2})
    def auto(x):
        return x

    with InputNode() as request:
        graph = graphnb.deploy(auto.bind(request), name="auto", http=False)
    with pytest.raises(DeployError, match="scales by itself"):
        graph.scale("auto", num_replicas=2)
    view = FrontEnd(graph.live())
    view.ask("open")
    found = view.ask("node", node="node-auto")
    assert found["scale"] is None
    assert "autoscaling_config" in found["scale_note"]
    view.close()


def test_the_picture_can_be_saved(view, graph):
    """With the figures that it shows."""
    send(graph, 3)
    view.until(lambda: view.node("node-split")["count"] == "3×")
    saved = view.ask("export")
    assert saved["name"] == "live.svg"
    assert "3×" in saved["text"]


def test_the_graph_can_be_stopped(view, graph):
    """As by `delete`."""
    assert view.ask("stop")["said"] == "live has ended"
    assert graphnb.running() == []


# --- messages ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        None,
        "ask",
        {"type": "other"},
        {"type": "ask"},
        {"type": "ask", "verb": 1, "view": "v", "id": 1},
        {"type": "ask", "verb": "node", "view": "v", "id": "1"},
    ],
)
def test_messages_of_others_are_ignored(view, message):
    """The widget's own and those of extensions come the same way."""
    view.picture.widget._received(None, message, [])
    assert view.ask("choose")["picture"] == 1


@pytest.mark.parametrize(
    ("verb", "args"),
    [("nothing", {}), ("node", {}), ("node", {"node": "node-x"}), ("request", {"which": 3})],
)
def test_asks_that_make_no_sense_are_refused(view, verb, args):
    """In words, and the picture goes on."""
    with pytest.raises(Refused):
        view.ask(verb, **args)


def test_a_view_shows_the_static_picture_too(graph):
    """Where no JavaScript runs there is the picture, and its text is stable."""
    data, _ = graph.live()._repr_mimebundle_()
    assert data["text/plain"].startswith("graph root DAGDriver")
    assert data["image/svg+xml"].startswith("<svg")
    assert data["application/vnd.graphnb.graph+json"] == {"version": 1}
    assert "application/vnd.jupyter.widget-view+json" in data
    again, _ = graph.live()._repr_mimebundle_()
    assert {kind: one for kind, one in data.items() if "widget" not in kind} == {
        kind: one for kind, one in again.items() if "widget" not in kind
    }


def test_a_watch_is_shared_by_all_forms_of_a_graph(graph):
    """Options make no other graph of it."""
    live_picture(graph)
    assert graph.options(timeout_s=1)._kept.watch is graph._kept.watch


def test_the_slowest_request_of_a_node_is_shown(view, graph):
    """Not that of the whole graph."""
    for number in range(4):
        graph.remote("x " * (number + 1)).result()
    slowest = view.ask("node", node="node-split")["slowest"]["request"]
    assert view.ask("request", which="slowest", node="node-split")["id"] == slowest


def test_a_bench_that_is_kept_no_more_closes_nothing(view, graph):
    """The picture goes back to what there always is."""
    graph.bench(["a"], count=1, warmup=0)
    view.ask("choose", window="bench:1", against="bench:1")
    for _ in range(MAX_BENCHES):
        graph.bench(["a"], count=1, warmup=0)
    view.until(lambda: view.frame["choices"]["window"] == "10s")
    assert view.frame["choices"]["against"] == ""
    send(graph, 3)
    assert live_threads() == ["graphnb-live"]


def test_a_view_that_says_that_it_is_there_stays(graph):
    """For hours without a request; one that says nothing for a minute is gone."""
    picture = graph.live()
    view = FrontEnd(picture)
    view.ask("open")
    now = time.monotonic()
    picture._views["view-1"] = now + 600  # as if it had said so ten minutes from now
    picture.show(now + 650)
    assert picture._views
    picture.show(now + 661)
    assert not picture._views
    eventually(lambda: not live_threads())


def test_the_last_requests_are_counted_when_the_graph_ends(view, graph):
    """Those of the moment before as well."""
    view.ask("choose", window="all")
    send(graph, 25)
    graph.delete()
    view.until(lambda: view.frame["head"]["state"] == "ended")
    assert view.frame["head"]["requests"] == "25 requests"
    assert view.node("node-split")["count"] == "25×"
    assert view.node("node-split")["replicas"] == ""


def test_a_state_that_cannot_be_had_stops_nothing(view, graph, monkeypatch, caplog):
    """It is said once, and figures go on."""

    def fail():
        raise OSError("no route to the cluster")

    monkeypatch.setattr(graph._kept.watch._graph, "status", fail)
    graph._kept.watch._next_status = 0.0
    send(graph, 5)
    view.until(lambda: view.node("node-split")["count"] == "5×")
    eventually(lambda: "the state of 'live': not known" in caplog.text)
    send(graph, 5)
    view.until(lambda: view.node("node-split")["count"] == "10×")
    assert caplog.text.count("not known") == 1


def test_a_picture_of_options_knows_of_later_deploys(graph):
    """All forms of a graph know what was deployed last."""
    form = graph.options(timeout_s=5)
    deploy(slow_s=0.001)
    assert form.deployed is graph.deployed


def test_an_error_of_code_that_was_replaced_is_not_shown(view, graph):
    """The node that was mended has none."""
    with pytest.raises(NodeError):
        graph.remote("bad luck").result()
    assert view.ask("node", node="node-Scorer.score")["error"]
    deploy(slow_s=0.001)
    view.until(lambda: view.picture.widget.picture["number"] == 2)
    view.ask("open")
    assert view.ask("node", node="node-Scorer.score")["error"] is None


def test_code_to_paste_changes_one_deployment():
    """Where a class is bound twice it names the one."""

    @serve.deployment
    class Model:
        def __call__(self, x):
            return x

    with InputNode() as request:
        graph = graphnb.deploy(
            {"/a": Model.bind().__call__.bind(request), "/b": Model.bind().__call__.bind(request)},
            name="twice",
            http=False,
        )
    code = graph.scale("Model", num_replicas=2)
    assert code.startswith("Model.options(name='Model', num_replicas=2)")
    with pytest.raises(DeployError, match="nothing"):
        graph.scale("Model")
    with pytest.raises(DeployError, match="10,000"):
        graph.scale("Model", num_replicas=100_000_000)
