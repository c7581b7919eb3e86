"""The classes that call what a graph calls: its driver, and one for each graph that is held."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graphnb.http_adapters import adapter_named, json_request
from graphnb.promote.bundle.bundle import DRIVING
from graphnb.promote.plain.expressions import importable
from graphnb.promote.plain.methods import Scope, body_of, called_by
from graphnb.promote.plain.names import OF_REPLICAS, FreeNames, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from graphnb.authoring import Graph
    from graphnb.promote.plain.expressions import Expressions
    from graphnb.promote.plain.methods import Body

__all__ = ["Own", "Route", "Writer", "routes_of"]


@dataclass(frozen=True, slots=True)
class Route:
    """One graph of a driver.

    Attributes:
        path: where it answers: "/classify".
        call: the id of the call that is its root.
        adapter: what makes its input of an HTTP request.
    """

    path: str
    call: str
    adapter: Any


@dataclass(slots=True)
class Own:
    """The names that generated code has at the top of its module.

    Attributes:
        names: which are free.
        expressions: know what the module's own variables hold.
        lines: the imports that it needs.
        given: what was handed out.
    """

    names: FreeNames
    expressions: Expressions
    lines: set[str] = field(default_factory=set)
    given: set[str] = field(default_factory=set)
    _known: dict[tuple[str, str], str] = field(default_factory=dict)

    def new(self, wanted: str) -> str:
        """A free name, such as the one that is wanted."""
        name = self.names.of(wanted)
        self.given.add(name)
        return name

    def imported(self, module: str, name: str) -> str:
        """What a name of a module is called here."""
        known = self._known.get((module, name))
        if known is None:
            value = getattr(sys.modules.get(module), name, None)
            known = self.expressions.name(value) if value is not None else None
            if known is None:
                known = self.new(name)
                alias = "" if known == name else f" as {known}"
                self.lines.add(f"from {module} import {name}{alias}")
            self._known[module, name] = known
        return known


def routes_of(graph: Graph) -> list[Route]:
    """The graphs of a graph's DAGDriver, in order.

    Raises:
        ExportError: an adapter is not known.
    """
    spec = graph.spec.deployment(graph.spec.root)
    binding = graph.deployments[spec.name]
    given = dict(zip(("dags", "http_adapter"), binding.args, strict=False)) | dict(binding.kwargs)
    calls = {one.argument: one.call for one in spec.graphs}
    dags: Any = given["dags"]
    adapters: Any = given.get("http_adapter")
    by_path = dags if isinstance(dags, Mapping) else {"/": dags}
    is_by_route = isinstance(adapters, Mapping)
    by_route = {_route(at): one for at, one in adapters.items()} if is_by_route else None
    found = []
    for path, marker in by_path.items():
        adapter = adapters if by_route is None else by_route.get(_route(path))
        known = adapter_named(adapter) if isinstance(adapter, str) else adapter or json_request
        found.append(Route(_route(path), calls[marker.graph], known))
    return found


def _route(path: str) -> str:
    return "/" + path.strip("/")


class Writer:
    """Writes the classes of one graph.

    Args:
        graph: the application.
        expressions: say constants and adapters.
        own: the names at the top of the module.
        avoided: names that mean something there, and nothing else within a class.
    """

    def __init__(
        self, graph: Graph, expressions: Expressions, own: Own, avoided: Iterable[str]
    ) -> None:
        self._graph = graph
        self._expressions = expressions
        self._own = own
        self._avoided = frozenset(avoided)
        self._request = FreeNames(self._avoided).of("request")

    def driver(self, routes: Sequence[Route], *, name: str, api: str) -> list[str]:
        """The lines of the class that answers HTTP requests, without its decorators.

        Args:
            routes: its graphs.
            name: the class's.
            api: what the FastAPI app is called.
        """
        attributes = self.handles(one.call for one in routes)
        names = FreeNames([*OF_REPLICAS, *self._avoided, "self", *attributes.values()])
        about = "Answers each request with what its graph makes of it."
        lines = self._head(name, about, attributes)
        only = len(routes) == 1
        for one in routes:
            word = words(one.path) if one.path.strip("/") else "predict"
            method = names.of("predict" if only else word)
            body = self._body(one.call, attributes)
            where = "" if only else f" at {one.path}"
            head = (
                f"async def {method}(self, {self._request}: {self._any}) -> {self._returns(body)}:"
            )
            about = f"The graph{where}: each call begins when its input is there."
            lines += ["", f"    {head}", f'        """{about}"""']
            lines += [f"        {line}" for line in body.lines]
            lines += ["", *self._endpoint(one, method, names, body, api)]
        return lines

    def held(self, call: str, *, name: str) -> list[str]:
        """The lines of a class that runs one graph, for whoever holds its handle."""
        attributes = self.handles([call])
        lines = self._head(name, f"Runs the graph whose answer is {call}.", attributes)
        body = self._body(call, attributes)
        made = self._own.imported(f"{DRIVING}.request_input", "request_input")
        given = f"*args: {self._any}, **kwargs: {self._any}"
        lines += ["", f"    async def __call__(self, {given}) -> {self._returns(body)}:"]
        lines.append(f"        {self._request} = {made}(args, kwargs)")
        return lines + [f"        {line}" for line in body.lines]

    @property
    def _any(self) -> str:
        return self._own.imported("typing", "Any")

    def _returns(self, body: Body) -> str:
        if body.streams:
            return f"{self._own.imported('collections.abc', 'AsyncIterator')}[{self._any}]"
        return self._any

    def handles(self, roots: Iterable[str]) -> dict[str, str]:
        """Of each deployment that some graphs call, what a class that runs them calls its handle.

        Args:
            roots: the calls whose results are the answers of the graphs.
        """
        spec = self._graph.spec
        calls = [one for root in roots for one in called_by(self._graph, root)]
        called = {spec.call(one).deployment for one in calls}
        names = FreeNames([*OF_REPLICAS, "answer", "predict", "self"])
        return {
            one.name: names.of(words(one.name)) for one in spec.deployments if one.name in called
        }

    def _head(self, name: str, about: str, attributes: Mapping[str, str]) -> list[str]:
        handle = self._own.imported("ray.serve.handle", "DeploymentHandle")
        parameters = "".join(f", {one}: {handle}" for one in attributes.values())
        return [
            f"class {name}:",
            f'    """{about}"""',
            "",
            f"    def __init__(self{parameters}) -> None:",
            *(f"        self.{one} = {one}" for one in attributes.values()),
        ]

    def _body(self, call: str, attributes: Mapping[str, str]) -> Body:
        calls = self._own.imported(f"{DRIVING}.calls", "Calls")
        scope = Scope(
            handles={name: f"self.{one}" for name, one in attributes.items()},
            request=self._request,
            calls=calls,
            attribute=lambda: self._own.imported(f"{DRIVING}.calls", "attribute"),
        )
        return body_of(self._graph, call, self._expressions, scope)

    def _endpoint(
        self, route: Route, method: str, names: FreeNames, body: Body, api: str
    ) -> list[str]:
        name = names.of("answer" if method == "predict" else f"answer_{method}")
        response = self._own.imported("starlette.responses", "Response")
        if body.streams:
            made = self._own.imported(f"{DRIVING}.http_response", "stream_response")
            returned = f"await {made}(self.{method}({self._request}))"
        else:
            made = self._own.imported(f"{DRIVING}.http_response", "json_response")
            returned = f"{made}(await self.{method}({self._request}))"
        paths = [f'    @{api}.post("{route.path}", response_model=None)']
        if route.path != "/":
            hidden = "response_model=None, include_in_schema=False"
            paths.append(f'    @{api}.post("{route.path}/", {hidden})')
        given = f"self, {self._request}: {self._input(route.adapter)}"
        return [
            *paths,
            f"    async def {name}({given}) -> {response}:",
            f"        return {returned}",
        ]

    def _input(self, adapter: Any) -> str:
        """The annotation and the default of an endpoint's parameter."""
        from pydantic import BaseModel

        text = self._adapter(adapter)
        if isinstance(adapter, type) and issubclass(adapter, BaseModel):
            return f"{text} = {self._own.imported('fastapi', 'Body')}()"
        return f"{self._any} = {self._own.imported('fastapi', 'Depends')}({text})"

    def _adapter(self, adapter: Any) -> str:
        module = getattr(adapter, "__module__", "")
        if module == "graphnb.http_adapters":
            return self._own.imported(f"{DRIVING}.http_adapters", adapter.__qualname__)
        named = self._expressions.name(adapter)
        if named is not None:
            return named
        qualname = getattr(adapter, "__qualname__", "")
        if "." not in qualname and importable(module, qualname, adapter):
            return self._own.imported(module, qualname)
        return self._expressions.of(adapter, "the http_adapter of the driver")
