"""A bound class or function, as spec and binding: the same for every way of writing a graph.

Who binds replaces what stands for deployments and graphs in the init args by markers, and notes
the edges; all else (options as JSON, the digest, the size of batches) is found here.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphnb.authoring.bindings import DeploymentBinding, GraphMarker, HandleMarker, ValueMarker
from graphnb.authoring.digest import Placeholder, code_digest
from graphnb.authoring.signatures import argument_names, max_batch_size
from graphnb.authoring.walk import replace_leaves
from graphnb.graph.spec import DeploymentSpec, GraphEdge, HandleEdge, Options

if TYPE_CHECKING:
    import inspect

Where = Callable[[Any], str | None]
"""Says where a class or function was defined, for people: "cell 4", "models.py:12"."""

Digest = Callable[[Any, tuple[Any, ...], Mapping[str, Any]], str]


@dataclass(frozen=True, slots=True)
class InitArguments:
    """What a class is made with.

    Attributes:
        args, kwargs: the arguments, with markers where handles and graphs go.
        handles, graphs: the edges that the markers stand for.
    """

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] | None = None
    handles: tuple[HandleEdge, ...] = ()
    graphs: tuple[GraphEdge, ...] = ()


def bound_deployment(
    name: str,
    func_or_class: Callable[..., Any],
    init: InitArguments,
    options: Mapping[str, Any],
    where: Where,
    *,
    digest: Digest = code_digest,
) -> tuple[DeploymentSpec, DeploymentBinding]:
    """The spec and the binding of a deployment.

    Args:
        name: unique in the graph.
        func_or_class: the user's own.
        init: what a class is made with.
        options: as the user gave them, objects and all.
        where: says where it was defined.
        digest: tells code that has changed, by a definition and its init args.
    """
    kwargs = dict(init.kwargs or {})
    spec = DeploymentSpec(
        name=name,
        kind="class" if isinstance(func_or_class, type) else "function",
        definition=getattr(func_or_class, "__qualname__", name).rpartition("<locals>.")[2],
        options=Options({key: json_value(value) for key, value in options.items()}),
        digest=digest(
            func_or_class,
            tuple(replace_leaves(one, placeholder) for one in init.args),
            {key: replace_leaves(one, placeholder) for key, one in kwargs.items()},
        ),
        handles=init.handles,
        graphs=init.graphs,
        max_batch_size=max_batch_size(_functions(func_or_class)),
    )
    binding = DeploymentBinding(
        func_or_class, init.args, kwargs, options, functools.partial(where, func_or_class)
    )
    return spec, binding


def replace_arguments(
    signature: inspect.Signature,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    replace: Callable[[Any, str], Any],
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments with their leaves replaced; places begin with the parameter's name."""
    names = argument_names(signature, len(args))
    return (
        tuple(replace_leaves(one, replace, name) for one, name in zip(args, names, strict=True)),
        {key: replace_leaves(one, replace, key) for key, one in kwargs.items()},
    )


def placeholder(leaf: Any, _place: str) -> Any:
    """Markers count by their text in a digest: which deployment or value they stand for."""
    if isinstance(leaf, HandleMarker | GraphMarker | ValueMarker):
        return Placeholder(repr(leaf))
    return leaf


def json_value(value: Any) -> Any:
    """An option as JSON: models by the fields that were set, what has no JSON form by its text."""
    dump = getattr(value, "model_dump", None) or getattr(value, "dict", None)
    try:
        if callable(dump) and not isinstance(value, Mapping | type):
            value = dump(exclude_unset=True)
        return json.loads(json.dumps(value, default=str))
    except (TypeError, ValueError):
        return str(value)


def _functions(target: Any) -> list[Any]:
    if not isinstance(target, type):
        return [target]
    return [getattr(target, name, None) for name in dir(target)]
