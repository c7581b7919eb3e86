"""How a graph is computed: steps over numbered slots, fixed before any request.

A slot holds one packed value: the input or a part of it, a call's result or a part of that, or a
constant. A step reads slots and fills its own. Nothing in a schedule depends on code or digests,
so that editing a node does not change it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphnb.authoring.bindings import CallBinding, Graph, ValueMarker
from graphnb.authoring.walk import leaves
from graphnb.engine.arguments import (
    Load,
    LoadShape,
    LoadSlot,
    LoadSlots,
    Place,
    Shape,
    Template,
)
from graphnb.engine.values import Pack, Packed, pack
from graphnb.errors import GraphError, NotSerializableError
from graphnb.graph import rules
from graphnb.graph.topology import graph_calls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphnb.graph.spec import Path


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a schedule.

    Attributes:
        index: its place in the schedule.
        call: the call's id.
        load: makes its arguments from the slots.
        outputs: where its result goes: the part, and the slot.
        slot: the slot of all of its result, if no part of it goes elsewhere.
        after: the call ids that it waits for.
        waits_for: how many steps those are.
        dependents: the steps that wait for it.
        sole_next: its dependents, if none of them waits for anything else.
        plain: it has no time-out, retries or fallback.
        passed_on: only other steps take its result, and all of it: nobody else needs to see it.
        fallback: the packed value that stands in for a failure, or the slot of one.
        fallback_steps: the steps to run for that slot, in order.
    """

    index: int
    call: str
    deployment: str
    method: str
    load: Load
    outputs: tuple[tuple[Path, int], ...]
    slot: int | None
    after: tuple[str, ...]
    waits_for: int
    dependents: tuple[int, ...]
    sole_next: tuple[int, ...] | None
    timeout_s: float | None
    retries: int
    has_fallback: bool
    fallback: Packed
    fallback_slot: int | None
    fallback_steps: tuple[int, ...]
    plain: bool
    passed_on: bool


@dataclass(frozen=True, slots=True)
class Schedule:
    """One graph, ready to run.

    Attributes:
        steps: those that every request runs come first, then those of fallbacks.
        always: how many steps every request runs.
        waits: for how many others each step waits.
        first: the steps that wait for no other.
        root: the index of the step whose result is the answer.
        answer: the slot of the answer.
        inputs: parts of the request, and their slots.
        slots: the slots as a request starts with them: constants filled in.
        streams: whether the root is a generator.
        has_fallbacks: whether a fallback may ask which steps have run.
    """

    steps: tuple[Step, ...]
    always: int
    waits: tuple[int, ...]
    first: tuple[int, ...]
    root: int
    answer: int
    inputs: tuple[tuple[Path, int], ...]
    slots: tuple[Packed, ...]
    streams: bool
    has_fallbacks: bool


def compile_schedule(graph: Graph, root: str, pack: Pack = pack) -> Schedule:
    """Makes the schedule of the graph whose root is that call.

    Raises:
        GraphError: GN114, a constant argument cannot be serialized.
    """
    return _Compiler(graph, root, pack).schedule()


class _Compiler:
    """Numbers the slots of one graph, and makes its steps."""

    def __init__(self, graph: Graph, root: str, pack: Pack) -> None:
        self._graph = graph
        self._pack = pack
        self._root = root
        spec = graph.spec
        main = graph_calls(spec, root)
        self._order = [*main, *self._fallback_calls(main)]
        self._always = len(main)
        self._index = {call: index for index, call in enumerate(self._order)}
        self._slots: dict[tuple[str, Path], int] = {}
        self._constants: list[Packed] = []
        self._input_ids = {one.id for one in spec.inputs}
        for call in self._order:
            self._slot(call, ())
        for call in self._order:
            self._number(graph.calls[call])

    def _fallback_calls(self, main: Sequence[str]) -> list[str]:
        """The calls that only fallbacks need, sources before users."""
        spec = self._graph.spec
        needed = set(main)
        waiting = list(main)
        while waiting:
            fallback = spec.call(waiting.pop()).fallback
            if fallback is not None and fallback in self._graph.calls:
                new = set(graph_calls(spec, fallback)) - needed
                needed |= new
                waiting.extend(new)
        return [one.id for one in spec.calls if one.id in needed - set(main)]

    def _slot(self, source: str, path: Path) -> int:
        return self._slots.setdefault((source, path), len(self._slots))

    def _number(self, binding: CallBinding) -> None:
        for leaf, _place in leaves((binding.args, binding.kwargs, binding.fallback)):
            if isinstance(leaf, ValueMarker):
                self._slot(leaf.source, leaf.path)

    def schedule(self) -> Schedule:
        loads = [self._load(call) for call in self._order]
        parents = [self._parents(call) for call in self._order]
        steps = tuple(
            self._step(call, loads[index], parents) for index, call in enumerate(self._order)
        )
        return Schedule(
            steps=steps,
            always=self._always,
            waits=tuple(one.waits_for for one in steps),
            first=tuple(one.index for one in steps[: self._always] if not one.waits_for),
            root=self._index[self._root],
            answer=self._slots[self._root, ()],
            inputs=tuple(
                (path, slot)
                for (source, path), slot in self._slots.items()
                if source in self._input_ids
            ),
            slots=(*[None] * len(self._slots), *self._constants),
            streams=self._graph.spec.call(self._root).streams,
            has_fallbacks=any(one.fallback_steps for one in steps),
        )

    def _parents(self, call: str) -> tuple[str, ...]:
        edges = self._graph.spec.call(call).edges
        return tuple(dict.fromkeys(edge.source for edge in edges if edge.source in self._index))

    def _step(self, call: str, load: Load, parents: list[tuple[str, ...]]) -> Step:
        spec = self._graph.spec.call(call)
        index = self._index[call]
        outputs = [(path, slot) for (source, path), slot in self._slots.items() if source == call]
        dependents = tuple(other for other in range(self._always) if call in parents[other])
        fallback = self._graph.calls[call].fallback
        is_node = isinstance(fallback, ValueMarker)
        return Step(
            index=index,
            call=call,
            deployment=spec.deployment,
            method=spec.method,
            load=load,
            outputs=tuple(outputs),
            slot=outputs[0][1] if len(outputs) == 1 and not outputs[0][0] else None,
            after=parents[index],
            waits_for=len(parents[index]),
            dependents=dependents,
            sole_next=dependents if all(len(parents[one]) == 1 for one in dependents) else None,
            timeout_s=spec.timeout_s,
            retries=spec.retries,
            has_fallback=spec.fallback is not None,
            fallback=None if is_node else self._pack_constant(fallback, "the fallback", call),
            fallback_slot=self._slots[fallback.source, fallback.path] if is_node else None,
            fallback_steps=self._fallback_steps(spec.fallback) if is_node else (),
            passed_on=self._is_passed_on(call, outputs),
            plain=spec.timeout_s is None and not spec.retries and spec.fallback is None,
        )

    def _is_passed_on(self, call: str, outputs: Sequence[tuple[Path, int]]) -> bool:
        bindings = [self._graph.calls[one] for one in self._order]
        markers = [one.fallback for one in bindings if isinstance(one.fallback, ValueMarker)]
        is_fallback = any(one.source == call for one in markers)
        whole = len(outputs) == 1 and not outputs[0][0]
        return whole and call != self._root and not is_fallback

    def _fallback_steps(self, call: str | None) -> tuple[int, ...]:
        """The steps to run for a fallback; none for the input, which is there."""
        if call is None or call not in self._index:
            return ()
        calls = graph_calls(self._graph.spec, call)
        return tuple(sorted(self._index[one] for one in calls))

    def _load(self, call: str) -> Load:
        binding = self._graph.calls[call]
        parts: dict[int, int] = {}  # by slot
        positional = [
            self._place(call, name, one, parts)
            for name, one in zip(binding.arg_names, binding.args, strict=True)
        ]
        named = {n: self._place(call, n, one, parts) for n, one in binding.kwargs.items()}
        slots = tuple(parts)
        if named or any(isinstance(one, Template) for one in positional):
            return LoadShape(slots, Shape(tuple(positional), named))
        chosen = tuple(slots[one] for one in positional if isinstance(one, int))
        return LoadSlot(chosen[0]) if len(chosen) == 1 else LoadSlots(chosen)

    def _place(self, call: str, name: str, template: Any, parts: dict[int, int]) -> Place:
        """The part that is a plain argument; the template of one with values inside."""
        if isinstance(template, ValueMarker):
            return parts.setdefault(self._slots[template.source, template.path], len(parts))
        markers = [leaf for leaf, _ in leaves(template) if isinstance(leaf, ValueMarker)]
        packed = self._pack_constant(template, f"argument {name!r}", call)
        if not markers:
            self._constants.append(packed)
            slot = len(self._slots) + len(self._constants) - 1
            return parts.setdefault(slot, len(parts))
        keys = {(one.source, one.path): self._slots[one.source, one.path] for one in markers}
        return Template(
            packed, {key: parts.setdefault(slot, len(parts)) for key, slot in keys.items()}
        )

    def _pack_constant(self, value: Any, what: str, call: str) -> Packed:
        try:
            return self._pack(value, what=what, node=call)
        except NotSerializableError as error:
            cause = error.__cause__
            if isinstance(cause, GraphError):  # a node, hidden where it cannot be found
                raise GraphError(cause.code, cause.message, node=call, hint=cause.hint) from error
            raise rules.NOT_SERIALIZABLE.error(error.message, node=call) from error
