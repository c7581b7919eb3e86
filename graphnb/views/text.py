"""A graph as plain text: what a terminal shows, and what a saved notebook is compared by.

    graph root DAGDriver: 3 deployments, 2 calls
      request
      tokens = tokenize(text ← request['text'])
      best   = Ensemble.run(tokens ← tokens) [2 replicas]
      Ensemble ⇢ Scorer
      DAGDriver runs best

Nothing in it changes from run to run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphnb.graph.spec import CallSpec, GraphSpec, path_text
from graphnb.graph.topology import topological_sort
from graphnb.views import labels
from graphnb.views.typography import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["to_text"]


def to_text(spec: GraphSpec) -> str:
    """The graph in lines: its inputs, its calls with their sources first, who holds whom."""
    lines = [labels.headline(spec)]
    lines.extend(clean(one.label) for one in spec.inputs)
    titles = _titles(spec)
    width = max((len(titles[one.id]) for one in spec.calls), default=0)
    lines.extend(
        f"{titles[call.id]:{width}} = {_call(spec, call, titles)}" for call in _ordered(spec)
    )
    lines.extend(_deployments(spec, titles))
    return "\n  ".join(lines)


def _ordered(spec: GraphSpec) -> list[CallSpec]:
    """The calls, each after its sources; a topological sort may put siblings in any order."""
    place = {call: index for index, call in enumerate(topological_sort(spec))}
    bound = {one.id: index for index, one in enumerate(spec.calls)}
    # The order of binding already puts sources first, except in a spec made by hand.
    sound = all(
        bound.get(edge.source, -1) < bound[one.id] for one in spec.calls for edge in one.edges
    )
    return sorted(spec.calls, key=lambda one: (bound if sound else place)[one.id])


def _titles(spec: GraphSpec) -> dict[str, str]:
    """A name for each input and call; the id where two would have the same."""
    wanted = {one.id: one.label for one in spec.inputs}
    wanted |= {one.id: one.label or one.id for one in spec.calls}
    taken = list(wanted.values())
    return {key: clean(title if taken.count(title) == 1 else key) for key, title in wanted.items()}


def _call(spec: GraphSpec, call: CallSpec, titles: dict[str, str]) -> str:
    arguments = ", ".join(
        f"{edge.argument} ← {titles.get(edge.source, edge.source)}{path_text(edge.path)}"
        for edge in call.edges
    )
    notes = labels.deployment_notes(spec.deployment(call.deployment))
    notes += labels.call_notes(spec, call)
    return clean(f"{labels.call_name(call)}({arguments}){_bracketed(notes)}")


def _deployments(spec: GraphSpec, titles: dict[str, str]) -> Iterator[str]:
    called = {call.deployment for call in spec.calls}
    for one in spec.deployments:
        name = clean(one.name)
        notes = "" if one.name in called else _bracketed(labels.deployment_notes(one))
        if one.handles:
            names = ", ".join(dict.fromkeys(clean(edge.deployment) for edge in one.handles))
            yield f"{name} ⇢ {names}{notes}"
        several = len(one.graphs) > 1
        for edge in one.graphs:
            place = f" as {clean(edge.argument)}" if several else ""
            yield f"{name} runs {titles.get(edge.call, edge.call)}{place}{notes}"
        if not one.handles and not one.graphs and one.name not in called and notes:
            yield f"{name}{notes}"


def _bracketed(notes: list[str]) -> str:
    return f" [{', '.join(map(clean, notes))}]" if notes else ""
