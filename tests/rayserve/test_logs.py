"""What nodes print and log on Ray: found wherever their replicas are, and after their end."""

import logging
import os
import sys
import time
import warnings
from pathlib import Path

import httpx
import pytest

import graphnb
from graphnb import DAGDriver, InputNode, serve
from graphnb.errors import DeployError, NotRunningError
from graphnb.executors import HttpOptions
from graphnb.rayserve import logs as reading
from graphnb.session.logs import ended_logs

pytestmark = [pytest.mark.ray, pytest.mark.timeout(150)]


@pytest.fixture
def deploy(quick_ends, signals):
    """`graphnb.deploy` on Ray, without HTTP unless asked for; ends every graph after the test."""

    def deploy_there(target, *, name="logged", **options):
        return graphnb.deploy(target, name=name, on="ray", **{"http": False, **options})

    yield deploy_there
    signals.release()
    graphnb.serve.shutdown()


def until(condition, found):
    """What `found` gives as soon as the condition holds of it; Ray tells of deaths when it can."""
    for _ in range(400):
        value = found()
        if condition(value):
            return value
        time.sleep(0.05)
    raise AssertionError(f"never came:\n{value}")


def texts(logs, **wanted):
    """What lines say, of those with these attributes."""
    return [
        one.text
        for one in logs
        if all(getattr(one, name) == value for name, value in wanted.items())
    ]


@pytest.fixture
def chain(deploy):
    """Two nodes, one sync and one async, which print in every way."""

    @serve.deployment
    def loud(x):
        print("out", x)
        print("err", x, file=sys.stderr)
        logging.getLogger("ray.serve").info("logged %s", x)
        warnings.warn(f"careful {x}", stacklevel=1)
        return x

    @serve.deployment
    async def soft(x):
        print("first", x)
        print("  second", x)
        return x

    with InputNode() as request:
        return deploy(soft.bind(loud.bind(request)))


def test_prints_and_logs_of_a_node_are_brought(chain):
    """Of a sync node: what it printed on both streams and logged, in the order of events."""
    chain.remote(1).result()
    chain.remote(2).result()
    found = chain.logs("loud")
    assert texts(found, stream="out") == ["out 1", "out 2"]
    assert [one for one in texts(found, stream="err") if "careful" not in one][:1] == ["err 1"]
    assert any("careful 1" in one for one in texts(found, stream="err"))
    assert texts(found, stream="log") == ["logged 1", "logged 2"]
    at = [one.at for one in found]
    assert at == sorted(at)
    order = [one.text for one in found if one.text.split()[0] in ("out", "err", "logged")]
    assert order == ["out 1", "err 1", "logged 1", "out 2", "err 2", "logged 2"]


def test_a_record_names_its_request(chain):
    """The trace of the request that a record belongs to can be found by it."""
    chain.remote(1).result()
    (record,) = [one for one in chain.logs("loud") if one.level]
    assert record.request_id == chain.trace().request_id


def test_prints_of_an_async_node_are_brought_as_they_are(chain):
    """What was only printed is shown line by line, without anything added."""
    chain.remote(1).result()
    assert str(chain.logs("soft")) == "first 1\n  second 1"


def test_a_node_is_named_by_its_variable_too(chain, deploy):
    """As `graph.node` takes names, `graph.logs` does."""

    @serve.deployment
    def same(x):
        print("here")
        return x

    with InputNode() as request:
        named = same.bind(request)
    graph = deploy(named, name="named")
    call = graph.spec.calls[0]
    graph.remote(1).result()
    assert str(graph.logs(call.id)) == str(graph.logs("same")) == "here"


def test_all_nodes_are_brought_together(chain):
    """Without a node's name, lines of all, each with its node's name."""
    chain.remote(1).result()
    lines = str(chain.logs()).splitlines()
    assert {one.split()[0].lstrip("[") for one in lines} == {"loud", "soft"}
    assert {one.node for one in chain.logs()} == {"loud", "soft"}


def test_a_silent_node_says_so(chain):
    """Nothing printed is not an error, and what Ray Serve says of calls does not count."""
    chain.remote(1).result()
    found = chain.logs("DAGDriver")
    assert not found
    assert str(found) == "DAGDriver has printed nothing"
    assert any("CALL" in one.text for one in chain.logs("loud", everything=True))


def test_the_newest_lines_are_brought(deploy):
    """As many as are asked for, out of many more; 200 unless told."""

    @serve.deployment
    def chatty(x):
        for number in range(x):
            print("line", number)
        return x

    with InputNode() as request:
        graph = deploy(chatty.bind(request))
    graph.remote(50_000).result()
    assert texts(graph.logs("chatty", lines=2)) == ["line 49998", "line 49999"]
    assert len(graph.logs("chatty")) == 200


def test_an_unknown_node_is_named_with_those_there_are(chain):
    """As elsewhere; so is a graph that never was."""
    with pytest.raises(NotRunningError, match="no node is named 'lou'") as caught:
        chain.logs("lou")
    assert {"loud", "soft", "DAGDriver"} <= set(caught.value.known)
    assert ended_logs("never_was") is None


def test_each_replica_is_named_where_there_are_several(deploy, signals):
    """Lines of two replicas are in one order, and say whose they are."""

    @serve.deployment(num_replicas=2, max_ongoing_requests=1)
    async def pair(x):
        print("working on", x)
        await signals.ameet("both", 2)
        return os.getpid()

    with InputNode() as request:
        graph = deploy(pair.bind(request))
    responses = [graph.remote(x) for x in (1, 2)]
    assert len({one.result() for one in responses}) == 2
    found = graph.logs("pair")
    assert sorted(texts(found)) == ["working on 1", "working on 2"]
    assert len({one.replica for one in found}) == 2
    for one, line in zip(found, str(found).splitlines(), strict=True):
        assert line == f"[{one.replica}] {one.text}"


def test_last_words_of_a_replica_that_died_are_kept(deploy):
    """What it printed before its process ended, and how it ended, beside its successor's lines."""

    @serve.deployment
    def fragile(x):
        print("working on", x)
        if x == "bad":
            print("last words", file=sys.stderr)
            os._exit(1)
        return x

    with InputNode() as request:
        graph = deploy(fragile.bind(request))
    graph.remote("good").result()
    with pytest.raises(graphnb.errors.NodeError):
        graph.remote("bad").result()
    found = until(lambda one: texts(one, stream="end"), lambda: graph.logs("fragile"))
    assert texts(found, stream="out") == ["working on good", "working on bad"]
    assert texts(found, stream="err") == ["last words"]
    assert found.lines[-1].text.startswith("died at ")
    assert f"replica {found.lines[-1].replica} died at " in str(found)

    def answered():
        try:
            return graph.options(timeout_s=20).remote("again").result()
        except graphnb.errors.NodeError:
            return None

    until(lambda one: one == "again", answered)
    after = graph.logs("fragile")
    assert "last words" in texts(after)
    assert "working on again" in texts(after)
    assert len({one.replica for one in after}) == 2


def test_a_constructor_that_fails_is_told(deploy):
    """What it printed, and the user's traceback, though no graph runs."""

    @serve.deployment
    class Model:
        def __init__(self):
            print("loading")
            self.load()

        def load(self):
            raise OSError("no weights")

        def __call__(self, x):
            return x

    with InputNode() as request, pytest.raises(DeployError, match="no weights"):
        deploy(Model.bind().__call__.bind(request), name="unborn")
    found = ended_logs("unborn", "Model")
    assert texts(found, stream="out") == ["loading"]
    traceback = texts(found, stream="err")
    assert traceback[0] == "Traceback (most recent call last):"
    assert traceback[-1] == "OSError: no weights"
    assert not any(str(Path(graphnb.__file__).parent) in one for one in traceback)
    with pytest.raises(NotRunningError, match="no node is named 'Mode'"):
        ended_logs("unborn", "Mode")


def test_what_an_update_could_not_start_is_told(chain, deploy):
    """The node that failed has logs, though the graph that runs never had it."""

    @serve.deployment
    class Worse:
        def __init__(self):
            raise OSError("no weights")

        def __call__(self, x):
            return x

    with InputNode() as request, pytest.raises(DeployError, match="no weights"):
        deploy(DAGDriver.bind(Worse.bind().__call__.bind(request)))
    assert "OSError: no weights" in texts(chain.logs("Worse"))
    assert chain.remote(1).result() == 1


def test_an_edited_node_keeps_its_name(deploy):
    """Lines of the replica before the edit stay, in front of those of its successor."""

    def graph_saying(word):
        @serve.deployment
        def speak(x):
            print(word)
            return x

        with InputNode() as request:
            return deploy(speak.bind(request))

    graph_saying("old").remote(1).result()
    graph = graph_saying("new")
    graph.remote(1).result()
    assert texts(graph.logs("speak"), stream="out") == ["old", "new"]


def test_a_graph_of_the_same_name_begins_anew(deploy):
    """What an earlier graph printed, which was deleted, is not this one's."""

    @serve.deployment
    def speak(x):
        print(x)
        return x

    with InputNode() as request:
        node = speak.bind(request)
    earlier = deploy(node)
    earlier.remote("earlier").result()
    earlier.delete()
    graph = deploy(node)
    graph.remote("later").result()
    assert texts(graph.logs("speak")) == ["later"]


def test_a_failed_request_is_told_in_short(deploy):
    """Of a node that raised, the user's own frames and the error."""

    @serve.deployment
    def picky(x):
        raise ValueError("too small")

    with InputNode() as request:
        graph = deploy(picky.bind(request))
    with pytest.raises(ValueError, match="too small"):
        graph.remote(1).result()
    first, *others = graph.logs("picky")
    assert (first.level, first.text) == ("ERROR", "Request failed.")
    assert others[-1].text == "ValueError: too small"
    assert any('raise ValueError("too small")' in one.text for one in others)
    assert len(others) <= 3
    assert len(graph.logs("picky", everything=True)) > 10


def test_no_token_is_in_what_ray_keeps(deploy):
    """The bearer token of requests is in no file of Ray's, so in no log that is shown."""

    @serve.deployment
    def same(x):
        print("here")
        return x

    token = "s3cret-token-of-a-test"
    with InputNode() as request:
        graph = deploy(same.bind(request), http=HttpOptions(token=token))
    headers = {"authorization": f"Bearer {token}"}
    with httpx.Client(trust_env=False) as client:
        assert client.post(graph.url, json=1, headers=headers).json() == 1
        assert client.post(graph.url, json=1).status_code == 401
    assert token not in str(graph.logs(everything=True))
    folder = Path(reading.logs_folder())
    files = [one for one in folder.rglob("*") if one.is_file() and one.stat().st_size < 1 << 24]
    assert len(files) > 10
    assert not [one for one in files if token.encode() in one.read_bytes()]


def test_another_machine_is_asked_by_a_task(chain, monkeypatch):
    """Files that are not here are read where they are; a machine that is gone is said to be."""
    chain.remote(1).result()
    here = str(chain.logs("soft"))
    monkeypatch.setattr(reading, "_is_here", lambda _: False)
    assert str(chain.logs("soft")) == here
    kept = reading.replicas_ever
    monkeypatch.setattr(
        reading,
        "replicas_ever",
        lambda name: [reading.replace(one, machine="f" * 56) for one in kept(name)],
    )
    gone = chain.logs("soft")
    assert set(texts(gone)) == {"its machine does not tell: it has left the cluster"}
