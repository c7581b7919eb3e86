"""Answers what a live picture asks for, beyond figures: nodes, requests, and acts."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING, Any

from graphnb.errors import GraphnbError, NotRunningError
from graphnb.session.live.promotion import choice_of_targets
from graphnb.session.registry import source_of
from graphnb.session.scaling import why_not
from graphnb.telemetry.export import to_json_lines
from graphnb.telemetry.export.destination import without_messages
from graphnb.views import to_svg, units
from graphnb.views.widget.details import (
    node_details,
    request_details,
    request_lists,
    slowest_call,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from graphnb.session.live.choices import Choices
    from graphnb.session.live.promoter import Promoter
    from graphnb.session.live.watch import Watch
    from graphnb.session.running_graph import RunningGraph
    from graphnb.telemetry import Trace
    from graphnb.telemetry.failures import Failure
    from graphnb.views.cards import Card
    from graphnb.views.widget.picture import Picture

__all__ = ["Desk"]

_AGAIN_S = 60.0


class Desk:
    """Answers for one live picture; each verb of `widget/src/messages.ts` is a method.

    May be asked by several threads at once.
    """

    def __init__(
        self,
        graph: RunningGraph,
        watch: Watch,
        choices: Choices,
        promoter: Promoter,
        drawn: Callable[[], Picture],
    ) -> None:
        self._graph = graph
        self._watch = watch
        self._choices = choices
        self._promoter = promoter
        self._drawn = drawn
        self._verbs: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
            "node": self._node,
            "requests": self._requests,
            "request": self._request,
            "again": self._again,
            "scale": self._scale,
            "trace": self._trace,
            "export": self._export,
            "promotion": self._promotion,
            "plan": self._plan,
            "roll_out": self._roll_out,
            "cancel": self._cancel,
            "stop": self._stop,
        }

    def answer(self, verb: str, args: Mapping[str, Any]) -> Any:
        """The answer to a verb, as plain data.

        Raises:
            GraphnbError: it cannot be answered, or failed.
        """
        if verb not in self._verbs:
            raise GraphnbError(f"{verb!r} is nothing that a live picture can ask for")
        return self._verbs[verb](args)

    def _card(self, args: Mapping[str, Any]) -> Card:
        card = self._drawn().card(_text(args, "node"))
        if card is None:
            known = [one.id for one in self._drawn().cards]
            raise NotRunningError("node", _text(args, "node"), known)
        return card

    def _node(self, args: Mapping[str, Any]) -> dict[str, Any]:
        card, spec = self._card(args), self._drawn().spec
        self._watch.look(time.monotonic())
        with self._watch.lock:
            shown = self._choices.shown(time.monotonic())
            digest = shown.window.digest.copy()
        where, source = self._definition(card)
        return node_details(
            spec,
            card,
            digest=digest,
            traces=self._kept(),
            failure=self._failure(card),
            where=where,
            source=source,
            fixed=self._why_not(card),
        )

    def _failure(self, card: Card) -> Failure | None:
        """The node's last failure, if it is one of the code that runs."""
        failures = self._graph._application.recorder.last_failures
        found = failures.last(card.key, card.deployment)
        return found if found is not None and found.at >= self._watch.figures.since else None

    def _definition(self, card: Card) -> tuple[str, str]:
        graph = self._graph._kept.graph
        if graph is None or card.deployment not in graph.deployments:
            return "", ""
        binding = graph.deployments[card.deployment]
        return binding.where() or "", source_of(binding.func_or_class) or ""

    def _why_not(self, card: Card) -> str:
        if self._watch.ended:
            return "the graph has ended"
        if not card.deployment:
            return "it is the request"
        return why_not(self._graph, self._drawn().spec.deployment(card.deployment))

    def _kept(self) -> list[Trace]:
        """The requests since the last change of the graph."""
        since = self._watch.figures.since
        traces = self._graph._application.recorder.traces()
        return [one for one in traces if one.started_at >= since]

    def _requests(self, _args: Mapping[str, Any]) -> dict[str, Any]:
        recorder = self._graph._application.recorder
        return request_lists(recorder.traces(), recorder.failures())

    def _request(self, args: Mapping[str, Any]) -> dict[str, Any]:
        return request_details(self._found(args), self._drawn().spec)

    def _found(self, args: Mapping[str, Any]) -> Trace:
        which = _text(args, "which")
        if which == "slowest" and args.get("node") is not None:
            slowest = slowest_call(self._card(args), self._kept())
            which = slowest[0].request_id if slowest else which
        return self._graph.trace(which)

    def _again(self, _args: Mapping[str, Any]) -> dict[str, str]:
        last = self._graph._kept.last
        if last is None:
            raise NotRunningError(
                "request",
                "last",
                [],
                hint="this kernel has sent none since there is a live picture: "
                f"{self._graph.name}.remote(...) sends one",
            )
        args, kwargs = last
        began = time.perf_counter()
        if self._graph.streams:
            asked = self._graph.options(stream=True, timeout_s=_AGAIN_S)
            stream = asked.remote(*args, **kwargs)
            parts = sum(1 for _ in stream)
            request, came = stream.request, f", {parts} part{'' if parts == 1 else 's'}"
        else:
            response = self._graph.remote(*args, **kwargs)
            response.result(timeout_s=_AGAIN_S)
            request, came = response.request, ""
        took = units.milliseconds(time.perf_counter() - began)
        return {"said": f"answered in {took}{came}", "request": request.request_id}

    def _scale(self, args: Mapping[str, Any]) -> dict[str, str]:
        card = self._card(args)
        code = self._graph.scale(
            card.deployment,
            num_replicas=_number(args, "num_replicas"),
            max_ongoing_requests=_number(args, "max_ongoing_requests"),
        )
        return {
            "said": f"{card.deployment} is changed; deploying again takes it back",
            "code": code,
        }

    def _trace(self, args: Mapping[str, Any]) -> dict[str, str]:
        trace = self._found(args)
        file = io.StringIO()
        to_json_lines([without_messages(trace)], file)
        name = f"{self._graph.name}-{trace.request_id}.json"
        return {"name": name, "type": "application/json", "text": file.getvalue()}

    def _export(self, _args: Mapping[str, Any]) -> dict[str, str]:
        with self._watch.lock:
            summary = self._choices.shown(time.monotonic()).window.digest.summary()
        svg = to_svg(self._drawn().spec, summary)
        return {"name": f"{self._graph.name}.svg", "type": "image/svg+xml", "text": svg}

    def _promotion(self, _args: Mapping[str, Any]) -> dict[str, Any]:
        return {**choice_of_targets(self._graph.name), "promotion": self._promoter.now()}

    def _plan(self, args: Mapping[str, Any]) -> dict[str, Any]:
        return self._promoter.plan(_text(args, "target"), _text(args, "application"))

    def _roll_out(self, args: Mapping[str, Any]) -> dict[str, Any]:
        return self._promoter.roll_out(_number(args, "plan") or 0)

    def _cancel(self, _args: Mapping[str, Any]) -> dict[str, Any]:
        return self._promoter.cancel()

    def _stop(self, _args: Mapping[str, Any]) -> dict[str, str]:
        name = self._graph.name
        self._graph.delete()
        return {"said": f"{name} has ended"}


def _text(args: Mapping[str, Any], name: str) -> str:
    value = args.get(name)
    if not isinstance(value, str):
        raise GraphnbError(f"{name} is {value!r}, expected text")
    return value


def _number(args: Mapping[str, Any], name: str) -> int | None:
    value = args.get(name)
    if value is not None and type(value) is not int:
        raise GraphnbError(f"{name} is {value!r}, expected a whole number")
    return value
