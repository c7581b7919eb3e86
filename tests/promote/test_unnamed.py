"""Models that no variable holds."""

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from graphnb import InputNode, serve
from graphnb.authoring import build
from graphnb.promote.artifacts.unnamed import unnamed_models
from graphnb.session.target import root_of


def trained():
    """A model."""
    return LogisticRegression().fit([[0], [1]], [0, 1])


@serve.deployment
class Holder:
    """Has a model, in whatever."""

    def __init__(self, model):
        self.model = model

    def __call__(self, x):
        return x


def around(model):
    """A function with a model around it."""

    @serve.deployment
    def closed(x):
        return model.predict([[x]])

    return closed


def told(taken, *nodes):
    """What is said of each."""
    with InputNode() as request:
        value = request
        for one in nodes:
            value = one.bind(value)
    graph = build(root_of(value))
    return [one.message.partition(" is a model")[0] for one in unnamed_models(graph, taken)]


def test_a_model_that_is_made_where_it_is_bound_is_told():
    """Wherever it is in an argument."""
    held = {"all": [trained(), 1]}
    assert told([], Holder.bind(trained()).__call__) == ["the init argument 0 of Holder"]
    assert told([], Holder.bind(model=held).__call__) == ["the init argument 'model' of Holder"]
    assert told([], Holder.bind(LogisticRegression()).__call__) == []


def test_a_model_around_the_code_is_told():
    """Which no source at the top of a cell says."""
    found = told([], around(trained()))
    assert found == ["the variable 'model' around the code of closed"]


def test_what_goes_along_is_not_told():
    """As a whole, or as a part of it."""
    model, pipeline = trained(), make_pipeline(trained())
    taken = {"one": model, "other": [pipeline]}
    assert told([taken], Holder.bind([model]).__call__, around(pipeline)) == []
    assert told([taken], Holder.bind(pipeline.steps[0][1]).__call__) == []
