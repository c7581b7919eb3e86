"""From nodes to a spec: names, edges, places, labels."""

import dataclasses
from typing import Any

import pytest

from graphnb import DAGDriver, InputNode
from graphnb.graph import DataEdge, HandleEdge, InputSpec, Key
from tests.authoring.definitions import Holder, Model, embed, spec_of, tokenize


@dataclasses.dataclass(frozen=True)
class Query:
    text: Any
    parts: Any = ()


def deployment_names(target):
    """The names that a target gives its deployments."""
    return [one.name for one in spec_of(target).deployments]


# --- names ---------------------------------------------------------------------------------------


def test_names_are_numbered_in_the_order_of_binding():
    """The first of a class is unsuffixed, then `_1`, `_2`, wherever they are used."""
    first, second, third = Model.bind(1), Model.bind(2), Model.bind(3)
    root = Holder.bind(third, [second, first])
    assert deployment_names(root) == ["Model", "Model_1", "Model_2", "Holder"]
    assert spec_of(root).deployment("Holder").handles == (
        HandleEdge("Model_2", "args[0]"),
        HandleEdge("Model_1", "args[1][0]"),
        HandleEdge("Model", "args[1][1]"),
    )


def test_each_bind_of_a_function_is_a_deployment():
    """A function that is bound twice scales as two deployments."""
    with InputNode() as inp:
        node = embed.bind(tokenize.bind(inp[0]), tokenize.bind(inp[1]))
    assert deployment_names(node) == ["tokenize", "tokenize_1", "embed", "DAGDriver"]


def test_only_what_the_graph_uses_counts_for_names():
    """Names are given within a graph: what was bound elsewhere takes none."""
    for _ in range(3):
        Model.bind(0)
    assert deployment_names(Holder.bind(Model.bind(1))) == ["Model", "Holder"]


def test_a_given_name_is_kept():
    """The user's name wins; unnamed ones are numbered around it."""
    named = Model.options(name="Model_1").bind(1)
    root = Holder.bind(Model.bind(2), named, Model.bind(3))
    assert deployment_names(root) == ["Model_1", "Model", "Model_2", "Holder"]


def test_a_given_name_may_be_anothers_class_name():
    """An unnamed deployment gives way to one that asked for its name."""
    root = Holder.bind(Model.bind(1), Holder.options(name="Model").bind())
    names = deployment_names(root)
    assert sorted(names) == ["Holder", "Model", "Model_1"]
    assert spec_of(root).deployment("Model").definition == "Holder"


def test_calls_have_ids_of_their_own():
    """A method that is called twice on one instance has two calls, numbered by order."""
    model = Model.bind(1)
    with InputNode() as inp:
        first = model.score.bind(inp)
        second = model.score.bind(first)
    spec = spec_of(second)
    assert [one.id for one in spec.calls] == ["Model.score", "Model.score#1"]
    assert {one.deployment for one in spec.calls} == {"Model"}


# --- edges ---------------------------------------------------------------------------------------


def test_parts_of_the_input_are_paths():
    """`inp[0]`, `inp["k"]`, `inp.k` and parts of those are told apart in the edges."""
    with InputNode() as inp:
        node = embed.bind(inp, inp[0], inp["k"], inp.k, inp["a"][1].b)
    paths = [edge.path for edge in spec_of(node).calls[0].edges]
    assert paths == [
        (),
        (Key("item", 0),),
        (Key("item", "k"),),
        (Key("attr", "k"),),
        (Key("item", "a"), Key("item", 1), Key("attr", "b")),
    ]


def test_parts_of_a_result_are_paths():
    """`node[key]` takes a part of a call's result, and its parts in turn."""
    with InputNode() as inp:
        tokens = tokenize.bind(inp)
        node = embed.bind(tokens["words"], tokens["words"][0])
    assert spec_of(node).call("embed").edges == (
        DataEdge("tokenize", (Key("item", "words"),), "texts[0]"),
        DataEdge("tokenize", (Key("item", "words"), Key("item", 0)), "texts[1]"),
    )


def test_an_edge_says_where_in_the_arguments_it_goes():
    """Places begin with the parameter's name, and go on as Python writes them."""
    with InputNode() as inp:
        tokens = tokenize.bind(inp)
        node = embed.bind(
            [tokens],
            (0, tokens),
            deep={"a": [Query(tokens, (inp,))]},
            bag={tokens},
        )
    assert [edge.argument for edge in spec_of(node).call("embed").edges] == [
        "texts[0][0]",
        "texts[1][1]",
        "deep['a'][0].text",
        "deep['a'][0].parts[0]",
        "bag{}",
    ]


def test_one_node_may_be_used_many_times():
    """A call that many use is one call with many edges."""
    with InputNode() as inp:
        tokens = tokenize.bind(inp)
        node = embed.bind(tokens, [tokens, tokens], again=tokens)
    spec = spec_of(node)
    assert [one.id for one in spec.calls] == ["tokenize", "embed"]
    assert [edge.source for edge in spec.call("embed").edges] == ["tokenize"] * 4


def test_a_bound_class_is_found_anywhere_in_init_args():
    """Handles may be nested in lists, dicts, sets, dataclasses, and given by name."""
    models = [Model.bind(number) for number in range(5)]
    root = Holder.bind(
        models[0], [models[1]], {"m": (models[2],)}, held=Query(models[3], {models[4]})
    )
    assert spec_of(root).deployment("Holder").handles == (
        HandleEdge("Model", "args[0]"),
        HandleEdge("Model_1", "args[1][0]"),
        HandleEdge("Model_2", "args[2]['m'][0]"),
        HandleEdge("Model_3", "held.text"),
        HandleEdge("Model_4", "held.parts{}"),
    )


def test_parents_may_share_a_bound_class():
    """A class that two hold is one deployment."""
    shared = Model.bind(1)
    root = Holder.bind(Holder.bind(shared), Holder.bind([shared]), shared)
    assert deployment_names(root) == ["Model", "Holder", "Holder_1", "Holder_2"]


def test_a_call_in_init_args_is_a_graph():
    """A driver's graphs are told by the call that is their root."""
    with InputNode() as inp:
        tokens = tokenize.bind(inp)
        vectors = embed.bind(tokens)
    spec = spec_of(DAGDriver.bind({"/tokens": tokens, "/vectors": vectors}))
    assert [(edge.call, edge.argument) for edge in spec.deployment("DAGDriver").graphs] == [
        ("tokenize", "dags['/tokens']"),
        ("embed", "dags['/vectors']"),
    ]


def test_nodes_in_options_of_calls_belong_to_the_graph():
    """A fallback that is a node is part of the spec, and named by the call it stands in for."""
    with InputNode() as inp:
        spare = tokenize.bind(inp)
        node = embed.bind(inp).options(fallback=spare)
    spec = spec_of(node)
    assert spec.call("embed").fallback == "tokenize"
    assert spec.call("embed").edges == (DataEdge("input", (), "texts[0]"),)


@pytest.mark.parametrize("depth", [1, 5, 60])
def test_nesting_has_no_depth(depth):
    """Nodes are found however deep they lie."""
    with InputNode() as inp:
        value = tokenize.bind(inp)
        for _ in range(depth):
            value = Query([{"v": (value,)}])
        spec = spec_of(embed.bind(value))
    (edge,) = spec.call("embed").edges
    assert edge.argument == "texts[0]" + ".text[0]['v'][0]" * depth


def test_a_container_that_holds_itself_is_walked_once():
    """A list within itself is no endless loop."""
    endless: list[Any] = [1]
    endless.append(endless)
    with InputNode() as inp:
        spec = spec_of(embed.bind(endless, inp))
    assert [edge.argument for edge in spec.call("embed").edges] == ["texts[1]"]


# --- labels --------------------------------------------------------------------------------------


def test_a_label_is_the_variable_that_holds_the_node():
    """Calls and the input are labelled with the variables of the `with` block."""
    with InputNode() as request:
        words = tokenize.bind(request)
        vectors = embed.bind(words)
    spec = spec_of(vectors)
    assert [(one.id, one.label) for one in spec.calls] == [
        ("tokenize", "words"),
        ("embed", "vectors"),
    ]
    assert spec.inputs == (InputSpec("input", "request"),)


def test_a_node_without_a_variable_has_no_label():
    """Nested binds have no label of their own."""
    with InputNode() as request:
        vectors = embed.bind(tokenize.bind(request))
    assert [one.label for one in spec_of(vectors).calls] == [None, "vectors"]


def test_a_node_with_options_has_the_label_of_its_variable():
    """What `.options` makes is labelled by the variable that holds it."""
    with InputNode() as request:
        words = tokenize.bind(request)
        patient = words.options(timeout_s=3)
        vectors = embed.bind(patient)
    assert [one.label for one in spec_of(vectors).calls] == ["patient", "vectors"]


def test_private_variables_give_no_label():
    """A name that begins with an underscore says nothing to a reader."""
    with InputNode() as request:
        _hidden = tokenize.bind(request)
        vectors = embed.bind(_hidden)
    assert [one.label for one in spec_of(vectors).calls] == [None, "vectors"]


def test_an_input_without_a_variable_is_called_input():
    """The default label of an input is "input"."""
    with InputNode() as _request:
        vectors = embed.bind(_request)
    assert spec_of(vectors).inputs == (InputSpec("input", "input"),)


# --- the whole -----------------------------------------------------------------------------------


def program():
    """Writes the same small graph each time."""
    with InputNode() as request:
        words = tokenize.bind(request["text"])
        model = Model.options(num_replicas=2, user_config={"t": 1}).bind(0.5)
        score = model.score.bind(words, scale=request["scale"])
    return DAGDriver.options(route_prefix="/score").bind(score)


def test_a_program_gives_the_same_spec_each_time():
    """Building a graph again gives an equal spec with the same text."""
    first, second = spec_of(program()), spec_of(program())
    assert first == second
    assert str(first) == str(second)


def test_options_and_route_are_in_the_spec():
    """The spec has what the user set, and the root's route."""
    spec = spec_of(program())
    assert dict(spec.deployment("Model").options) == {"num_replicas": 2, "user_config": {"t": 1}}
    assert spec.route_prefix == "/score"
    assert spec.root == "DAGDriver"


def test_options_that_are_objects_have_a_json_form():
    """Ray Serve's own option models, and what has no JSON form, are told in the spec."""
    from ray.serve.config import AutoscalingConfig

    from graphnb.graph import spec_from_json, spec_to_json

    scaled = Model.options(
        autoscaling_config=AutoscalingConfig(min_replicas=1, max_replicas=4),
        user_config={"made": object, "pair": (1, 2)},
    )
    spec = spec_of(Holder.bind(scaled.bind(1)))
    options = spec.deployment("Model").options
    assert options["autoscaling_config"]["max_replicas"] == 4
    assert options["user_config"]["pair"] == [1, 2]
    assert spec_from_json(spec_to_json(spec)) == spec


def test_kinds_are_told_apart():
    """A deployment is a class or a function."""
    spec = spec_of(program())
    assert {one.name: one.kind for one in spec.deployments} == {
        "tokenize": "function",
        "Model": "class",
        "DAGDriver": "class",
    }


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(lambda i: embed.bind(i, 1), lambda i: embed.bind(i, 2), id="a constant"),
        pytest.param(lambda i: embed.bind(i[0]), lambda i: embed.bind(i[1]), id="a part"),
        pytest.param(Model.bind(1).score.bind, Model.bind(2).score.bind, id="init"),
        pytest.param(
            Model.bind(1).score.bind,
            Model.bind(1).classify.bind,
            id="the method",
        ),
        pytest.param(
            lambda i: embed.bind(i).options(fallback=1),
            lambda i: embed.bind(i).options(fallback=2),
            id="the fallback's value",
        ),
        pytest.param(
            lambda i: embed.bind(i).options(timeout_s=1),
            lambda i: embed.bind(i).options(timeout_s=2),
            id="the time-out",
        ),
        pytest.param(
            lambda i: embed.bind([i, 1]), lambda i: embed.bind((i, 1)), id="list or tuple"
        ),
    ],
)
def test_programs_that_differ_have_other_specs(first, second):
    """Whatever changes what a graph computes changes its spec."""
    specs = []
    for write in (first, second):
        with InputNode() as request:
            node = write(request)
        specs.append(spec_of(node))
    assert specs[0] != specs[1]
