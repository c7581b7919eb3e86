"""What tools do to objects they know nothing about: nodes answer plainly, or not at all."""

import copy
import inspect
import pickle

import pytest
from IPython.core.formatters import DisplayFormatter

from graphnb import InputNode, errors
from tests.authoring.definitions import Model, embed, tokenize


@pytest.fixture
def nodes():
    """One node of each kind, and what they are made from."""
    with InputNode() as inp:
        call = tokenize.bind(inp)
        return {
            "input": inp,
            "part of the input": inp["a"].b,
            "class": Model.bind(1),
            "method": Model.bind(1).score,
            "call": call,
            "part of a result": call["a"],
            "deployment": tokenize,
            "bind": tokenize.bind,
        }


KINDS = [
    "input",
    "part of the input",
    "class",
    "method",
    "call",
    "part of a result",
    "deployment",
    "bind",
]
NODES = [kind for kind in KINDS if kind not in ("method", "deployment", "bind")]

PROBES = [
    "_repr_html_",
    "_repr_mimebundle_",
    "_ipython_display_",
    "_ipython_canary_method_should_not_exist_",
    "__wrapped__x",
    "__array__",
    "__len__",
    "__deepcopy__",
    "_asdict",
    "__fspath__",
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PROBES)
def test_a_probe_for_a_protocol_finds_nothing(nodes, kind, name):
    """No node takes a special name for a key, a method or a part."""
    assert not hasattr(nodes[kind], name)


@pytest.mark.parametrize("kind", KINDS)
def test_ipython_displays_the_repr(nodes, kind):
    """A node shows in a cell as its repr, without an error of any formatter."""
    data, _metadata = DisplayFormatter().format(nodes[kind])
    assert "text/plain" in data
    assert " at 0x" not in data["text/plain"]


@pytest.mark.parametrize("kind", KINDS)
def test_inspection_goes_through(nodes, kind):
    """What editors and debuggers ask of an object works on nodes."""
    node = nodes[kind]
    assert isinstance(repr(node), str)
    assert isinstance(dir(node), list)
    assert isinstance(hash(node), int)
    assert node == node  # noqa: PLR0124  equality goes by identity
    assert node != 3
    inspect.getdoc(node)
    inspect.getmembers_static(node)
    inspect.isawaitable(node)


@pytest.mark.parametrize("kind", NODES)
def test_a_node_has_no_truth_value(nodes, kind):
    """`if node:` is a mistake, and says where to choose instead."""
    with pytest.raises(TypeError, match="request time"):
        bool(nodes[kind])


@pytest.mark.parametrize("kind", NODES)
def test_a_node_cannot_be_iterated(nodes, kind):
    """Unpacking a node, looping over it and `in` are mistakes that are named."""
    with pytest.raises(TypeError, match="request time"):
        _first, _second = nodes[kind]
    with pytest.raises(TypeError, match="request time"):
        list(nodes[kind])
    with pytest.raises(TypeError):
        assert 3 in nodes[kind]


@pytest.mark.parametrize("kind", NODES)
@pytest.mark.parametrize("copier", [copy.copy, copy.deepcopy, pickle.dumps])
def test_copies_are_made_or_refused_in_plain_words(nodes, kind, copier):
    """A tool that copies or pickles a node gets a copy, or one readable error."""
    refused = None
    try:
        copier(nodes[kind])
    except errors.GraphError as error:
        refused = error
    assert refused is None or (refused.code == "GN114" and refused.hint)


def test_a_container_of_nodes_can_be_copied(nodes):
    """Copying a list or dict of nodes keeps the nodes."""
    held = {"call": nodes["call"], "list": [nodes["class"]]}
    assert copy.copy(held) == held
    assert copy.copy(held)["call"] is nodes["call"]


def test_a_node_may_be_a_key_of_a_dict(nodes):
    """Nodes hash by identity, so that users may keep tables of them."""
    table = {nodes["call"]: 1, nodes["class"]: 2}
    assert table[nodes["call"]] == 1


def test_mistaken_item_access_on_a_bound_class_is_a_type_error(nodes):
    """A bound class has no parts."""
    with pytest.raises(TypeError):
        nodes["class"]["x"]


def test_any_name_is_a_part_of_the_input():
    """Names of methods of nodes are keys like any other, by index."""
    with InputNode() as inp:
        assert repr(inp["bind"]["remote"]) == "InputNode['bind']['remote']"
        assert repr(inp.bind) == "InputNode.bind"
        assert repr(inp.name.order_by) == "InputNode.name.order_by"


@pytest.mark.parametrize("name", ["order", "label", "name", "items", "keys", "path", "source"])
def test_the_input_leaves_its_names_to_the_request(name):
    """`inp.k` is a part of the request, whatever k is called."""
    with InputNode() as inp:
        node = embed.bind(getattr(inp, name), getattr(inp.deep, name))
    from tests.authoring.definitions import spec_of

    paths = [[str(key) for key in edge.path] for edge in spec_of(node).calls[0].edges]
    assert paths == [[f".{name}"], [".deep", f".{name}"]]
