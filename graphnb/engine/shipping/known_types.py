"""Objects that pickle says nothing of but their name, or not at all, and that travel all the same.

A function under `lru_cache`, a `TypeVar`, a `NewType` are pickled as a name in their module, which
the other process may not have. `singledispatch` holds a dictionary that is weak. Locks are part of
many an object that is otherwise data, a FastAPI application for one; what they guard travels as a
copy, and so do they, unlocked, as on plain Ray. Each is made anew there.
"""

from __future__ import annotations

import contextvars
import functools
import importlib
import sys
import threading
import typing
import weakref
from typing import TYPE_CHECKING, Any

from graphnb.authoring.digest.modules import in_library

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MISSING: Any = object()

Reduced = str | tuple[Any, ...]


def _cached_function(one: Any) -> Reduced:
    """A function under `lru_cache`; its cache stays behind."""
    if _importable(one.__module__, one.__qualname__, one):
        return str(one.__qualname__)
    own = {name: value for name, value in vars(one).items() if name != "__wrapped__"}
    return _make_cached_function, (one.__wrapped__, one.cache_parameters()), own


def _make_cached_function(function: Callable[..., Any], parameters: Mapping[str, Any]) -> Any:
    return functools.lru_cache(**parameters)(function)


def _cached_property(one: functools.cached_property[Any]) -> Reduced:
    return _make_cached_property, (one.func, one.attrname)


def _make_cached_property(function: Callable[[Any], Any], name: str | None) -> Any:
    made = functools.cached_property(function)
    made.attrname = name
    return made


def _context_variable(one: contextvars.ContextVar[Any]) -> Reduced:
    """A context variable: its name and its default; a value is its context's own."""
    try:
        default: tuple[Any, ...] = (contextvars.Context().run(one.get),)
    except LookupError:
        default = ()
    return _make_context_variable, (one.name, default)


def _make_context_variable(name: str, default: tuple[Any, ...]) -> contextvars.ContextVar[Any]:
    if default:
        return contextvars.ContextVar(name, default=default[0])
    return contextvars.ContextVar(name)


def _weak_mapping(one: Any) -> Reduced:
    return type(one), (dict(one),)


def _type_variable(one: Any) -> Reduced:
    if _importable(one.__module__, one.__name__, one):
        return str(one.__name__)
    options = {
        "bound": one.__bound__,
        "covariant": one.__covariant__,
        "contravariant": one.__contravariant__,
        **_newer_options(one),
    }
    constraints = getattr(one, "__constraints__", ())
    return _make_type_variable, (type(one), one.__name__, constraints, options)


def _type_variable_tuple(one: Any) -> Reduced:
    if _importable(one.__module__, one.__name__, one):
        return str(one.__name__)
    return _make_type_variable, (type(one), one.__name__, (), _newer_options(one))


def _newer_options(one: Any) -> dict[str, Any]:
    """What Python 3.12 and 3.13 added to type variables."""
    options = {}
    if getattr(one, "__infer_variance__", False):
        options["infer_variance"] = True
    if getattr(one, "has_default", bool)():
        options["default"] = one.__default__
    return options


def _make_type_variable(
    kind: Callable[..., Any], name: str, constraints: tuple[Any, ...], options: dict[str, Any]
) -> Any:
    return kind(name, *constraints, **options)


def _new_type(one: Any) -> Reduced:
    if _importable(one.__module__, one.__qualname__, one):
        return str(one.__qualname__)
    return _make_new_type, (one.__name__, one.__supertype__, one.__module__)


def _make_new_type(name: str, supertype: Any, module: str) -> Any:
    new_type: Any = typing.NewType  # type checkers want its name to be that of a variable
    made = new_type(name, supertype)
    made.__module__ = module
    return made


def _type_alias(one: Any) -> Reduced:
    if _importable(one.__module__, one.__name__, one):
        return str(one.__name__)
    return _make_type_alias, (type(one), one.__name__, one.__value__, one.__type_params__)


def _make_type_alias(kind: Any, name: str, value: Any, parameters: tuple[Any, ...]) -> Any:
    return kind(name, value, type_params=parameters)


def _importable(module: object, qualname: str, value: object) -> bool:
    """Whether an installed module has that value under that name."""
    if not isinstance(module, str) or not in_library(module):
        return False
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, part, _MISSING)
    return found is value


def _lock(one: Any) -> Reduced:
    return _make_lock, (isinstance(one, type(threading.RLock())),)


def _make_lock(reentrant: bool) -> Any:  # noqa: FBT001
    return threading.RLock() if reentrant else threading.Lock()


def _starlette_state(one: Any) -> Reduced:
    """The state of a Starlette application, which answers to any name that pickle asks it for."""
    return type(one), (dict(one._state),)


def _wrapt_function(one: Any) -> Reduced:
    """A function that a decorator made with wrapt wraps."""
    return _make_wrapt_function, (one.__wrapped__, one._self_wrapper, one._self_enabled)


def _make_wrapt_function(*arguments: Any) -> Any:
    return importlib.import_module("wrapt").FunctionWrapper(*arguments)


REDUCERS: dict[type, Callable[[Any], Reduced]] = {
    functools._lru_cache_wrapper: _cached_function,
    functools.cached_property: _cached_property,
    contextvars.ContextVar: _context_variable,
    weakref.WeakKeyDictionary: _weak_mapping,
    weakref.WeakValueDictionary: _weak_mapping,
    typing.TypeVar: _type_variable,
    typing.ParamSpec: _type_variable,
    typing.TypeVarTuple: _type_variable_tuple,
    typing.NewType: _new_type,
}
"""How instances of exactly these types are pickled."""

CODE_REDUCERS: dict[type, Callable[[Any], Reduced]] = {
    type(threading.Lock()): _lock,
    type(threading.RLock()): _lock,
    threading.local: lambda _one: (threading.local, ()),
}
"""Those that are part of code alone: as values they are refused."""

_LATE = (
    ("starlette.datastructures", "State", _starlette_state),
    ("wrapt", "FunctionWrapper", _wrapt_function),
)


def late_reducers() -> dict[type, Callable[[Any], Reduced]]:
    """How instances of libraries' types are pickled, as far as the libraries are loaded."""
    loaded = ((sys.modules.get(module), name, reduce) for module, name, reduce in _LATE)
    return {getattr(one, name): reduce for one, name, reduce in loaded if hasattr(one, name)}


if sys.version_info >= (3, 12):
    REDUCERS[typing.TypeAliasType] = _type_alias


# --- objects that say of themselves that they are a name ---------------------------------------


def reduce_named(one: Any, name: str) -> tuple[Any, ...]:
    """A sentinel of a local module: an object that pickles as the name it has there."""
    return named_object, (type(one), name), getattr(one, "__dict__", None)


def named_object(kind: type, name: str) -> Any:
    """The one object of that class and name in this process."""
    held = getattr(sys.modules.get(kind.__module__), "__dict__", {}).get(name)
    if type(held) is kind:
        return held
    return _named.setdefault((kind, name), object.__new__(kind))


_named: dict[tuple[type, str], Any] = {}
