"""Functions and classes: what belongs to their code.

A definition that an installed module holds under its own name counts by that name and the module's
version. All others are opened: what a cell or a local module defines, and what a library made of
it (a wrapper counts as the library's code, with what its closure holds).
"""

from __future__ import annotations

import inspect
import sys
from types import (
    BuiltinFunctionType,
    CellType,
    FunctionType,
    MethodType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import TYPE_CHECKING, Any

from graphnb.authoring.digest.bodies import CodeFacts, annotation_names, code_facts
from graphnb.authoring.digest.modules import (
    LIBRARY,
    import_parts,
    library_holds,
    origin,
    used,
    version,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from graphnb.authoring.digest.stream import Stream

_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: made at run time, not compiled into Python

# Where the class stands, what Python derives from the rest, and what fills up by use.
_DERIVED_MEMBERS = frozenset(
    {
        "__abstractmethods__",
        "__callable_proto_members_only__",
        "__dict__",
        "__firstlineno__",
        "__module__",
        "__non_callable_proto_members__",
        "__slotnames__",
        "__static_attributes__",
        "__weakref__",
        "_abc_impl",
        "_value2member_map_",
    }
)

# Of what pydantic derives from a model, these say what nothing else in the class says.
_PYDANTIC_MEMBERS = frozenset(
    {"__pydantic_decorators__", "__pydantic_fields__", "__pydantic_generic_metadata__"}
)


def function_parts(stream: Stream, function: FunctionType) -> Iterator[object]:
    """What a function's code reaches."""
    namespace = function.__globals__
    where = origin(namespace)
    code = function.__code__
    module = str(namespace.get("__name__"))
    if library_holds(module, function.__qualname__, function):
        stream.write("function of", module, function.__qualname__, version(module))
        return
    if stream.repeats(function, twin=(function.__qualname__, code)):
        return
    if where in LIBRARY:
        stream.write("code of", module, code.co_qualname, version(module))
        yield from _library_parts(stream, function)
        return
    facts = code_facts(code, namespace)
    stream.write("function", function.__name__, function.__qualname__, facts.body)
    yield from _held_parts(stream, function, facts.names)
    yield from _annotation_parts(stream, function.__annotations__, function, facts)
    yield from _reached_parts(stream, function, facts.globals, facts.names)
    yield from import_parts(facts.imports, str(namespace.get("__package__") or ""), facts.names)


def _library_parts(stream: Stream, function: FunctionType) -> Iterator[object]:
    """What a function holds that a library made: the code counts by its version."""
    if function.__code__.co_qualname == "singledispatch.<locals>.wrapper":
        # The rest of its closure is a cache.
        yield dict(vars(function)["registry"])
    else:
        yield from _held_parts(stream, function, ())


def _held_parts(stream: Stream, function: FunctionType, names: tuple[str, ...]) -> Iterator[object]:
    """What the function object holds: defaults, closure, attributes."""
    yield function.__defaults__
    yield function.__kwdefaults__
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        stream.write("cell", name)
        yield from cell_parts(stream, cell, names)
    yield dict(vars(function))


def cell_parts(stream: Stream, cell: CellType, names: tuple[str, ...] = ()) -> Iterator[object]:
    """What a closure's cell holds."""
    try:
        content = cell.cell_contents
    except ValueError:  # assigned later, or never
        stream.write("empty cell")
    else:
        yield used(content, names)


def _annotation_parts(
    stream: Stream, annotations: dict[str, Any], function: FunctionType, facts: CodeFacts
) -> Iterator[object]:
    """Annotations, which FastAPI and pydantic read; as text, by what their names mean."""
    yield dict(annotations)
    texts = [text for text in annotations.values() if isinstance(text, str)]
    names = dict.fromkeys(name for text in texts for name in annotation_names(text))
    yield from _reached_parts(stream, function, tuple(names), facts.names + tuple(names))


def _reached_parts(
    stream: Stream, function: FunctionType, reached: tuple[str, ...], names: tuple[str, ...]
) -> Iterator[object]:
    """The globals that a function looks up."""
    namespace = function.__globals__
    builtins: Any = getattr(function, "__builtins__", {})
    for name in reached:
        if name in namespace:
            stream.write("global", name)
            yield used(namespace[name], names)
        else:
            stream.write("builtin" if name in builtins else "undefined", name)


def class_parts(stream: Stream, cls: type) -> Iterator[object]:
    """What a class is made of: its bases, its metaclass and its members, in order."""
    module = cls.__module__
    if not cls.__flags__ & _HEAP_TYPE:
        stream.write("type", module, cls.__qualname__)
        return
    if library_holds(module, cls.__qualname__, cls):
        stream.write("class of", module, cls.__qualname__, version(module))
        return
    if stream.repeats(cls, twin=("class", cls.__qualname__)):
        return
    stream.write("class", cls.__name__, cls.__qualname__)
    yield type(cls)
    yield cls.__bases__
    for name, member in list(vars(cls).items()):
        if counts(cls, name):
            stream.write("member", name)
            yield _clean_doc(member) if name == "__doc__" else member
    yield from _class_annotation_parts(stream, cls)


def _class_annotation_parts(stream: Stream, cls: type) -> Iterator[object]:
    """What annotations that are still text mean in the class's module."""
    namespace = getattr(sys.modules.get(cls.__module__), "__dict__", {})
    annotations = vars(cls).get("__annotations__")
    texts = annotations.values() if isinstance(annotations, dict) else ()
    for text in [text for text in texts if isinstance(text, str)]:
        names = annotation_names(text)
        for name in names:
            if name in namespace:
                stream.write("global", name)
                yield used(namespace[name], names)


def counts(cls: type, name: str) -> bool:
    """Whether a member says something that no other member says."""
    if name == "__annotations__":  # Python adds an empty one when it is asked for it
        return bool(vars(cls)[name])
    if "__pydantic_decorators__" in vars(cls):
        if name.startswith("__pydantic_"):
            return name in _PYDANTIC_MEMBERS
        if name == "__signature__":
            return False
    return name not in _DERIVED_MEMBERS


def _clean_doc(doc: object) -> object:
    """A docstring without indentation; dataclasses make theirs of reprs, which hold addresses."""
    if not isinstance(doc, str):
        return doc
    return None if " at 0x" in doc else inspect.cleandoc(doc)


def method_parts(stream: Stream, method: MethodType) -> Iterator[object]:
    """A bound method: its function, and the object that it is bound to."""
    if not _written_by_name(stream, method):
        yield method.__func__
        yield method.__self__


def builtin_parts(stream: Stream, function: BuiltinFunctionType) -> Iterator[object]:
    """A function or bound method in C: its name, and the object that it is bound to."""
    if not _written_by_name(stream, function):
        stream.write("builtin", function.__qualname__)
        yield getattr(function, "__module__", None)
        if not isinstance(function.__self__, ModuleType):
            yield function.__self__


def descriptor_parts(stream: Stream, descriptor: WrapperDescriptorType) -> Iterator[object]:
    """A method, slot or attribute of a class, made by Python: its name and the class."""
    stream.write("descriptor", descriptor.__name__)
    yield descriptor.__objclass__


def property_parts(_stream: Stream, one: property) -> Iterable[object]:
    """A property: its three functions."""
    return (one.fget, one.fset, one.fdel)


def wrapper_parts(
    stream: Stream, wrapper: staticmethod[..., Any] | classmethod[Any, ..., Any]
) -> Iterator[object]:
    """A static method or class method: its function."""
    stream.write(type(wrapper).__name__)
    yield wrapper.__func__


def _written_by_name(stream: Stream, method: MethodType | BuiltinFunctionType) -> bool:
    """Writes a bound method that a library's module holds, `random.choice` for one.

    What it is bound to is the library's own, and in the case of `random` changes at each call.
    """
    name = getattr(method, "__name__", "")
    for module in (getattr(method, "__module__", None), type(method.__self__).__module__):
        if library_holds(module, name, method):
            stream.write("method of", str(module), name, version(str(module)))
            return True
    return False
