"""Deployments that the tests of authoring bind; none of them ever runs."""

from graphnb import serve
from graphnb.session.target import graph_of


@serve.deployment
def tokenize(text, lower=True):
    """Words of a text."""


@serve.deployment
async def embed(*texts, **settings):
    """Vectors of texts."""


@serve.deployment
class Model:
    """Scores with a weight."""

    def __init__(self, weight, bias=0):
        self.weight = weight

    def score(self, tokens, *, scale=1):
        """A number."""

    async def classify(self, tokens):
        """A class."""

    def stream(self, tokens):
        """One score after the other."""
        yield from tokens

    async def astream(self, tokens):
        """Likewise, async."""
        for one in tokens:
            yield one

    @staticmethod
    def normalize(text):
        """Not bound to an instance."""

    @classmethod
    def family(cls, name):
        """Bound to the class."""

    def __call__(self, tokens):
        """The default method."""

    def _private(self):
        """Nobody's business."""


@serve.deployment
class Holder:
    """Holds whatever it is given."""

    def __init__(self, *args, **kwargs):
        self.args = args

    def run(self, *args, **kwargs):
        """Uses what it holds."""


def spec_of(target):
    """The spec of a target, as `graphnb.deploy` would build it."""
    return graph_of(target).spec
