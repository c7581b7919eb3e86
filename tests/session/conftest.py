"""Graphs by the functions of Python, without a notebook."""

import pytest

import graphnb
from graphnb import InputNode, serve


@pytest.fixture(autouse=True)
def _ended(signals):
    """Ends every graph after the test, and lets nothing wait for ever."""
    yield
    signals.release()
    graphnb.serve.shutdown()


@pytest.fixture
def double():
    """A graph of one node: twice the request; None makes it fail."""

    @serve.deployment
    def double(x):
        return 2 * x

    with InputNode() as request:
        return double.bind(request)


@pytest.fixture
def gated(signals):
    """A graph whose node notes that it began, and answers when the gate `go` opens."""

    @serve.deployment(max_ongoing_requests=100)
    async def wait(x):
        try:  # the note is there for the test before it is for this coroutine
            await signals.anote("began", x)
            await signals.await_("go")
        except BaseException as error:
            signals.note("ended by", type(error).__name__)
            raise
        return x

    with InputNode() as request:
        return wait.bind(request)
