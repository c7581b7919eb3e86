"""What keeps a digest, and what changes it."""

from __future__ import annotations

import ast
import importlib
import itertools
import linecache
import os
import subprocess
import sys
import textwrap
import time
import tracemalloc
import types

import cloudpickle
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
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
    return code_digest(run(text)[name])


@pytest.fixture(autouse=True)
def _linecache():
    before = dict(linecache.cache)
    yield
    linecache.cache.clear()
    linecache.cache.update(before)


# --- what is the same code -----------------------------------------------------------------------

SAME = {
    "comments": (
        "def target(x):\n    return x + 1\n",
        "# why\ndef target(x):  # here\n    # and there\n    return x + 1\n",
    ),
    "blank lines and place in the cell": (
        "def target(x):\n    y = x\n    return y\n",
        "import os\n\n\ndef other(): pass\n\ndef target(x):\n\n    y = x\n\n    return y\n",
    ),
    "line breaks that the compiler lets show in bytecode": (
        "def target(a, b):\n    return (a if b else 1) and f(a, b)\n\ndef f(a, b): return a\n",
        "def target(\n    a,\n    b,\n):\n    return (\n        a\n        if b\n        else 1\n    )"
        " and f(\n        a,\n        b\n    )\n\ndef f(a, b):\n    return a\n",
    ),
    "statements that leave a trace only where they have a line of their own": (
        "def target(x):\n    while x: pass\n    if x: pass\n",
        "def target(x):\n    while x:\n        pass\n    if x:\n        pass\n",
    ),
    "quotes and parentheses": (
        "def target(x):\n    return (x + 'a')\n",
        'def target(x):\n    return x + "a"\n',
    ),
    "indentation of a docstring": (
        'def target(x):\n  """One.\n\n  Two.\n  """\n  return x\n',
        'def target(x):\n    """One.\n\n    Two.\n    """\n    return x\n',
    ),
    "a lambda moved": (
        "target = lambda x: x + 1\n",
        "other = lambda x: x * 2; target = (\n    lambda x: x\n    + 1)\n",
    ),
    "a global that the code does not use": (
        "model = 1\ndef target(self): return self.model\n",
        "model = 2\ndef target(self): return self.model\n",
    ),
    "the decorator that makes it a deployment": (
        "def serve(**o): return lambda f: f\n@serve(n=1)\ndef target(x): return x\n",
        "def serve(**o): return lambda f: f\n@serve(n=2)\ndef target(x): return x\n",
    ),
    "a class moved": (
        "class target:\n    a = 1\n    def f(self): return [i for i in self.a]\n",
        "\n\nclass target:\n    a = 1\n\n    def f(self):\n        return [\n"
        "            i for i in self.a\n        ]\n",
    ),
    "a nested class moved": (
        "def target():\n    class A:\n        def f(self): self.x = self.y = 1\n    return A\n",
        "\n\n\ndef target():\n    class A:\n        def f(self):\n            self.x = self.y = 1\n"
        "    return A\n",
    ),
    "another order of a set": (
        "NAMES = {'a', 'b', 'c'}\ndef target(x): return x in NAMES\n",
        "NAMES = {'c', 'b', 'a'}\ndef target(x): return x in NAMES\n",
    ),
}


@pytest.mark.parametrize(("before", "after"), SAME.values(), ids=SAME.keys())
def test_the_same_code_has_the_same_digest(before, after):
    """How and where code is written down does not count."""
    assert digest_of(before) == digest_of(after)


@pytest.mark.parametrize("text", [before for before, _ in SAME.values()], ids=SAME.keys())
@pytest.mark.parametrize("run", [run_cell, run_without_source])
def test_running_the_same_cell_again_keeps_the_digest(text, run):
    """New objects of the same code are the same, with or without source."""
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

CHANGED = {
    "a constant": ("def target(x): return x + 1\n", "1", "2"),
    "a constant of another type": ("def target(x): return x + 1\n", "1", "1.0"),
    "a docstring": ("def target(x):\n    'One.'\n    return x\n", "One", "Two"),
    "a helper": ("def h(x): return x + 1\ndef target(x): return h(x)\n", "+ 1", "+ 2"),
    "a helper's helper": (
        "def g(x): return x + 1\ndef h(x): return g(x)\ndef target(x): return h(x)\n",
        "+ 1",
        "+ 2",
    ),
    "a helper used in a nested function": (
        "def h(): return 1\ndef target(): return [lambda: h() for _ in range(3)]\n",
        "return 1",
        "return 2",
    ),
    "a helper under a cache": (
        "import functools\n@functools.lru_cache\ndef h(): return 1\ndef target(): return h()\n",
        "return 1",
        "return 2",
    ),
    "the size of a cache": (
        "import functools\n@functools.lru_cache(maxsize=4)\ndef h(): return 1\n"
        "def target(): return h()\n",
        "=4",
        "=5",
    ),
    "a helper under single dispatch": (
        "import functools\n@functools.singledispatch\ndef h(x): return 0\n"
        "@h.register\ndef _(x: int): return 1\ndef target(): return h(5)\n",
        "return 1",
        "return 2",
    ),
    "global data": ("LIMIT = 1\ndef target(x): return x < LIMIT\n", "= 1", "= 2"),
    "a nested item of global data": (
        "CFG = {'a': [1, {'b': (2, {3})}]}\ndef target(x): return CFG\n",
        "{3}",
        "{4}",
    ),
    "the order of a dict": ("D = {'a': 1, 'b': 1}\ndef target(x): return D\n", "'a': 1, 'b'", "'b': 1, 'a'"),
    "a default": ("def target(x=1): return x\n", "=1", "=2"),
    "a default that is computed": ("N = 1\ndef target(x=N + N): return x\n", "N = 1", "N = 2"),
    "a keyword default": ("def target(*, x=1): return x\n", "=1", "=2"),
    "an annotation": ("def target(x: int): return x\n", "int", "str"),
    "what an annotation means": (
        "class M: a = 1\ndef target(x: M): return x\n",
        "a = 1",
        "a = 2",
    ),
    "what an annotation means that is still text": (
        "class M: a = 1\ndef target(x: 'list[M]'): return x\n",
        "a = 1",
        "a = 2",
    ),
    "a closure's value": (
        "def make(n):\n    def inner(x): return x + n\n    return inner\ntarget = make(1)\n",
        "make(1)",
        "make(2)",
    ),
    "a closure's function": (
        "def make():\n    def h(): return 1\n    def inner(x): return h()\n    return inner\n"
        "target = make()\n",
        "return 1",
        "return 2",
    ),
    "a class factory's closure": (
        "def make(n):\n    class A:\n        def f(self): return n\n    return A\ntarget = make(1)\n",
        "make(1)",
        "make(2)",
    ),
    "a method": ("class target:\n    def f(self): return 1\n", "return 1", "return 2"),
    "an async method": ("class target:\n    async def f(self): return 1\n", "return 1", "return 2"),
    "async instead of sync": ("def target(): return 1\n", "def", "async def"),
    "a generator": ("def target(): yield 1\n", "yield 1", "yield 2"),
    "a property": (
        "class target:\n    @property\n    def f(self): return 1\n",
        "return 1",
        "return 2",
    ),
    "a property's setter": (
        "class target:\n    @property\n    def f(self): return 1\n"
        "    @f.setter\n    def f(self, x): self.x = 2\n",
        "x = 2",
        "x = 3",
    ),
    "a cached property": (
        "import functools\nclass target:\n    @functools.cached_property\n"
        "    def f(self): return 1\n",
        "return 1",
        "return 2",
    ),
    "a static method": (
        "class target:\n    @staticmethod\n    def f(): return 1\n",
        "return 1",
        "return 2",
    ),
    "a class method": (
        "class target:\n    @classmethod\n    def f(cls): return 1\n",
        "return 1",
        "return 2",
    ),
    "the kind of a method": (
        "class target:\n    @staticmethod\n    def f(a): return 1\n",
        "static",
        "class",
    ),
    "a class attribute": ("class target:\n    a = 1\n", "a = 1", "a = 2"),
    "a class annotation": ("class target:\n    a: int\n", "int", "str"),
    "a nested class": (
        "class target:\n    class Inner:\n        def f(self): return 1\n",
        "return 1",
        "return 2",
    ),
    "slots": ("class target:\n    __slots__ = ('a',)\n", "'a'", "'b'"),
    "a base class": (
        "class Base:\n    def f(self): return 1\nclass target(Base): pass\n",
        "return 1",
        "return 2",
    ),
    "a metaclass": (
        "class Meta(type):\n    def f(cls): return 1\nclass target(metaclass=Meta): pass\n",
        "return 1",
        "return 2",
    ),
    "the order of the bases": (
        "class A: pass\nclass B: pass\nclass target(A, B): pass\n",
        "(A, B)",
        "(B, A)",
    ),
    "a wrapped function": (
        "import functools\ndef d(f):\n    @functools.wraps(f)\n    def w(*a): return f(*a)\n"
        "    return w\n@d\ndef target(x): return x + 1\n",
        "+ 1",
        "+ 2",
    ),
    "a decorator's wrapper": (
        "import functools\ndef d(f):\n    @functools.wraps(f)\n    def w(*a): return f(*a) + 1\n"
        "    return w\n@d\ndef target(x): return x\n",
        "+ 1",
        "+ 2",
    ),
    "a decorator's argument": (
        "import functools\ndef d(n):\n    def inner(f):\n        @functools.wraps(f)\n"
        "        def w(*a): return f(*a) * n\n        return w\n    return inner\n"
        "@d(3)\ndef target(x): return x\n",
        "d(3)",
        "d(4)",
    ),
    "a library's wrapper": (
        "import contextlib\n@contextlib.contextmanager\ndef target(): yield 1\n",
        "yield 1",
        "yield 2",
    ),
    "a partial's argument": (
        "import functools\ndef h(x, y): return x\ntarget = functools.partial(h, 1)\n",
        "h, 1",
        "h, 2",
    ),
    "a partial's function": (
        "import functools\ndef h(x, y): return x\ntarget = functools.partial(h, 1)\n",
        "return x",
        "return y",
    ),
    "a lambda": ("target = lambda x: x + 1\n", "+ 1", "+ 2"),
    "one of two lambdas on a line": (
        "a, target = (lambda x: x + 1), (lambda x: x + 1)\n",
        "x + 1)\n",
        "x + 2)\n",
    ),
    "an attribute of a function": ("def target(): pass\ntarget.path = 'a'\n", "'a'", "'b'"),
    "a bound method's object": (
        "class A:\n    def __init__(self, n): self.n = n\n    def f(self): return self.n\n"
        "target = A(1).f\n",
        "A(1)",
        "A(2)",
    ),
    "an instance's state": (
        "class A:\n    def __init__(self, n): self.n = n\nobj = A(1)\ndef target(): return obj\n",
        "A(1)",
        "A(2)",
    ),
    "an instance's class": (
        "class A:\n    def f(self): return 1\nobj = A()\ndef target(): return obj.f()\n",
        "return 1",
        "return 2",
    ),
    "an instance's slots": (
        "class A:\n    __slots__ = ('n',)\nobj = A()\nobj.n = 1\ndef target(): return obj\n",
        ".n = 1",
        ".n = 2",
    ),
    "a dataclass field's default": (
        "from dataclasses import dataclass\n@dataclass\nclass target:\n    a: int = 1\n",
        "= 1",
        "= 2",
    ),
    "a dataclass field's factory": (
        "from dataclasses import dataclass, field\n@dataclass\nclass target:\n"
        "    a: list = field(default_factory=lambda: [1])\n",
        "[1]",
        "[2]",
    ),
    "a pydantic field's type": (
        "from pydantic import BaseModel\nclass target(BaseModel):\n    a: int\n",
        "int",
        "str",
    ),
    "a pydantic field's default": (
        "from pydantic import BaseModel\nclass target(BaseModel):\n    a: int = 1\n",
        "= 1",
        "= 2",
    ),
    "a pydantic field's constraint": (
        "from pydantic import BaseModel, Field\nclass target(BaseModel):\n    a: int = Field(gt=1)\n",
        "gt=1",
        "gt=2",
    ),
    "a pydantic validator": (
        "from pydantic import BaseModel, field_validator\nclass target(BaseModel):\n    a: int\n"
        "    @field_validator('a')\n    @classmethod\n    def v(cls, x): return x + 1\n",
        "+ 1",
        "+ 2",
    ),
    "a pydantic validator's mode": (
        "from pydantic import BaseModel, field_validator\nclass target(BaseModel):\n    a: int\n"
        "    @field_validator('a', mode='after')\n    @classmethod\n    def v(cls, x): return x\n",
        "after",
        "before",
    ),
    "a model within a model": (
        "from pydantic import BaseModel\nclass Inner(BaseModel):\n    a: int = 1\n"
        "class Outer(BaseModel):\n    inner: list[Inner]\ndef target(x: Outer): return x\n",
        "= 1",
        "= 2",
    ),
    "a FastAPI route": (
        "from fastapi import FastAPI\napp = FastAPI()\n@app.get('/a')\ndef f(): return 1\n"
        "def target(): return app\n",
        "/a",
        "/b",
    ),
    "what a FastAPI route does": (
        "from fastapi import FastAPI\napp = FastAPI()\n@app.get('/a')\ndef f(): return 1\n"
        "def target(): return app\n",
        "return 1",
        "return 2",
    ),
    "an enum's value": (
        "import enum\nclass E(enum.Enum):\n    A = 1\n    B = 5\ndef target(): return E.A\n",
        "= 1",
        "= 2",
    ),
    "a named tuple's default": (
        "from typing import NamedTuple\nclass target(NamedTuple):\n    a: int = 1\n",
        "= 1",
        "= 2",
    ),
    "a type variable's bound": (
        "from typing import TypeVar\nT = TypeVar('T', bound=int)\ndef target(x: T): return x\n",
        "=int",
        "=str",
    ),
    "a regular expression": (
        "import re\nR = re.compile('a')\ndef target(): return R\n",
        "'a'",
        "'b'",
    ),
    "a logger's name": (
        "import logging\nlog = logging.getLogger('a')\ndef target(): log.info(1)\n",
        "'a'",
        "'b'",
    ),
    "which module": ("import os as m\ndef target(): return m\n", "os", "sys"),
    "which builtin": ("f = len\ndef target(): return f\n", "len", "max"),
    "which library function": (
        "from json import loads as f\ndef target(): return f\n",
        "loads",
        "dumps",
    ),
    "a global that shadows a builtin": ("def target(): return len(1)\n", "def", "len = 1\ndef"),
    "a method bound to data": ("join = '-'.join\ndef target(x): return join(x)\n", "-", "+"),
    "a mapping proxy's item": (
        "import types\nM = types.MappingProxyType({'a': 1})\ndef target(): return M\n",
        "1",
        "2",
    ),
    "bytes in place": ("B = bytearray(b'abc')\ndef target(): return B\n", "abc", "abd"),
}


@pytest.mark.parametrize("run", [run_cell, run_without_source])
@pytest.mark.parametrize("name", CHANGED)
def test_other_code_has_another_digest(name, run):
    """An edit anywhere in what a definition reaches counts; nothing else does."""
    text, old, new = CHANGED[name]
    assert old in text
    one, again = digest_of(text, run=run), digest_of(text, run=run)
    assert one == again
    assert one != digest_of(text.replace(old, new, 1) if old != "x + 1)\n" else text[:-4] + "2)\n")
