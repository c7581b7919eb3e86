"""Errors that cross from one process to another: what arrives, and what its traceback shows."""

from __future__ import annotations

import ast
import asyncio
import dataclasses
import json
import linecache
import pickle
import sys
import threading
import traceback
import types

import httpx
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphnb import errors
from graphnb.engine.node_errors import node_error
from graphnb.engine.remote_errors import LeftBehind, pack_error, unpack_error
from graphnb.engine.shipping import ship
from graphnb.errors import NodeError
from tests.engine.processes import Processes


@pytest.fixture(scope="module")
def processes(tmp_path_factory):
    """Where other processes come from."""
    made = Processes(tmp_path_factory.mktemp("elsewhere"))
    yield made
    made.close()


@pytest.fixture
def elsewhere(processes):
    """A process that knows nothing of these tests."""
    made = processes.start()
    yield made
    made.close()


def raised(error, cause=None):
    """The error after it was raised."""
    try:
        raise error from cause if cause is not None else error.__cause__
    except BaseException as caught:
        return caught


def sent(error):
    """The error as another process would get it."""
    return unpack_error(pack_error(error))


def printed(error):
    """What Python prints of an error."""
    return "".join(traceback.format_exception(error))


# --- one error -----------------------------------------------------------------------------------


class NeedsArguments(Exception):
    def __init__(self, path, *, code):
        super().__init__(f"cannot read {path}")
        self.path, self.code = path, code


class TakesNothing(Exception):
    def __init__(self):
        super().__init__("always the same")


class Slotted(Exception):
    __slots__ = ("detail",)

    def __init__(self, detail):
        super().__init__(detail)
        self.detail = detail


class OwnNew(Exception):
    def __new__(cls, one, two):
        return super().__new__(cls, one, two)

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


class OwnReduce(Exception):
    def __init__(self, code):
        super().__init__(f"code {code}")
        self.code = code

    def __reduce__(self):
        return OwnReduce, (self.code,)


class OwnState(Exception):
    def __init__(self, one):
        super().__init__(one)
        self.lock = threading.Lock()

    def __getstate__(self):
        return {"one": self.args[0]}

    def __setstate__(self, state):
        self.one, self.lock = state["one"], "new"

    def __reduce__(self):
        return OwnState, self.args, self.__getstate__()


class WrongReduce(Exception):
    def __reduce__(self):
        return WrongReduce, (1, 2, 3, {}["no"])


class LateWrongReduce(Exception):
    def __init__(self, one):
        super().__init__(one)

    def __reduce__(self):
        return LateWrongReduce, (1, 2, 3)


class FromTwo(LookupError, ValueError):
    pass


class OfOSError(OSError):
    def __init__(self, path, why):
        super().__init__(5, why, path)
        self.why = why


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):
    message: str
    node: int = 3


def validation_error():
    """What pydantic raises for data that does not fit."""

    class Item(pydantic.BaseModel):
        n: int

    try:
        Item(n="x")
    except pydantic.ValidationError as error:
        return error


def status_error():
    """What httpx raises for an answer that says no."""
    request = httpx.Request("GET", "http://feature.store/a")
    response = httpx.Response(503, request=request, text="busy")
    try:
        response.raise_for_status()
    except httpx.HTTPStatusError as error:
        return error


def decode_error():
    """What json raises for text that is none."""
    try:
        json.loads('{"a": ')
    except json.JSONDecodeError as error:
        return error


def syntax_error():
    """What compiling raises."""
    try:
        compile("a b", "model.py", "exec")
    except SyntaxError as error:
        return error


KINDS = {
    "a plain one": (lambda: ValueError("bad", 7), lambda e: e.args == ("bad", 7)),
    "a key error": (lambda: KeyError("k"), lambda e: str(e) == "'k'"),
    "an os error": (
        lambda: FileNotFoundError(2, "No such file", "/x", None, "/y"),
        lambda e: (e.errno, e.filename, e.filename2) == (2, "/x", "/y"),
    ),
    "an os error with a text alone": (lambda: OSError("no"), lambda e: str(e) == "no"),
    "a time-out": (lambda: TimeoutError("slow"), lambda e: str(e) == "slow"),
    "a cancellation": (lambda: asyncio.CancelledError("x"), lambda e: e.args == ("x",)),
    "an exit": (lambda: SystemExit(3), lambda e: e.code == 3),
    "an end": (lambda: StopIteration(5), lambda e: e.value == 5),
    "an import error": (
        lambda: ImportError("no", name="torch", path="/p"),
        lambda e: (e.name, e.path) == ("torch", "/p"),
    ),
    "a unicode error": (
        lambda: UnicodeDecodeError("utf-8", b"a\xff", 1, 2, "invalid start byte"),
        lambda e: (e.object, e.start, e.end) == (b"a\xff", 1, 2),
    ),
    "a syntax error": (syntax_error, lambda e: (e.filename, e.text) == ("model.py", "a b\n")),
    "a JSON error": (decode_error, lambda e: (e.pos, e.lineno, e.doc) == (6, 1, '{"a": ')),
    "a validation error": (
        validation_error,
        lambda e: e.error_count() == 1 and e.errors()[0]["loc"] == ("n",),
    ),
    "an answer that says no": (
        status_error,
        lambda e: (
            (e.response.status_code, e.response.text, e.request.method) == (503, "busy", "GET")
        ),
    ),
    "a connection that failed": (
        lambda: httpx.ConnectTimeout("slow", request=httpx.Request("GET", "http://a/b")),
        lambda e: str(e.request.url) == "http://a/b",
    ),
    "one whose init needs arguments": (
        lambda: NeedsArguments("/x", code=3),
        lambda e: (e.path, e.code, e.args) == ("/x", 3, ("cannot read /x",)),
    ),
    "one whose init takes none": (TakesNothing, lambda e: e.args == ("always the same",)),
    "one with slots": (lambda: Slotted("d"), lambda e: e.detail == "d"),
    "one with new": (lambda: OwnNew("a", "b"), lambda e: e.args == ("a and b",)),
    "one that says how it is pickled": (lambda: OwnReduce(4), lambda e: e.code == 4),
    "one that sets its own state": (
        lambda: OwnState("a"),
        lambda e: (e.one, e.lock) == ("a", "new"),
    ),
    "one that is wrong about pickling": (lambda: WrongReduce("a"), lambda e: e.args == ("a",)),
    "one that is wrong about loading": (lambda: LateWrongReduce("a"), lambda e: e.args == ("a",)),
    "one that is frozen": (
        lambda: Frozen("m"),
        lambda e: (e.args, e.message, e.node) == (("m",), "m", 3),
    ),
    "one of two types": (lambda: FromTwo("a"), lambda e: isinstance(e, ValueError)),
    "one of a user's own os errors": (
        lambda: OfOSError("/x", "why"),
        lambda e: (e.errno, e.filename, e.why) == (5, "/x", "why"),
    ),
}


@pytest.mark.parametrize(("make", "holds"), KINDS.values(), ids=KINDS)
def test_an_error_arrives_as_it_was(make, holds):
    """Type, text, arguments and attributes are those of the original."""
    error = raised(make())
    found = sent(error)
    assert type(found) is type(error)
    assert holds(found)
    assert str(found) == str(error)
    assert printed(found) == printed(error)


@pytest.mark.parametrize(("make", "holds"), KINDS.values(), ids=KINDS)
def test_a_nodes_error_arrives_as_it_was(make, holds):
    """A NodeError is one again, of its original's type, with its fields."""
    error = node_error(raised(make()), node="rank", cell="cell 4", request_id="r1")
    found = sent(error)
    assert isinstance(found, NodeError)
    assert [one.__name__ for one in type(found).__mro__] == [
        one.__name__ for one in type(error).__mro__
    ]
    assert (found.node, found.cell, found.request_id) == ("rank", "cell 4", "r1")
    assert str(found) == str(error)
    assert type(found.original) is type(error.original)
    assert found.original is found.__cause__
    assert holds(found.original)
    assert printed(found) == printed(error)


@pytest.mark.parametrize(("make", "holds"), KINDS.values(), ids=KINDS)
def test_an_error_passes_through_a_process_that_knows_nothing_of_it(elsewhere, make, holds):
    """Classes travel with their errors: what comes back is of the class that was sent."""
    error = node_error(raised(make()), node="rank")
    there = "error = unpack_error(data)\nresult = str(error), pack_error(error)"
    text, data = elsewhere.run(there, data=pack_error(error))
    found = unpack_error(data)
    assert text == str(error)
    assert type(found.original) is type(error.original)
    assert holds(found.original)
    assert printed(found) == printed(error)


REQUEST_ERRORS = [
    errors.InputError("no", node="n", request_id="r", hint="yes"),
    errors.CallError("no", node="n", request_id="r"),
    errors.NotSerializableError("no", node="n", hint="yes"),
    errors.BackPressureError("no", node="n", request_id="r"),
    errors.RequestTimeoutError("no", node="n", hint="yes"),
    errors.RequestCancelledError("no", request_id="r"),
    errors.RequestError("no"),
    errors.DeployError("no", deployment="Model", hint="yes"),
    errors.NotRunningError("node", "x", ["y"]),
    errors.GraphValueError("GN103", "no", node="n", hint="yes"),
]


@pytest.mark.parametrize("error", REQUEST_ERRORS, ids=lambda one: type(one).__name__)
def test_errors_of_graphnb_arrive_with_their_fields(error):
    """Message, hint and all else."""
    found = sent(raised(error))
    assert type(found) is type(error)
    assert vars(found) == vars(error)
    assert str(found) == str(error)


def test_errors_that_graphnb_raises_for_the_user_have_no_frames_of_graphnb():
    """Where no user code took part there is nothing to show."""

    def fails():
        raise errors.InputError("no")

    own = types.FunctionType(fails.__code__, {"__name__": "graphnb.inner", "errors": errors})
    found = None
    try:
        own()
    except errors.InputError as error:
        error.__traceback__ = error.__traceback__.tb_next
        found = sent(error)
    assert found.__traceback__ is None


def test_a_mistake_inside_graphnb_keeps_its_frames():
    """An error that nobody foresaw is not stripped of what tells where it was."""

    def fails():
        return {}["no"]

    own = types.FunctionType(fails.__code__, {"__name__": "graphnb.inner"})
    try:
        own()
    except KeyError as error:
        error.__traceback__ = error.__traceback__.tb_next
        found = sent(error)
    assert [one.name for one in traceback.extract_tb(found.__traceback__)] == ["fails"]


# --- tracebacks ----------------------------------------------------------------------------------

_CELL = """\
def inner(rows, index):
    secret = "the password"
    return (1 +
            rows[index]) * 2


def outer(rows): return [inner(rows, one) for one in (0, 9)]
"""


@pytest.fixture
def cell():
    """Functions of a notebook's cell, whose text the kernel has."""
    name = "/tmp/ipykernel_9/8.py"
    linecache.cache[name] = (len(_CELL), None, _CELL.splitlines(keepends=True), name)
    namespace = {"__name__": "__main__"}
    exec(compile(_CELL, name, "exec", dont_inherit=True), namespace)
    yield namespace
    del linecache.cache[name]


def test_the_traceback_shows_the_users_own_lines(cell, elsewhere):
    """What a cell's function raises in another process ends, here, at the cell's line."""
    there = (
        "outer = unship(data)\n"
        "try: outer([5])\n"
        "except IndexError as error: result = pack_error(error)"
    )
    error = unpack_error(elsewhere.run(there, data=ship(cell["outer"])))
    found = traceback.extract_tb(error.__traceback__)
    caller = "<listcomp>" if sys.version_info < (3, 12) else "outer"
    places = [(one.filename, one.lineno, one.name, one.line) for one in found][-2:]
    assert places == [
        ("/tmp/ipykernel_9/8.py", 7, caller, _CELL.splitlines()[-1]),
        ("/tmp/ipykernel_9/8.py", 4, "inner", "rows[index]) * 2"),
    ]
    assert printed(error).endswith("~~~~^^^^^^^\nIndexError: list index out of range\n")


def test_an_error_of_a_cells_own_class_can_be_caught_by_it(cell, elsewhere):
    """What code of the notebook raises in another process is of the notebook's class here."""
    exec("class Wrong(Exception):\n    pass\ndef fails(): raise Wrong(3)", cell)
    there = "try: unship(data)()\nexcept Exception as error: result = pack_error(error)"
    with pytest.raises(cell["Wrong"]) as caught:
        raise unpack_error(elsewhere.run(there, data=ship(cell["fails"])))
    assert caught.value.args == (3,)


def test_no_variable_travels(cell):
    """Neither the values of a frame's variables nor the module's other globals are sent."""
    try:
        cell["outer"]([5])
    except IndexError as error:
        data = pack_error(error)
    assert b"password" not in data
    found = unpack_error(data).__traceback__
    while found is not None:
        names = set(found.tb_frame.f_globals) | set(found.tb_frame.f_locals)
        assert names == {"__name__", "__file__", "__builtins__"}
        found = found.tb_next


def test_frames_of_graphnb_are_left_out(cell):
    """Before, between and after the user's frames."""

    def between(function):
        function([])

    own = types.FunctionType(between.__code__, {"__name__": "graphnb.engine.response"})
    cell["own"] = own
    exec("def calls(): own(outer)", cell)
    machinery = types.FunctionType((lambda: calls()).__code__, {**cell, "__name__": "asyncio.x"})  # noqa: F821, PLW0108
    try:
        machinery()
    except IndexError as error:
        error.__traceback__ = error.__traceback__.tb_next
        found = sent(error)
    names = [one.name for one in traceback.extract_tb(found.__traceback__)]
    assert names[:2] == ["calls", "outer"]
    assert names[-1] == "inner"


def test_a_traceback_that_travelled_travels_again(cell):
    """Each hop keeps every place."""
    with pytest.raises(IndexError) as caught:
        cell["outer"]([5])
    assert printed(sent(sent(sent(caught.value)))) == printed(caught.value)


def test_an_error_that_arrived_can_be_raised_and_passed_on():
    """The frames of whoever raises it come before those that it brought."""

    def here():
        raise sent(raised(ValueError("no")))

    with pytest.raises(ValueError, match="no") as caught:
        here()
    names = [one.name for one in traceback.extract_tb(caught.value.__traceback__)]
    assert names[-2:] == ["here", "raised"]


def test_an_endless_recursion_arrives_by_its_ends():
    """Of a thousand frames the first and the last are sent, and it is said how many are not."""

    def endless(n):
        return endless(n + 1) + 1

    try:
        endless(0)
    except RecursionError as error:
        data = pack_error(error)
    found = traceback.extract_tb(unpack_error(data).__traceback__)
    assert len(found) == 101
    assert found[30].filename.endswith("frames left out>")
    assert found[-1].name == "endless"
    assert len(data) < 20_000


def test_an_error_that_was_never_raised_has_no_traceback():
    """There is none to send."""
    assert sent(ValueError("no")).__traceback__ is None


def test_places_without_columns_arrive_without_columns():
    """Python can be told not to keep columns."""
    tree = ast.parse("1/0")
    for node in ast.walk(tree):
        if isinstance(node, ast.expr | ast.stmt):
            node.col_offset = node.end_col_offset = -1
    with pytest.raises(ZeroDivisionError) as caught:
        exec(compile(tree, "<cell>", "exec"), {"__name__": "__main__"})
    caught.value.__traceback__ = caught.value.__traceback__.tb_next
    assert printed(sent(caught.value)) == printed(caught.value)


def test_ipython_shows_it(cell):
    """The notebook's own way to print tracebacks takes it."""
    from IPython.core.ultratb import VerboseTB

    try:
        cell["outer"]([5])
    except IndexError as error:
        found = sent(error)
    shown = VerboseTB(theme_name="nocolor").text(type(found), found, found.__traceback__)
    assert "rows[index]" in shown
    assert shown.endswith("IndexError: list index out of range")


# --- chains --------------------------------------------------------------------------------------


def test_causes_contexts_and_notes_arrive():
    """`raise ... from`, an error while another is handled, and what was added to them."""

    def fails():
        try:
            try:
                {}["a"]
            except KeyError as error:
                error.add_note("first")
                raise ValueError("second") from error
        except ValueError:
            raise TypeError("third")  # noqa: B904

    with pytest.raises(TypeError) as caught:
        fails()
    caught.value.add_note("one")
    caught.value.add_note("two")
    found = sent(caught.value)
    assert printed(found) == printed(caught.value)
    assert isinstance(found.__context__.__cause__, KeyError)
    assert found.__notes__ == ["one", "two"]


def test_a_context_that_is_not_shown_stays_behind():
    """`raise ... from None` has said that it is of no interest."""
    try:
        try:
            {}["a"]
        except KeyError:
            raise ValueError("no") from None
    except ValueError as error:
        found = sent(error)
    assert found.__context__ is None
    assert found.__suppress_context__
    assert b"KeyError" not in pack_error(found)


def test_groups_arrive_with_all_that_is_in_them():
    """Groups within groups, each error with its traceback, to be split by `except*`."""
    inner = ExceptionGroup("inner", [raised(NeedsArguments("/x", code=1)), OSError(2, "no", "/y")])
    error = raised(ExceptionGroup("outer", [raised(KeyError("k")), raised(inner, ValueError("c"))]))
    found = sent(error)
    assert printed(found) == printed(error)
    caught = []
    try:
        raise sent(node_error(error, node="rank"))
    except* NeedsArguments as some:
        caught.extend(some.exceptions)
    except* (KeyError, OSError):
        pass
    assert caught[0].exceptions[0].code == 1


class OwnGroup(ExceptionGroup):
    def __new__(cls, errors, code):
        made = super().__new__(cls, f"{len(errors)} errors", errors)
        made.code = code
        return made

    def derive(self, errors):
        return OwnGroup(errors, self.code)


def test_groups_of_a_users_own_type_arrive():
    """With their attributes; their own `__new__` is not asked."""
    found = sent(OwnGroup([ValueError("a"), KeyError("b")], 7))
    assert type(found) is OwnGroup
    assert (found.message, found.code) == ("2 errors", 7)
    assert [type(one) for one in found.exceptions] == [ValueError, KeyError]


def test_groups_of_errors_that_end_programs_arrive():
    """A BaseExceptionGroup may hold what no ExceptionGroup may."""
    found = sent(BaseExceptionGroup("all", [KeyboardInterrupt(), ValueError("a")]))
    assert isinstance(found.exceptions[0], KeyboardInterrupt)


def test_errors_that_refer_to_each_other_arrive():
    """A circle of causes is one again."""
    one, two = ValueError("one"), KeyError("two")
    one.__cause__, two.__cause__ = two, one
    found = sent(one)
    assert found.__cause__.__cause__ is found


def test_an_error_that_holds_itself_arrives():
    """A group whose member is the NodeError that stands for it."""
    group = ExceptionGroup("g", [ValueError("a")])
    outer = node_error(group, node="n")
    holder = ExceptionGroup("h", [outer])
    outer.original = holder
    assert isinstance(sent(outer), NodeError)


def test_a_long_chain_is_cut():
    """A hundred errors say enough."""
    error = ValueError("0")
    for number in range(1, 500):
        error = raised(ValueError(str(number)), error)
    found, count = sent(error), 0
    while found is not None:
        found, count = found.__cause__, count + 1
    assert count == 100
    many = sent(ExceptionGroup("many", [ValueError(str(one)) for one in range(1000)]))
    assert len(many.exceptions) == 50


_leaves = st.sampled_from([ValueError, KeyError, RuntimeError]).flatmap(
    lambda kind: st.lists(st.text() | st.integers(), max_size=2).map(lambda args: kind(*args))
)


@st.composite
def _linked(draw, inner):
    error = draw(
        _leaves
        | st.lists(inner, min_size=1, max_size=3).map(lambda some: ExceptionGroup("g", some))
    )
    error.__cause__ = draw(st.none() | inner)
    error.__context__ = draw(st.none() | inner)
    error.__suppress_context__ = draw(st.booleans())
    for note in draw(st.lists(st.text(), max_size=2)):
        error.add_note(note)
    return raised(error) if draw(st.booleans()) else error


@given(st.recursive(_leaves, _linked, max_leaves=8))
def test_any_tree_of_errors_is_printed_the_same(error):
    """However errors are linked, what Python prints of them is what it printed before."""
    assert printed(sent(error)) == printed(error)


# --- what cannot travel --------------------------------------------------------------------------


@pytest.fixture
def only_here(tmp_path, monkeypatch):
    """An installed package that other processes do not have."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    (folder / "only_here.py").write_text("class LibraryError(Exception): pass")
    monkeypatch.syspath_prepend(str(folder))
    import only_here

    yield only_here
    del sys.modules["only_here"]


def test_an_error_of_a_class_that_is_unknown_there_is_told(only_here, elsewhere):
    """It arrives as a NodeError with its text, its notes and its traceback."""
    error = raised(only_here.LibraryError("no luck"), ValueError("why"))
    error.add_note("a note")
    there = (
        "import traceback\n"
        "error = unpack_error(data)\n"
        "text = ''.join(traceback.format_exception(error))\n"
        "result = type(error).__name__, str(error), text, error._render_traceback_()[-1]"
    )
    name, text, shown, last = elsewhere.run(there, data=pack_error(error))
    assert (name, text) == ("NodeError", "only_here.LibraryError: no luck")
    assert "ValueError: why" in shown
    assert "in raised" in shown
    assert shown.endswith("a note\n")
    assert last == "NodeError: only_here.LibraryError: no luck"


def test_a_nodes_error_of_a_class_that_is_unknown_there_keeps_its_words(only_here, elsewhere):
    """Message, node, cell and request are the same; the original is told by its text."""
    error = node_error(
        raised(only_here.LibraryError("no luck")), node="rank", cell="cell 2", request_id="r"
    )
    there = (
        "error = unpack_error(data)\n"
        "result = (str(error), error.node, error.cell, error.request_id,\n"
        "          str(error.original), error.__cause__ is error.original,\n"
        "          error._render_traceback_()[-1])"
    )
    assert elsewhere.run(there, data=pack_error(error)) == (
        "rank (cell 2) raised LibraryError: no luck",
        "rank",
        "cell 2",
        "r",
        "only_here.LibraryError: no luck",
        True,
        "NodeError: rank (cell 2) raised LibraryError: no luck",
    )


def test_an_error_that_is_unknown_on_its_way_arrives_as_it_was(only_here, elsewhere):
    """A process that does not know the class passes on what it was told."""
    error = node_error(raised(only_here.LibraryError("no luck", 3)), node="rank")
    there = "result = pack_error(unpack_error(data))"
    found = unpack_error(elsewhere.run(there, data=pack_error(error)))
    assert isinstance(found, only_here.LibraryError)
    assert found.original.args == ("no luck", 3)
    assert printed(found) == printed(error)


def test_a_member_of_a_group_that_is_unknown_there_is_told(only_here, elsewhere):
    """The group and its other members are what they were."""
    group = ExceptionGroup("some", [only_here.LibraryError("a"), ValueError("b")])
    there = "result = [type(one).__name__ for one in unpack_error(data).exceptions]"
    assert elsewhere.run(there, data=pack_error(group)) == ["NodeError", "ValueError"]


def test_a_class_that_cannot_travel_leaves_its_text():
    """It is told of, like one that is unknown there."""

    def factory(rows):
        class Odd(Exception):
            def use(self):
                return rows

        return Odd

    found = sent(raised(factory(x for x in ())("odd")))
    assert type(found) is NodeError
    assert str(found).endswith("Odd: odd")


def test_attributes_that_cannot_travel_are_left_behind():
    """The others arrive; in place of those stands something that says what they were."""
    error = NeedsArguments("/x", code=threading.Lock())
    error.extra = [1]
    found = sent(error)
    assert (found.path, found.extra) == ("/x", [1])
    assert isinstance(found.code, LeftBehind)
    assert repr(found.code) == "<_thread.lock: not sent>"
    found = sent(ValueError("held", threading.Lock(), 3))
    assert (found.args[0], found.args[2]) == ("held", 3)
    assert found.args[1].text == "_thread.lock"


def test_the_object_of_an_attribute_error_is_not_sent():
    """It may be a whole model."""
    try:
        [0].missing  # noqa: B018
    except AttributeError as error:
        found = sent(error)
    assert (found.name, found.obj) == ("missing", None)


def test_what_is_large_is_cut():
    """Texts keep their beginning and their end, other parts are left behind."""
    import numpy as np

    long = "a" * 5_000_000 + "the end"
    error = node_error(ValueError(long, np.zeros(1_000_000), b"b" * 1_000_000, 7), node="n")
    error.original.more = long
    error.add_note(long)
    data = pack_error(error)
    assert len(data) < 300_000
    found = unpack_error(data)
    assert "4980007 characters left out" in found.args[0]
    assert found.args[0].endswith("the end")
    assert repr(found.args[1]) == "<numpy.ndarray: not sent>"
    assert len(found.args[2]) == 10_000
    assert found.args[3] == 7
    assert found.original.more == found.args[0]
    assert len(found.message) < 21_000
    assert len(found.__notes__[0]) < 21_000


def test_errors_that_resist_being_looked_at_are_told():
    """A text, notes or arguments that cannot be had keep no error from arriving."""

    class Mute(Exception):
        def __str__(self):
            raise RuntimeError("nothing to say")

    class Hostile(Exception):
        @property
        def args(self):
            raise RuntimeError("nothing to give")

    assert type(sent(Mute("x"))).__name__ == "Mute"
    assert "Hostile" in str(sent(Hostile("x")))
    odd = ValueError("x")
    odd.__notes__ = "not a list"
    assert type(sent(odd)) is ValueError


class Resists(Exception):
    """Does not take what Python keeps in every error."""

    @property
    def __suppress_context__(self):
        return False


def test_an_error_that_cannot_be_tied_loses_its_links():
    """It arrives all the same."""
    found = sent(raised(Resists("no")))
    assert (type(found), str(found), found.__traceback__) == (Resists, "no", None)


def test_bytes_that_are_no_error_are_told():
    """Those of another version, for one."""
    assert "cannot be read here" in str(unpack_error(b"nonsense"))


def test_a_node_error_is_pickled_with_its_traceback():
    """Plain pickle takes the same way."""
    error = node_error(raised(ValueError("no"), KeyError("why")), node="n")
    found = pickle.loads(pickle.dumps(error))
    assert isinstance(found, ValueError)
    assert printed(found) == printed(error)
