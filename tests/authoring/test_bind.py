"""What `bind` makes of deployments, and what a deployment is before."""

import functools
import inspect

import pytest

from graphnb import InputNode, serve
from graphnb.authoring import CallNode, DeploymentNode
from tests.authoring.definitions import Holder, Model, embed, spec_of, tokenize


def test_a_bound_function_is_a_call():
    """A function's `bind` makes a call node, named for the function."""
    with InputNode() as inp:
        node = tokenize.bind(inp)
    assert isinstance(node, CallNode)
    assert node.name == "tokenize"
    assert repr(node) == "CallNode(tokenize)"


def test_a_bound_class_is_a_deployment_node_whose_methods_bind():
    """A class's `bind` makes a deployment node; a method's `bind` makes a call node."""
    node = Model.bind(0.5)
    assert isinstance(node, DeploymentNode)
    assert repr(node) == "DeploymentNode(Model)"
    with InputNode() as inp:
        call = node.score.bind(inp, scale=2)
    assert isinstance(call, CallNode)
    assert call.name == "Model.score"


@pytest.mark.parametrize(
    "method", ["score", "classify", "stream", "astream", "normalize", "family"]
)
def test_any_kind_of_method_binds(method):
    """Sync, async, generator, static and class methods bind alike, without `self`."""
    with InputNode() as inp:
        node = getattr(Model.bind(1), method).bind(inp)
    assert node.name == f"Model.{method}"


def test_the_default_method_binds_by_its_name():
    """`node.__call__.bind(...)` is a call of the instance itself."""
    with InputNode() as inp:
        node = Model.bind(1).__call__.bind(inp)
    assert spec_of(node).calls[0].method == "__call__"


@pytest.mark.parametrize(
    ("method", "streams"),
    [("score", False), ("classify", False), ("stream", True), ("astream", True)],
)
def test_generators_stream(method, streams):
    """A call of a generator, sync or async, says that it streams."""
    with InputNode() as inp:
        assert getattr(Model.bind(1), method).bind(inp).streams is streams


def test_bind_has_the_signature_of_what_it_binds():
    """An editor completes the callable's own parameters, and shows its docstring."""
    assert str(inspect.signature(tokenize.bind)) == "(text, lower=True)"
    assert str(inspect.signature(Model.bind)) == "(weight, bias=0)"
    assert str(inspect.signature(Model.bind(1).score)) == "(tokens, *, scale=1)"
    assert tokenize.bind.__doc__ == "Words of a text."
    assert Model.bind(1).score.__doc__ == "A number."


def test_a_node_completes_its_methods():
    """`dir(node)` lists the methods that can be bound, and no private ones."""
    listed = dir(Model.bind(1))
    assert {"score", "classify", "stream", "family", "normalize"} <= set(listed)
    assert "_private" not in listed


def test_a_deployment_is_a_value():
    """`options` gives another deployment; the first stays as it is."""
    scaled = Model.options(num_replicas=3)
    assert scaled is not Model
    assert dict(Model.user_options) == {}
    assert dict(scaled.user_options) == {"num_replicas": 3}
    more = scaled.options(max_ongoing_requests=9, name="Big")
    assert dict(more.user_options) == {"num_replicas": 3, "max_ongoing_requests": 9}
    assert (more.name, Model.name) == ("Big", "Model")


def test_the_decorator_works_with_and_without_parentheses():
    """`@serve.deployment`, `@serve.deployment()` and `@serve.deployment(name=...)` are alike."""

    def plain(x):
        """Documented."""

    for made, name in [
        (serve.deployment(plain), "plain"),
        (serve.deployment()(plain), "plain"),
        (serve.deployment(name="other")(plain), "other"),
    ]:
        assert made.name == name
        assert made.func_or_class is plain
        assert made.__doc__ == "Documented."


def test_decorating_a_deployment_adds_options():
    """A deployment that is decorated again keeps its options."""
    again = serve.deployment(num_replicas=2)(Model.options(max_ongoing_requests=7))
    assert dict(again.user_options) == {"max_ongoing_requests": 7, "num_replicas": 2}


def test_a_deployment_is_not_called():
    """Calling a deployment as a function says what to write instead."""
    with pytest.raises(TypeError, match=r"tokenize\.bind"):
        tokenize("a text")
    with pytest.raises(TypeError, match=r"Model\.score\.bind"):
        Model.bind(1).score("a text")


def test_options_read_back():
    """The repr of a deployment shows its name and options."""
    assert repr(Model.options(num_replicas=2)) == "Deployment(Model, num_replicas=2)"


def test_every_ray_serve_option_is_taken():
    """The names of options come from the installed Ray Serve, and `route_prefix` is ours."""
    from ray import serve as ray_serve

    known = [
        one for one in inspect.signature(ray_serve.deployment).parameters if not one.startswith("_")
    ]
    for name in (*known, "route_prefix"):
        Model.options(**{name: None})


def test_serve_stands_in_for_ray_serve():
    """Names that are not graphnb's own are Ray Serve's; one that neither has is named."""
    from ray import serve as ray_serve

    assert serve.batch is ray_serve.batch
    assert serve.ingress is ray_serve.ingress
    assert serve.deployment is not ray_serve.deployment
    with pytest.raises(AttributeError, match="'no_such_name'"):
        _ = serve.no_such_name


def test_factories_and_closures_make_deployments_of_their_own():
    """A class or function made in a function binds as one at module level does."""

    def make(weight):
        @serve.deployment(name=f"scale_{weight}")
        def scale(x):
            return weight * x

        return scale

    with InputNode() as inp:
        spec = spec_of(make(3).bind(make(2).bind(inp)))
    assert [one.name for one in spec.deployments][:2] == ["scale_2", "scale_3"]
    assert spec.deployments[0].digest != spec.deployments[1].digest
    assert {one.definition for one in spec.deployments[:2]} == {"scale"}


def test_builtins_and_wrapped_functions_bind():
    """What Python can call as a function can be a deployment, signature or not."""

    @functools.wraps(len)
    def wrapped(x):
        return len(x)

    with InputNode() as inp:
        node = serve.deployment(wrapped).bind(serve.deployment(len).bind(inp))
    assert [one.name for one in spec_of(node).deployments][:2] == ["len", "len_1"]


def test_a_class_without_init_takes_no_arguments():
    """A class that defines neither `__init__` nor `__new__` binds with nothing."""

    @serve.deployment
    class Plain:
        def run(self, x):
            return x

    assert str(inspect.signature(Plain.bind)) == "()"
    assert isinstance(Plain.bind(), DeploymentNode)


def test_options_of_a_call_stay_until_they_are_named_again():
    """`CallNode.options` gives another node, and keeps what it does not name."""
    with InputNode() as inp:
        node = tokenize.bind(inp)
        slow = node.options(timeout_s=2.5, retries=2)
        more = slow.options(fallback="nothing")
    for made, expected in [
        (node, (None, 0, None)),
        (slow, (2.5, 2, None)),
        (more, (2.5, 2, "value")),
    ]:
        call = spec_of(made).calls[0]
        assert (call.timeout_s, call.retries, call.fallback) == expected


def test_none_is_a_fallback():
    """A fallback of None is a fallback, not the lack of one."""
    with InputNode() as inp:
        assert spec_of(tokenize.bind(inp).options(fallback=None)).calls[0].fallback == "value"


@pytest.mark.parametrize("wrong", [{"timeout_s": 0}, {"timeout_s": -1}, {"retries": -1}])
def test_options_of_a_call_are_checked(wrong):
    """A time-out that is not above 0, and a negative number of retries, are refused."""
    with InputNode() as inp:
        node = tokenize.bind(inp)
    with pytest.raises(ValueError, match=next(iter(wrong))):
        node.options(**wrong)


def test_a_holder_takes_classes_and_graphs():
    """Bound classes and calls go into init args; both are seen in the spec."""
    with InputNode() as inp:
        dag = embed.bind(inp)
    (spec,) = [spec_of(Holder.bind(Model.bind(1), graph=dag))]
    holder = spec.deployment("Holder")
    assert [edge.deployment for edge in holder.handles] == ["Model"]
    assert [edge.call for edge in holder.graphs] == ["embed"]
