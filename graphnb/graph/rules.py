"""The rules that a graph is held to, each with a code, a severity and a fix.

A `Rule` is the same object for `bind()`, for magics and for an editor; a `Diagnostic` is one
finding. Some are found while the graph is written (`authoring`), the others on the finished
spec (`graph.validate`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from graphnb.errors import GraphError

Severity = Literal["error", "warning"]
"""error: the graph cannot run. warning: it runs, and probably not as meant."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What is wrong, in general, and what to do about it.

    Attributes:
        code: `GN` and three digits, never given to another rule.
        title: the mistake in a few words.
        fix: the next step, used as a hint where a finding has no better one.
    """

    code: str
    severity: Severity
    title: str
    fix: str

    def error(
        self,
        message: str,
        *,
        node: str | None = None,
        hint: str | None = None,
        kind: type[GraphError] = GraphError,
    ) -> GraphError:
        """The exception for one finding of this rule."""
        return kind(self.code, message, node=node, hint=hint or self.fix)

    def finding(
        self, message: str, *, node: str | None = None, hint: str | None = None
    ) -> Diagnostic:
        """One finding of this rule."""
        return Diagnostic(self.code, self.severity, message, node, hint or self.fix)


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding of a rule."""

    code: str
    severity: Severity
    message: str
    node: str | None
    hint: str

    def __str__(self) -> str:
        return f"{self.code} {self.message}\nhint: {self.hint}"

    def error(self) -> GraphError:
        """The finding as an exception."""
        return GraphError(self.code, self.message, node=self.node, hint=self.hint)


UNKNOWN_METHOD = Rule(
    "GN101", "error", "unknown method", "bind one of the methods that the class has"
)
WRONG_ARGUMENTS = Rule(
    "GN102", "error", "arguments that do not fit", "pass what the signature asks for"
)
INPUT_IN_INIT = Rule(
    "GN103",
    "error",
    "an InputNode in init args",
    "init args are fixed at deploy time; pass the input to a method's .bind() instead",
)
INPUT_OUTSIDE = Rule(
    "GN104",
    "error",
    "an InputNode used outside its `with`",
    "write the calls inside `with InputNode() as inp:`",
)
TWO_INPUTS = Rule(
    "GN105",
    "error",
    "two InputNodes in one graph",
    "one graph has one request: use one InputNode, and parts of it such as inp[0] or inp['key']",
)
BIND_BOUND = Rule(
    "GN106",
    "error",
    "binding a node that is bound",
    "bind one of its methods, as in node.method.bind(...), or bind the deployment again",
)
REMOTE_ON_NODE = Rule(
    "GN107",
    "error",
    "`.remote` on a node",
    "a node describes a call; deploy the graph and call .remote() on what deploy returns",
)
DUPLICATE_NAME = Rule(
    "GN108",
    "error",
    "two deployments with the same explicit name",
    "give one of them another name= in .options(), or leave the name out",
)
ROUTE_NOT_ROOT = Rule(
    "GN109",
    "error",
    "a route prefix on a deployment that is not the root",
    "requests enter at the root only: set route_prefix there",
)
UNKNOWN_OPTION = Rule(
    "GN110", "error", "an option that Ray Serve does not have", "see help(serve.deployment)"
)
BATCH_NEVER_FULL = Rule(
    "GN111",
    "warning",
    "max_ongoing_requests below max_batch_size",
    "set max_ongoing_requests to the batch size or more",
)
GENERATOR_FEEDS = Rule(
    "GN112",
    "error",
    "a generator that feeds a node",
    "only the root of a graph may stream; return a list instead",
)
UNUSED_NODE = Rule(
    "GN113",
    "warning",
    "a bound node that nothing uses",
    "use its result in another node, or remove it",
)
NOT_SERIALIZABLE = Rule(
    "GN114",
    "error",
    "an argument that cannot be serialized",
    "make it inside the deployment's __init__, or pass plain data",
)
EMPTY_GRAPH = Rule(
    "GN115",
    "error",
    "an empty graph",
    "bind a deployment: `node = my_function.bind(inp)`",
)
NOT_DEPLOYABLE = Rule(
    "GN116",
    "error",
    "not a class or function",
    "@serve.deployment goes on a class or a function",
)
STREAM_AGAIN = Rule(
    "GN117",
    "error",
    "retries or a fallback of a generator",
    "a stream that has begun cannot be tried again: retry inside the generator",
)
OPTION_VALUE = Rule(
    "GN118",
    "error",
    "an option with a value that does not do",
    "see help(serve.deployment), and help of a node's .options",
)
NODE_AS_VALUE = Rule(
    "GN119",
    "error",
    "a node used as a value",
    "its result exists at request time only: pass the node to .bind(), or choose inside a "
    "deployment that holds handles",
)
SERVE_ALONE = Rule(
    "GN120",
    "error",
    "a part of Ray Serve that graphnb does not run",
    "leave it out, or deploy this application with ray.serve.run",
)
CLOSED_ENTRY = Rule(
    "GN121",
    "warning",
    "an entry of Ray Serve that graphnb does not open",
    "requests come by handle and over HTTP",
)

RULES: tuple[Rule, ...] = (
    UNKNOWN_METHOD,
    WRONG_ARGUMENTS,
    INPUT_IN_INIT,
    INPUT_OUTSIDE,
    TWO_INPUTS,
    BIND_BOUND,
    REMOTE_ON_NODE,
    DUPLICATE_NAME,
    ROUTE_NOT_ROOT,
    UNKNOWN_OPTION,
    BATCH_NEVER_FULL,
    GENERATOR_FEEDS,
    UNUSED_NODE,
    NOT_SERIALIZABLE,
    EMPTY_GRAPH,
    NOT_DEPLOYABLE,
    STREAM_AGAIN,
    OPTION_VALUE,
    NODE_AS_VALUE,
    SERVE_ALONE,
    CLOSED_ENTRY,
)
