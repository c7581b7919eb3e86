"""A node that raises ends its request: what the caller gets, and what happens to the others."""

import asyncio
import pickle
import threading

import pytest

from graphnb import InputNode, errors, serve
from graphnb.errors import DeployError, NodeError, RequestError
from tests.contract.tracebacks import frames, functions

BOTH = pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])


class WeightsError(Exception):
    """An error as users write them: with an `__init__` of its own."""

    def __init__(self, path, *, code):
        super().__init__(f"cannot read {path}")
        self.path = path
        self.code = code


def helper(error):
    """Raises, one frame further down."""
    raise error


def failing(make_error, *, is_async=True, name="fails"):
    """A deployment that raises what `make_error()` makes, in a helper."""
    if is_async:

        @serve.deployment(name=name)
        async def fails(x):
            helper(make_error())
    else:

        @serve.deployment(name=name)
        def fails(x):
            helper(make_error())

    return fails


def graph_of(deploy, node_deployment, **options):
    """Deploys a graph of one function."""
    with InputNode() as inp:
        node = node_deployment.bind(inp)
    return deploy(node, **options)


@BOTH
def test_an_error_is_a_node_error_and_of_its_own_type(deploy, is_async):
    """`except ValueError` and `except NodeError` both catch it; node, cell and cause are there."""
    original = ValueError("bad pixel", 7)
    graph = graph_of(deploy, failing(lambda: original, is_async=is_async))
    response = graph.remote(1)
    with pytest.raises(ValueError) as caught:
        response.result()
    error = caught.value
    assert isinstance(error, NodeError)
    assert isinstance(error, RequestError)
    assert error.node == "fails"
    assert error.cell is None
    assert error.request_id == response.request_id
    assert error.args == ("bad pixel", 7)
    assert isinstance(error.__cause__, ValueError)
    assert error.__cause__.args == original.args
    assert error.original is error.__cause__
    assert str(error) == "fails raised ValueError: ('bad pixel', 7)"


@BOTH
def test_the_traceback_starts_in_user_code(deploy, is_async):
    """Between the caller and the user's function no frame of graphnb is seen."""
    graph = graph_of(deploy, failing(lambda: ValueError("no"), is_async=is_async))
    with pytest.raises(ValueError) as caught:
        graph.remote(1).result()
    assert functions(caught.value) == [
        "test_the_traceback_starts_in_user_code",
        "fails",
        "helper",
    ]
    assert functions(caught.value.__cause__)[:2] == ["fails", "helper"]


@BOTH
def test_the_traceback_starts_in_user_code_where_it_is_awaited(deploy, is_async):
    """The same holds for `await graph.remote(...)`."""
    graph = graph_of(deploy, failing(lambda: ValueError("no"), is_async=is_async))

    async def ask():
        await graph.remote(1)

    with pytest.raises(ValueError) as caught:
        asyncio.run(ask())
    found = functions(caught.value)
    assert found[found.index("ask") :] == ["ask", "fails", "helper"]


def test_the_traceback_does_not_grow(deploy):
    """Asking a failed response again raises the same error with as many frames."""
    response = graph_of(deploy, failing(lambda: ValueError("no"))).remote(1)
    lengths = set()
    for _ in range(3):
        with pytest.raises(ValueError) as caught:
            response.result()
        lengths.add(len(frames(caught.value)))
    assert len(lengths) == 1


def test_the_last_frame_is_the_one_that_failed(deploy):
    """Whoever goes to the end of the traceback stands in user code."""
    assert last_frame_of_a_failure(deploy).f_code.co_name == "divides"


@pytest.mark.parametrize("executor", ["local"])
def test_a_debugger_sees_the_variables_of_the_failing_node(deploy):
    """In this process, the frame is the real one, with its variables; they do not travel."""
    assert last_frame_of_a_failure(deploy).f_locals["divisor"] == 0


def last_frame_of_a_failure(deploy):
    """The innermost frame of what a failing node raised."""

    @serve.deployment
    def divides(x):
        divisor = x - 1
        return 1 / divisor

    with pytest.raises(ZeroDivisionError) as caught:
        graph_of(deploy, divides).remote(1).result()
    traceback = caught.value.__traceback__
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback.tb_frame


def test_a_method_is_named_with_its_deployment(deploy):
    """The node of a method is "Deployment.method", as in the spec."""

    @serve.deployment(name="Ranker")
    class Model:
        async def score(self, x):
            raise LookupError("no model")

    with InputNode() as inp:
        node = Model.bind().score.bind(inp)
    with pytest.raises(LookupError) as caught:
        deploy(node).remote(1).result()
    assert caught.value.node == "Ranker.score"


@BOTH
def test_the_innermost_node_is_named(deploy, is_async):
    """An error that comes through handles is the one of the node that failed first."""

    @serve.deployment
    class Inner:
        async def work(self, x):
            helper(KeyError("weights"))

        def work_in_a_thread(self, x):
            helper(KeyError("weights"))

    @serve.deployment
    class Outer:
        def __init__(self, inner):
            self.inner = inner

        async def run(self, x):
            return await self.inner.work.remote(x)

        def run_in_a_thread(self, x):
            return self.inner.work_in_a_thread.remote(x).result()

    outer = Outer.bind(Inner.bind())
    with InputNode() as inp:
        node = (outer.run if is_async else outer.run_in_a_thread).bind(inp)
    with pytest.raises(KeyError) as caught:
        deploy(node).remote(1).result()
    assert caught.value.node == ("Inner.work" if is_async else "Inner.work_in_a_thread")
    assert isinstance(caught.value.original, KeyError)
    found = frames(caught.value)
    assert [name for _module, name in found][-2:][0].startswith("work")
    assert not found[1][0].startswith("graphnb")


def test_the_message_is_said_once(deploy):
    """However many nodes an error passes, its message names one."""

    @serve.deployment
    class Outer:
        def __init__(self, dag):
            self.dag = dag

        async def predict(self, x):
            return await self.dag.remote(x)

    with InputNode() as inp:
        node = failing(lambda: ValueError("no")).bind(inp)
    with InputNode() as inp:
        outer = Outer.bind(node).predict.bind(inp)
    with pytest.raises(ValueError) as caught:
        deploy(outer).remote(1).result()
    assert str(caught.value) == "fails raised ValueError: no"


def test_an_error_from_a_cause_keeps_it(deploy):
    """`raise ... from` inside a node is kept in the original error."""

    @serve.deployment
    def fails(x):
        try:
            {}["a"]
        except KeyError as error:
            raise ValueError("no") from error

    with pytest.raises(ValueError) as caught:
        graph_of(deploy, fails).remote(1).result()
    assert isinstance(caught.value.__cause__.__cause__, KeyError)


# --- types ---------------------------------------------------------------------------------------


def group():
    """Several errors in one."""
    return ExceptionGroup("several", [ValueError("a"), KeyError("b")])


def unicode_error():
    """An error with fields that only its own `__init__` sets."""
    return UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")


class SlottedError(Exception):
    __slots__ = ("detail",)

    def __init__(self, detail):
        super().__init__(detail)
        self.detail = detail


class NewError(Exception):
    def __new__(cls, one, two):
        return super().__new__(cls, one, two)

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


class MuteError(Exception):
    def __str__(self):
        raise RuntimeError("nothing to say")


class NoSubclassError(Exception):
    def __init_subclass__(cls, **kwargs):
        raise RuntimeError("not for you")


TYPES = {
    "a builtin": (lambda: IndexError("x"), IndexError, lambda e: e.args == ("x",)),
    "a key error": (lambda: KeyError("k"), KeyError, lambda e: e.args == ("k",)),
    "an os error": (
        lambda: FileNotFoundError(2, "No such file", "/x"),
        FileNotFoundError,
        lambda e: (e.errno, e.strerror, e.filename) == (2, "No such file", "/x"),
    ),
    "a unicode error": (unicode_error, UnicodeDecodeError, lambda e: (e.start, e.end) == (0, 1)),
    "an import error": (
        lambda: ImportError("no", name="torch"),
        ImportError,
        lambda e: e.name == "torch",
    ),
    "a time-out": (lambda: TimeoutError("slow"), TimeoutError, lambda e: e.args == ("slow",)),
    "one with an init": (
        lambda: WeightsError("/x", code=3),
        WeightsError,
        lambda e: (e.path, e.code) == ("/x", 3),
    ),
    "one with slots": (lambda: SlottedError("d"), SlottedError, lambda e: e.detail == "d"),
    "one with new": (lambda: NewError("a", "b"), NewError, lambda e: "a and b" in str(e)),
    "a group": (group, ExceptionGroup, lambda e: len(e.exceptions) == 2),
    "one without a text": (MuteError, MuteError, lambda e: e.node == "fails"),
    "one that cannot be subclassed": (
        lambda: NoSubclassError("x"),
        NodeError,
        lambda e: isinstance(e.__cause__, NoSubclassError),
    ),
}


@BOTH
@pytest.mark.parametrize(("make", "kind", "holds"), TYPES.values(), ids=TYPES)
def test_an_error_of_any_type_is_still_one(deploy, is_async, make, kind, holds):
    """Whatever a node raises can be caught by its type, and its attributes read."""
    graph = graph_of(deploy, failing(make, is_async=is_async))
    with pytest.raises(kind) as caught:
        graph.remote(1).result()
    assert isinstance(caught.value, NodeError)
    assert caught.value.node == "fails"
    assert holds(caught.value)
    assert graph_of(deploy, failing(lambda: ValueError("next"))).name == "graph"


def test_groups_are_caught_by_except_star(deploy):
    """An ExceptionGroup out of a node's TaskGroup can be split by `except*`."""

    @serve.deployment
    async def fails(x):
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self_raising())

    async def self_raising():
        raise KeyError("inside")

    caught = []
    try:
        graph_of(deploy, fails).remote(1).result()
    except* KeyError as group_of_them:
        caught.extend(group_of_them.exceptions)
    assert [type(one) for one in caught] == [KeyError]


CONTROL = {
    "SystemExit": lambda: SystemExit(3),
    "KeyboardInterrupt": KeyboardInterrupt,
    "GeneratorExit": GeneratorExit,
    "StopIteration": lambda: StopIteration(5),
    "StopAsyncIteration": StopAsyncIteration,
    "CancelledError": asyncio.CancelledError,
    "a BaseException": lambda: BaseException("odd"),
}


@BOTH
@pytest.mark.parametrize("make", CONTROL.values(), ids=CONTROL)
def test_an_error_that_steers_python_ends_one_request_only(deploy, is_async, make):
    """`SystemExit` and its like fail their request; the engine and other requests go on."""

    @serve.deployment(name="fine")
    async def fine(x):
        return x

    other = graph_of(deploy, fine, name="other")
    graph = graph_of(deploy, failing(make, is_async=is_async))
    with pytest.raises(RequestError):
        graph.remote(1).result(timeout_s=3)
    with pytest.raises(RequestError):
        graph.remote(1).result(timeout_s=3)
    assert other.remote(2).result(timeout_s=3) == 2


@pytest.mark.parametrize("make", list(CONTROL.values())[:2], ids=list(CONTROL)[:2])
def test_an_error_that_steers_python_is_told_of(deploy, make):
    """A NodeError stands for a `SystemExit`, names the node and keeps it as its cause."""
    with pytest.raises(NodeError) as caught:
        graph_of(deploy, failing(make)).remote(1).result()
    assert caught.value.node == "fails"
    assert not isinstance(caught.value, SystemExit | KeyboardInterrupt)
    causes, error = [], caught.value
    while error.__cause__ is not None:
        error = error.__cause__
        causes.append(type(error))
    assert type(make()) in causes


# --- travelling ----------------------------------------------------------------------------------


def pickled(error):
    """The error as another process would get it."""
    return pickle.loads(pickle.dumps(error))


def test_a_node_error_can_be_pickled(deploy):
    """Type, node, message and original arrive on the other side."""
    with pytest.raises(ValueError) as caught:
        graph_of(deploy, failing(lambda: ValueError("bad", 7))).remote(1).result()
    error = pickled(caught.value)
    assert isinstance(error, NodeError)
    assert isinstance(error, ValueError)
    assert (error.node, error.cell, error.request_id) == (
        "fails",
        None,
        caught.value.request_id,
    )
    assert str(error) == str(caught.value)
    assert isinstance(error.original, ValueError)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: WeightsError("/x", code=3), id="an init that pickle cannot call"),
        pytest.param(unicode_error, id="a unicode error"),
        pytest.param(group, id="a group"),
        pytest.param(lambda: ValueError(threading.Lock()), id="one that holds a lock"),
    ],
)
def test_an_error_that_pickle_has_trouble_with_still_travels(deploy, make):
    """Whatever the original is, a NodeError that names node and message arrives."""
    with pytest.raises(NodeError) as caught:
        graph_of(deploy, failing(make)).remote(1).result()
    error = pickled(caught.value)
    assert isinstance(error, NodeError)
    assert error.node == "fails"
    assert error.message == caught.value.message


@pytest.mark.parametrize(
    "error",
    [
        errors.GraphnbError("no", hint="yes"),
        errors.DeployError("no", deployment="Model", hint="yes"),
        errors.NotRunningError("node", "x", ["y"]),
        errors.RequestError("no", node="n", request_id="r", hint="yes"),
        errors.BackPressureError("no", node="n", request_id="r"),
        errors.RequestTimeoutError("no", node="n"),
        errors.InputError("no", hint="yes"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_every_error_can_be_pickled(error):
    """Type, text and fields arrive."""
    found = pickled(error)
    assert type(found) is type(error)
    assert str(found) == str(error)
    assert vars(found) == vars(error)


# --- the others ----------------------------------------------------------------------------------


def test_siblings_are_cancelled(deploy, signals):
    """When a node raises, those at work beside it are cancelled, and what follows never runs."""

    @serve.deployment
    async def waits(x):
        await signals.anote("waiting")
        try:
            await signals.await_("never")
        except asyncio.CancelledError:
            signals.note("cancelled")
            raise

    @serve.deployment
    async def fails(x):
        await asyncio.to_thread(signals.wait_for_notes, "waiting", 2)
        raise ValueError("no")

    @serve.deployment
    def join(*xs):
        signals.note("joined")

    with InputNode() as inp:
        node = join.bind(waits.bind(inp), fails.bind(inp), waits.bind(inp))
    with pytest.raises(ValueError, match="no"):
        deploy(node).remote(1).result()
    signals.wait_for_notes("cancelled", 2)
    assert signals.notes("joined") == []


def test_what_a_sibling_called_is_cancelled_too(deploy, signals):
    """Cancelling reaches through handles to the nodes behind them."""

    @serve.deployment
    class Inner:
        async def work(self, x):
            await signals.anote("waiting")
            try:
                await signals.await_("never")
            finally:
                signals.note("ended")

    @serve.deployment
    class Outer:
        def __init__(self, inner):
            self.inner = inner

        async def run(self, x):
            return await self.inner.work.remote(x)

    @serve.deployment
    async def fails(x):
        await asyncio.to_thread(signals.wait_for_notes, "waiting", 1)
        raise ValueError("no")

    @serve.deployment
    def join(*xs):
        return xs

    with InputNode() as inp:
        node = join.bind(Outer.bind(Inner.bind()).run.bind(inp), fails.bind(inp))
    with pytest.raises(ValueError, match="no"):
        deploy(node).remote(1).result()
    signals.wait_for_notes("ended", 1)


def test_one_failed_request_leaves_the_others_alone(deploy):
    """Requests at the same time fail or succeed each for itself."""

    @serve.deployment
    async def picky(x):
        await asyncio.sleep(0)
        if x % 3 == 0:
            raise ValueError(str(x))
        return x

    graph = graph_of(deploy, picky)
    responses = [graph.remote(number) for number in range(30)]
    for number, one in enumerate(responses):
        if number % 3:
            assert one.result() == number
        else:
            with pytest.raises(ValueError, match=f": {number}$"):
                one.result()


@pytest.mark.parametrize("kind", [KeyError, NodeError])
def test_a_node_may_catch_the_error_of_another(deploy, kind):
    """A node that calls a handle can catch its error, by type or as a NodeError, and go on."""

    @serve.deployment
    class Inner:
        async def work(self, x):
            raise KeyError("gone")

    @serve.deployment
    class Outer:
        def __init__(self, inner):
            self.inner = inner

        async def run(self, x):
            try:
                return await self.inner.work.remote(x)
            except kind:
                return "caught"

        def run_in_a_thread(self, x):
            try:
                return self.inner.work.remote(x).result()
            except kind:
                return "caught"

    graph = deploy(Outer.bind(Inner.bind()))
    assert graph.handle.run.remote(1).result() == "caught"
    assert graph.handle.run_in_a_thread.remote(1).result() == "caught"


def test_an_error_raised_on_purpose_again_is_the_outer_nodes(deploy):
    """A node that raises an error of its own in answer to another's is the one that is named."""

    @serve.deployment
    class Inner:
        async def work(self, x):
            raise KeyError("gone")

    @serve.deployment
    class Outer:
        def __init__(self, inner):
            self.inner = inner

        async def run(self, x):
            try:
                return await self.inner.work.remote(x)
            except KeyError as error:
                raise RuntimeError("gave up") from error

    graph = deploy(Outer.bind(Inner.bind()))
    with pytest.raises(RuntimeError, match="gave up") as caught:
        graph.handle.run.remote(1).result()
    assert caught.value.node == "Outer.run"
    assert caught.value.__cause__.__cause__.node == "Inner.work"


def test_an_unknown_method_is_an_error_by_name(deploy):
    """A handle's call of a method that is not there names deployment and method."""

    @serve.deployment
    class Model:
        async def score(self, x):
            return x

    graph = deploy(Model.bind())
    with pytest.raises((AttributeError, TypeError, RequestError), match=r"Model.*'scroe'"):
        graph.handle.scroe.remote(1).result()


@pytest.mark.parametrize("args", [(), (1, 2)])
def test_wrong_arguments_by_handle_are_the_nodes_error(deploy, args):
    """A call through a handle whose arguments do not fit fails with the method's name."""

    @serve.deployment
    class Model:
        async def score(self, x):
            return x

        def score_in_a_thread(self, x):
            return x

    handle = deploy(Model.bind()).handle
    for method in (handle.score, handle.score_in_a_thread):
        with pytest.raises((TypeError, RequestError), match="score"):
            method.remote(*args).result()


# --- deploying -----------------------------------------------------------------------------------


@BOTH
def test_a_constructor_that_raises_is_a_deploy_error(deploy, is_async):
    """The error names the deployment, keeps the original as cause, and nothing serves."""

    @serve.deployment(name="Broken")
    class Broken:
        def __init__(self):
            helper(OSError("no weights"))

        def __call__(self, x):
            return x

    @serve.deployment(name="Broken")
    class AsyncBroken:
        async def __init__(self):
            helper(OSError("no weights"))

        def __call__(self, x):
            return x

    with pytest.raises(DeployError, match="Broken could not start: OSError: no weights") as caught:
        deploy((AsyncBroken if is_async else Broken).bind())
    assert caught.value.deployment == "Broken"
    assert isinstance(caught.value.__cause__, OSError)
    assert functions(caught.value.__cause__)[:1] == ["__init__"]
    import graphnb

    assert graphnb.running() == []


def test_a_failed_deploy_leaves_no_instance_behind(deploy, signals):
    """Instances that were made beside the one that failed are let go."""

    @serve.deployment
    class Fine:
        def __init__(self):
            signals.note("made")

        def __del__(self):
            signals.note("gone")

        def run(self, x):
            return x

    @serve.deployment
    class Broken:
        def __init__(self, fine):
            signals.wait_for_notes("made", 2)
            raise ValueError("no")

        def run(self, x):
            return x

    with pytest.raises(DeployError):
        deploy(Broken.bind(Fine.options(num_replicas=2).bind()))
    assert len(signals.wait_for_notes("gone", 2)) == 2
