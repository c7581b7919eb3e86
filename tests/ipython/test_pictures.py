"""What graphs look like in a notebook: nodes, running graphs, `%graph`."""

import re
import xml.etree.ElementTree as ET

import pytest

import graphnb

WALK = """
@serve.deployment
async def tokenize(text):
    return text.split()

@serve.deployment(num_replicas=2)
class Scorer:
    def __init__(self, weight):
        self.weight = weight

    async def score(self, tokens):
        return self.weight * len(tokens)

@serve.deployment
class Ensemble:
    def __init__(self, first, second):
        self.scorers = [first, second]

    async def run(self, tokens, policy):
        return policy, [await one.score.remote(tokens) for one in self.scorers]

with InputNode() as request:
    tokens = tokenize.bind(request["text"])
    small, large = Scorer.bind(0.5), Scorer.bind(2.0)
    best = Ensemble.bind(small, large).run.bind(tokens, request["policy"])
"""

TEXT = [
    "graph root DAGDriver: 5 deployments, 2 calls",
    "  request",
    "  tokens = tokenize(text ← request['text'])",
    "  best   = Ensemble.run(tokens ← tokens, policy ← request['policy'])",
]

FORMS = {"text/plain", "image/svg+xml", "text/html"}
UNSTABLE = re.compile(r"0x[0-9a-f]{4,}|127\.0\.0\.1|\b[0-9a-f]{8}-|\d ms\b|\d:\d\d:\d\d|/tmp/")


@pytest.fixture
def walk(notebook):
    """A notebook in which the graph is written, not deployed."""
    notebook.run(WALK)
    return notebook


@pytest.fixture
def running(walk):
    """A notebook in which the graph runs as `g` and has answered one request."""
    walk.run("%deploy best g --no-http")
    assert walk.run('%request g {"text": "a b", "policy": "all"}').value == ("all", [1.0, 4.0])
    return walk


@pytest.mark.parametrize(
    "cell", ["best", "%graph best", "%deploy best g", "display(best)", "DAGDriver.bind(best)"]
)
def test_a_graph_shows_as_its_picture(walk, cell):
    """Text, SVG and an image element, the same wherever the graph is shown."""
    (bundle,) = walk.run(cell).displays
    assert set(bundle) == FORMS
    assert bundle == walk.run("best").displays[0]
    assert ET.fromstring(bundle["image/svg+xml"]).tag.endswith("svg")
    assert bundle["text/html"].startswith('<img src="data:image/svg+xml;base64,')


def test_the_text_is_the_topology(walk):
    """`text/plain` names calls by their variables, and the parts of the input that they take."""
    assert walk.run("best").texts[0].splitlines()[:4] == TEXT


@pytest.mark.parametrize("cell", ["g", "%graph g", "g.spec", "%graph g --latency"])
def test_a_running_graph_shows_as_its_picture(running, cell):
    """So does the running graph, its spec, and `%graph` by its name."""
    (bundle,) = running.run(cell).displays
    assert set(bundle) == FORMS
    assert bundle["text/plain"] == running.run("best").texts[0]


def test_a_node_inside_the_graph_shows_what_it_needs(walk):
    """A node's picture is the graph that ends in it."""
    text = walk.run("tokens").texts[0]
    assert "tokens = tokenize" in text
    assert "best" not in text


def test_a_bound_class_shows_as_its_picture(walk):
    """A class bound with its init args shows as well, with those that it holds."""
    (bundle,) = walk.run("Ensemble.bind(small, large)").displays
    assert set(bundle) == FORMS
    assert "Ensemble ⇢ Scorer, Scorer_1" in bundle["text/plain"]


def test_nothing_unstable_is_shown(running):
    """No address, id, time, port or path of this machine is in any form of a picture."""
    for cell in ("best", "g", "%graph g", "small", "request", "Scorer"):
        for bundle in running.run(cell).displays:
            for kind, text in bundle.items():
                assert not UNSTABLE.search(text), f"{kind} of {cell}"


def test_the_picture_does_not_move_with_the_code(walk):
    """The same topology with other code, in another cell, is the same picture, byte for byte."""
    first = walk.run("best").displays
    walk.run(WALK.replace("text.split()", "text.split(',')"))
    assert walk.run("best").displays == first


def test_latency_is_on_the_picture_and_not_in_the_text(running):
    """`--latency` adds what the last requests took; the text stays what nbval compares."""
    plain = running.run("%graph g").displays[0]
    overlaid = running.run("%graph g --latency").displays[0]
    assert overlaid["text/plain"] == plain["text/plain"]
    assert re.search(r"\d ms", overlaid["image/svg+xml"])
    assert not re.search(r"\d ms", plain["image/svg+xml"])


def test_latency_without_requests_is_said(walk):
    """Before the first request there is nothing to measure; the graph is shown all the same."""
    walk.run("%deploy best g --no-http")
    shown = walk.run("%graph g --latency")
    assert shown.out == "no request has been answered yet\n"
    assert shown.texts == walk.run("%graph g").texts


def test_a_graph_is_drawn_without_being_deployed(walk):
    """`%graph VAR` runs nothing."""
    assert walk.run("%graph best").success
    assert graphnb.running() == []


def test_a_dict_of_routes_is_drawn(walk):
    """`%graph` draws a dict from route to node with its driver."""
    walk.run('routes = {"/tokens": tokens, "/best": best}')
    (text,) = walk.run("%graph routes").texts
    assert "DAGDriver runs tokens" in text
    assert "DAGDriver runs best" in text


def test_a_node_that_breaks_a_rule_still_displays(notebook):
    """Its display is the rule's message, not a traceback."""
    notebook.run(
        """
        @serve.deployment
        def add(a, b):
            return a + b

        with InputNode() as one, InputNode() as other:
            both = add.bind(one, other)
        """
    )
    shown = notebook.run("both")
    assert shown.success
    assert "GN105" in shown.texts[0]
    assert "Traceback" not in shown.everything


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("%graph WALK", "no graph named 'WALK'"),
        ("%graph", "required: VAR"),
        ("%graph tokenize", "tokenize"),
    ],
)
def test_what_cannot_be_drawn_is_a_usage_error(walk, line, says):
    """One line says what was found; an unknown variable tells the nearest."""
    shown = walk.run(line)
    assert not shown.success
    assert shown.err.startswith("UsageError: ")
    assert says in shown.err
    assert shown.displays == []


def test_drawing_names_the_nearest_variable(walk):
    """`%graph bst` offers `best`, as `%deploy bst` does."""
    assert "did you mean best?" in walk.run("%deploy bst").err
    assert "did you mean best?" in walk.run("%graph bst").err


def test_a_picture_without_graphviz_is_text(walk, monkeypatch):
    """Where nothing can be laid out, the plain text is shown."""
    from graphnb.errors import RenderError
    from graphnb.views import mime

    def fail(spec, summary=None):
        raise RenderError("no Graphviz")

    monkeypatch.setattr(mime, "to_svg", fail)
    (bundle,) = walk.run("best").displays
    assert set(bundle) == {"text/plain"}
