"""From cells to a module: what comes along, how it looks, and what cannot come along."""

import ast
import subprocess
import sys
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphnb.promote.extract import extract
from tests.promote.cells import cells


def module(text, root="app", **options):
    """The module of some cells, without its first line; there is nothing in its way."""
    found = extract(cells(textwrap.dedent(text)), root, **options)
    assert found.obstacles == ()
    ast.parse(found.text)
    return found.text.partition("\n")[2].strip("\n") + "\n"


def in_the_way(text, root="app", **options):
    """The obstacles, as people read them."""
    given = {one: options.pop(one) for one in ("ids",) if one in options}
    found = extract(cells(textwrap.dedent(text), **given), root, **options)
    return [str(one) for one in found.obstacles]


def values(text):
    """What a module binds when it is run."""
    scope = {"__name__": "app"}
    exec(compile(text, "app.py", "exec"), scope)
    return scope


NOTEBOOK = '''
# Three models, and what they share.
import os, json
import numpy as np, collections.abc
from functools import (lru_cache, partial as bind_some)

# %%
%matplotlib inline
print("not needed")
unused = 1

# %%
# Words that say nothing.
STOP = {"a", "the"}  # lower case
LIMIT = 3; OTHER = 4

class Base:
    """What all have in common."""

    size: collections.abc.Sized = ()

    def clean(self, text):
        return [one for one in split(text) if one not in STOP]

# %%
@lru_cache
def split(text):
    import re
    return tuple(re.split(" ", text))[:LIMIT]

# %%
class Scorer(Base):
    def __init__(self, weight=np.float64(2)):
        self.weight = weight

    def score(self, text):
        return self.weight * len(self.clean(text))

# %%
with open(os.devnull) as nothing:
    text = nothing.read()
app = Scorer()
app.score("the tour")
'''


def test_what_is_needed_comes_along_from_all_cells():
    """As it was written, with its comments; imports on top, and nothing that is not needed."""
    assert module(NOTEBOOK) == textwrap.dedent(
        '''
        import collections.abc
        from functools import lru_cache

        import numpy as np


        # Words that say nothing.
        STOP = {"a", "the"}  # lower case
        LIMIT = 3


        class Base:
            """What all have in common."""

            size: collections.abc.Sized = ()

            def clean(self, text):
                return [one for one in split(text) if one not in STOP]


        @lru_cache
        def split(text):
            import re
            return tuple(re.split(" ", text))[:LIMIT]


        class Scorer(Base):
            def __init__(self, weight=np.float64(2)):
                self.weight = weight

            def score(self, text):
                return self.weight * len(self.clean(text))


        app = Scorer()
        '''
    ).lstrip("\n")


def test_the_module_can_be_run_where_nothing_else_is(tmp_path):
    """In a process of its own; it does what the cells did."""
    (tmp_path / "made.py").write_text(extract(cells(NOTEBOOK), "app").text)
    code = "import made; print(made.app.score('the tour of a town'), 'STOP' in dir(made))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "4.0 True\n"


def test_the_modules_that_it_imports_are_known():
    """Also those that functions import when they are called."""
    assert extract(cells(NOTEBOOK), "app").modules == {
        "collections.abc", "functools", "numpy", "re",
    }  # fmt: skip


def test_the_same_cells_give_the_same_bytes():
    """Whatever the order in which sets happen to be walked."""
    code = (
        "from tests.promote.test_extract import *;"
        "print(extract(cells(NOTEBOOK), 'app').text, end='')"
    )
    made = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert made == {extract(cells(NOTEBOOK), "app").text}


CARRIED = {
    "a model that is told to evaluate": (
        (
            "class Model:\n"
            "    training = True\n"
            "    def eval(self): self.training = False\n"
            "# %%\n"
            "model = Model()\n"
            "model.eval()\n"
        ),
        "model.training",
        False,
    ),
    "a generator that is seeded": (
        "import random\nnumbers = random.Random(0)\nnumbers.seed(7)\n",
        "numbers.getstate() == random.Random(7).getstate()",
        True,
    ),
    "a function that another one calls later": (
        "def f(): return g()\n# %%\ndef g(): return 1\n",
        "f()",
        1,
    ),
    "a name in a comprehension": (
        "n = [1, 2]\n# %%\nm = [n[0] + k for k in n]\n",
        "m",
        [2, 3],
    ),
    "a name in a class body": (
        "n = 3\nclass C:\n    m = n + 1\n",
        "C.m",
        4,
    ),
    "a default": (
        "n = 3\ndef f(x=n): return x\n",
        "f()",
        3,
    ),
    "a decorator": (
        "def twice(f): return lambda: 2 * f()\n# %%\n@twice\ndef f(): return 2\n",
        "f()",
        4,
    ),
    "a metaclass": (
        "class M(type):\n    n = 1\n# %%\nclass C(metaclass=M): pass\n",
        "C.n",
        1,
    ),
    "both branches": (
        "import sys\nif sys.platform:\n    a = 1\nelse:\n    a = 2\n",
        "a",
        1,
    ),
    "an import that may fail": (
        "try:\n    import nowhere as n\nexcept ImportError:\n    n = None\n",
        "n",
        None,
    ),
    "several at once": (
        "a, (b, *c) = 1, (2, 3)\n",
        "c",
        [3],
    ),
    "a walrus": (
        "d = [(n := 3), 4]\n",
        "n",
        3,
    ),
    "a loop": (
        "t = 0\nfor k in range(4):\n    t += k\n",
        "t",
        6,
    ),
    "a block": (
        "import contextlib\nwith contextlib.nullcontext(5) as n:\n    m = n + 1\n",
        "m",
        6,
    ),
    "changes in the same cell": (
        "c = {}\nc['x'] = 1\nc.update(y=2)\n",
        "c",
        {"x": 1, "y": 2},
    ),
    "a sum in the same cell": (
        "n = 1\nn += 2\n",
        "n",
        3,
    ),
    "a value of before": (
        "n = 1\nn = n + 1\n",
        "n",
        2,
    ),
    "names used again in a cell": (
        "x = 1\na = [x]\nx = 2\nb = [x]\n",
        "(a, b)",
        ([1], [2]),
    ),
    "a lambda": (
        "k = 2\nf = lambda x: k * x\n",
        "f(4)",
        8,
    ),
    "a nested function": (
        "k = 2\ndef f():\n    def g(): return k\n    return g\n",
        "f()()",
        2,
    ),
    "a body that was timed": (
        "%%time\nk = 7\n",
        "k",
        7,
    ),
    "a definition after its use in a loop": (
        "def f(): return K\nK = 1\n",
        "f()",
        1,
    ),
    "a type": (
        ("from typing import NewType\nT = NewType('T', int)\ndef f(x: T) -> 'T': return x\n"),
        "f(1)",
        1,
    ),
    "from the future": (
        (
            "from __future__ import annotations\n"
            "# %%\n"
            "def f(x: Nowhere): return x\n"
            "class Nowhere: ...\n"
        ),
        "f(2)",
        2,
    ),
    "a star in a call": (
        "a = [1]\nb = {'k': 2}\ndef f(*a, **k): return a, k\nc = f(*a, **b)\n",
        "c",
        ((1,), {"k": 2}),
    ),
    "deleted and made again": (
        "a = 1\ndel a\n# %%\na = 2\n",
        "a",
        2,
    ),
    "a block that binds what it uses": (
        (
            "import contextlib\n"
            "with contextlib.nullcontext(5) as n:\n"
            "    m = n + 1\n"
            "# %%\n"
            "with contextlib.nullcontext(6) as n:\n"
            "    m = n + 1\n"
        ),
        "m",
        7,
    ),
    "a branch": (
        "n = 1\n# %%\nif n:\n    m = 2\nelse:\n    m = 3\nk = m\n",
        "k",
        2,
    ),
    "a match": (
        ("match (1, 2):\n    case (a, *b):\n        c = [a, b]\n    case _:\n        c = None\n"),
        "c",
        [1, [2]],
    ),
    "an error that is handled": (
        "try:\n    n = {}['x']\nexcept KeyError as error:\n    n = str(error)\n",
        "n",
        "'x'",
    ),
    "a text with lines of its own": (
        'n = """a  \n\n\tb\n# no comment\n"""\n# one\nm = n\n',
        "m",
        "a  \n\n\tb\n# no comment\n",
    ),
    "what ends a line elsewhere": (
        "n = 'a\x0cb\u2028c'\nm = [n]\n",
        "m",
        ["a\x0cb\u2028c"],
    ),
    "letters of several bytes": (
        "é = 1; ü = 'ä'; n = é\n",
        "(ü, n)",
        ("ä", 1),
    ),
    "parts of a package": (
        "import os.path\nimport os, xml.etree\n# %%\nimport xml.dom\n",
        "(xml.etree.__name__, xml.dom.__name__)",
        ("xml.etree", "xml.dom"),
    ),
    "an annotation in quotes": (
        ("import typing\nclass Later: ...\ndef f(x: 'list[Later]') -> 'nowhere': return x\n"),
        (
            "typing.get_type_hints(type('C', (), {'__annotations__': {'x': "
            "f.__annotations__['x']}}), f.__globals__)['x'].__args__[0].__name__"
        ),
        "Later",
    ),
    "what a branch leaves as it was": (
        "d = 'cpu'\n# %%\nif not d:\n    d = 'gpu'\n",
        "d",
        "cpu",
    ),
    "what an error leaves as it was": (
        "m = None\ntry:\n    m = {}['x']\nexcept KeyError:\n    pass\n",
        "m",
        None,
    ),
    "what no turn of a loop changed": (
        "best = 0\nfor k in []:\n    best = k\n",
        "best",
        0,
    ),
    "what no case changed": (
        "m = 1\nmatch 5:\n    case 6:\n        m = 2\n",
        "m",
        1,
    ),
    "a type alone": (
        "x = 1\nx: int\n",
        "x",
        1,
    ),
    "what a class body takes from outside": (
        "def p(t): return t + 1\n# %%\nclass C:\n    p = staticmethod(p)\n",
        "C.p(1)",
        2,
    ),
    "what a function found when it was called": (
        "L = 3\ndef f(): return L\na = f()\nL = 5\n",
        "a",
        3,
    ),
    "what a lambda found when it was called": (
        "w = 2\nys = list(map(lambda t: t * w, [1, 2]))\nw = 3\n",
        "ys",
        [2, 4],
    ),
    "a key of what was before": (
        "r = {1: 2, 3: 0}\nr = sorted(r, key=lambda k: r[k])\n",
        "r",
        [3, 1],
    ),
    "what was at that time": (
        "K = 1\n# %%\nB = K\n# %%\nC = B\n# %%\nK = 2\n# %%\nB = K\n",
        "C",
        1,
    ),
    "a name bound again between": (
        ("def h(): return 1, 2\n# %%\na, b = h()\n# %%\na = 10\n# %%\ndef h(): return 1, 2\n"),
        "(a, b)",
        (10, 2),
    ),
    "a built-in that has another meaning later": (
        "d = list(range(3))\n# %%\nlist = [1, 2]\n",
        "d",
        [0, 1, 2],
    ),
    "a method that changes and gives": (
        "d = {'a': 1}\nold = d.pop('a')\n",
        "(old, d)",
        (1, {}),
    ),
    "an attribute that is set by its name": (
        ("from types import SimpleNamespace\nc = SimpleNamespace()\nsetattr(c, 'x', 1)\n"),
        "c.x",
        1,
    ),
    "the same name from two modules": (
        (
            "from json import loads\n"
            "a = loads('1')\n"
            "from pickle import loads\n"
            "def f(): return loads.__module__\n"
        ),
        "(a, f())",
        (1, "_pickle"),
    ),
    "a name that was a value before": (
        "e = 1\na = e\nfrom math import e\nb = e > 2\n",
        "(a, b)",
        (1, True),
    ),
    "an import that annotations need": (
        (
            "from __future__ import annotations\n"
            "import typing\n"
            "from typing import List\n"
            "class T:\n"
            "    c: List[int]\n"
        ),
        "typing.get_type_hints(T, globals())['c'].__args__",
        (int,),
    ),
    "a decorator in brackets": (
        "def d(f): return 3\n@(\n    d\n)\ndef g(): ...\n",
        "g",
        3,
    ),
    "a line that goes on": (
        "y = 1; \\\n  x = 2\n",
        "x",
        2,
    ),
    "a global that a function makes": (
        "def load():\n    global model\n    model = 1\n    return model\n",
        "load()",
        1,
    ),
    "a name that is kept in a search": (
        "xs = [1, 2]\nif any((hit := x) > 1 for x in xs): y = hit\n",
        "y",
        2,
    ),
    "literals in quotes": (
        (
            "from typing import Literal\n"
            "train = [1]\n"
            "def f(mode: Literal['train', 'test']): return mode\n"
        ),
        "f(2)",
        2,
    ),
    "a class body that changes what is its own": (
        "fields = []\nclass C:\n    fields = ['a']; fields.append('b')\n",
        "C.fields",
        ["a", "b"],
    ),
    "a part of another statement that cannot be read": (
        "x = 1\n# %%\n" + " + ".join(["1"] * 3000) + "\n",
        "x",
        1,
    ),
}


@pytest.mark.parametrize(("text", "root", "value"), CARRIED.values(), ids=CARRIED)
def test_all_forms_of_use_are_seen(text, root, value):
    """The module has the value that the cells had."""
    found = extract(cells(text), root, end="found = {root}")
    assert [str(one) for one in found.obstacles] == []
    assert values(found.text)["found"] == value


def test_the_last_definition_wins():
    """Whichever cell it stands in; what used the one before was run again after it."""
    text = "def f(): return 1\n# %%\ndef g(): return f()\n# %%\ndef f(): return 2\n"
    assert values(extract(cells(text), "g()", end="found = {root}").text)["found"] == 2
    again = "class B: n = 1\n# %%\nclass C(B): pass\n# %%\nclass B: n = 2\n# %%\nclass C(B): pass\n"
    found = extract(cells(again, ids=["b", "c", "b", "c"]), "C.n", end="found = {root}")
    assert found.obstacles == ()
    assert values(found.text)["found"] == 2
    assert found.text.count("class B") == 1


def test_a_cell_that_ran_again_unchanged_changes_nothing():
    """Though what uses it was not run again after it."""
    text = "class B: n = 1\n# %%\nclass C(B): pass\n# %%\nclass B: n = 1\n"
    found = extract(cells(text, ids=["b", "c", "b"]), "C.n", end="found = {root}")
    assert found.obstacles == ()
    assert values(found.text)["found"] == 1


def test_what_is_called_while_cells_run_is_there_by_then():
    """Also when its cell ran again, unchanged, after the one that called it."""
    text = "def g(): return 1\n# %%\ndef f(): return g()\n# %%\nn = f()\n# %%\ndef g(): return 1\n"
    found = extract(cells(text, ids=["g", "f", "n", "g"]), "n", end="found = {root}")
    assert found.obstacles == ()
    assert values(found.text)["found"] == 1


IN_THE_WAY = {
    "a name of nowhere": (
        "def f(): return nowhere\n",
        "f",
        (
            "error: cell 1: 'nowhere' is bound by no cell that ran\n"
            "hint: define nowhere in a cell, and run that"
        ),
    ),
    "a root of nowhere": (
        "a = 1\n",
        "b",
        ("error: 'b' is bound by no cell that ran\nhint: define b in a cell, and run that"),
    ),
    "what notebooks have": (
        "def f(x): display(x)\n",
        "f",
        (
            "error: cell 1: 'display' exists in notebooks alone\n"
            "hint: leave it out of what the graph uses, or import what stands in for it"
        ),
    ),
    "a change by a later cell": (
        "cfg = {}\n# %%\ncfg['x'] = 1\n",
        "cfg",
        (
            "warning: cell 2: \"cfg['x'] = 1\" changes 'cfg', which cell 1 made\n"
            "hint: it comes along; cfg is easier to read when one cell makes it as it is to be"
        ),
    ),
    "a method that changes": (
        "items = []\n# %%\nitems.append(2)\n",
        "items",
        (
            "warning: cell 2: 'items.append(2)' changes 'items', which cell 1 made\n"
            "hint: it comes along; items is easier to read when one cell makes it as it"
            " is to be"
        ),
    ),
    "a sum in a later cell": (
        "n = 1\n# %%\nn += 1\n",
        "n",
        (
            "warning: cell 2: 'n += 1' changes 'n', which cell 1 made\n"
            "hint: it comes along; n is easier to read when one cell makes it as it is to be"
        ),
    ),
    "an import that is changed": (
        "import math\n# %%\nmath.pi = 3\n# %%\nn = math.pi\n",
        "n",
        (
            "warning: cell 2: 'math.pi = 3' changes what is imported as 'math': it is"
            " not carried\n"
            "hint: do so where it is used: in the class or function of the node"
        ),
    ),
    "a magic": (
        "!pip list\nfiles = !ls\n",
        "files",
        (
            "error: cell 1: \"files = get_ipython().getoutput('ls')\" runs in a notebook"
            " alone\n"
            "hint: leave magics and shell commands out of what the graph uses"
        ),
    ),
    "await": (
        "async def f(): return 1\nn = await f()\n",
        "n",
        (
            "error: cell 1: 'n = await f()' awaits, which no module can\n"
            "hint: await it where it is used: in a method of the node"
        ),
    ),
    "an open file": (
        "log = open('x')\ndef f(): log.write('y')\n",
        "f",
        (
            "error: cell 1: 'log' is an open file\n"
            "hint: open it where it is used; or keep what is in it: log = open(...).read()"
        ),
    ),
    "names made at run time": (
        "def f(name): return globals()[name]\n",
        "f",
        (
            "warning: cell 1: what globals() makes or needs is not seen\n"
            "hint: write the names themselves"
        ),
    ),
    "a path of this machine": (
        "def f(): return open('/home/ada/model.pt').read()\n",
        "f",
        (
            "warning: cell 1: '/home/ada/model.pt' is a path of this machine\n"
            "hint: take it from the environment or from an init argument, or pass a URL"
        ),
    ),
    "what was defined anew": (
        "class B: pass\n# %%\nclass C(B): pass\n# %%\nclass B: n = 1\n",
        "C",
        (
            "warning: cell 2: it used 'B' as it was before cell 3 defined it anew\n"
            "hint: run this cell again if it is to have the new one"
        ),
    ),
    "a name that was deleted": (
        "a = 1\n# %%\ndel a\n# %%\ndef f(): return a\n",
        "f",
        ("error: cell 3: 'a' is bound by no cell that ran\nhint: define a in a cell, and run that"),
    ),
    "the name of the graph": (
        "app = 1\ndef f(): return app\ng = f\n",
        "g",
        (
            "error: cell 1: 'app' is what the module calls the graph, and means"
            " something else here\n"
            "hint: give app another name"
        ),
    ),
    "a name that names itself": (
        "df = df + [1]\n",
        "df",
        (
            "error: cell 1: 'df' is bound by no cell that ran\n"
            "hint: define df in a cell, and run that"
        ),
    ),
    "what a cell gave": (
        "a = _1\n",
        "a",
        (
            "error: cell 1: '_1' exists in notebooks alone\n"
            "hint: leave it out of what the graph uses, or import what stands in for it"
        ),
    ),
    "a comprehension that awaits": (
        "async def f():\n    yield 1\nn = [x async for x in f()]\n",
        "n",
        (
            "error: cell 1: 'n = [x async for x in f()]' awaits, which no module can\n"
            "hint: await it where it is used: in a method of the node"
        ),
    ),
    "whether it is the notebook": (
        "if __name__ == '__main__':\n    n = 1\n",
        "n",
        (
            "warning: cell 1: \"if __name__ == '__main__':\" asks for its name, which is"
            " another one in a module\n"
            "hint: leave that out"
        ),
    ),
}


@pytest.mark.parametrize(("text", "root", "said"), IN_THE_WAY.values(), ids=IN_THE_WAY)
def test_what_no_source_can_carry_is_named(text, root, said):
    """With its cell, and what to do about it."""
    assert in_the_way(text, root) == [said]


def test_what_an_earlier_version_of_a_cell_defined_is_named():
    """It lives on in the kernel, and nobody can see where it came from."""
    text = "def f(): return 1\n# %%\ndef g(): return f()\n# %%\ndef h(): return 1\n"
    assert in_the_way(text, "g", ids=["a", "b", "a"]) == [
        (
            "error: cell 1: 'f' was defined by an earlier version of this cell, and exists no"
            " more\n"
            "hint: define f again, and run that cell"
        )
    ]


def test_what_a_star_binds_is_named():
    """Whether it is needed or not: nobody can tell."""
    said = in_the_way("from math import *\n# %%\nn = sqrt(4)\n", "n")
    assert said == [
        (
            "error: cell 2: 'sqrt' is bound by no cell that ran, unless it comes from"
            " 'from math import *' of cell 1\nhint: import it by its name: ... import sqrt"
        ),
        (
            "warning: cell 1: what 'from math import *' binds does not come along\n"
            "hint: import each by its name"
        ),
    ]


def test_long_imports_are_wrapped():
    """Nobody reads them otherwise."""
    names = ", ".join(f"name_of_something_{one}" for one in range(6))
    made = module(f"from somewhere import {names}\n# %%\napp = [{names}]\n")
    assert made.startswith("from somewhere import (\n    name_of_something_0,\n")


def test_the_end_can_be_any_statement():
    """With what it needs to import."""
    made = module(
        "from graphnb import InputNode\nwith InputNode() as request:\n    answer = request\n",
        "answer",
        end="app = serve.build({root})",
        imports="from graphnb import serve",
    )
    assert made.startswith("from graphnb import InputNode, serve\n")
    assert made.endswith("    answer = request\n\n\napp = serve.build(answer)\n")


NAMES = ["a", "b", "c", "d"]
EXPRESSIONS = st.recursive(
    st.integers(0, 9).map(str) | st.sampled_from([*NAMES, "f()", "g()"]),
    lambda inner: st.builds("{}({}, {})".format, st.sampled_from(["max", "min"]), inner, inner),
    max_leaves=4,
)
STATEMENTS = st.one_of(
    st.builds("{} = {}".format, st.sampled_from(NAMES), EXPRESSIONS),
    st.builds("{} += {}".format, st.sampled_from(NAMES), EXPRESSIONS),
    st.builds("if {1}: {0} = {1}".format, st.sampled_from(NAMES), EXPRESSIONS),
    st.builds("for {} in range(2): {} = {}".format, *[st.sampled_from(NAMES)] * 2, EXPRESSIONS),
    st.builds("def f(): return {}".format, st.sampled_from([*NAMES, "7"])),
    st.builds("def g(): return {} + f()".format, st.sampled_from(NAMES)),
    st.builds("h = [{}, *h]".format, EXPRESSIONS),
    st.builds("h.append({})".format, EXPRESSIONS),
)
CELLS = st.lists(STATEMENTS, min_size=1, max_size=3).map("\n".join)


@settings(max_examples=150)
@given(st.lists(CELLS, min_size=1, max_size=6), st.data())
def test_a_module_has_the_values_of_the_kernel(written, data):
    """Whatever ran in which order, and however often."""
    written = ["a = b = c = d = 1\nh = []\ndef f(): return a\ndef g(): return 2", *written]
    again = data.draw(st.lists(st.integers(0, len(written) - 1), max_size=3))
    numbers = [*range(len(written)), *again]
    ran = [f"{written[one]}\n" for one in numbers]
    kernel = values("\n".join(ran))
    notebook = cells("# %%\n".join(ran), ids=[str(one) for one in numbers])
    for root in (*NAMES, "f()", "g()", "h"):
        found = extract(notebook, root, end="found = {root}")
        assert found.errors == ()
        assert values(found.text)["found"] == eval(root, kernel)
