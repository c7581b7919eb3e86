"""The walk over everything that a definition reaches: which part knows which type."""

from __future__ import annotations

import array
import inspect
import pickle
import sys
import types
from typing import TYPE_CHECKING, Any

from graphnb.authoring.digest.bodies import code_facts
from graphnb.authoring.digest.definitions import (
    builtin_parts,
    cell_parts,
    class_parts,
    descriptor_parts,
    function_parts,
    method_parts,
    property_parts,
    wrapper_parts,
)
from graphnb.authoring.digest.known_types import known_parts
from graphnb.authoring.digest.modules import ModuleUse, module_parts
from graphnb.authoring.digest.stream import Stream
from graphnb.authoring.digest.values import (
    Placeholder,
    array_parts,
    buffer_parts,
    is_array,
    mapping_parts,
    object_parts,
    placeholder_parts,
    sequence_parts,
    set_parts,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

# Part of every digest: what a code object holds depends on the Python that compiled it.
_VERSION = f"1 python {sys.version_info.major}.{sys.version_info.minor}"


def code_digest(
    definition: object,
    init_args: Sequence[object] = (),
    init_kwargs: Mapping[str, object] | None = None,
    stand_ins: Mapping[int, Placeholder] | None = None,
) -> str:
    """Hashes a definition with all that it reaches, and the arguments it is made with.

    Args:
        definition: a class, a function, or a deployment that wraps one.
        init_args: positional arguments of its instances; bound nodes as `Placeholder`s.
        init_kwargs: keyword arguments likewise.
        stand_ins: what counts for some objects instead of what they are, by their ids.

    Returns:
        32 hexadecimal digits; another digest at each call if something cannot be hashed.
    """
    stream = Stream(_parts, stand_ins=stand_ins)
    stream.write("code digest", _VERSION)
    stream.walk(definition)
    stream.walk(tuple(init_args))
    stream.walk(dict(init_kwargs or {}))
    return stream.hexdigest()


def _parts(stream: Stream, value: object) -> Iterable[object]:
    """Writes the record of a value and gives what it is made of."""
    value = stream.stand_ins.get(id(value), value)
    cls = type(value)
    find = _WITHOUT_IDENTITY.get(cls)
    if find is not None:
        return find(stream, value)
    if isinstance(value, type):
        return class_parts(stream, value)
    if isinstance(value, types.ModuleType):
        return module_parts(stream, ModuleUse.of(value))
    if cls.__module__ in _MODULES_OF_CONSTANTS:
        return object_parts(stream, value)
    if stream.repeats(value):
        return ()
    return _part_finder(value, cls)(stream, value)


def _part_finder(value: object, cls: type) -> Callable[[Stream, Any], Iterable[object]]:
    """What takes apart a value that has an identity of its own."""
    exact = _WITH_IDENTITY.get(cls)
    if exact is not None:
        return exact
    if str(cls.__module__).startswith(("graphnb.", "ray.serve.")):
        if cls.__module__ == "graphnb.authoring.nodes":
            return _node_parts
        # Statically, since attributes of objects that stand for others may mean anything.
        if inspect.getattr_static(value, "func_or_class", None) is not None:
            return _deployment_parts
    if is_array(value):
        return array_parts
    if known_parts(cls) is not None:
        return _known_parts
    return set_parts if isinstance(value, set | frozenset) else object_parts


def _node_parts(stream: Stream, node: object) -> Iterable[object]:
    """A bound node among the globals: a constant, since code can do nothing with it."""
    stream.write("node", type(node).__name__)
    return ()


def _deployment_parts(stream: Stream, deployment: Any) -> Iterable[object]:
    """A deployment among the globals: what it wraps; its options are not code."""
    stream.write("deployment")
    return (deployment.func_or_class,)


def _known_parts(stream: Stream, value: object) -> Iterator[object]:
    """An object of a well-known type: the type, and what counts of the object."""
    stream.write("known")
    yield type(value)
    find = known_parts(type(value))
    assert find is not None
    yield from find(value)


def _code_parts(stream: Stream, code: types.CodeType) -> Iterable[object]:
    """A code object by itself."""
    stream.write("code", code_facts(code, {}).body)
    return ()


def _constant_parts(stream: Stream, value: object) -> Iterable[object]:
    """One of Python's constants."""
    stream.write("constant", repr(value))
    return ()


# What their classes make cannot change, so that two equal ones are as good as one.
_MODULES_OF_CONSTANTS = frozenset(
    {"datetime", "decimal", "fractions", "ipaddress", "pathlib", "pathlib._local", "re", "uuid"}
)

# What is equal to its like, or keeps its own record of what was met.
_WITHOUT_IDENTITY: Mapping[type, Callable[[Stream, Any], Iterable[object]]] = {
    tuple: sequence_parts,
    frozenset: set_parts,
    types.FunctionType: function_parts,
    types.BuiltinFunctionType: builtin_parts,
    types.MethodType: method_parts,
    types.CodeType: _code_parts,
    types.NotImplementedType: _constant_parts,
    types.GenericAlias: object_parts,
    types.UnionType: object_parts,
    range: object_parts,
    slice: object_parts,
    types.WrapperDescriptorType: descriptor_parts,
    types.MethodDescriptorType: descriptor_parts,
    types.ClassMethodDescriptorType: descriptor_parts,
    types.GetSetDescriptorType: descriptor_parts,
    types.MemberDescriptorType: descriptor_parts,
    types.MethodWrapperType: builtin_parts,
    ModuleUse: module_parts,
    Placeholder: placeholder_parts,
}

_WITH_IDENTITY: Mapping[type, Callable[[Stream, Any], Iterable[object]]] = {
    list: sequence_parts,
    dict: mapping_parts,
    types.MappingProxyType: mapping_parts,
    set: set_parts,
    property: property_parts,
    staticmethod: wrapper_parts,
    classmethod: wrapper_parts,
    types.CellType: cell_parts,
    bytearray: buffer_parts,
    memoryview: buffer_parts,
    array.array: buffer_parts,
    pickle.PickleBuffer: buffer_parts,
}
