"""The magics. Each parses its line and makes one public call."""

from __future__ import annotations

import json
from functools import wraps
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import (
    Magics,
    cell_magic,
    line_magic,
    magics_class,
    no_var_expand,
)
from IPython.display import display

from graphnb.authoring import label_nodes
from graphnb.errors import BenchError, NotRunningError
from graphnb.ipython.arguments import HelpShown, help_of, parser_of
from graphnb.ipython.deploy_cell import run_as_cell
from graphnb.ipython.found import is_bound, named_target, running_graph, target_of_cell
from graphnb.ipython.progress import BenchLine
from graphnb.ipython.show import (
    show_answer,
    show_deployed,
    show_deployments,
    show_graph,
    show_measured,
    show_trace,
    show_values,
)
from graphnb.session import RunningGraph, deploy, running
from graphnb.session.http_client import send_http
from graphnb.session.logs import ended_logs

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

    from graphnb.ipython.deploy_cell import DeployCell
    from graphnb.telemetry.logs import NodeLogs


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, shown in one line."""

    def _render_traceback_(self) -> list[str]:
        return ["KeyboardInterrupt"]


def _documented(magic: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Gives a magic its help text as docstring, and ends it when its line asks for help."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def run(self: GraphMagics, *args: Any) -> Any:
            try:
                return function(self, *args)
            except HelpShown:
                return None
            except KeyboardInterrupt:
                raise Interrupted from None

        run.__doc__ = help_of(magic)
        return run

    return decorate


@magics_class
class GraphMagics(Magics):
    """Deploy, draw, request, measure: on graphs in the notebook's own kernel."""

    shell: InteractiveShell

    @no_var_expand
    @cell_magic("deploy")
    @_documented("%%deploy")
    def deploy_cell(self, line: str, cell: str) -> None:
        parser_of("%%deploy").parse_line(line)
        run_as_cell(line, cell)

    def deploy_made(self, cell: DeployCell, last: Any) -> None:
        """Deploys what a `%%deploy` cell made; called at its end."""
        try:
            self._deploy_made(cell, last)
        except KeyboardInterrupt:
            raise Interrupted from None

    def _deploy_made(self, cell: DeployCell, last: Any) -> None:
        options = cell.options
        target = target_of_cell(
            self.shell.user_ns, cell.since, last, options.root, cell.applications
        )
        if last is not None and target is not last:
            display(last)
        self._deploy(target, options.name, options)

    @no_var_expand
    @line_magic("deploy")
    @_documented("%deploy")
    def deploy_line(self, line: str) -> None:
        options = parser_of("%deploy").parse_line(line)
        target = named_target(self.shell.user_ns, options.target)
        self._deploy(target, options.name or options.target, options)

    def _deploy(self, target: Any, name: str, options: argparse.Namespace) -> None:
        graph = deploy(
            target, name=name, on=options.on, route_prefix=options.route, http=not options.no_http
        )
        held = self.shell.user_ns.get(name)
        is_free = not (is_bound(held) or isinstance(held, dict))
        if is_free and name.isidentifier():
            self.shell.user_ns[name] = graph
            show_deployed(graph, live=options.live)
        else:
            show_deployed(graph, held=f"graphnb.get({name!r})", live=options.live)

    @no_var_expand
    @line_magic("graph")
    @_documented("%graph")
    def graph(self, line: str) -> None:
        options = parser_of("%graph").parse_line(line)
        held = self.shell.user_ns.get(options.name)
        is_node = is_bound(held) or isinstance(held, dict)
        if options.live:
            if options.latency:
                raise UsageError("%graph: --live has the latencies: leave out --latency")
            display(running_graph(self.shell, options.name).live())
            return
        if options.latency or not is_node:
            graph = running_graph(self.shell, options.name)
            show_graph(graph, graph.metrics() if options.latency else None)
            return
        label_nodes(self.shell.user_ns)
        show_graph(named_target(self.shell.user_ns, options.name), None)

    @no_var_expand
    @line_magic("request")
    @_documented("%request")
    def request_line(self, line: str) -> Any:
        options = self._with_expression("%request", line)
        return self._request(options, self._evaluate(options.expression))

    @no_var_expand
    @cell_magic("request")
    @_documented("%%request")
    def request_cell(self, line: str, cell: str) -> Any:
        options = parser_of("%%request").parse_line(line)
        try:
            body = json.loads(cell)
        except ValueError as error:
            raise UsageError(f"%%request: the cell is not JSON: {error}") from None
        return self._request(options, body)

    def _request(self, options: argparse.Namespace, value: Any) -> Any:
        graph = running_graph(self.shell, options.name)
        for name in ("values", "node"):
            if options.http and getattr(options, name):
                raise UsageError(f"--{name} does not go with --http")
        if options.http:
            sent = send_http(graph, value, route=options.route, timeout_s=options.timeout)
            return show_answer(sent)
        if options.timeout is not None:
            graph = graph.options(timeout_s=options.timeout)
        if not (options.node or options.route):
            graph.keep_to_send_again(value)
        entry = graph.node(options.node) if options.node else graph.entry()
        entry = entry.options(values=options.values)
        if graph.streams and not (options.node or options.route):
            return list(entry.options(stream=True).remote(value))
        if options.route:
            response = entry.options(method_name="predict_with_route").remote(options.route, value)
        else:
            response = entry.remote(value)
        try:
            return response.result()
        finally:
            show_values(response.request.values)

    @no_var_expand
    @line_magic("bench")
    @_documented("%bench")
    def bench(self, line: str) -> None:
        options = self._with_expression("%bench", line)
        graph = running_graph(self.shell, options.name)
        inputs = self._evaluate(options.expression)
        with BenchLine(graph.name) as shown:
            try:
                result = graph.bench(
                    inputs,
                    count=options.count,
                    duration_s=options.duration,
                    concurrency=options.concurrency,
                    rps=options.rps,
                    seed=options.seed,
                    progress=shown.update,
                )
            except BenchError as error:
                hint = f"; {error.hint}" if error.hint else ""
                raise UsageError(f"%bench: {error.message}{hint}") from None
        print(result)
        if result.first_error:
            print(f"first error: {result.first_error}")
        show_measured(graph, result.nodes)

    @no_var_expand
    @line_magic("trace")
    @_documented("%trace")
    def trace(self, line: str) -> None:
        options = parser_of("%trace").parse_line(line)
        graph = running_graph(self.shell, options.name)
        try:
            show_trace(graph.trace(options.which), graph.spec)
        except NotRunningError as error:
            raise UsageError(f"%trace: {error}") from None

    @no_var_expand
    @line_magic("logs")
    @_documented("%logs")
    def logs(self, line: str) -> None:
        options = parser_of("%logs").parse_line(line)
        name, _, node = options.name.partition(".")
        try:
            print(self._logs(name, node or None, options))
        except NotRunningError as error:
            raise UsageError(f"%logs: {error}") from None

    def _logs(self, name: str, node: str | None, options: argparse.Namespace) -> NodeLogs:
        wanted = {"lines": options.lines, "everything": options.all}
        try:
            graph = running_graph(self.shell, name)
        except UsageError:  # it may not have started: then they are wanted most
            found = ended_logs(name, node, **wanted)
            if found is None:
                raise
            return found
        return graph.logs(node, **wanted)

    @no_var_expand
    @line_magic("deployments")
    @_documented("%deployments")
    def deployments(self, line: str) -> None:
        parser_of("%deployments").parse_line(line)
        show_deployments(running())

    @no_var_expand
    @line_magic("undeploy")
    @_documented("%undeploy")
    def undeploy(self, line: str) -> None:
        options = parser_of("%undeploy").parse_line(line)
        graphs = running() if options.all else [running_graph(self.shell, options.name)]
        for one in graphs:
            self._end(one)

    @no_var_expand
    @line_magic("export")
    @_documented("%export")
    def export(self, line: str) -> None:
        options = parser_of("%export").parse_line(line)
        graph = running_graph(self.shell, options.name)
        golden = self._evaluate(options.golden) if options.golden else ()
        print(
            graph.export(
                options.folder,
                golden=golden,
                values=options.value,
                venv=options.venv,
                plain=options.plain,
            )
        )

    @no_var_expand
    @line_magic("promote")
    @_documented("%promote")
    def promote(self, line: str) -> None:
        options = parser_of("%promote").parse_line(line)
        graph = running_graph(self.shell, options.name)
        print(
            graph.promote(
                options.to,
                name=options.renamed,
                golden=self._evaluate(options.golden) if options.golden else (),
                values=options.value,
                venv=options.venv,
                dry_run=options.dry_run,
            )
        )

    def _end(self, graph: RunningGraph) -> None:
        graph.delete()
        print(f"{graph.name} ended")

    def _with_expression(self, magic: str, line: str) -> argparse.Namespace:
        options = parser_of(magic).parse_expression(line)
        if not options.expression:
            raise UsageError(f"{magic}: what to send is missing, as in {magic} NAME {{'x': 1}}")
        return options

    def _evaluate(self, expression: str) -> Any:
        try:
            return self.shell.ev(expression)
        except SyntaxError as error:
            raise UsageError(f"{expression!r} is not an expression: {error.msg}") from None
        except Exception as error:  # noqa: BLE001  the user's expression may raise anything
            raise UsageError(f"{expression}: {type(error).__name__}: {error}") from None
