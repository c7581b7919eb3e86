"""What a class is as it is written: the same for the same text, in any process, at any time.

It is hashed from the class's own members, its bases, and what its methods name directly. What those
reach in turn is the code digest's to follow, for which a class is one of many things; here a class
must be told from its other versions, quickly and often.
"""

from __future__ import annotations

import functools
from hashlib import blake2b
from types import FunctionType
from typing import TYPE_CHECKING, Any

from graphnb.authoring.digest.bodies import code_facts
from graphnb.authoring.digest.definitions import counts
from graphnb.engine.shipping.functions import reached_globals
from graphnb.engine.shipping.namespaces import by_name

if TYPE_CHECKING:
    from collections.abc import Iterator

_ATOMS = (type(None), bool, int, float, complex, str, bytes)
_DEPTH = 3


def fingerprint(cls: type) -> str:
    """Hashes a class as it is written."""
    digest = blake2b(digest_size=16)
    for mark in _class_marks(cls):
        digest.update(mark.encode("utf-8", "surrogatepass") + b"\x00")
    return digest.hexdigest()


def _class_marks(cls: type) -> Iterator[str]:
    yield f"{cls.__module__}.{cls.__qualname__}"
    yield _mark(type(cls), 0)
    for base in cls.__bases__:
        local = base is not object and not by_name(base.__module__)
        yield from _class_marks(base) if local else (_mark(base, 0),)
    for name, member in list(vars(cls).items()):
        if counts(cls, name):
            yield name
            yield from _member_marks(member)


def _member_marks(member: Any) -> Iterator[str]:
    if isinstance(member, property):
        functions = [member.fget, member.fset, member.fdel]
    elif isinstance(member, staticmethod | classmethod):
        functions = [member.__func__]
    elif isinstance(member, functools.cached_property):
        functions = [member.func]
    else:
        functions = [member]
    for one in functions:
        yield _mark(one, _DEPTH)
        if isinstance(one, FunctionType) and not by_name(str(one.__globals__.get("__name__"))):
            for name, value in reached_globals(one).items():
                yield f"{name} {_mark(value, 1)}"


def _mark(value: Any, depth: int) -> str:
    """A value for comparison: atoms and functions by content, all else by what it is."""
    if isinstance(value, _ATOMS):
        return f"{type(value).__name__} {value!r}"
    if isinstance(value, type):
        return f"type {value.__module__}.{value.__qualname__}"
    if isinstance(value, FunctionType):
        held = (value.__defaults__, value.__kwdefaults__, value.__annotations__)
        body = code_facts(value.__code__, value.__globals__).body.hex()
        return f"function {value.__qualname__} {body} {[_mark(one, depth - 1) for one in held]}"
    if depth > 0 and type(value) in {tuple, list}:
        return f"{type(value).__name__} {[_mark(one, depth - 1) for one in value]}"
    if depth > 0 and type(value) is dict:
        items = [(_mark(key, depth - 1), _mark(one, depth - 1)) for key, one in value.items()]
        return f"dict {items}"
    return f"a {type(value).__module__}.{type(value).__qualname__}"
