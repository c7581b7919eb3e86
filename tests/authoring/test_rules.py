"""The rules GN101 to GN119: each mistake has a code, a node, a message naming it, and a hint."""

import threading

import pytest

from graphnb import DAGDriver, InputNode, deploy, errors, serve
from tests.authoring.definitions import Holder, Model, embed, spec_of, tokenize


def _unknown_method():
    Model.bind(1).scroe.bind(1)


def _unknown_method_of_a_class_without_any():
    @serve.deployment
    class Empty:
        pass

    Empty.bind().run.bind(1)


def _missing_argument():
    with InputNode() as inp:
        Model.bind(1).score.bind(scale=inp)


def _surplus_argument():
    with InputNode() as inp:
        tokenize.bind(inp, True, 3)


def _unknown_name():
    with InputNode() as inp:
        tokenize.bind(inp, upper=True)


def _missing_init_argument():
    Model.bind()


def _part_of_a_result_in_init():
    with InputNode() as inp:
        inner = Holder.bind(tokenize.bind(inp)["words"])
    spec_of(Holder.options(name="Outer").bind(inner))


def _class_as_call_argument():
    with InputNode() as inp:
        spec_of(embed.bind(inp, [Model.bind(1)]))


def _input_in_init():
    with InputNode() as inp:
        Model.bind(inp)


def _part_of_input_deep_in_init():
    with InputNode() as inp:
        Holder.bind({"a": [inp["k"].x]})


def _input_after_its_with():
    with InputNode() as inp:
        pass
    tokenize.bind(inp)


def _part_after_its_with():
    with InputNode() as inp:
        part = inp["text"]
    embed.bind([part])


def _input_without_with():
    tokenize.bind(InputNode())


def _two_inputs():
    with InputNode() as first:
        words = tokenize.bind(first)
    with InputNode() as second:
        node = embed.bind(words, second)
    spec_of(node)


def _two_inputs_within_each_other():
    with InputNode() as first, InputNode() as second:
        node = embed.bind(first, second)
    spec_of(node)


def _binding_a_bound_class():
    Model.bind(1).bind(2)


def _binding_a_bound_call():
    with InputNode() as inp:
        tokenize.bind(inp).bind(inp)


def _remote_on_a_call():
    with InputNode() as inp:
        tokenize.bind(inp).remote("text")


def _remote_on_a_part_of_a_result():
    with InputNode() as inp:
        tokenize.bind(inp)["words"].remote("text")


def _remote_on_a_bound_class():
    Model.bind(1).remote("text")


def _remote_on_a_method():
    Model.bind(1).score.remote("text")


def _remote_on_the_input():
    with InputNode() as inp:
        inp.remote("text")


def _remote_on_a_deployment():
    tokenize.remote("text")


def _duplicate_name():
    first, second = Model.options(name="M").bind(1), Holder.options(name="M").bind()
    spec_of(Holder.bind(first, second))


def _route_not_on_the_root():
    spec_of(Holder.bind(Model.options(route_prefix="/m").bind(1)))


def _unknown_option():
    Model.options(num_replica=2)


def _unknown_option_in_the_decorator():
    serve.deployment(max_ongoing_request=5)(lambda x: x)


def _generator_feeds():
    with InputNode() as inp:
        spec_of(embed.bind(Model.bind(1).stream.bind(inp)))


def _part_of_a_generator_feeds():
    with InputNode() as inp:
        spec_of(embed.bind([Model.bind(1).astream.bind(inp)["x"]]))


def _generator_as_fallback():
    with InputNode() as inp:
        spare = Model.bind(1).stream.bind(inp)
        spec_of(embed.bind(inp).options(fallback=spare))


def _retries_of_a_generator():
    with InputNode() as inp:
        spec_of(Model.bind(1).stream.bind(inp).options(retries=2))


def _fallback_of_a_generator():
    with InputNode() as inp:
        spec_of(Model.bind(1).stream.bind(inp).options(fallback=0))


def _unpicklable_init():
    deploy(Holder.bind("fine", threading.Lock()), name="never", http=False)


def _unpicklable_init_by_name():
    deploy(Model.bind(1, bias={"deep": [threading.Lock()]}), name="never", http=False)


def _unpicklable_call_argument():
    with InputNode() as inp:
        node = embed.bind(inp, key=threading.Lock())
    deploy(node, name="never", http=False)


def _unpicklable_fallback():
    with InputNode() as inp:
        node = embed.bind(inp).options(fallback=threading.Lock())
    deploy(node, name="never", http=False)


def _node_hidden_in_an_object():
    class Box:
        def __init__(self, content):
            self.content = content

    with InputNode() as inp:
        node = embed.bind(inp, Box(tokenize.bind(inp)))
    deploy(node, name="never", http=False)


def _empty_dict():
    deploy({}, name="never", http=False)


def _nothing():
    deploy(None, name="never", http=False)


def _unbound_deployment():
    deploy(tokenize, name="never", http=False)


def _input_alone():
    with InputNode() as inp:
        deploy(inp, name="never", http=False)


def _not_a_class_or_function():
    serve.deployment(3)


def _an_instance():
    serve.deployment(num_replicas=2)(object())


def _no_replicas():
    serve.deployment(num_replicas=0)(embed.func_or_class)


def _a_limit_that_is_text():
    embed.options(max_ongoing_requests="5")


def _a_negative_timeout():
    with InputNode() as inp:
        embed.bind(inp).options(timeout_s=-1)


def _a_node_as_a_condition():
    with InputNode() as inp:
        bool(inp["x"])


def _a_node_in_a_text():
    with InputNode() as inp:
        embed.bind(f"hello {inp}")


def _a_deployment_that_is_called():
    embed("text")


def _a_method_of_an_unbound_class():
    _ = Model.score


def _an_empty_driver():
    deploy(DAGDriver.bind({}), name="never", http=False)


CASES = [
    # the mistake, its code, the node it names, what the message and the hint must tell
    (_unknown_method, "GN101", "Model", ["Model", "'scroe'"], ["score", "classify", "stream"]),
    (_unknown_method_of_a_class_without_any, "GN101", "Empty", ["'run'"], ["no public method"]),
    (_missing_argument, "GN102", "Model.score", ["'tokens'"], ["Model.score(tokens, *, scale=1)"]),
    (_surplus_argument, "GN102", "tokenize", ["too many"], ["tokenize(text, lower=True)"]),
    (_unknown_name, "GN102", "tokenize", ["'upper'"], ["tokenize(text, lower=True)"]),
    (_missing_init_argument, "GN102", "Model", ["'weight'"], ["Model(weight, bias=0)"]),
    (_part_of_a_result_in_init, "GN102", "Holder", ["Holder", "'words'"], ["function"]),
    (_class_as_call_argument, "GN102", "embed", ["embed", "Model"], ["init"]),
    (_input_in_init, "GN103", "Model", ["Model", "InputNode"], ["method", "bind"]),
    (_part_of_input_deep_in_init, "GN103", "Holder", ["InputNode['k'].x"], ["method"]),
    (_input_after_its_with, "GN104", "tokenize", ["tokenize", "InputNode"], ["with InputNode()"]),
    (_part_after_its_with, "GN104", "embed", ["InputNode['text']"], ["with InputNode()"]),
    (_input_without_with, "GN104", "tokenize", ["tokenize"], ["with InputNode()"]),
    (_two_inputs, "GN105", "embed", ["first and second"], ["one InputNode"]),
    (_two_inputs_within_each_other, "GN105", "embed", ["first and second"], ["inp[0]"]),
    (_binding_a_bound_class, "GN106", "Model", ["Model is bound"], ["Model.score.bind(...)"]),
    (_binding_a_bound_call, "GN106", "tokenize", ["tokenize is bound"], ["bind"]),
    (_remote_on_a_call, "GN107", "tokenize", ["tokenize"], ["deploy"]),
    (_remote_on_a_part_of_a_result, "GN107", "tokenize", ["tokenize"], ["deploy"]),
    (_remote_on_a_bound_class, "GN107", None, ["Model"], ["deploy"]),
    (_remote_on_a_method, "GN107", "Model.score", ["Model.score"], ["deploy"]),
    (_remote_on_the_input, "GN107", None, ["InputNode"], ["deploy"]),
    (_remote_on_a_deployment, "GN107", "tokenize", ["tokenize"], ["deploy"]),
    (_duplicate_name, "GN108", "M", ["'M'"], ["name="]),
    (_route_not_on_the_root, "GN109", "Model", ["Model", "/m", "Holder"], ["root"]),
    (_unknown_option, "GN110", "Model", ["'num_replica'"], ["'num_replicas'"]),
    (
        _unknown_option_in_the_decorator,
        "GN110",
        "<lambda>",
        ["'max_ongoing_request'"],
        ["'max_ongoing_requests'"],
    ),
    (_generator_feeds, "GN112", "Model.stream", ["Model.stream", "embed"], ["root"]),
    (_part_of_a_generator_feeds, "GN112", "Model.astream", ["Model.astream"], ["root"]),
    (_generator_as_fallback, "GN112", "Model.stream", ["Model.stream", "embed"], ["root"]),
    (_unpicklable_init, "GN114", "Holder", ["argument 1", "lock"], ["__init__"]),
    (_unpicklable_init_by_name, "GN114", "Model", ["'bias'", "lock"], ["__init__"]),
    (_unpicklable_call_argument, "GN114", "embed", ["'key'", "lock"], ["plain data"]),
    (_unpicklable_fallback, "GN114", "embed", ["fallback", "lock"], ["plain data"]),
    (_node_hidden_in_an_object, "GN114", "embed", ["tokenize", "hidden"], ["arguments"]),
    (_empty_dict, "GN115", None, ["empty dict"], ["bind"]),
    (_nothing, "GN115", None, ["NoneType"], ["bind"]),
    (_unbound_deployment, "GN115", None, ["tokenize", "not bound"], ["tokenize.bind(...)"]),
    (_input_alone, "GN115", None, ["InputNode"], ["bind"]),
    (_retries_of_a_generator, "GN117", "Model.stream", ["Model.stream", "retries"], ["retry"]),
    (_fallback_of_a_generator, "GN117", "Model.stream", ["Model.stream", "fallback"], ["retry"]),
    (_no_replicas, "GN118", "embed", ["num_replicas=0", "1 or more"], ["help"]),
    (_a_limit_that_is_text, "GN118", "embed", ["max_ongoing_requests='5'"], ["help"]),
    (_a_negative_timeout, "GN118", "embed", ["timeout_s is -1"], ["help"]),
    (_a_node_as_a_condition, "GN119", None, ["InputNode['x']", "truth"], ["bind"]),
    (_a_node_in_a_text, "GN119", None, ["InputNode", "text"], ["bind"]),
    (_a_deployment_that_is_called, "GN119", "embed", ["embed"], ["embed.bind(...)"]),
    (_a_method_of_an_unbound_class, "GN101", "Model", ["Model"], ["Model.bind(...).score"]),
    (_an_empty_driver, "GN115", "DAGDriver", ["DAGDriver"], ["bind"]),
    (_not_a_class_or_function, "GN116", None, ["3"], ["class or a function"]),
    (_an_instance, "GN116", None, ["object"], ["class or a function"]),
]


@pytest.mark.parametrize(
    ("mistake", "code", "node", "told", "hinted"),
    CASES,
    ids=[case[0].__name__[1:] for case in CASES],
)
def test_a_mistake_is_one_readable_error(mistake, code, node, told, hinted):
    """The error carries the rule's code and the node; message and hint name what matters."""
    with pytest.raises(errors.GraphError) as caught:
        mistake()
    error = caught.value
    assert error.code == code
    assert error.node == node or node is None
    for text in told:
        assert text in error.message
    for text in hinted:
        assert text in error.hint
    assert str(error) == f"{code} {error.message}\nhint: {error.hint}"


def test_every_rule_has_a_case():
    """No rule is without a test: warnings have theirs below, plain Ray Serve in `rayserve/`."""
    from graphnb.graph.rules import RULES

    tested = {case[1] for case in CASES} | {"GN111", "GN113"} | {"GN120", "GN121"}
    assert tested == {rule.code for rule in RULES}


def warnings_of(deploy, node):
    """Code, node and message of each finding."""
    return [(one.code, one.node, one.message) for one in deploy(node).deployed.findings]


def test_a_batch_that_never_fills_is_a_warning(deploy):
    """GN111: `max_ongoing_requests` below `max_batch_size` deploys, and is told."""

    @serve.deployment
    class Batched:
        @serve.batch(max_batch_size=16)
        async def run(self, xs):
            return xs

    with InputNode() as inp:
        node = Batched.bind().run.bind(inp)
    ((code, name, message),) = warnings_of(deploy, node)
    assert (code, name) == ("GN111", "Batched")
    assert "16" in message
    assert "5" in message


def test_enough_requests_for_a_batch_are_no_warning(deploy):
    """GN111 is silent where a batch can fill."""

    @serve.deployment(max_ongoing_requests=16)
    class Batched:
        @serve.batch(max_batch_size=16)
        async def run(self, xs):
            return xs

    with InputNode() as inp:
        node = Batched.bind().run.bind(inp)
    assert warnings_of(deploy, node) == []


def test_a_node_that_nothing_uses_is_a_warning(deploy):
    """GN113: a node that was bound under the input, and is not in the graph, is told by name."""
    with InputNode() as inp:
        forgotten = tokenize.bind(inp)
        node = embed.bind(inp)
    ((code, name, message),) = warnings_of(deploy, node)
    assert (code, name) == ("GN113", "tokenize")
    assert "forgotten" in message
    del forgotten


def test_a_class_that_nothing_uses_is_a_warning(deploy):
    """GN113 speaks of a bound class, too, when none of its methods is bound."""
    with InputNode() as inp:
        spare = Model.bind(2)
        node = embed.bind(inp)
    found = warnings_of(deploy, node)
    assert [code for code, _node, _message in found] == ["GN113"]
    assert "Model" in found[0][2]
    del spare


def test_a_variable_that_was_bound_anew_is_no_warning(deploy):
    """GN113 speaks of nodes that somebody still holds: writing a cell again is no mistake."""
    with InputNode() as inp:
        node = tokenize.bind(inp)
        node = embed.bind(inp)
    assert warnings_of(deploy, node) == []


def test_options_of_a_node_leave_no_unused_node(deploy):
    """GN113 does not take the node that `.options` was called on for another one."""
    with InputNode() as inp:
        words = tokenize.bind(inp)
        patient = words.options(timeout_s=5)
        node = embed.bind(patient)
    assert warnings_of(deploy, node) == []


def test_calls_of_every_route_are_used(deploy):
    """GN113 knows all routes of a driver, and the calls that stand in for others."""
    with InputNode() as inp:
        first = tokenize.bind(inp)
        spare = tokenize.bind(inp)
        second = embed.bind(inp).options(fallback=spare)
    assert warnings_of(deploy, DAGDriver.bind({"/a": first, "/b": second})) == []


def test_attribute_mistakes_are_attribute_errors():
    """`hasattr` works on nodes: what is not there is an AttributeError besides."""
    node = Model.bind(1)
    with InputNode() as inp:
        call = tokenize.bind(inp)
    for owner, name in [
        (node, "unknown"),
        (node, "bind"),
        (node, "remote"),
        (call, "bind"),
        (call, "remote"),
        (call, "unknown"),
        (tokenize, "remote"),
        (tokenize, "unknown"),
    ]:
        assert not hasattr(owner, name)


def test_a_mistake_names_the_deployment_as_the_user_does():
    """A name given in `.options` is the one that errors speak of."""
    with pytest.raises(errors.GraphError, match="Ranker") as caught:
        Model.options(name="Ranker").bind(1).unknown.bind()
    assert caught.value.node == "Ranker"


def test_the_types_of_arguments_are_not_checked():
    """Signatures are checked by names and arity; annotations are the user's own."""

    @serve.deployment
    def typed(x: int) -> int:
        return x

    with InputNode() as inp:
        spec_of(typed.bind("not an int"))
        spec_of(typed.bind(inp["text"]))


def test_a_mistake_in_one_graph_leaves_the_next_alone(deploy):
    """After an error inside `with`, a later graph binds and runs as if _nothing had been."""
    with pytest.raises(errors.GraphError, match="GN102"), InputNode() as broken:
        tokenize.bind(broken, unknown=1)

    @serve.deployment
    def double(x):
        return 2 * x

    with InputNode() as inp:
        node = double.bind(inp)
    assert deploy(node).remote(4).result() == 8


def test_an_error_shows_as_one_message_in_a_cell():
    """IPython shows a mistake by its own words, without a traceback."""
    with pytest.raises(errors.GraphError) as caught:
        Model.bind()
    assert caught.value._render_traceback_() == [f"GraphError: {caught.value}"]


def test_graph_errors_can_be_pickled():
    """Code, node, message and hint arrive on the other side."""
    import pickle

    for mistake in (_missing_argument, _unknown_method):
        with pytest.raises(errors.GraphError) as caught:
            mistake()
        found = pickle.loads(pickle.dumps(caught.value))
        assert type(found) is type(caught.value)
        assert str(found) == str(caught.value)
        assert (found.code, found.node) == (caught.value.code, caught.value.node)
