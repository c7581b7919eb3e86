"""Objects whose pickled state says too little, too much, or cannot be had, yet are well known.

Too little: a function under `lru_cache` pickles as its name. Too much: a FastAPI application holds
validators that pydantic made of its routes, and names them by address. Cannot be had:
`cached_property` holds a lock. Types are looked up by name, so that none is imported for this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

_Parts = Callable[[Any], Iterable[object]]


def known_parts(cls: type) -> _Parts | None:
    """How the instances of a class are taken apart, if it or a base of it is known."""
    return _by_names(tuple(f"{base.__module__}.{base.__qualname__}" for base in cls.__mro__))


@lru_cache(maxsize=1024)
def _by_names(names: tuple[str, ...]) -> _Parts | None:
    if names[0].startswith(("IPython.", "ipykernel.")):
        return _nothing  # the shell does not travel; what it shows is no part of the code
    return next((_KNOWN[name] for name in names if name in _KNOWN), None)


def _nothing(_value: Any) -> Iterable[object]:
    """Objects that count by their type alone."""
    return ()


def _named(value: Any) -> Iterable[object]:
    return (value.name,)


def _attributes(*names: str) -> _Parts:
    """Objects that count by some of their attributes."""
    return lambda value: [getattr(value, name, None) for name in names]


def _all_but(*names: str) -> _Parts:
    """Objects that count by all of their attributes, but for some that are derived or caches."""

    def parts(value: Any) -> Iterable[object]:
        attributes: Mapping[str, object] = vars(value)
        return [{name: each for name, each in attributes.items() if name not in names}]

    return parts


_KNOWN: Mapping[str, _Parts] = {
    "_contextvars.ContextVar": _named,
    "fastapi.applications.FastAPI": _all_but(
        "_native_telemetry",
        "_openapi_routes_version",
        "_telemetry",
        "middleware_stack",
        "openapi_schema",
        "setup",
    ),
    "fastapi.routing.APIRoute": _all_but(
        "_embed_body_fields",
        "_flat_dependant",
        "app",
        "body_field",
        "dependant",
        "response_field",
        "response_fields",
        "stream_item_field",
    ),
    "fastapi.routing.APIRouter": _all_but("_routes_version"),
    "fastapi.routing.APIWebSocketRoute": _all_but(
        "_embed_body_fields", "_flat_dependant", "app", "dependant"
    ),
    "fastapi.routing._IncludedRouter": _attributes("original_router", "include_context"),
    "functools._lru_cache_wrapper": lambda one: (one.__wrapped__, one.cache_parameters()),
    "functools.cached_property": _attributes("func", "attrname"),
    "logging.Logger": _named,
    "loguru._logger.Logger": _nothing,
    "os._Environ": _nothing,
    "pydantic._internal._decorators.Decorator": _attributes("cls_var_name", "info"),
    "pydantic.type_adapter.TypeAdapter": _attributes("_type", "_config"),
    # Ray gives each of these an id of its own.
    "ray.actor.ActorClass": _attributes("_default_options"),
    "ray.remote_function.RemoteFunction": _attributes("_function", "_default_options"),
    # Who is alive in these is not the code's doing.
    "_weakrefset.WeakSet": _nothing,
    "weakref.WeakKeyDictionary": _nothing,
    "weakref.WeakValueDictionary": _nothing,
    "weakref.ReferenceType": lambda one: (one(),),
    **dict.fromkeys(
        ("_wrappers.ObjectProxy", "wrapt.wrappers.ObjectProxy", "wrapt.wrappers.BaseObjectProxy"),
        _attributes("__wrapped__", "_self_wrapper", "_self_enabled"),
    ),
    "typing.ForwardRef": _attributes("__forward_arg__"),
    "typing.TypeAliasType": _attributes("__name__", "__type_params__", "__value__"),
    "typing.TypeVar": _attributes(
        "__name__", "__bound__", "__constraints__", "__covariant__", "__contravariant__"
    ),
}
