"""Facts about code objects: a digest of the body, and the names by which it reaches out."""

from __future__ import annotations

import dis
import weakref
from dataclasses import dataclass
from functools import lru_cache, partial
from hashlib import blake2b
from types import CodeType
from typing import TYPE_CHECKING, Any

from graphnb.authoring.digest.source import source_digest
from graphnb.authoring.digest.stream import ATOMS, atom_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOAD_GLOBAL = dis.opmap["LOAD_GLOBAL"]
_LOAD_NAMES = frozenset(
    dis.opmap[name] for name in ("LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS") if name in dis.opmap
)
_LOAD_CONST = dis.opmap["LOAD_CONST"]
_LOAD_SMALL_INT = dis.opmap.get("LOAD_SMALL_INT")
_STORE_NAME = dis.opmap["STORE_NAME"]
_IMPORT_NAME = dis.opmap["IMPORT_NAME"]

# What Python 3.13 writes into class bodies: where they stand, and a tuple in no fixed order.
_PLACE_NAMES = frozenset({"__firstlineno__", "__static_attributes__"})


@dataclass(frozen=True, slots=True)
class BodyImport:
    """An import statement: `from NAME import NAMES`, with the LEVEL of dots before the name."""

    name: str
    level: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CodeFacts:
    """What there is to know of a code object and those nested in it.

    Attributes:
        body: its digest; of the syntax tree if the source is at hand, else of the bytecode.
        globals: the names it looks up outside of itself, in order of use.
        names: all names in it; among them the attributes that it takes of modules.
        imports: the import statements in it.
    """

    body: bytes
    globals: tuple[str, ...]
    names: tuple[str, ...]
    imports: tuple[BodyImport, ...]


# By identity: equal code objects may come of different sources, and then the digest of one would
# depend on whether the other is still alive.
_facts: dict[int, tuple[weakref.ref[CodeType], CodeFacts]] = {}


def code_facts(code: CodeType, namespace: dict[str, Any]) -> CodeFacts:
    """The facts about a code object, which never change, so they are kept as long as it lives.

    Args:
        namespace: the globals of its function, by which a module's loader finds its source.
    """
    known = _facts.get(id(code))
    if known is not None and known[0]() is code:
        return known[1]
    body = source_digest(code, namespace) or _bytecode_digest(code)
    facts = CodeFacts(body, *code_reach(code))
    _facts[id(code)] = (weakref.ref(code, partial(_forget, id(code))), facts)
    return facts


def _forget(key: int, gone: weakref.ref[CodeType]) -> None:
    """Drops the facts of a code object that died, unless its id was taken over already."""
    known = _facts.get(key)
    if known is not None and known[0] is gone:
        del _facts[key]


@lru_cache(maxsize=1024)
def annotation_names(text: str) -> tuple[str, ...]:
    """The names in an annotation that is still text."""
    try:
        return compile(text, "<annotation>", "eval", dont_inherit=True).co_names
    except (SyntaxError, ValueError):
        return ()


def code_reach(
    code: CodeType,
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[BodyImport, ...]]:
    """The global names, all names and the imports of a code object and those in it."""
    reached, names, imports = _reach(code)
    return tuple(reached), tuple(names), tuple(imports)


def _reach(code: CodeType) -> tuple[dict[str, None], dict[str, None], dict[BodyImport, None]]:
    """Global names, all names and imports of a code object and those in it; dicts keep order."""
    reached: dict[str, None] = {}
    names = dict.fromkeys(code.co_names)
    imports: dict[BodyImport, None] = {}
    constants: list[object] = []
    for op, arg in _instructions(code):
        if op == _LOAD_GLOBAL:
            reached[code.co_names[arg >> 1]] = None
        elif op in _LOAD_NAMES:
            reached[code.co_names[arg]] = None
        elif op == _LOAD_CONST:
            constants.append(code.co_consts[arg])
        elif op == _LOAD_SMALL_INT:
            constants.append(arg)
        elif op == _IMPORT_NAME:
            imports[_body_import(code.co_names[arg], constants)] = None
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            inner = _reach(constant)
            reached |= inner[0]
            names |= inner[1]
            imports |= inner[2]
    return reached, names, imports


def _body_import(name: str, constants: list[object]) -> BodyImport:
    """The import whose level and names are the constants that were loaded last."""
    level, names = constants[-2:]
    return BodyImport(
        name,
        level if isinstance(level, int) else 0,
        tuple(map(str, names)) if isinstance(names, tuple) else (),
    )


def _instructions(code: CodeType) -> Iterator[tuple[int, int]]:
    """The operations with their arguments; much faster than `dis.get_instructions`."""
    raw = code.co_code
    extended = 0
    for op, low in zip(raw[::2], raw[1::2], strict=True):
        arg = low | extended
        extended = arg << 8 if op == dis.EXTENDED_ARG else 0
        yield op, arg


def _bytecode_digest(code: CodeType) -> bytes:
    """The digest of the bytecode, without its tables of lines."""
    digest = blake2b(digest_size=16)
    for part in (
        code.co_name,
        (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags),
        code.co_code,
        code.co_names,
        code.co_varnames,
        code.co_freevars,
        code.co_cellvars,
        code.co_exceptiontable,
    ):
        digest.update(atom_bytes(part))
    places = _place_constants(code)
    for index, constant in enumerate(code.co_consts):
        if index not in places:
            digest.update(_constant_bytes(constant))
    return digest.digest()


def _place_constants(code: CodeType) -> set[int]:
    """The constants that only say where a class body stands."""
    if _PLACE_NAMES.isdisjoint(code.co_names):
        return set()
    places: set[int] = set()
    others: set[int] = set()
    loaded: int | None = None
    for op, arg in _instructions(code):
        if loaded is not None:
            place = op == _STORE_NAME and code.co_names[arg] in _PLACE_NAMES
            (places if place else others).add(loaded)
        loaded = arg if op == _LOAD_CONST else None
    return places - others


def _constant_bytes(constant: object) -> bytes:
    """The bytes of a constant; those of a set do not depend on its order."""
    if isinstance(constant, CodeType):
        return b"code" + _bytecode_digest(constant)
    if isinstance(constant, frozenset):
        return b"set%d" % len(constant) + b"".join(sorted(map(_constant_bytes, constant)))
    if isinstance(constant, tuple) and not ATOMS.issuperset(map(type, constant)):
        return b"tuple%d" % len(constant) + b"".join(map(_constant_bytes, constant))
    return atom_bytes(constant)
