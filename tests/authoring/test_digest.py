"""What keeps a digest, and what changes it."""

from __future__ import annotations

import ast
import importlib
import itertools
import linecache
import os
import re
import subprocess
import sys
import textwrap
import threading
import time
import tracemalloc
import types

import cloudpickle
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphnb.authoring.digest import Placeholder, code_digest

_numbers = itertools.count(1)


def run_cell(text, namespace=None):
    """Runs a cell as a kernel does: compiled under a name whose text linecache holds."""
    text = textwrap.dedent(text)
    name = f"/tmp/ipykernel_7/{next(_numbers)}.py"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    return run_without_source(text, namespace, name)


def run_without_source(text, namespace=None, name="<made at run time>"):
    """Runs code whose source nobody kept."""
    namespace = {"__name__": "__main__"} if namespace is None else namespace
    exec(compile(textwrap.dedent(text), name, "exec", dont_inherit=True), namespace)
    return namespace


def digest_of(text, name="target", run=run_cell):
    """The digest of what a cell calls by that name."""
    return code_digest(run(text)[name])


@pytest.fixture(autouse=True)
def _linecache():
    before = dict(linecache.cache)
    yield
    linecache.cache.clear()
    linecache.cache.update(before)


def _cases(text):
    """Cases written one below the other, each under its name."""
    return dict(case.split("\n", 1) for case in text.split("### ")[1:])


def versions(case):
    """The text before and after the edit that is written into it as «before|after»."""
    head, old, new, tail = re.split("[«|»]", case)
    return head + old + tail, head + new + tail


# --- what is the same code -----------------------------------------------------------------------

SAME = _cases(
    r'''
### comments
def target(x):
    return x + 1
~~~
# why
def target(x):  # here
    # and there
    return x + 1

### blank lines and place in the cell
def target(x):
    y = x
    return y
~~~
import os


def other(): pass

def target(x):

    y = x

    return y

### line breaks that the compiler lets show in bytecode
def target(a, b):
    return (a if b else 1) and f(a, b)

def f(a, b): return a
~~~
def target(
    a,
    b,
):
    return (
        a
        if b
        else 1
    ) and f(
        a,
        b
    )

def f(a, b):
    return a

### statements that leave a trace only where they have a line of their own
def target(x):
    while x: pass
    if x: pass
~~~
def target(x):
    while x:
        pass
    if x:
        pass

### quotes and parentheses
def target(x):
    return (x + 'a')
~~~
def target(x):
    return x + "a"

### indentation of a docstring
def target(x):
  """One.

  Two.
  """
  return x
~~~
def target(x):
    """One.

    Two.
    """
    return x

### a lambda moved
target = lambda x: x + 1
~~~
other = lambda x: x * 2; target = (
    lambda x: x
    + 1)

### a global that the code does not use
model = 1
def target(self): return self.model
~~~
model = 2
def target(self): return self.model

### the decorator that makes it a deployment
def serve(**o): return lambda f: f
@serve(n=1)
def target(x): return x
~~~
def serve(**o): return lambda f: f
@serve(n=2)
def target(x): return x

### a class moved
class target:
    a = 1
    def f(self): return [i for i in self.a]
~~~


class target:
    a = 1

    def f(self):
        return [
            i for i in self.a
        ]

### a nested class moved
def target():
    class A:
        def f(self): self.x = self.y = 1
    return A
~~~



def target():
    class A:
        def f(self):
            self.x = self.y = 1
    return A

### another order of a set
NAMES = {'a', 'b', 'c'}
def target(x): return x in NAMES
~~~
NAMES = {'c', 'b', 'a'}
def target(x): return x in NAMES
'''
)


@pytest.mark.parametrize("name", SAME)
def test_the_same_code_has_the_same_digest(name):
    """How and where code is written down does not count."""
    before, after = SAME[name].split("~~~\n")
    assert digest_of(before) == digest_of(after)


@pytest.mark.parametrize("name", SAME)
@pytest.mark.parametrize("run", [run_cell, run_without_source])
def test_running_the_same_cell_again_keeps_the_digest(name, run):
    """New objects of the same code are the same, with or without source."""
    text = SAME[name].split("~~~\n")[0]
    assert digest_of(text, run=run) == digest_of(text, run=run)


def test_code_without_source_may_move():
    """Line tables are no part of a digest."""
    text = """
        class target:
            "Doc."
            limit = 4
            def f(self, x=1):
                class Inner:
                    def g(self): self.a = self.b = {"a", "b"}
                return lambda: [x for x in Inner if x in (1, (2, 3)) or x in {4, 5}]
    """
    moved = "\n\n\n" + textwrap.dedent(text)
    edited = textwrap.dedent(text).replace("(2, 3)", "(2, 4)")
    one, two, three = (digest_of(each, run=run_without_source) for each in (text, moved, edited))
    assert one == two
    assert one != three


def test_source_that_does_not_match_the_code_is_not_believed():
    """A file edited after its import says nothing of the code that runs."""
    space = run_cell("def target(x): return x + 1\n")
    name = space["target"].__code__.co_filename
    edited = "def target(x): return x + 2\n"
    linecache.cache[name] = (len(edited), None, [edited], name)
    assert code_digest(space["target"]) != digest_of(edited)


# --- what is other code --------------------------------------------------------------------------

CHANGED = _cases(
    r"""
### a constant
def target(x): return x + «1|2»

### a constant of another type
def target(x): return x + «1|1.0»

### a docstring
def target(x):
    '«One|Two».'
    return x

### a helper
def h(x): return x + «1|2»
def target(x): return h(x)

### a helper's helper
def g(x): return x + «1|2»
def h(x): return g(x)
def target(x): return h(x)

### a helper used in a nested function
def h(): return «1|2»
def target(): return [lambda: h() for _ in range(3)]

### a helper under a cache
import functools
@functools.lru_cache
def h(): return «1|2»
def target(): return h()

### the size of a cache
import functools
@functools.lru_cache(maxsize=«4|5»)
def h(): return 1
def target(): return h()

### a helper under single dispatch
import functools
@functools.singledispatch
def h(x): return 0
@h.register
def _(x: int): return «1|2»
def target(): return h(5)

### global data
LIMIT = «1|2»
def target(x): return x < LIMIT

### a nested item of global data
CFG = {'a': [1, {'b': (2, {«3|4»})}]}
def target(x): return CFG

### the order of a dict
D = {'«a': 1, 'b|b': 1, 'a»': 1}
def target(x): return D

### a default
def target(x=«1|2»): return x

### a default that is computed
N = «1|2»
def target(x=N + N): return x

### a keyword default
def target(*, x=«1|2»): return x

### an annotation
def target(x: «int|str»): return x

### what an annotation means
class M: a = «1|2»
def target(x: M): return x

### what an annotation means that is still text
class M: a = «1|2»
def target(x: 'list[M]'): return x

### a closure that calls itself
def make():
    def inner(n): return inner(n - «1|2»)
    return inner
target = make()

### a closure's value
def make(n):
    def inner(x): return x + n
    return inner
target = make(«1|2»)

### a closure's function
def make():
    def h(): return «1|2»
    def inner(x): return h()
    return inner
target = make()

### a class factory's closure
def make(n):
    class A:
        def f(self): return n
    return A
target = make(«1|2»)

### a method
class target:
    def f(self): return «1|2»

### an async method
class target:
    async def f(self): return «1|2»

### async instead of sync
«def|async def» target(): return 1

### a generator
def target(): yield «1|2»

### a property
class target:
    @property
    def f(self): return «1|2»

### a property's setter
class target:
    @property
    def f(self): return 1
    @f.setter
    def f(self, x): self.x = «2|3»

### a cached property
import functools
class target:
    @functools.cached_property
    def f(self): return «1|2»

### a static method
class target:
    @staticmethod
    def f(): return «1|2»

### a class method
class target:
    @classmethod
    def f(cls): return «1|2»

### the kind of a method
class target:
    @«static|class»method
    def f(a): return 1

### a class attribute
class target:
    a = «1|2»

### a class annotation
class target:
    a: «int|str»

### a nested class
class target:
    class Inner:
        def f(self): return «1|2»

### slots
class target:
    __slots__ = ('«a|b»',)

### a base class
class Base:
    def f(self): return «1|2»
class target(Base): pass

### a metaclass
class Meta(type):
    def f(cls): return «1|2»
class target(metaclass=Meta): pass

### the order of the bases
class A: pass
class B: pass
class target(«A, B|B, A»): pass

### a wrapped function
import functools
def d(f):
    @functools.wraps(f)
    def w(*a): return f(*a)
    return w
@d
def target(x): return x + «1|2»

### a decorator's wrapper
import functools
def d(f):
    @functools.wraps(f)
    def w(*a): return f(*a) + «1|2»
    return w
@d
def target(x): return x

### a decorator's argument
import functools
def d(n):
    def inner(f):
        @functools.wraps(f)
        def w(*a): return f(*a) * n
        return w
    return inner
@d(«3|4»)
def target(x): return x

### a library's wrapper
import contextlib
@contextlib.contextmanager
def target(): yield «1|2»

### a partial's argument
import functools
def h(x, y): return x
target = functools.partial(h, «1|2»)

### a partial's function
import functools
def h(x, y): return «x|y»
target = functools.partial(h, 1)

### a lambda
target = lambda x: x + «1|2»

### one of two lambdas on a line
a, target = (lambda x: x + 1), (lambda x: x + «8|9»)

### an attribute of a function
def target(): pass
target.path = '«a|b»'

### a bound method's object
class A:
    def __init__(self, n): self.n = n
    def f(self): return self.n
target = A(«1|2»).f

### an instance's state
class A:
    def __init__(self, n): self.n = n
obj = A(«1|2»)
def target(): return obj

### an instance's class
class A:
    def f(self): return «1|2»
obj = A()
def target(): return obj.f()

### an instance's slots
class A:
    __slots__ = ('n',)
obj = A()
obj.n = «1|2»
def target(): return obj

### a dataclass field's default
from dataclasses import dataclass
@dataclass
class target:
    a: int = «1|2»

### a dataclass field's factory
from dataclasses import dataclass, field
@dataclass
class target:
    a: list = field(default_factory=lambda: [«1]|2]»)

### a pydantic field's type
from pydantic import BaseModel
class target(BaseModel):
    a: «int|str»

### a pydantic field's default
from pydantic import BaseModel
class target(BaseModel):
    a: int = «1|2»

### a pydantic field's constraint
from pydantic import BaseModel, Field
class target(BaseModel):
    a: int = Field(gt=«1|2»)

### a pydantic validator
from pydantic import BaseModel, field_validator
class target(BaseModel):
    a: int
    @field_validator('a')
    @classmethod
    def v(cls, x): return x + «1|2»

### a pydantic validator's mode
from pydantic import BaseModel, field_validator
class target(BaseModel):
    a: int
    @field_validator('a', mode='«after|before»')
    @classmethod
    def v(cls, x): return x

### a model within a model
from pydantic import BaseModel
class Inner(BaseModel):
    a: int = «1|2»
class Outer(BaseModel):
    inner: list[Inner]
def target(x: Outer): return x

### a FastAPI route
from fastapi import FastAPI
app = FastAPI()
@app.get('«/a|/b»')
def f(): return 1
def target(): return app

### what a FastAPI route does
from fastapi import FastAPI
app = FastAPI()
@app.get('/a')
def f(): return «1|2»
def target(): return app

### an enum's value
import enum
class E(enum.Enum):
    A = «1|2»
    B = 5
def target(): return E.A

### a named tuple's default
from typing import NamedTuple
class target(NamedTuple):
    a: int = «1|2»

### a type variable's bound
from typing import TypeVar
T = TypeVar('T', bound=«int|str»)
def target(x: T): return x

### a regular expression
import re
R = re.compile('«a|b»')
def target(): return R

### a logger's name
import logging
log = logging.getLogger('«a|b»')
def target(): log.info(1)

### which module
import «os|sys» as m
def target(): return m

### which builtin
f = «len|max»
def target(): return f

### which library function
from json import «loads|dumps» as f
def target(): return f

### a global that shadows a builtin
«def|len = 1
def» target(): return len(1)

### a method bound to data
join = '«-|+»'.join
def target(x): return join(x)

### a code object
code = compile('«1|2»', 'name', 'eval')
def target(): return eval(code)

### an object that is pickled by name
class Named:
    def __reduce__(self): return 'obj'
obj = Named()
obj.n = «1|2»
def target(): return obj

### what a weak reference leads to
import weakref
class A: n = «1|2»
obj = weakref.ref(A)
def target(): return obj()

### a subclass of a container
class Tags(list): pass
obj = Tags([«1|2»])
def target(): return obj

### a set of more than plain values
NAMES = {('a', «1|2»), int}
def target(x): return x in NAMES

### a mapping proxy's item
import types
M = types.MappingProxyType({'a': «1|2»})
def target(): return M

### bytes in place
B = bytearray(b'«abc|abd»')
def target(): return B
"""
)


@pytest.mark.parametrize("run", [run_cell, run_without_source])
@pytest.mark.parametrize("name", CHANGED)
def test_other_code_has_another_digest(name, run):
    """An edit anywhere in what a definition reaches counts; nothing else does."""
    before, after = versions(CHANGED[name])
    one = digest_of(before, run=run)
    assert one == digest_of(before, run=run)
    assert one != digest_of(after, run=run)


def test_two_definitions_of_the_table_differ():
    """None of them is taken for another."""
    texts = {versions(case)[0] for case in CHANGED.values()}
    assert len({digest_of(text) for text in texts}) == len(texts)


# --- what happens between two deploys ------------------------------------------------------------


def test_changed_global_state_is_a_change():
    """What the code will see is what counts, not the cell that made it."""
    space = run_cell("CFG = {'a': 0}\ndef target(): return CFG\n")
    before = code_digest(space["target"])
    space["CFG"]["x"] = 1
    assert code_digest(space["target"]) != before
    del space["CFG"]["x"]
    assert code_digest(space["target"]) == before


def test_a_helper_that_is_defined_later_is_a_change():
    """A name that meant nothing means something now."""
    space = run_cell("def target(): return helper()\n")
    before = code_digest(space["target"])
    run_cell("def helper(): return 1\n", space)
    assert code_digest(space["target"]) != before


def test_running_only_the_cell_of_a_helper_again_keeps_the_digest():
    """Others may hold the objects of its first run; the code is the same."""
    helpers = """
        class Base:
            def f(self): return step()
        def step(): return 1
    """
    space = run_cell(helpers)
    run_cell(
        """
        class target(Base):
            handler = step
            def f(self, other: Base = None):
                return Base.f(self), step()
        """,
        space,
    )
    before = code_digest(space["target"])
    run_cell(helpers, space)
    assert code_digest(space["target"]) == before
    run_cell(helpers.replace("return 1", "return 2"), space)
    assert code_digest(space["target"]) != before


def test_use_does_not_change_code():
    """What Python and libraries keep in functions and classes for speed does not count."""
    space = run_cell(
        """
        import enum, functools, json
        from random import choice
        from typing import Protocol, runtime_checkable
        from pydantic import BaseModel
        class M(BaseModel): a: int
        class E(enum.Flag):
            A = 1
            B = 2
        @runtime_checkable
        class P(Protocol):
            def f(self): ...
        @functools.lru_cache
        def cached(x): return x
        @functools.singledispatch
        def single(x): return x
        def target(x):
            m = M(a=x)
            m.a = choice([1, 2])
            return m, E.A | E.B, isinstance(x, P), cached(x), single(x), json.dumps(x)
        """
    )
    before = code_digest(space["target"])
    for x in range(20):  # often enough for the interpreter to specialize the bytecode
        space["target"](x)
    assert code_digest(space["target"]) == before


def test_closures_that_share_large_data_are_told_apart_quickly():
    """They are not compared with each other, since each comparison would hash the data."""
    text = """
        def make(i):
            def inner(x): return BIG, i
            return inner
        HANDLERS = [make(i // 2) for i in range(40)]
        def target(): return HANDLERS
    """
    big = np.ones(4_000_000)
    space, same = (run_cell(text, {"__name__": "__main__", "BIG": big}) for _ in range(2))
    start = time.perf_counter()
    alone = code_digest(None, [big]), time.perf_counter() - start
    start = time.perf_counter()
    assert code_digest(space["target"]) == code_digest(same["target"])
    assert time.perf_counter() - start < 10 * alone[1] + 0.5


def test_mutual_recursion_and_self_reference_end():
    """What reaches itself is walked once."""
    text = """
        import functools
        def even(n): return n == 0 or odd(n - 1)
        def odd(n): return n != 0 and even(n - 1)
        class Node:
            children = []
            def make(self) -> "Node": return Node(), Tree
        class Tree(Node): pass
        Node.kind = Tree
        Node.children.append(Node.children)
        CYCLE = {}
        CYCLE["self"] = (CYCLE, {frozenset([even, odd, Node])})
        def target(): return even(4), Node, CYCLE
    """
    assert digest_of(text) == digest_of(text)
    assert digest_of(text) != digest_of(text.replace("n - 1", "n - 2", 1))


def test_deep_values_are_walked():
    """Depth is bounded by memory, not by Python's stack."""

    def nest(leaf):
        for _ in range(5000):
            leaf = [leaf]
        return leaf

    assert code_digest(None, [nest(1)]) == code_digest(None, [nest(1)])
    assert code_digest(None, [nest(1)]) != code_digest(None, [nest(2)])


UNSURE = {
    "a lock": "import threading\nobj = threading.Lock()\n",
    "a generator": "obj = (i for i in [1])\n",
    "a socket": "import socket\nobj = socket.socket()\nobj.close()\n",
    "an open file": "import os\nobj = open(os.devnull)\nobj.close()\n",
    "an object that cannot be pickled": (
        "class A:\n    def __reduce__(self): raise RuntimeError('no')\nobj = A()\n"
    ),
}


@pytest.mark.parametrize("text", UNSURE.values(), ids=UNSURE.keys())
def test_what_cannot_be_hashed_is_changed(text):
    """When unsure, an instance is replaced; the code beside it still is what it is."""
    space = run_cell(text + "def target(): return obj\n")
    assert code_digest(space["target"]) != code_digest(space["target"])


# --- values --------------------------------------------------------------------------------------


def test_init_args_count():
    """The same code made with other arguments is another deployment."""
    space = run_cell("class target:\n    def __init__(self, *a, **k): pass\n")
    digests = [
        code_digest(space["target"]),
        code_digest(space["target"], [1]),
        code_digest(space["target"], ["1"]),
        code_digest(space["target"], [1.0]),
        code_digest(space["target"], [True]),
        code_digest(space["target"], [[1]]),
        code_digest(space["target"], [(1,)]),
        code_digest(space["target"], [None]),
        code_digest(space["target"], [], {"a": 1}),
        code_digest(space["target"], [], {"b": 1}),
        code_digest(space["target"], [{"a": 1}]),
    ]
    assert len(set(digests)) == len(digests)


def test_placeholders_count_by_their_text():
    """A bound node is known by what the caller calls it."""
    one, same, other = (code_digest(None, [[Placeholder(text)]]) for text in ("a", "a", "b"))
    assert one == same
    assert one != other
    assert one != code_digest(None, [["a"]])


def test_arguments_may_be_code():
    """Functions and classes within values count by their code."""
    text = "def f(x): return x + 1\n"
    one, same = run_cell(text)["f"], run_cell("# again\n" + text)["f"]
    other = run_cell(text.replace("1", "2"))["f"]
    assert code_digest(None, [{"f": one}]) == code_digest(None, [{"f": same}])
    assert code_digest(None, [{"f": one}]) != code_digest(None, [{"f": other}])


ARRAYS = {
    "integers": lambda: np.arange(6),
    "other integers": lambda: np.arange(1, 7),
    "narrow integers": lambda: np.arange(6, dtype="i4"),
    "a matrix": lambda: np.arange(6).reshape(2, 3),
    "a matrix, turned": lambda: np.arange(6).reshape(3, 2).T,
    "a scalar": lambda: np.array(5),
    "nothing": lambda: np.empty((0, 3)),
    "times": lambda: np.array(["2020-01-01"], dtype="M8[D]"),
    "text": lambda: np.array(["a", "b"]),
    "records": lambda: np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
    "objects": lambda: np.array([{"a": 1}, None], dtype=object),
    "other objects": lambda: np.array([{"a": 2}, None], dtype=object),
    "a masked array": lambda: np.ma.masked_array([1, 2], [True, False]),
    "another mask": lambda: np.ma.masked_array([1, 2], [False, True]),
    "a number": lambda: np.float64(1),
    "a type": lambda: np.dtype("f8"),
    "a function": lambda: np.sin,
}


def test_arrays_count_by_type_shape_and_memory():
    """Arrays made alike are alike, and no two of these are."""
    digests = {code_digest(None, [make()]) for make in ARRAYS.values() for _ in range(2)}
    assert len(digests) == len(ARRAYS)


def test_a_view_counts_by_what_it_shows():
    """A view into a larger array is hashed like a copy of it."""
    view = np.arange(40).reshape(4, 10)[::2, ::3]
    assert code_digest(None, [view]) == code_digest(None, [view.copy()])


@pytest.mark.parametrize("shape", ["whole", "view", "turned", "bytes"])
def test_large_values_are_not_copied(shape):
    """An array costs the time to hash it, and no memory."""
    array = np.ones((1000, 2000))
    value = {
        "whole": array,
        "view": array[:, ::2],
        "turned": array.T,
        "bytes": array.tobytes(),
    }[shape]
    tracemalloc.start()
    try:
        code_digest(None, [value])
        assert tracemalloc.get_traced_memory()[1] < array.nbytes / 8
    finally:
        tracemalloc.stop()


# --- deployments and nodes -----------------------------------------------------------------------


@pytest.mark.parametrize("module", ["graphnb.authoring.deployment", "ray.serve.deployment"])
def test_a_deployment_among_the_globals_counts_by_what_it_wraps(module):
    """Its options are not code."""

    def digest(text, options):
        space = run_cell(text + "def target(): return wrapped\n")
        space["wrapped"] = type("Deployment", (), {"__module__": module})()
        space["wrapped"].func_or_class = space["inner"]
        space["wrapped"].options = options
        return code_digest(space["target"])

    before = digest("def inner(): return 1\n", {"num_replicas": 1})
    assert digest("def inner(): return 1\n", {"num_replicas": 2}) == before
    assert digest("def inner(): return 2\n", {"num_replicas": 1}) != before


def test_a_node_among_the_globals_is_a_constant():
    """Code can do nothing with a node, so where it leads does not count."""

    class Node:
        __module__ = "graphnb.authoring.nodes"

        def __getattr__(self, name):
            raise AssertionError(f"asked a node for {name}")

        def __reduce__(self):
            raise TypeError

    space = run_cell("def target(): return node\n")
    space["node"] = Node()
    assert code_digest(space["target"]) == code_digest(space["target"])


def test_the_shell_among_the_globals_does_not_count():
    """A kernel puts itself there, and it changes with every cell."""
    space = run_cell("def target(): return get_ipython()\n")
    shell = type("Shell", (), {"__module__": "ipykernel.zmqshell", "get": lambda self: self})()
    shell.count, shell.lock = 1, threading.Lock()
    space["get_ipython"] = shell.get
    before = code_digest(space["target"])
    shell.count = 2
    assert code_digest(space["target"]) == before


RAY = _cases(
    r"""
### a deployment
@serve.deployment
class inner:
    def f(self): return «1|2»
def target(): return inner

### batching
class target:
    @serve.batch(max_batch_size=«4|5»)
    async def f(self, xs): return xs

### a batched method
class target:
    @serve.batch
    async def f(self, xs): return «1|2»

### multiplexing
class target:
    @serve.multiplexed(max_num_models_per_replica=3)
    async def f(self, name): return «1|2»

### an ingress
@serve.ingress(app)
class target:
    @app.get("/a")
    def f(self, x: int = fastapi.Depends(lambda: 1)): return «1|2»

### a route of an ingress
@serve.ingress(app)
class target:
    @app.get("«/a|/b»")
    def f(self): return 1

### a task
@ray.remote
def inner(): return «1|2»
def target(): return inner.remote()

### an actor
@ray.remote
class inner:
    def f(self): return «1|2»
def target(): return inner.remote()
"""
)


@pytest.mark.parametrize("name", RAY)
def test_what_ray_makes_of_code_counts_by_that_code(name):
    """Ray's wrappers hold locks and ids of their own."""
    pytest.importorskip("ray.serve")
    head = "import fastapi, ray\nfrom ray import serve\napp = fastapi.FastAPI()\n"
    before, after = (head + text for text in versions(RAY[name]))
    assert digest_of(before) == digest_of("# again\n" + before)
    assert digest_of(before) != digest_of(after)


# --- modules -------------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Writes modules that can be imported, and forgets them after the test."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "site-packages")
    before = set(sys.modules)

    def write(path, text):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))
        importlib.invalidate_caches()

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


LOCAL = {
    "import helper\ndef target(): return helper.f()\n",
    "def target():\n    import helper\n    return helper.f()\n",
    "def target():\n    from helper import f\n    return f()\n",
    "def target():\n    import helper as h\n    return h.f()\n",
    "import pack.sub\ndef target(): return pack.sub.helper.f()\n",
    "from pack import sub\ndef target(): return sub\n",
    "def target():\n    from pack import sub\n    return sub\n",
    "def target():\n    import pack.sub\n    return pack\n",
}


@pytest.mark.parametrize("loaded", [True, False], ids=["loaded", "not loaded"])
@pytest.mark.parametrize("text", sorted(LOCAL))
def test_a_local_module_counts_by_its_source(place, text, loaded):
    """A module beside the notebook is the user's code, whether it was imported or will be."""
    place("pack/__init__.py", "")
    place("pack/sub.py", "import helper\n")
    place("helper.py", "from deeper import g\ndef f(): return g()\n")
    place("deeper.py", "def g(): return 1\n")
    target = run_cell(text)["target"]
    if loaded:
        target()
    before = code_digest(target)
    assert code_digest(target) == before
    place("deeper.py", "# a comment\ndef g():\n    return 1\n")
    assert code_digest(target) == before
    place("deeper.py", "def g(): return 2\n")
    assert code_digest(target) != before


def test_what_is_taken_from_a_local_module_counts_by_its_code(place):
    """A function is what was loaded; an edit counts once the module is loaded again."""
    place("helper.py", "N = 1\ndef unused(): return 1\ndef f(): return N\n")
    space = run_cell("from helper import f\ndef target(): return f()\n")
    before = code_digest(space["target"])
    place("helper.py", "N = 1\ndef unused(): return 22\ndef f(): return N\n")
    importlib.reload(sys.modules["helper"])
    run_cell("from helper import f\n", space)
    assert code_digest(space["target"]) == before
    place("helper.py", "N = 333\ndef unused(): return 22\ndef f(): return N\n")
    importlib.reload(sys.modules["helper"])
    run_cell("from helper import f\n", space)
    assert code_digest(space["target"]) != before


def test_attributes_that_code_takes_of_a_local_module_count(place):
    """The module may have been changed since its file was read."""
    place("helper.py", "CFG = {}\nOTHER = {}\n")
    target = run_cell("import helper\ndef target(): return helper.CFG\n")["target"]
    before = code_digest(target)
    sys.modules["helper"].OTHER["a"] = 1
    assert code_digest(target) == before
    sys.modules["helper"].CFG["a"] = 1
    assert code_digest(target) != before


def test_local_modules_that_import_each_other_end(place):
    """Each is read once."""
    place("one.py", "import two\ndef f(): return two.one.two\n")
    place("two.py", "import one\nN = 1\n")
    target = run_cell("import one\ndef target(): return one.two.one.f()\n")["target"]
    before = code_digest(target)
    assert code_digest(target) == before
    place("two.py", "import one\nN = 22\n")
    assert code_digest(target) != before


def test_relative_imports_are_followed(place):
    """Packages import their own parts by dots."""
    place("pack/__init__.py", "from . import sub\n")
    place("pack/sub.py", "from .deep.leaf import g\n")
    place("pack/deep/__init__.py", "")
    place(
        "pack/deep/leaf.py",
        "from ..other import x\ng = 1\n",
    )
    place("pack/other.py", "x = 1\n")
    target = run_cell("import pack\ndef target(): return pack\n")["target"]
    before = code_digest(target)
    place("pack/other.py", "x = 22\n")
    assert code_digest(target) != before


def test_an_installed_module_counts_by_its_version(place):
    """Its files are not read."""
    place("site-packages/somelib.py", "__version__ = '1'\ndef f(): return 1\nclass C: pass\n")
    text = """
        import somelib
        from somelib import f, C
        class Mine(C): pass
        def target(x: C): return somelib.f(), f(), Mine
    """
    target = run_cell(text)["target"]
    before = code_digest(target)
    place("site-packages/somelib.py", "__version__ = '1'\ndef f(): return 22\nclass C: pass\n")
    importlib.reload(sys.modules["somelib"])
    assert digest_of(text) == before
    sys.modules["somelib"].__version__ = "2"
    assert digest_of(text) != before


def test_what_the_annotation_of_an_attribute_means_is_asked_of_the_module(monkeypatch):
    """Text in a class body is read there, as pydantic and FastAPI read it."""
    module = types.ModuleType("cells_here")
    monkeypatch.setitem(sys.modules, "cells_here", module)
    run_cell("class M: a = 1\nclass target:\n    m: 'list[M]'\n    n: '?'\n", vars(module))
    before = code_digest(module.target)
    assert code_digest(module.target) == before
    run_cell("class M: a = 2\n", vars(module))
    assert code_digest(module.target) != before


def test_a_module_made_at_run_time_counts_by_what_it_holds():
    """There is no file that could say it."""
    space = run_cell("def target(): return made\n")
    space["made"] = types.ModuleType("made_here")
    space["made"].value = 1
    before = code_digest(space["target"])
    space["made"].value = 2
    assert code_digest(space["target"]) != before


def test_a_module_that_an_installed_package_made_counts_as_installed(monkeypatch):
    """It has no file of its own, as parts of compiled packages have none."""
    made = types.ModuleType("pytest.made_here")
    monkeypatch.setitem(sys.modules, "pytest.made_here", made)
    made.value = 1
    space = run_cell("import pytest.made_here as made\ndef target(): return made\n")
    before = code_digest(space["target"])
    made.value = 2
    assert code_digest(space["target"]) == before


def test_a_package_in_a_folder_of_its_own_counts_as_installed(place):
    """`pip install --target` leaves a record beside what it installs."""
    place("installed_here.dist-info/METADATA", "Version: 1")
    place("installed_here/__init__.py", "def f(): return 1\n")
    space = run_cell("from installed_here import f as target")
    before = code_digest(space["target"])
    place("installed_here/__init__.py", "def f(): return 2\n")
    importlib.reload(sys.modules["installed_here"])
    space = run_cell("from installed_here import f as target")
    assert space["target"]() == 2
    assert code_digest(space["target"]) == before


def test_pickling_an_instance_is_no_change():
    """Python keeps a list of slots in the class then."""
    target = run_cell("class target:\n    def __init__(self): self.x = 1\n")["target"]
    before = code_digest(target)
    target().__reduce_ex__(5)
    assert "__slotnames__" in vars(target)
    assert code_digest(target) == before


def test_code_counts_alike_in_a_cell_and_in_a_module(place):
    """Where code stands is not part of it."""
    text = "N = 1\ndef h(): return N\nclass target:\n    def f(self): return h()\n"
    place("helper.py", text)
    assert code_digest(importlib.import_module("helper").target) == digest_of(text)


# --- other processes, and time -------------------------------------------------------------------

_SETS = """
import linecache
from graphnb.authoring.digest import code_digest
if WITH_SOURCE:
    linecache.cache["cell"] = (len(CELL), None, CELL.splitlines(keepends=True), "cell")
space = {"__name__": "__main__"}
exec(compile(CELL, "cell", "exec"), space)
print(code_digest(space["target"], [{"s", "t"}]))
"""

_SETS_CELL = """
from pydantic import BaseModel
NAMES = {"a", "b", "c", "d"}
MIXED = {"a", ("b", frozenset({"c", "d"})), int, None}
class Tags(set): pass
TAGS = Tags("xyz")
class M(BaseModel):
    tags: set[str] = {"p", "q", "r"}
class target:
    known = frozenset({"u", "v", "w"})
    def __init__(self):
        self.one = self.two = self.three = 1
    def f(self, x: M, nested={"k": [{"m", "n", "o"}]}):
        class Inner:
            def g(self): self.one = self.two = self.three = 1
        return x in {"e", "f", "g"} or x in NAMES or x in MIXED or x in TAGS
"""


@pytest.mark.parametrize("with_source", [True, False])
def test_other_processes_find_the_same_digest(with_source):
    """Strings hash differently in each process; digests do not."""
    program = f"WITH_SOURCE, CELL = {with_source}, {_SETS_CELL!r}\n{_SETS}"

    def run(seed):
        path = os.pathsep.join(sys.path)
        return subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    assert len({run(seed) for seed in (0, 1, 2)}) == 1


def test_code_that_was_pickled_by_value_keeps_its_digest():
    """A copy of a function has the same code."""
    text = "N = {'a': 1}\ndef h(x): return N, h\ndef target(x=1): return h(x)\n"
    target = run_cell(text)["target"]
    assert code_digest(cloudpickle.loads(cloudpickle.dumps(target))) == code_digest(target)


def test_ten_small_deployments_take_milliseconds():
    """A deploy must not be felt."""
    text = """
        class target{i}:
            def __init__(self, weight): self.weight = weight
            async def f(self, x):
                for _ in range({i}): x = helper{i}(x) * self.weight
                return [x, {{"i": {i}}}]
        def helper{i}(x): return x + {i} + LIMIT
    """
    space = run_cell("LIMIT = 1\n")
    for i in range(10):
        run_cell(text.format(i=i), space)

    def once():
        start = time.perf_counter()
        for i in range(10):
            code_digest(space[f"target{i}"], [i])
        return time.perf_counter() - start

    assert min(once() for _ in range(5)) < 0.02


# --- properties ----------------------------------------------------------------------------------

_names = st.sampled_from(["a", "b", "self"])
_constants = st.integers(1, 99).map(str)

# Laid out as no formatter would.
_EXPRESSIONS = (
    "({}\n + {})",
    "({} and\n\n {})",
    "[{},\n # comment\n {}]",
    "{{{}: {}\n}}",
    "(lambda a: {}\n)({})",
    "[{} for a in [{}]\n if a]",
    "({0}\n if {1}\n else {0})",
    "max({},\n {},\n key='x' ''\n f'{{self}}')",
)

_STATEMENTS = (
    "{1}\n# comment\n\n{2}",
    "if {0}:\n  {1}\nelse:\n  {2}",
    "while {0}:\n  {1}\n\n\n  break\n{2}",
    "try:\n  {1}\nfinally:\n  {2}",
    "def g(a=({0})):\n  {1}\n{2}",
    "class A:\n  b = ({0})\n  def f(self):\n    {1}\n{2}",
)


def _fill(form, parts):
    """The form with its parts, each indented like the place where it goes."""
    for index, part in enumerate(parts):
        for by in ("    ", "  "):
            form = form.replace(f"\n{by}{{{index}}}", "\n" + textwrap.indent(part, by))
        form = form.replace(f"{{{index}}}", part)
    return form


def _larger_expressions(smaller):
    pair = st.tuples(smaller, smaller)
    return st.sampled_from(_EXPRESSIONS).flatmap(lambda form: pair.map(lambda p: form.format(*p)))


def _larger_statements(smaller):
    parts = st.tuples(_expressions, smaller, smaller)
    return st.sampled_from(_STATEMENTS).flatmap(lambda form: parts.map(lambda p: _fill(form, p)))


_expressions = st.recursive(_names | _constants, _larger_expressions, max_leaves=6)
_bodies = st.recursive(
    st.builds("{} ({})".format, st.sampled_from(["a =", "return"]), _expressions),
    _larger_statements,
    max_leaves=5,
)


@st.composite
def modules(draw):
    """Modules in which a function reaches everything: others, a class, data."""
    count = draw(st.integers(1, 3))
    parts = [f"DATA = lambda a, b, self: ({draw(_expressions)}\n)"]
    for n in range(count):
        body = textwrap.indent(draw(_bodies), "  ")
        parts.append(f"def f{n}(a, b, self):\n  f{n + 1}(DATA)\n{body}")
    body = textwrap.indent(draw(_bodies), "    ")
    parts.append(f"class f{count}:\n  n = {draw(_constants)}\n  def m(self, a, b):\n{body}")
    return "\n\n".join(parts) + "\n"


@given(modules())
def test_formatting_never_counts(text):
    """Whatever the code is, laying it out anew keeps its digest."""
    assert digest_of(text, "f0") == digest_of(ast.unparse(ast.parse(text)), "f0")


@given(modules(), st.data())
def test_every_constant_counts(text, data):
    """Whatever the code is, an edit of one constant in it changes its digest."""
    tree = ast.parse(text)
    before = digest_of(ast.unparse(tree), "f0")
    constants = [n for n in ast.walk(tree) if isinstance(n, ast.Constant) and type(n.value) is int]
    chosen = data.draw(st.sampled_from(constants))
    chosen.value += 1000
    assert digest_of(ast.unparse(tree), "f0") != before
