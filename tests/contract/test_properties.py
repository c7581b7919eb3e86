"""Generated graphs against a plain-Python evaluation of the same program."""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphnb.session.target import graph_of
from tests import strategies

# Ray Serve uses it in the background, while strategies draw.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")

# A graph is deleted by the next deploy under its name, and after the test.
shared_fixtures = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
_examples = itertools.count()


@shared_fixtures
@given(strategies.programs(), st.lists(strategies.requests, min_size=1, max_size=2))
def test_a_graph_answers_what_plain_python_answers(deploy, program, requests):
    """Whatever the shape of a graph of pure steps, it computes what its program says."""
    graph = deploy(program.bind())
    answers = [graph.remote(one) for one in requests]
    assert [one.result() for one in answers] == [program.evaluate(one) for one in requests]


@shared_fixtures
@given(strategies.programs(), strategies.requests)
def test_each_call_that_the_root_needs_runs_once(deploy, signals, program, request_value):
    """A call runs once per request however many use it, and not at all if nobody does."""
    name = f"ran-{next(_examples)}"

    def ran(index):
        signals.note(name, index)

    deploy(program.bind(ran)).remote(request_value).result()
    assert sorted(signals.notes(name)) == sorted(program.needed())


@given(strategies.programs())
def test_the_same_program_gives_the_same_spec(program):
    """A graph that is written again is the same graph: names, ids, edges and digests."""
    first, second = graph_of(program.bind()).spec, graph_of(program.bind()).spec
    assert first == second
    assert str(first) == str(second)


@shared_fixtures
@given(strategies.programs(), strategies.requests)
def test_spans_tell_of_each_call_once_and_in_order(deploy, program, request_value):
    """A trace has one span per call node, and none begins before those that it waited for end."""
    graph = deploy(program.bind())
    response = graph.remote(request_value)
    response.result()
    spans = {
        one.call: one for one in response.request.trace("ok", None).spans if one.call is not None
    }
    assert len(spans) == len(program.needed())
    for span in spans.values():
        for source in span.after:
            assert spans[source].end_s <= span.start_s + 1e-4
