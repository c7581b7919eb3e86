"""The module of a graph as plain Ray Serve code: the user's definitions, and a driver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphnb.authoring import Node
from graphnb.authoring.bindings import GraphMarker, HandleMarker
from graphnb.drivers import DAGDriver
from graphnb.promote.bundle.bundle import DRIVING
from graphnb.promote.plain.definitions import Definitions
from graphnb.promote.plain.driver import Own, Writer, routes_of
from graphnb.promote.plain.expressions import Expressions
from graphnb.promote.plain.methods import in_order, keywords
from graphnb.promote.plain.names import FreeNames, words

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from graphnb.authoring import Graph
    from graphnb.authoring.bindings import DeploymentBinding

__all__ = ["Generated", "generate"]

_DRIVER = DAGDriver.func_or_class  # type: ignore[attr-defined]
_MANY = 1_000  # requests that a class that only calls others may have under way


@dataclass(frozen=True, slots=True)
class Generated:
    """Code that stands below the definitions of a graph.

    Attributes:
        text: classes, and the application.
        imports: statements that it needs.
        needs: variables of the bundle's module that it uses.
        names: all that mean something at the top of the module.
    """

    text: str
    imports: tuple[str, ...]
    needs: tuple[str, ...]
    names: frozenset[str] = frozenset()


def generate(
    graph: Graph,
    namespace: Mapping[str, Any],
    *,
    local: Iterable[str],
    title: str,
    unfit: Collection[str] = (),
) -> Generated:
    """Writes the driver and the application of a graph.

    Args:
        graph: what the bundle's module builds.
        namespace: the variables of that module.
        local: the names of the modules that come along with it.
        title: what the application is called.
        unfit: variables of the module that cannot go along.

    Raises:
        ExportError: something has no name, and cannot be written out.
    """
    avoided: set[str] = set()
    while True:  # until no name that is used at the top has another meaning within a class
        made = _Module(graph, namespace, frozenset(local), title, avoided, unfit).generated()
        if avoided.issuperset(made.names):
            return made
        avoided.update(made.names)


def _stays(value: Any) -> bool:
    """Whether a variable may be part of plain code: what only describes a graph is not."""
    return not isinstance(value, Node) and value is not DAGDriver


class _Module:
    """One attempt at the code, with what the module needs as it is known by now."""

    def __init__(
        self,
        graph: Graph,
        namespace: Mapping[str, Any],
        local: frozenset[str],
        title: str,
        avoided: Collection[str],
        unfit: Collection[str],
    ) -> None:
        self._graph = graph
        self._namespace = namespace
        self._title = title
        self._expressions = Expressions(namespace, unfit)
        self._definitions = Definitions(namespace, local, unfit)
        stay = [one for one, value in namespace.items() if _stays(value)]
        self._own = Own(FreeNames(["app", *stay]), self._expressions)
        self._writer = Writer(graph, self._expressions, self._own, avoided)
        self._serve = self._name_of_serve()
        self._deployments = FreeNames(one.name for one in graph.spec.deployments)
        self._bound: dict[str, str] = {}

    def _name_of_serve(self) -> str:
        known = self._namespace.get("serve")
        if getattr(known, "__name__", "") == "graphnb.serve":
            self._expressions.needs.add("serve")
            return "serve"
        return self._own.imported("ray", "serve")

    def generated(self) -> Generated:
        spec = self._graph.spec
        classes: list[str] = []
        bound: list[str] = []
        for name in self._order():
            binding = self._graph.deployments[name]
            if binding.func_or_class is _DRIVER:
                classes += self._driver(name, binding)
                continue
            for edge in spec.deployment(name).graphs:
                classes += self._held(name, edge.argument, edge.call, bound)
            variable = "app" if name == spec.root else self._own.new(f"{words(name)}_bound")
            bound.append(f"{variable} = {self._bind(name, binding)}")
            self._bound[name] = variable
        if spec.root not in self._bound:
            bound.append(f"app = {self._driver_bound}")
        text = "\n".join([*classes, "", "", *bound]).strip("\n") + "\n"
        imports = sorted({*self._own.lines, *self._expressions.imports})
        needs = self._expressions.needs
        names = frozenset({*self._own.given, *self._expressions.taken})
        return Generated(text, tuple(imports), tuple(sorted(needs)), names)

    def _order(self) -> list[str]:
        """The deployments, each after those whose handles it is given."""
        deployments = self._graph.spec.deployments
        needs = {
            one.name: [
                *(edge.deployment for edge in one.handles),
                *self._writer.handles(edge.call for edge in one.graphs),
            ]
            for one in deployments
        }
        return in_order(needs, [one.name for one in deployments])

    def _driver(self, name: str, binding: DeploymentBinding) -> list[str]:
        routes = routes_of(self._graph)
        cls = self._own.new("DAGDriver")
        api = self._own.new("api")
        new_api = self._own.imported(f"{DRIVING}.api", "new_api")
        options = {key: one for key, one in binding.options.items() if key != "route_prefix"}
        if name != cls:
            options = {"name": name, **options}
        called = self._writer.handles(one.call for one in routes)
        given = ", ".join(f"{attr}={self._bound[one]}" for one, attr in called.items())
        self._driver_bound = f"{cls}.bind({given})"
        return [
            f"{api} = {new_api}(title={self._title!r})",
            "",
            "",
            f"@{self._serve}.deployment({self._said(options, name)})",
            f"@{self._serve}.ingress({api})",
            *self._writer.driver(routes, name=cls, api=api),
        ]

    def _held(self, holder: str, place: str, call: str, bound: list[str]) -> list[str]:
        """The class of a graph that a deployment holds; it is bound as well."""
        cls = self._own.new(f"{''.join(one.title() for one in words(holder).split('_'))}Graph")
        options = {
            "name": self._deployments.of(f"{holder}_{words(place)}"),
            "max_ongoing_requests": _MANY,
        }
        variable = self._own.new(f"{words(cls)}_bound")
        called = self._writer.handles([call])
        given = ", ".join(f"{attr}={self._bound[one]}" for one, attr in called.items())
        bound.append(f"{variable} = {cls}.bind({given})")
        self._bound[f"{holder} {place}"] = variable
        return [
            f"@{self._serve}.deployment({self._said(options, holder)})",
            *self._writer.held(call, name=cls),
            "",
            "",
        ]

    def _bind(self, name: str, binding: DeploymentBinding) -> str:
        found = self._definitions.of(name, binding)
        if found.variable is not None:
            self._expressions.needs.add(found.variable)
            text = found.text
        else:
            text = self._own.imported(str(found.module), found.text)
        options = {
            key: one
            for key, one in binding.options.items()
            if key != "route_prefix" and not (key in found.options and found.options[key] == one)
        }
        if found.name != name:
            options = {"name": name, **options}
        if found.is_bare:
            said = f"({self._said(options, name)})" if options else ""
            text = f"{self._serve}.deployment{said}({text})"
        elif options:
            text = f"{text}.options({self._said(options, name)})"
        given = [self._init(name, str(at), one) for at, one in enumerate(binding.args)]
        given += keywords({key: self._init(name, key, one) for key, one in binding.kwargs.items()})
        return f"{text}.bind({', '.join(given)})"

    def _init(self, name: str, place: str, value: Any) -> str:
        def marked(leaf: Any) -> str:
            if isinstance(leaf, HandleMarker):
                return self._bound[leaf.deployment]
            assert isinstance(leaf, GraphMarker)
            return self._bound[f"{name} {leaf.graph}"]

        return self._expressions.of(value, f"the init argument {place} of {name}", marked)

    def _said(self, options: Mapping[str, Any], name: str) -> str:
        return ", ".join(
            f"{key}={self._expressions.of(one, f'the option {key} of {name}')}"
            for key, one in options.items()
        )
