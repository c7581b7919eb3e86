"""The pictures of a running graph: drawn once, and ahead of need in a notebook."""

import threading
from contextlib import nullcontext

import pytest

import graphnb
from graphnb import InputNode, serve
from graphnb.errors import DeployError, NotRunningError
from graphnb.session import registry
from graphnb.views.widget import picture as drawing
from tests.contract.waiting import eventually


def target(factor=2, *, fails=False):
    """A graph of one node."""

    @serve.deployment
    class Scaler:
        def __init__(self, factor):
            self.factor = factor
            if fails:
                raise ValueError("no")

        def __call__(self, x):
            return self.factor * x

    with InputNode() as request:
        return Scaler.bind(factor).__call__.bind(request)


@pytest.fixture
def drawn(monkeypatch):
    """The graphs that were drawn, and by which thread."""
    found, draw = [], drawing._draw

    def noted(spec):
        made = draw(spec)
        found.append((spec, threading.current_thread().name))
        return made

    monkeypatch.setattr(drawing, "_draw", noted)
    return found


@pytest.fixture
def in_a_notebook():
    """Deploys as a notebook does, of which nothing is known here."""

    class Notebook:
        def before_deploy(self):
            """Nothing has a name."""

        def where(self, _definition):
            """Nobody knows."""

        def progress(self, _label):
            """Nothing is shown."""
            return nullcontext(lambda _said: None)

    registry.deploy_within(Notebook())
    yield
    registry.deploy_within(None)


def test_live_views_of_a_graph_share_a_picture(drawn):
    """However many there are, it is drawn once until the graph is another one."""
    graph = graphnb.deploy(target(), name="drawn", http=False)
    first, second = graph.live(), graph.live()
    assert len(drawn) == 1
    assert first.widget.picture == second.widget.picture
    graph = graphnb.deploy(target(3), name="drawn", http=False)
    graph.live()
    assert [spec for spec, _ in drawn][1:] == [graph.spec]


def test_a_graph_that_has_ended_has_no_live_view():
    """Also when there was one of it before that nobody has looked at since."""
    graph = graphnb.deploy(target(), name="drawn", http=False)
    graph.live()
    graph.delete()
    with pytest.raises(NotRunningError):
        graph.live()


def test_outside_a_notebook_nothing_is_drawn_that_nobody_looks_at(drawn):
    """A script pays nothing for pictures."""
    graphnb.deploy(target(), name="drawn", http=False)
    assert drawn == []


@pytest.mark.usefixtures("in_a_notebook")
def test_in_a_notebook_a_graph_is_drawn_while_it_is_deployed(drawn):
    """A live picture of it is there as soon as it is asked for."""
    graph = graphnb.deploy(target(), name="drawn", http=False)
    eventually(lambda: drawn == [(graph.spec, "graphnb-draw")])
    graph.live()
    assert len(drawn) == 1


@pytest.mark.usefixtures("in_a_notebook")
def test_a_failed_deploy_leaves_the_picture_of_what_runs(drawn):
    """It is not drawn again."""
    graph = graphnb.deploy(target(), name="drawn", http=False)
    eventually(lambda: len(drawn) == 1)
    with pytest.raises(DeployError):
        graphnb.deploy(target(3, fails=True), name="drawn", http=False)
    eventually(lambda: len(drawn) == 2)
    assert 'id="deployment-' in graph.live().widget.picture["svg"]
    assert len(drawn) == 2


@pytest.mark.usefixtures("in_a_notebook")
def test_a_picture_that_cannot_be_drawn_fails_where_it_is_asked_for(monkeypatch, capfd):
    """The deploy is not told of it, nor does a thread print it."""
    asked = threading.Event()

    def fail(_spec):
        asked.set()
        raise RuntimeError("out of paint")

    monkeypatch.setattr(drawing, "_draw", fail)
    graph = graphnb.deploy(target(), name="drawn", http=False)
    assert asked.wait(10)
    assert graph.remote(2).result() == 4
    with pytest.raises(RuntimeError, match="out of paint"):
        graph.live()
    assert "paint" not in "".join(capfd.readouterr())
