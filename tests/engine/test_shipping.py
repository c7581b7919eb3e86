"""Code that travels: what arrives in a process that knows neither the cells nor the modules."""

from __future__ import annotations

import importlib
import importlib.metadata
import io
import itertools
import linecache
import pickle
import sys
import textwrap
import threading
import types
from concurrent.futures import ThreadPoolExecutor

import cloudpickle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphnb.engine.shipping import ValuePickler, mentions_local_code, ship, unship
from graphnb.errors import NotSerializableError
from tests.engine.processes import Processes

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def processes(tmp_path_factory):
    """Where other processes come from."""
    made = Processes(tmp_path_factory.mktemp("elsewhere"))
    yield made
    made.close()


@pytest.fixture
def new_process(processes):
    """Makes processes that know nothing yet."""
    made = []

    def make():
        made.append(processes.start())
        return made[-1]

    yield make
    for one in made:
        one.close()


class Notebook:
    """A kernel's main module, and the folder that the notebook lies in."""

    def __init__(self, folder):
        self.folder = folder
        self.main = types.ModuleType("__main__")

    def __getitem__(self, name):
        return vars(self.main)[name]

    def cell(self, text):
        """Runs a cell."""
        text = textwrap.dedent(text)
        name = f"/tmp/ipykernel_9/{next(_numbers)}.py"
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        exec(compile(text, name, "exec", dont_inherit=True), vars(self.main))

    def place(self, name, text):
        """Writes a module beside the notebook."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        importlib.invalidate_caches()


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """A notebook in a folder of its own."""
    before, cache = set(sys.modules), dict(linecache.cache)
    made = Notebook(tmp_path)
    monkeypatch.setitem(sys.modules, "__main__", made.main)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield made
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None) or str(tmp_path)
        if file.startswith(str(tmp_path)):
            del sys.modules[name]
    linecache.cache.clear()
    linecache.cache.update(cache)


def _cases(text):
    """Cases written one below the other, each under its name: files, then the cell."""
    found = {}
    for case in text.split("### ")[1:]:
        name, body = case.split("\n", 1)
        *files, cell = body.split("~~~")
        found[name] = ([one.strip().split("\n", 1) for one in files], cell)
    return found


CASES = _cases(
    """
### a function of a cell
def target(): return [n * 2 for n in range(3)]
### a class of a cell with init args
class Scorer:
    def __init__(self, weight=2): self.weight = weight
    def __call__(self): return self.weight * 3
target = lambda: Scorer(5)()
### a function of a module, by name
helper.py
def f(): return N
N = 7
~~~
from helper import f as target
### a module object
helper.py
N = 7
def f(x): return x + N
~~~
import helper
def target(): return helper.f(1), helper.N
### a module under another name
helper.py
N = 7
~~~
import helper as h
def target(): return h.N
### a module that imports another one
helper.py
import helper2
from helper2 import g
def f(): return helper2.g() + g()
~~~
helper2.py
def g(): return 4
~~~
import helper
def target(): return helper.f()
### modules that import each other
one.py
import two
def f(n): return n if n < 1 else two.g(n - 1)
class A: pass
~~~
two.py
import one
def g(n): return one.f(n - 1)
class B(one.A if hasattr(one, "A") else object): pass
~~~
import one, two
def target(): return one.f(5), two.g(4)
### a package with relative imports
pack/__init__.py
from .inner import f
from . import other
~~~
pack/inner.py
from .other import N
from .deep.end import last
def f(): return N + last()
~~~
pack/other.py
N = 5
~~~
pack/deep/__init__.py
~~~
pack/deep/end.py
from ..other import N
def last(): return N * 10
~~~
import pack
import pack.deep.end
def target(): return pack.f(), pack.other.N, pack.deep.end.last()
### a package without __init__
loose/part.py
def f(): return 3
~~~
import loose.part
def target(): return loose.part.f()
### a global of a module that is changed and read
helper.py
count = 0
def add():
    global count
    count += 1
    return count
~~~
import helper
from helper import add
def target(): return add(), helper.add(), helper.count
### a global that was changed before it was shipped
helper.py
N = 1
def f(): return N
~~~
import helper
helper.N = 2
def target(): return helper.f(), helper.N
### an import inside a function
helper.py
from helper2 import M
class A:
    n = M
~~~
helper2.py
M = 6
~~~
def target():
    from helper import A
    import helper as h
    return A().n, A is h.A
### an import inside a function, of a module that was loaded
helper.py
class A: pass
~~~
import helper
from helper import A
def target():
    from helper import A as B
    import helper as h
    return A is B, h.A is A
### a relative import inside a function
pack/__init__.py
~~~
pack/late.py
from . import later
from .later import N
def f(): return N + later.N
~~~
pack/later.py
N = 2
~~~
pack/now.py
def f():
    from .late import f
    from . import late
    return f() + late.N
~~~
from pack.now import f as target
### a name that is only known at run time
helper.py
class Base: pass
class Model(Base): n = 3
def f(): return 1
~~~
import helper
from helper import Base
def target():
    name = "Mod" + "el"
    Model = getattr(helper, name)
    return Model.n, issubclass(Model, Base), helper.f()
### what a pickle asks for by name
helper.py
class Model:
    n = 3
def f(): return 1
~~~
import helper, pickle
saved = pickle.dumps(helper.Model())
def target(): return helper.f(), pickle.loads(saved).n
### what a pickle makes and loads again
helper.py
class Model:
    n = 3
~~~
import pickle
from helper import Model
def target(): return type(pickle.loads(pickle.dumps(Model()))) is Model
### an installed package by its parts
import concurrent
import concurrent.futures
import os.path
def target():
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(os.path.basename, "a/b").result()
### a decorator
helper.py
import functools
def twice(function):
    @functools.wraps(function)
    def inner(*args): return function(*args), function(*args)
    return inner
@twice
def f(x): return x
~~~
from helper import f, twice
@twice
def g(x): return f(x)
def target(): return g(1), g.__name__, g.__wrapped__(2)
### a dataclass
helper.py
from dataclasses import dataclass, field, fields, asdict, replace
@dataclass(order=True)
class Point:
    x: int
    y: list = field(default_factory=list)
    def add(self): return replace(self, x=self.x + 1)
~~~
from helper import Point
import dataclasses
def target():
    p = Point(1, [2]).add()
    return dataclasses.asdict(p), [f.name for f in dataclasses.fields(p)], repr(p), Point(1) < p
### a frozen dataclass with slots
from dataclasses import dataclass
@dataclass(frozen=True, slots=True)
class Point:
    x: int = 4
def target(): return hash(Point()) == hash(Point()), Point().x, Point() == Point(4)
### a dataclass whose annotations are text
helper.py
from __future__ import annotations
from dataclasses import dataclass
import typing
class Inner: pass
@dataclass
class Outer:
    inner: Inner | None = None
~~~
import typing
from helper import Outer, Inner
def target(): return typing.get_type_hints(Outer)["inner"] == (Inner | None)
### a function whose annotations are text
helper.py
from __future__ import annotations
class Inner: pass
def f(x: Inner) -> list[Inner]: pass
~~~
import typing
from helper import f
def target(): return [str(one) for one in typing.get_type_hints(f).values()]
### an enum
helper.py
import enum
class Color(enum.Enum):
    RED = 1
    GREEN = "g"
    def shout(self): return self.name + "!"
class Flags(enum.IntFlag):
    A = 1
    B = 2
~~~
from helper import Color, Flags
def target(red=Color.RED):
    return red is Color.RED, Color("g").shout(), (Flags.A | Flags.B).value, list(Color)[0].name
### an abstract class
helper.py
import abc
class Base(abc.ABC):
    @abc.abstractmethod
    def f(self): ...
    @property
    @abc.abstractmethod
    def g(self): ...
class Known: pass
Base.register(Known)
~~~
from helper import Base, Known
class Own(Base):
    def f(self): return 1
    g = 2
def target():
    try: Base()
    except TypeError: made = False
    return made, Own().f(), Own().g, isinstance(Known(), Base)
### a pydantic model
helper.py
from pydantic import BaseModel, Field, field_validator, computed_field
class Part(BaseModel):
    n: int = Field(gt=0)
class Model(BaseModel):
    name: str
    parts: list[Part] = []
    @field_validator("name")
    @classmethod
    def upper(cls, value): return value.upper()
    @computed_field
    def size(self) -> int: return len(self.parts)
~~~
import pydantic
from helper import Model
class Own(Model):
    extra: dict[str, float] = {}
def target():
    one = Own.model_validate({"name": "a", "parts": [{"n": 1}], "extra": {"b": "1"}})
    try: Own(name="a", parts=[{"n": 0}])
    except pydantic.ValidationError as error: found = error.error_count()
    again = Own.model_validate_json(one.model_dump_json())
    return one.model_dump(), found, again == one, Own.model_json_schema()["title"]
### a pydantic model whose annotations are text
from __future__ import annotations
from pydantic import BaseModel
class Part(BaseModel):
    n: int
class Model(BaseModel):
    part: Part | None = None
def target(): return Model(part={"n": "2"}).model_dump()
### named tuples
helper.py
from typing import NamedTuple
from collections import namedtuple
class P(NamedTuple):
    x: int
    y: int = 2
    def sum(self): return self.x + self.y
Q = namedtuple("Q", "a b")
~~~
from helper import P, Q
def target(q=Q(1, 2)): return P(1).sum(), P(1)._replace(y=5), q.b, q == Q(1, 2)
### generics and type variables
helper.py
from typing import Generic, TypeVar, ParamSpec, NewType, Protocol, TypedDict
T = TypeVar("T", bound=int)
P = ParamSpec("P")
UserId = NewType("UserId", int)
class Box(Generic[T]):
    def __init__(self, x: T): self.x = x
class Sized(Protocol):
    def size(self) -> int: ...
class Movie(TypedDict, total=False):
    name: str
~~~
from helper import *
from helper import T, P
class IntBox(Box[int]): pass
def target():
    assert Box.__parameters__ == (T,)
    assert Movie.__optional_keys__ == {"name"}
    return Box[int](3).x, IntBox(4).x, T.__bound__ is int, UserId(5), P.__name__, Movie(name="a")
### exceptions
helper.py
class Wrong(Exception):
    def __init__(self, code, *, why): self.code, self.why = code, why
~~~
from helper import Wrong
def target():
    try: raise Wrong(1, why="x")
    except Wrong as error: return error.code, error.why
### partial functions
helper.py
def f(a, b): return a - b
~~~
import functools
from helper import f
target = functools.partial(f, 5, b=2)
### closures that share a variable
def counter():
    n = 0
    def add():
        nonlocal n
        n += 1
    def get(): return n
    return add, get
add, get = counter()
def target():
    add(), add()
    return get()
### a closure that holds itself
def make():
    def loop(n): return n if n < 1 else loop(n - 1)
    return loop
loop = make()
def target(): return loop(3)
### a cached function
helper.py
import functools
@functools.lru_cache(maxsize=3, typed=True)
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
@functools.cache
def one(): return 1
~~~
from helper import fib, one
fib(5)
def target(): return fib(10), fib.cache_parameters(), one(), fib.__name__
### cached properties and single dispatch
import functools
class Model:
    @functools.cached_property
    def n(self): return 4
    @functools.singledispatchmethod
    def f(self, x): return "any"
    @f.register
    def _(self, x: int): return "int"
@functools.singledispatch
def g(x): return "any"
@g.register(str)
def _(x): return "str"
g("a"), g(1)
def target(): return Model().n, Model().f(1), Model().f(""), g("a"), g(1)
### super and __class__
helper.py
class Base:
    def name(self): return "base"
    @classmethod
    def made(cls): return cls.__name__
    @staticmethod
    def still(): return 1
~~~
import helper
class Own(helper.Base):
    def name(self): return super().name() + __class__.__name__
    @classmethod
    def made(cls): return super().made() + "!"
    @property
    def p(self): return self._p
    @p.setter
    def p(self, value): self._p = value
def target():
    own = Own()
    own.p = 3
    return own.name(), Own.made(), own.still(), own.p, isinstance(own, helper.Base)
### class attributes that were changed after the definition
helper.py
class Model:
    n = 1
    def f(self): return self.n
~~~
from helper import Model
Model.n = 2
Model.g = lambda self: self.f() + 1
def target(): return Model().f(), Model().g()
### a metaclass and __init_subclass__
helper.py
class Meta(type):
    def __call__(cls, *args): return super().__call__(*args)
    @property
    def title(cls): return cls.__name__.title()
class Base(metaclass=Meta):
    known = {}
    def __init_subclass__(cls): cls.known[cls.__name__] = cls
class Sub(Base): pass
~~~
from helper import Base, Sub
def target(): return Sub.title, Base.known["Sub"] is Sub, list(Base.known)
### nested classes
class Outer:
    class Inner:
        n = 2
        class Deep:
            n = 3
def target(): return Outer.Inner().n, Outer.Inner.Deep.n, Outer.Inner.__qualname__
### a module made at run time
import sys, types
made = types.ModuleType("made_here")
exec("N = 1\\ndef f(): return N\\nclass A:\\n    pass", vars(made))
sys.modules["made_here"] = made
from made_here import f
def target(): return made.f(), f(), isinstance(made.A(), made.A)
### a sentinel that pickles as its name
helper.py
class _Missing:
    def __reduce__(self): return "MISSING"
MISSING = _Missing()
def f(x=MISSING): return x is MISSING
~~~
from helper import f, MISSING
def target(y=MISSING): return f(), f(y), f(1), y is MISSING
### async functions and generators
import asyncio
async def f(): return 1
async def g():
    yield await f()
def h():
    yield from [1, 2]
def target():
    async def main(): return [x async for x in g()], list(h())
    return asyncio.run(main())
### context variables, loggers and patterns
import contextvars, logging, re
var = contextvars.ContextVar("var", default=3)
bare = contextvars.ContextVar("bare")
log = logging.getLogger("users.own")
pattern = re.compile("a+")
def target(): return var.get(), bare.get(1), log.name, bool(pattern.match("aa"))
### a deployment among the globals
from graphnb import serve
@serve.deployment
class Model:
    def f(self): return Model.name
@serve.deployment(num_replicas=2)
def g(x): return x
def target(): return Model.func_or_class().f(), g.func_or_class(3), g.user_options["num_replicas"]
### arrays
import numpy as np
weights = np.arange(6.0).reshape(2, 3)
def target(): return float((weights @ weights.T).sum()), weights.flags.writeable
### a name in a module that only looks wanted
helper.py
rows = (x for x in (1, 2))
def f(): return 1
~~~
import helper
class Model:
    def __init__(self): self.rows = 5
    def run(self): return self.rows, helper.f(), [one.rows for one in [self]]
def target(): return Model().run()
### names of their own in many modules
one.py
rows = (x for x in ())
def f(thing): return thing.rows
~~~
two.py
rows = (x for x in ())
import one
def g(thing): return one.f(thing)
~~~
import two
class Thing: rows = 3
def target(): return two.g(Thing())
### a library's wrapper
import contextlib
@contextlib.contextmanager
def around(x):
    yield x + 1
def target():
    with around(1) as found: return found
### methods as values
class Model:
    n = 3
    def f(self): return self.n
bound = Model().f
def target(): return bound(), Model.f(Model())
### an ellipsis
class Model:
    def run(self, labels: tuple[str, ...] = ("a",), rest=...): return labels, rest is ...
def target(): return Model().run()
### weak containers and mappings
import types, weakref, collections
class K: pass
k = K()
weak = weakref.WeakKeyDictionary({k: 1})
view = types.MappingProxyType({"a": 1})
order = collections.OrderedDict(a=1).keys()
def target(): return weak[k], view["a"], list(order)
"""
)


@pytest.mark.parametrize(("files", "cell"), CASES.values(), ids=CASES)
def test_code_runs_elsewhere_as_it_does_here(notebook, new_process, files, cell):
    """What a cell and modules beside the notebook define gives the same in another process."""
    for file in files:
        notebook.place(*[*file, ""][:2])
    notebook.cell(cell)
    data = ship(notebook["target"])
    here = notebook["target"]()
    assert new_process().run("result = unship(data)()", data=data) == here


def twice(x):
    """A function of a module of tests, which pytest imports in its own way."""
    return _TWO * x


_TWO = 2


def test_code_of_a_test_module_travels(new_process):
    """Modules that pytest imported from its rootdir are local ones."""
    assert new_process().run("result = unship(data)(3)", data=ship(twice)) == 6


def test_a_definition_travels_with_its_arguments(notebook, new_process):
    """A class and its init args arrive as one tuple; what both refer to is one object."""
    notebook.cell("""
        shared = [1]
        class Scorer:
            def __init__(self, weight, *, data): self.weight, self.data = weight, data
            def same(self): return self.data is shared
    """)
    data = ship((notebook["Scorer"], (2,), {"data": notebook["shared"]}))
    there = "cls, args, kwargs = unship(data)\none = cls(*args, **kwargs)\n"
    assert new_process().run(there + "result = one.weight, one.same()", data=data) == (2, True)


def test_what_is_installed_travels_by_name(new_process):
    """Of the standard library and of installed packages nothing is taken along."""
    import json

    data = ship((json.dumps, importlib.metadata.version, twice.__class__))
    assert b"skipkeys" not in data
    assert new_process().run("result = unship(data)[0]({})", data=data) == "{}"


def test_a_module_that_an_installed_package_made_is_installed(monkeypatch):
    """Modules without a file belong to the package that they are in."""
    made = types.ModuleType("pytest.made_here")
    exec("def f(): return 1", vars(made))
    monkeypatch.setitem(sys.modules, "pytest.made_here", made)
    assert cloudpickle_free(ship(made.f))


def cloudpickle_free(data):
    """Whether a pickle holds no code."""
    return b"CodeType" not in data


def test_a_package_that_is_missing_there_is_named(notebook, new_process):
    """Code that needs what only this process has installed says so when it arrives."""
    notebook.place("site-packages/only_here.py", "class A: pass")
    sys.path.insert(0, str(notebook.folder / "site-packages"))
    try:
        notebook.cell("import only_here\ndef target(): return only_here.A()")
        data = ship(notebook["target"])
    finally:
        del sys.path[0]
    with pytest.raises(AssertionError, match=r"No module named 'only_here'\s.*install it where"):
        new_process().run("unship(data)", data=data)


def test_code_of_another_python_is_refused(monkeypatch):
    """Bytecode belongs to one version of Python; another one says so before it loads any."""
    monkeypatch.setattr("graphnb.engine.shipping.parcels._PYTHON", "3.8")
    data = ship(twice)
    monkeypatch.undo()
    with pytest.raises(RuntimeError, match=r"sent by Python 3\.8, and Python 3\.1\d cannot run it"):
        unship(data)


def test_modules_that_arrive_can_be_imported(notebook, new_process):
    """They stand in `sys.modules` with what travelled, as do the packages they are in."""
    notebook.place("pack/__init__.py", "")
    notebook.place("pack/inner.py", "def f(): return 1\ndef g(): return 2")
    notebook.cell("from pack.inner import f as target")
    other = new_process()
    other.run("unship(data)", data=ship(notebook["target"]))
    assert other.run("import pack.inner as m\nresult = m.f(), m.g(), m.__name__") == (
        1,
        2,
        "pack.inner",
    )
    missing = "try: m.h\nexcept AttributeError as error: result = str(error)"
    assert other.run(missing) == "module 'pack.inner' has no attribute 'h'"


def test_a_module_that_a_process_has_of_its_own_stays(notebook, new_process):
    """What arrives never takes the place of what the process imported by itself."""
    notebook.place("helper.py", "N = 1\ndef f(): return N")
    notebook.cell("from helper import f as target")
    other = new_process()
    other.run("import sys, types\nsys.modules['helper'] = own = types.ModuleType('helper')")
    data = ship(notebook["target"])
    assert other.run("result = unship(data)(), sys.modules['helper'] is own", data=data) == (
        1,
        True,
    )


def test_a_module_that_is_asked_for_a_name_it_has_not_is_not_run(notebook, new_process):
    """Libraries that ask all modules for some name do not set off their code."""
    notebook.place("helper.py", "import sys\nsys.helper_ran = True\ndef f(): return 1\nn = 2")
    notebook.cell("from helper import f as target")
    other = new_process()
    asked = "unship(data)\nimport sys, helper\nhasattr(helper, 'x'), helper.__doc__\n"
    data = ship(notebook["target"])
    assert other.run(asked + "result = hasattr(sys, 'helper_ran')", data=data) is False
    assert other.run("result = helper.n, sys.helper_ran") == (2, True)


def test_the_kernel_is_left_alone(notebook):
    """Nothing changes here when code is shipped, nor when it comes back."""
    notebook.place("helper.py", "N = 1\nclass A:\n    def f(self): return N\n")
    notebook.cell("""
        import helper
        class B(helper.A):
            def g(self): return helper.N
        def target(): return B().f()
    """)
    helper, made = sys.modules["helper"], notebook["B"]
    before = {cls: dict(vars(cls)) for cls in (helper.A, made)}
    names, registered = dict(vars(helper)), cloudpickle.list_registry_pickle_by_value()
    function, cls = unship(ship((notebook["target"], made)))
    assert function() == 1
    assert cls is made
    assert {one: dict(vars(one)) for one in before} == before
    assert sys.modules["helper"] is helper
    assert dict(vars(helper)) == names
    assert cloudpickle.list_registry_pickle_by_value() == registered


def test_other_threads_pickle_as_before_meanwhile(notebook):
    """While code is shipped nothing global is registered that another thread would meet."""
    notebook.place("helper.py", "class A: pass")
    notebook.cell("import helper")
    seen = []

    class Watcher:
        def __reduce__(self):
            seen.append(cloudpickle.dumps(notebook["helper"].A))
            return int, ()

    ship(Watcher())
    assert seen == [cloudpickle.dumps(notebook["helper"].A)]
    assert b"CodeType" not in seen[0]
    assert len(seen[0]) < 50


def test_many_threads_ship_and_open_at_once(notebook):
    """Each gets a parcel that is whole."""
    notebook.place("helper.py", "N = 1\nclass A:\n    def f(self, x): return x + N\n")
    notebook.cell("import helper\ndef target(x): return helper.A().f(x)")
    with ThreadPoolExecutor(8) as pool:
        parcels = list(pool.map(lambda _: ship(notebook["target"]), range(40)))
        assert set(pool.map(lambda data: unship(data)(1), parcels)) == {2}


def test_what_a_user_registered_by_value_stays_by_value(notebook, new_process):
    """`cloudpickle.register_pickle_by_value` holds for installed packages as elsewhere."""
    import colorful

    cloudpickle.register_pickle_by_value(colorful)
    try:
        assert not cloudpickle_free(ship(colorful.setup))
        assert colorful.__name__ in cloudpickle.list_registry_pickle_by_value()
    finally:
        cloudpickle.unregister_pickle_by_value(colorful)


# --- one class in all processes ------------------------------------------------------------------

KINDS = _cases(
    """
### a dataclass of a module
helper.py
from dataclasses import dataclass
@dataclass
class A:
    x: int = 1
~~~
from helper import A
def make(): return A(2)
def check(one): return isinstance(one, A), one == A(2)
### a class of a cell
class A:
    def __init__(self): self.x = 2
def make(): return A()
def check(one): return isinstance(one, A), one.x == 2
### a class with slots
class A:
    __slots__ = ("x",)
def make():
    a = A()
    a.x = 2
    return a
def check(one): return isinstance(one, A), one.x == 2
### an enum
helper.py
import enum
class Color(enum.Enum):
    RED = 1
~~~
from helper import Color
def make(): return {"color": Color.RED}
def check(one): return one["color"] is Color.RED, one["color"] in list(Color)
### a named tuple
from typing import NamedTuple
class A(NamedTuple):
    x: int
def make(): return [A(2)]
def check(one): return isinstance(one[0], A), one == [A(2)]
### a pydantic model
from pydantic import BaseModel
class Part(BaseModel):
    n: int
class A(BaseModel):
    parts: list[Part]
def make(): return A(parts=[Part(n=1)])
def check(one): return isinstance(one.parts[0], Part), one == A(parts=[{"n": 1}])
### an exception
class Wrong(Exception):
    pass
def make(): return Wrong("x", 1)
def check(one): return isinstance(one, Wrong), one.args == ("x", 1)
### a nested class
class Outer:
    class Inner:
        pass
def make(): return Outer.Inner()
def check(one): return isinstance(one, Outer.Inner), type(one) is Outer.Inner
### a class that a function made
def factory():
    class A:
        pass
    return A
A = factory()
def make(): return A()
def check(one): return isinstance(one, A), type(one) is A
### a class with a base in another module
base.py
class Base:
    pass
~~~
helper.py
from base import Base
class A(Base):
    pass
~~~
from helper import A
from base import Base
def make(): return A()
def check(one): return isinstance(one, A), isinstance(one, Base)
### the class itself
helper.py
class A:
    pass
~~~
import helper
def make(): return helper.A
def check(one): return one is helper.A, issubclass(one, helper.A)
### a sentinel
helper.py
class _Missing:
    def __reduce__(self): return "MISSING"
MISSING = _Missing()
~~~
from helper import MISSING
def make(): return [MISSING]
def check(one): return one[0] is MISSING, type(one[0]) is type(MISSING)
"""
)


def packed(value):
    """A value on its way to another process."""
    file = io.BytesIO()
    ValuePickler(file).dump(value)
    return file.getvalue()


@pytest.mark.parametrize(("files", "cell"), KINDS.values(), ids=KINDS)
def test_values_that_pass_between_deployments_keep_their_class(notebook, new_process, files, cell):
    """What one process made is an instance of the same class in all others, and here."""
    for file in files:
        notebook.place(*file)
    notebook.cell(cell)
    one, two, passes_on = new_process(), new_process(), new_process()
    one.run("make, n = unship(data)", data=ship((notebook["make"], 1)))
    two.run("check, n = unship(data)", data=ship((notebook["check"], 2)))
    data = one.run("result = dumps(make())")
    there = "result = check(loads(data))"
    assert two.run(there, data=data) == (True, True)
    assert notebook["check"](pickle.loads(data)) == (True, True)
    data = passes_on.run("result = dumps(loads(data))", data=data)
    assert two.run(there, data=data) == (True, True)
    assert two.run(there, data=packed(notebook["make"]())) == (True, True)


_POINT = """
    class Point:
        made = 0
        def __init__(self, x): self.x = x
        def double(self): return factor * self.x
    factor = 2
    def check(one): return isinstance(one, Point)
    def double(one): return one.double()
"""


def test_code_that_arrived_can_be_sent_on(notebook, new_process):
    """With the modules that came as source, from a process that has none of their files."""
    notebook.place("late.py", "M = 4\nclass A:\n    def f(self): return M")
    notebook.place("helper.py", "import late\ndef f(): return late.A\ndef g(): return late.M")
    notebook.cell("""
        def target():
            from helper import f
            import helper
            return f()().f(), helper.g()
    """)
    data = ship(notebook["target"])
    for name in ("late.py", "helper.py"):
        (notebook.folder / name).unlink()
    one, two = new_process(), new_process()
    data = one.run("result = ship(unship(data))", data=data)
    assert two.run("result = unship(data)()", data=data) == (4, 4)


def test_a_cell_that_ran_again_makes_the_same_class(notebook, new_process):
    """Replicas that went on, since nothing had changed, know the new class's instances."""
    notebook.cell(_POINT)
    replica = new_process()
    replica.run("check = unship(data)", data=ship(notebook["check"]))
    notebook.cell(_POINT)
    there = "one = loads(data)\nresult = check(one), dumps(one)"
    known, back = replica.run(there, data=packed(notebook["Point"](1)))
    assert known
    assert type(pickle.loads(back)) is notebook["Point"]


def test_a_kernel_that_was_restarted_makes_the_same_class(notebook, new_process):
    """The class's identity is its code, not the process that defined it."""
    notebook.cell(_POINT)
    replica, kernel = new_process(), new_process()
    replica.run("check = unship(data)", data=ship(notebook["check"]))
    text = textwrap.dedent(_POINT)
    data = kernel.run(
        "import linecache, sys\n"
        "linecache.cache['cell'] = (len(text), None, text.splitlines(keepends=True), 'cell')\n"
        "exec(compile(text, 'cell', 'exec'), vars(sys.modules['__main__']))\n"
        "result = dumps(sys.modules['__main__'].Point(1))",
        text=text,
    )
    assert replica.run("result = check(loads(data))", data=data)


def test_an_edited_class_is_another_one(notebook, new_process):
    """A value of the old class is not one of the new class."""
    notebook.cell(_POINT)
    old = packed(notebook["Point"](1))
    notebook.cell(_POINT.replace("factor * self.x", "factor * self.x + 1"))
    replica = new_process()
    replica.run("check = unship(data)", data=ship(notebook["check"]))
    assert replica.run("result = check(loads(data))", data=old) is False
    data = packed(notebook["Point"](1))
    assert replica.run("result = check(loads(data))", data=data) is True


def test_classes_that_a_function_makes_stay_apart(notebook, new_process):
    """Two classes of equal code from one factory are two."""
    notebook.cell("""
        def factory():
            class A: pass
            return A
        One, Two = factory(), factory()
        def check(one): return isinstance(one, One), isinstance(one, Two)
    """)
    replica = new_process()
    replica.run("check = unship(data)", data=ship(notebook["check"]))
    data = packed(notebook["Two"]())
    assert replica.run("result = check(loads(data))", data=data) == (False, True)


def test_a_value_does_not_change_the_class_that_is_there(notebook, new_process):
    """State that a replica keeps in a class survives the values that arrive."""
    notebook.cell(_POINT)
    replica = new_process()
    replica.run("Point = unship(data)", data=ship(notebook["Point"]))
    there = "Point.made += 1\none = loads(data)\nresult = type(one) is Point, Point.made"
    data = packed(notebook["Point"](1))
    assert replica.run(there, data=data) == (True, 1)
    assert replica.run(there, data=data) == (True, 2)


def test_values_that_come_back_do_not_change_the_kernels_class(notebook, new_process):
    """The class of a result is the notebook's own, and stays as the notebook has it."""
    notebook.cell(_POINT)
    replica = new_process()
    replica.run("Point = unship(data)", data=ship(notebook["Point"]))
    data = replica.run("Point.made = 9\nresult = dumps(Point(3))")
    notebook.cell("factor = 10")
    found = pickle.loads(data)
    assert (type(found), found.double(), found.made) == (notebook["Point"], 30, 0)


def test_new_code_takes_the_place_of_old_code(notebook, new_process):
    """What is shipped again brings what changed around a class that did not change itself."""
    notebook.cell(_POINT)
    replica = new_process()
    replica.run("first = unship(data)", data=ship((notebook["double"], notebook["Point"])))
    notebook.cell("factor = 5")
    replica.run("second = unship(data)", data=ship((notebook["double"], notebook["Point"])))
    assert replica.run("result = second[0](second[1](1)), second[1] is first[1]") == (5, True)


def test_a_class_that_can_no_longer_be_taken_apart_travels_by_its_identity(notebook, new_process):
    """What a replica put into its globals does not keep values from passing on."""
    notebook.cell("""
        connection = None
        class A:
            def use(self): return connection
        def connect():
            global connection
            connection = (x for x in ())
            return A()
        def check(one): return isinstance(one, A)
    """)
    one, two = new_process(), new_process()
    one.run("make = unship(data)", data=ship(notebook["connect"]))
    two.run("check = unship(data)", data=ship(notebook["check"]))
    data = one.run("result = dumps(make())")
    assert two.run("result = check(loads(data))", data=data)
    unknown = "try: loads(data)\nexcept AttributeError as error: result = str(error)"
    assert "__main__.A is not known" in new_process().run(unknown, data=data)


def test_the_code_of_a_class_is_taken_apart_once(notebook):
    """The second value of a class costs no more than a copy of the first one's code."""
    notebook.cell("""
        calls = []
        class Counted:
            def __reduce__(self):
                calls.append(1)
                return Counted, ()
        class A:
            member = Counted()
    """)
    first = packed(notebook["A"]())
    calls = len(notebook["calls"])
    assert packed(notebook["A"]()) == first
    assert len(notebook["calls"]) == calls
    notebook["A"].other = 1
    packed(notebook["A"]())
    assert len(notebook["calls"]) > calls


def test_large_buffers_of_values_go_beside_the_stream(notebook, new_process):
    """As with pickle: arrays are handed over, and arrive on the same memory."""
    import numpy as np

    notebook.cell("class A: pass")
    one = notebook["A"]()
    one.array = np.arange(1000)
    buffers, file = [], io.BytesIO()
    ValuePickler(file, buffer_callback=buffers.append).dump(one)
    assert len(file.getvalue()) < 1500
    given = {"data": file.getvalue(), "buffers": [bytes(buffers[0].raw())]}
    there = "a = loads(data, buffers=buffers).array\nresult = int(a.sum()), a.flags.writeable"
    assert new_process().run(there, **given) == (499500, False)


def test_a_pickler_takes_reducers(notebook):
    """Whoever packs values may say how instances of some types are pickled."""
    file = io.BytesIO()
    ValuePickler(file, reducers={complex: lambda one: (str, (str(one),))}).dump([1j])
    assert pickle.loads(file.getvalue()) == ["1j"]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
    )
)
def test_plain_values_are_pickled_as_by_pickle(value):
    """Any plain value arrives equal."""
    assert pickle.loads(packed(value)) == value


# --- what cannot travel --------------------------------------------------------------------------

_REFUSED = r"""
### an open file
import tempfile
log = open(tempfile.mktemp(), "w+")
log.close()
def target(): return log.read()
~~~ target cannot travel .*: global 'log': a _io.TextIOWrapper .*the open file
### a connection in a global of a method
import sqlite3
db = sqlite3.connect(":memory:")
db.close()
class target:
    def get(self): return db.execute("")
~~~ target cannot travel .*: method 'get' → global 'db': a sqlite3.Connection
### a socket
import socket
server = socket.socket()
server.close()
def target(): return server
~~~ global 'server': a socket.socket
### a generator in a list
data = {"a": [1, (x for x in ())]}
def target(): return data
~~~ global 'data' → \['a'\] → \[1\]: a generator
### a closure's variable
def make(rows):
    def inner(): return rows
    return inner
target = make(x for x in ())
~~~ make.<locals>.inner cannot .*: variable 'rows' of its closure: a generator
### a default
def target(x=(x for x in ())): return x
~~~ default of 'x': a generator
### a class attribute
class target:
    rows = (x for x in ())
~~~ attribute 'rows': a generator
### an attribute of an instance
class Store: pass
store = Store()
store.rows = (x for x in ())
def target(): return store
~~~ global 'store' → attribute 'rows': a generator
### a base class
class Base:
    rows = (x for x in ())
class target(Base): pass
~~~ base class Base → attribute 'rows': a generator
### an init arg
class Model: pass
target = (Model, (1, (x for x in ())), {})
~~~ Model cannot travel .*: init arg 1: a generator .*\nhint: pass what it is made from
### a named init arg
class Model: pass
target = (Model, (), {"rows": [(x for x in ())]})
~~~ init arg 'rows' → \[0\]: a generator
### a module's global
import helper
def target(): return helper.rows
~~~ global 'helper' → global 'rows' of helper: a generator
### a global of a module's function
import helper
def target(): return helper.read()
~~~ global 'helper' → global 'read' of helper → global 'rows': a generator
### an import inside a function
def target():
    from helper import rows
    return rows
~~~ import of helper → global 'rows' of helper: a generator
### an import under another name
def target():
    import helper as h
    return h.rows
~~~ import of helper → global 'rows' of helper: a generator
### an import of a part under another name
def target():
    import pack.part as p
    return p.rows
~~~ import of pack.part → global 'rows' of pack.part: a generator
### a property
rows = (x for x in ())
class target:
    @property
    def p(self): return rows
~~~ property 'p' → global 'rows': a generator
### a bound method in a partial function
import functools
class Store:
    def __init__(self): self.rows = (x for x in ())
    def get(self, x): return self.rows
one = functools.partial(Store().get, 1)
def target(): return one()
~~~ global 'one' → its function → its object → attribute 'rows': a generator
### a cached function
import functools
rows = (x for x in ())
@functools.cache
def one(): return rows
def target(): return one()
~~~ global 'one' → what it wraps → global 'rows': a generator
### an attribute of a function, and a named default
def one(*, x=3): return x
one.rows = (x for x in ())
def target(*, y=one): return y()
~~~ attribute 'y' → attribute 'rows': a generator
### a list of a user's own
class Rows(list): pass
data = Rows([(x for x in ())])
def target(): return data
~~~ global 'data' → \[0\]: a generator
### a module in a closure
import helper
def make(module):
    def inner(): return module.rows
    return inner
target = make(helper)
~~~ variable 'module' of its closure → global 'rows' of helper: a generator
### a part of a package
import pack.part
def target(): return pack.part.rows
~~~ global 'pack' → global 'part' of pack → global 'rows' of pack.part: a generator
"""
REFUSED = {
    name: [part.strip() for part in body.split("~~~")]
    for name, body in (case.split("\n", 1) for case in _REFUSED.split("### ")[1:])
}


@pytest.mark.parametrize(("cell", "says"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_travel_is_named(notebook, cell, says):
    """The error names the definition, and who holds what; its hint says what to do."""
    notebook.place("helper.py", "rows = (x for x in ())\ndef read(): return rows")
    notebook.place("pack/__init__.py", "")
    notebook.place("pack/part.py", "rows = (x for x in ())")
    importlib.import_module("helper")
    importlib.import_module("pack.part")
    notebook.cell(cell)
    with pytest.raises(NotSerializableError, match="(?s)" + says) as caught:
        ship(notebook["target"], node="node")
    assert caught.value.node == "node"
    assert caught.value.hint is not None
    assert caught.value.__cause__ is not None


def test_a_value_that_cannot_travel_is_called_what_the_caller_calls_it():
    """Values that are no definitions have no name of their own."""
    with pytest.raises(NotSerializableError, match=r"^argument 'x' of n cannot .*: \[0\]: a gen"):
        ship([iter(x for x in ())], what="argument 'x'", node="n")


@pytest.mark.parametrize("count", [100, 600])
def test_code_may_lead_from_one_class_to_the_next_however_many(notebook, new_process, count):
    """A package is larger than the depth to which Python recurses."""
    lines = [f"class C{n}:\n    def f(self): return C{n + 1}().f() + 1\n" for n in range(count)]
    notebook.cell("".join(lines) + f"class C{count}:\n    def f(self): return 0\n")
    limit, size = sys.getrecursionlimit(), threading.stack_size()
    data = ship(notebook["C0"])
    assert (sys.getrecursionlimit(), threading.stack_size()) == (limit, size)
    there = "import sys\nsys.setrecursionlimit(5000)\nresult = unship(data)().f()"
    assert new_process().run(there, data=data) == count


def test_a_value_that_is_nested_too_deeply_is_refused():
    """Endless recursion ends in an error that says so."""
    deep = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(NotSerializableError, match="nested too deeply"):
        ship(deep)


def test_a_parcel_that_is_too_large_names_what_is_large(notebook):
    """The error says how large it is, how large it may be, and what most of it is."""
    notebook.cell("""
        import numpy as np
        weights = {"a": np.zeros(200), "b": np.zeros(50_000)}
        class Model:
            def run(self): return weights
    """)
    says = r"Model is too large .* method 'run' → global 'weights' → \['b'\]: a ndarray"
    with pytest.raises(NotSerializableError, match=says):
        ship(notebook["Model"], limit=100_000)
    assert len(ship(notebook["Model"])) > 400_000


def test_locks_are_made_anew(new_process):
    """A lock guards what a process has; where its code arrives, there is another one, unlocked."""
    lock = threading.Lock()
    with lock:
        data = ship((lock, threading.RLock(), threading.Condition(), threading.local()))
    there = "a, b, c, d = unship(data)\nd.x = 1\nresult = a.acquire(False), b.acquire(False)"
    assert new_process().run(there, data=data) == (True, True)
    with pytest.raises(TypeError, match="lock"):
        packed(lock)


def test_cloudpickle_takes_classes_apart_as_expected():
    """What is used of it is not public: a maker with its arguments, a state, and who sets it."""
    import abc
    import enum

    from cloudpickle.cloudpickle import _dynamic_class_reduce

    for cls in (type("A", (), {"__slots__": ("x",)}), abc.ABC, enum.Enum("E", "A B")):
        make, arguments, state, items, pairs, fill = _dynamic_class_reduce(cls)
        assert (items, pairs) == (None, None)
        assert callable(make)
        assert callable(fill)
        assert isinstance(state, tuple)
        if not isinstance(cls, enum.EnumMeta):
            kind, name, bases, members, *_ = arguments
            assert (kind, name, bases) == (type(cls), cls.__name__, cls.__bases__)
            assert isinstance(members, dict)


# --- plain pickles -------------------------------------------------------------------------------


def test_plain_pickles_that_need_local_code_are_told(notebook):
    """Such a pickle names a module that no other process can import."""
    notebook.place("helper.py", "class A: pass")
    notebook.cell("import helper\nclass B: pass")
    for name in ("A", "B"):
        cls = getattr(notebook["helper"], name, None) or notebook[name]
        assert mentions_local_code(pickle.dumps([cls()]))
    plain = [1, "text", {"helpers": 2.0, "__main__.py": None}, io.BytesIO(b"helper")]
    assert not mentions_local_code(pickle.dumps(plain))
    notebook.place("later.py", "class A: pass")
    notebook.cell("import later")
    assert mentions_local_code(pickle.dumps(notebook["later"].A()))
