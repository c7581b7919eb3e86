"""Where definitions are found, and what people are told."""

from __future__ import annotations

import functools
import importlib
import linecache
import sys
import textwrap
from dataclasses import dataclass

import pytest

from graphnb.authoring.sources import Location, SourceIndex, locate


@dataclass(frozen=True)
class Cell:
    """A cell that ran."""

    id: str
    ordinal: int
    raw: str
    transformed: str


class Notebook:
    """Runs cells as a kernel does, and keeps those that succeed."""

    def __init__(self):
        self.cells = SourceIndex()
        self.names = {"__name__": "__main__"}
        self.ran = 0

    def run(self, text):
        """Runs a cell; the kernel names the file by the text, so equal cells share one."""
        self.ran += 1
        text = textwrap.dedent(text)
        compiled = text + "\n"
        name = f"/tmp/ipykernel_7/{hash(text)}.py"
        linecache.cache[name] = (len(compiled), None, compiled.splitlines(keepends=True), name)
        exec(compile(compiled, name, "exec", dont_inherit=True), self.names)
        self.cells.add(Cell(f"id-{self.ran}", self.ran, text, compiled))

    def locate(self, name):
        return self.cells.locate(self.names[name])


@pytest.fixture
def notebook():
    """A notebook whose cells are forgotten after the test."""
    before = dict(linecache.cache)
    yield Notebook()
    linecache.cache.clear()
    linecache.cache.update(before)


KINDS = {
    "a function": "def target():\n    return 1",
    "an async function": "async def target():\n    return 1",
    "a decorated function": "@functools.lru_cache\ndef target():\n    return 1",
    "a wrapped function": "@wrapped\ndef target():\n    return 1",
    "a lambda": "target = lambda: (\n    1\n)",
    "a class": "class target:\n    def f(self):\n        return 1",
    "a decorated class": "@dataclass\nclass target:\n    a: int\n    def f(self): return 1",
    "a class of properties": "class target:\n    @property\n    def f(self):\n        return 1",
    "a class of static methods": "class target:\n    @staticmethod\n    def f():\n        return 1",
    "a class without methods": "class target:\n    a = 1",
    "a dataclass without methods": "@dataclass\nclass target:\n    a: int = 1",
    "a subclass without methods": "class target(Base):\n    a = 1",
    "a class in a condition": "if True:\n    class target:\n        a = 1",
}


@pytest.mark.parametrize("text", KINDS.values(), ids=KINDS.keys())
def test_a_definition_is_found_in_its_cell(notebook, text):
    """By cell, line and text, whatever its kind."""
    notebook.run(
        """
        import functools
        from dataclasses import dataclass
        def wrapped(f):
            @functools.wraps(f)
            def inner(): return f()
            return inner
        class Base:
            def g(self): return 1
        """
    )
    notebook.run(f"other = 1\n\n{text}\nlast = 1")
    notebook.run("def unrelated(): return 1")
    place = notebook.locate("target")
    assert str(place) == "cell 2"
    assert place.cell.id == "id-2"
    assert place.file is None
    first = 4 if text.startswith("if") else 3
    assert place.line == first
    assert place.text.strip() == textwrap.dedent("\n".join(text.splitlines()[first - 3 :]))


def test_the_latest_of_equal_cells_is_meant(notebook):
    """A cell that ran again has a new number."""
    notebook.run("def target(): return 1")
    notebook.run("other = 1")
    notebook.run("def target(): return 1")
    assert str(notebook.locate("target")) == "cell 3"


def test_an_older_definition_is_found_in_its_own_cell(notebook):
    """A class that was defined anew leaves the old one where it was."""
    notebook.run("class target:\n    def f(self): return 1")
    old = notebook.names["target"]
    notebook.run("class target:\n    def f(self): return 2")
    assert str(notebook.cells.locate(old)) == "cell 1"
    assert str(notebook.locate("target")) == "cell 2"


def test_classes_of_equal_names_are_told_apart(notebook):
    """The one that is around the method is meant."""
    notebook.run(
        """
        def make():
            class A:
                def f(self): return 1
            return A
        class B:
            class A:
                def f(self): return 2
        class A:
            def f(self): return 3
        made, inner = make(), B.A
        """
    )
    lines = [notebook.locate(name).line for name in ("made", "inner", "A")]
    assert lines == [3, 7, 9]


def test_methods_and_partials_are_found(notebook):
    """By the function that is under them."""
    notebook.run("class A:\n    def f(self): return 1\n    @classmethod\n    def g(cls): return 1")
    made = notebook.names["A"]
    places = [locate(each, notebook.cells) for each in (made.f, made().f, made.g)]
    assert [place.line for place in places] == [2, 2, 3]
    assert locate(functools.partial(made.f, 1), notebook.cells).line == 2


def test_a_cell_that_failed_is_no_place(notebook):
    """What it defined may live on; nobody can be sent there."""
    with pytest.raises(ZeroDivisionError):
        notebook.run("def target(): return 1\n1 / 0")
    assert str(notebook.locate("target")) == ""


@pytest.fixture
def models(tmp_path, monkeypatch):
    """A module beside the notebook."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "models_here.py").write_text(
        "import functools\n\n\n@functools.cache\ndef f():\n    return 1\n\n\nclass A:\n    a = 1\n"
    )
    yield importlib.import_module("models_here")
    del sys.modules["models_here"]


@pytest.mark.parametrize("with_cells", [True, False])
def test_a_definition_in_a_file_is_found_there(notebook, models, with_cells):
    """People are told the file's name, not its folder."""
    notebook.run("class A: a = 1")
    cells = notebook.cells if with_cells else None
    assert str(locate(models.f, cells)) == "models_here.py:4"
    assert str(locate(models.A, cells)) == "models_here.py:9"
    assert locate(models.A, cells).text == "class A:\n    a = 1\n"
    assert locate(models.A, cells).file == models.__file__


@pytest.mark.parametrize("definition", [len, int, 5, functools.partial(print)])
def test_what_has_no_source_has_no_place(notebook, definition):
    """Compiled code stands nowhere."""
    assert locate(definition, notebook.cells) == Location()
    assert str(locate(definition)) == ""


def test_without_cells_a_cell_is_no_place(notebook):
    """The names that kernels give to cells mean nothing to people."""
    notebook.run("def target(): return 1\nclass A:\n    def f(self): return 1")
    assert str(locate(notebook.names["target"])) == ""
    assert str(locate(notebook.names["A"])) == ""
    assert locate(notebook.names["target"]).text == "def target(): return 1\n"


def test_an_object_that_answers_to_every_name_is_left_alone():
    """It is asked for nothing."""

    class Anything:
        def __getattr__(self, name):
            return self

    assert locate(Anything()) == Location()


def test_a_wrapper_of_itself_ends():
    """No definition is worth a kernel that hangs."""

    def target():
        pass

    target.__wrapped__ = target
    assert locate(target).line > 0


def test_an_index_holds_its_cells_in_order():
    """Every run counts."""
    cells = [Cell("a", 1, "x", "x"), Cell("b", 2, "y", "y"), Cell("a", 3, "x", "x\n")]
    index = SourceIndex(cells)
    assert list(index) == cells
    assert list(reversed(index)) == cells[::-1]
    assert len(index) == 3
    assert index.find("x") is cells[2]
    assert index.find("z") is None
