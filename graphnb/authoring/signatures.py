"""What a class or function can be called with, and whether it streams."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from graphnb.graph import rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

_ANYTHING = inspect.Signature(
    [
        inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL),
        inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD),
    ]
)


def public_methods(cls: type) -> tuple[str, ...]:
    """The methods of a class that can be bound, in the order of their definition."""
    names = dict.fromkeys(name for base in reversed(cls.__mro__[:-1]) for name in vars(base))
    return tuple(
        name
        for name in names
        if callable(getattr(cls, name, None))
        and not isinstance(getattr(cls, name), type)
        and (name == "__call__" or not name.startswith("_"))
    )


def call_signature(function: Callable[..., Any]) -> inspect.Signature:
    """The signature of a function; one that takes anything where Python cannot tell."""
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return _ANYTHING


def init_signature(cls: type) -> inspect.Signature:
    """What a class is made with."""
    if _own(cls, "__init__") is None and _own(cls, "__new__") is None:
        return inspect.Signature()
    return call_signature(cls)


def _own(cls: type, name: str) -> Any:
    """What a class or its bases define under that name; None for what comes from `object`."""
    found = inspect.getattr_static(cls, name)
    return None if found is vars(object)[name] else found


def method_signature(cls: type, name: str) -> inspect.Signature:
    """What a method is called with, without `self`."""
    method = getattr(cls, name)
    signature = call_signature(method)
    static = inspect.getattr_static(cls, name)
    if isinstance(static, staticmethod | classmethod) or signature is _ANYTHING:
        return signature
    parameters = list(signature.parameters.values())
    if parameters and parameters[0].kind is not inspect.Parameter.VAR_POSITIONAL:
        parameters = parameters[1:]
    return signature.replace(parameters=parameters)


def check_arguments(
    signature: inspect.Signature,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    node: str,
) -> None:
    """Checks names and number of arguments, not their types.

    Raises:
        GraphError: GN102, with the signature as the hint.
    """
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        bare = signature.replace(return_annotation=inspect.Signature.empty)
        raise rules.WRONG_ARGUMENTS.error(
            f"the arguments of {node}.bind do not fit: {error}",
            node=node,
            hint=f"the signature is {node}{bare}",
        ) from None


def argument_names(signature: inspect.Signature, count: int) -> list[str]:
    """The names of the first `count` positional arguments ("rest[0]" for those of `*rest`)."""
    kinds = inspect.Parameter
    names: list[str] = []
    for parameter in signature.parameters.values():
        if parameter.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD):
            names.append(parameter.name)
        elif parameter.kind is kinds.VAR_POSITIONAL:
            names += [f"{parameter.name}[{index}]" for index in range(count - len(names))]
    return names[:count]


def is_streaming(function: Any) -> bool:
    """Whether calling it gives a generator, sync or async."""
    bare = inspect.unwrap(function)
    return inspect.isgeneratorfunction(bare) or inspect.isasyncgenfunction(bare)


def max_batch_size(functions: Iterable[Any]) -> int | None:
    """The largest `max_batch_size` among functions decorated with `@serve.batch`, or None."""
    sizes = [one._get_max_batch_size() for one in functions if hasattr(one, "_get_max_batch_size")]
    return max(sizes, default=None)
