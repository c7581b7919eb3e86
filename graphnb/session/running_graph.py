"""A graph that runs, as a user holds it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from graphnb.errors import ExportError, NotRunningError
from graphnb.session.pictures import Pictures
from graphnb.telemetry.logs import DEFAULT_LINES
from graphnb.telemetry.summary import GraphSummary, summarize

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from graphnb.authoring import Graph
    from graphnb.engine import Handle
    from graphnb.executors import Application, DeploymentStatus
    from graphnb.graph import GraphSpec, SpecDiff
    from graphnb.graph.rules import Diagnostic
    from graphnb.promote.export import ExportResult
    from graphnb.promote.notebook import Notebook
    from graphnb.promote.release.target import Target
    from graphnb.session.bench import BenchProgress, BenchResult
    from graphnb.session.live.picture import LivePicture
    from graphnb.session.live.promoter import Promoter
    from graphnb.session.live.watch import Watch
    from graphnb.session.promoting import PromoteResult
    from graphnb.telemetry import Trace
    from graphnb.telemetry.logs import NodeLogs


@dataclass(frozen=True, slots=True)
class Deployed:
    """What the last deploy of a graph did.

    Attributes:
        changes: deployment by deployment.
        warnings: what the executor leaves out.
        findings: rules of severity "warning" that the graph breaks.
        at: when it was done, in seconds since the epoch.
        notes: what else there is to know, such as that a Ray was started for it.
    """

    changes: SpecDiff
    warnings: tuple[str, ...]
    findings: tuple[Diagnostic, ...]
    at: float = 0.0
    notes: tuple[str, ...] = ()


MAX_BENCHES = 10


@dataclass(frozen=True, slots=True)
class BenchRun:
    """One bench of a graph.

    Attributes:
        number: counts them, from 1.
        result: what it measured.
    """

    number: int
    result: BenchResult


class Kept:
    """What a running graph keeps beside what runs; one for all its forms.

    Attributes:
        deployed: what the last deploy did, or None.
        graph: with its bindings, or None where another process deployed it.
        target: what it was made of.
        benches: its last bench runs.
        last: the arguments of the last request that was sent since there is a live picture.
        pictures: what live views of it show.
        watch: what they get their figures from.
        promoter: what brings it to clusters as they ask.
    """

    def __init__(self) -> None:
        self.graph: Graph | None = None
        self.target: Any = None
        self.deployed: Deployed | None = None
        self.benches: deque[BenchRun] = deque(maxlen=MAX_BENCHES)
        self.last: tuple[tuple[Any, ...], dict[str, Any]] | None = None
        self.pictures = Pictures()
        self.watch: Watch | None = None
        self.promoter: Promoter | None = None


class RunningGraph:
    """A graph that answers requests; displays as its picture.

    Attributes:
        on: where it runs: "local".
        deployed: what the last deploy did, or None.
    """

    def __init__(
        self, application: Application, on: str, end: Callable[[RunningGraph], None]
    ) -> None:
        self._application = application
        self._end = end
        self._timeout_s: float | None = None
        self._stream = False
        self._record = True
        self._plain = True  # no options: the entry handle does as it is
        self._kept = Kept()
        self.on = on

    @property
    def deployed(self) -> Deployed | None:
        """What the last deploy did, or None where another process did it."""
        return self._kept.deployed

    @property
    def name(self) -> str:
        """The name that it was deployed under."""
        return self._application.name

    @property
    def spec(self) -> GraphSpec:
        """What it is: names, edges, options, digests."""
        return self._application.spec

    @property
    def url(self) -> str | None:
        """Where it answers over HTTP, with and without a slash at the end; None without HTTP."""
        return self._application.url

    @property
    def handle(self) -> Handle:
        """The root's handle."""
        return self._application.handle(self.spec.root)

    def options(
        self,
        *,
        timeout_s: float | None = None,
        stream: bool | None = None,
        record: bool | None = None,
    ) -> RunningGraph:
        """The same running graph with other options for its requests; those not named stay.

        Args:
            timeout_s: seconds until a request is given up with a RequestTimeoutError.
            stream: whether `remote` returns a stream.
            record: False leaves its requests out of traces and figures, and times nothing.
        """
        made = RunningGraph(self._application, self.on, self._end)
        made._kept = self._kept
        made._timeout_s = self._timeout_s if timeout_s is None else timeout_s
        made._stream = self._stream if stream is None else stream
        made._record = self._record if record is None else record
        made._plain = made._timeout_s is None and not made._stream and made._record
        return made

    def remote(self, *args: Any, **kwargs: Any) -> Any:
        """Sends a request to the root: its `predict` if it has one, else its `__call__`.

        Returns:
            A `Response` (awaitable, with `.result()`), or a `ResponseStream` with
            `options(stream=True)`.
        """
        self.keep_to_send_again(*args, **kwargs)
        if self._plain:
            return self._application.entry.remote(*args, **kwargs)
        return self.entry().remote(*args, **kwargs)

    def keep_to_send_again(self, *args: Any, **kwargs: Any) -> None:
        """Keeps a request's arguments for its live picture, once there is one."""
        if self._kept.watch is not None:
            self._kept.last = (args, kwargs)

    @property
    def streams(self) -> bool:
        """Whether its answers are streams: the call at its root is a generator."""
        spec = self.spec
        graphs = spec.deployment(spec.root).graphs
        return len(graphs) == 1 and spec.call(graphs[0].call).streams

    def entry(self, *, values: bool = False) -> Handle:
        """The handle that `remote` uses.

        Args:
            values: keep what goes into and comes out of each node, in `response.request.values`.
        """
        return self._application.entry.options(
            stream=self._stream,
            timeout_s=self._timeout_s,
            values=values,
            record=self._record,
        )

    def node(self, name: str) -> Handle:
        """A handle of one node alone: a deployment's name, a call's id, or its variable.

        Raises:
            NotRunningError: there is no such node.
        """
        for call in self.spec.calls:
            if name in (call.id, call.label):
                return self._application.handle(call.deployment).options(method_name=call.method)
        if name not in {one.name for one in self.spec.deployments}:
            raise NotRunningError("node", name, [one.name for one in self.spec.deployments])
        return self._application.handle(name)

    def status(self) -> tuple[DeploymentStatus, ...]:
        """How each deployment is: replicas, calls under way and waiting, restarts, errors."""
        return self._application.status()

    def logs(
        self, node: str | None = None, *, lines: int = DEFAULT_LINES, everything: bool = False
    ) -> NodeLogs:
        """What nodes printed and logged, oldest line first; also what replicas did that ended.

        Args:
            node: a deployment's name, a call's id, or its variable; None for all nodes.
            lines: how many, at the most; each replica gets its share.
            everything: also what Ray and Ray Serve say of themselves and of each call.

        Raises:
            NotRunningError: there is no such node.
        """
        named = [one for one in self.spec.calls if node is not None and node in (one.id, one.label)]
        if named:
            node = named[0].deployment
        return self._application.logs(node, lines=lines, everything=everything)

    def traces(self, count: int = 10) -> list[Trace]:
        """The last requests, oldest first."""
        return self._application.recorder.traces(count)

    def trace(self, which: str = "last") -> Trace:
        """One request: "last", "slowest", "failed" (the last that failed), or by its id.

        Raises:
            NotRunningError: there is none, or it is kept no more.
        """
        recorder = self._application.recorder
        if which == "failed":
            found = next(reversed(recorder.failures()), None)
        elif which == "slowest":
            found = max(recorder.traces(), key=lambda one: one.total_s, default=None)
        elif which == "last":
            found = next(reversed(recorder.traces(1)), None)
        else:
            found = recorder.find(which)
        if found is None:
            raise NotRunningError("request", which, ["last", "slowest", "failed"])
        return found

    def metrics(self, count: int | None = None) -> GraphSummary:
        """Percentiles per node, where the time went, and what is under way.

        Requests from before the last change of the graph are left out: they speak of other code.

        Args:
            count: how many requests back; all that are kept (the last 2,000) when None.
        """
        found = None
        if count is None:  # of all requests, where they are counted and not all kept
            found = self._application.recorder.summary()
        if found is None:
            since = self.deployed.at if self.deployed is not None else 0.0
            traces = self._application.recorder.traces(count)
            found = summarize(one for one in traces if one.started_at >= since)
        try:
            under_way = {one.name: one.ongoing + one.queued for one in self.status()}
            return found.with_in_flight(under_way, self.spec.root)
        except Exception:  # noqa: BLE001  it has ended, or Ray has: the figures are there all the same
            return found

    def bench(
        self,
        inputs: Any,
        *,
        count: int | None = None,
        duration_s: float | None = None,
        concurrency: int = 1,
        rps: float | None = None,
        seed: int | None = None,
        warmup: int = 1,
        progress: Callable[[BenchProgress], None] | None = None,
    ) -> BenchResult:
        """Sends many requests and measures what clients wait, and each node.

        Without `rps` the loop is closed: each client sends its next request when it has the answer
        to the last. With `rps` it is open: requests come at moments of their own, however many are
        under way, and a latency counts from the moment at which its request was due.

        Args:
            inputs: a list, whose items are sent in turn; an iterator or a generator, whose items
                are drawn as they are sent; anything else is one request.
            count: how many requests; 100 when neither this nor `duration_s` is given.
            duration_s: for how many seconds; with `count`, whichever ends first.
            concurrency: how many clients there are.
            rps: how many requests come per second, on average: a Poisson process.
            seed: has requests come at the same moments again.
            warmup: requests that are sent before, and not measured.
            progress: called a few times a second with how far it is.

        Returns:
            What was measured; up to that moment, when Ctrl-C ended it.

        Raises:
            BenchError: a number does not do, two do not go together, or the inputs do not do.
        """
        from graphnb.session.bench import Load, bench

        load = Load(
            inputs,
            count=count,
            duration_s=duration_s,
            concurrency=concurrency,
            rps=rps,
            seed=seed,
            warmup=warmup,
        )
        result = bench(self, load, progress)
        benches = self._kept.benches
        benches.append(BenchRun(benches[-1].number + 1 if benches else 1, result))
        return result

    @property
    def benches(self) -> Sequence[BenchRun]:
        """The last bench runs, oldest first."""
        return self._kept.benches

    def live(self) -> LivePicture:
        """The picture that changes while requests flow, with latency on every node.

        Displays in a notebook; figures come from the moment at which it is shown.

        Raises:
            NotRunningError: the graph has ended.
        """
        from graphnb.session.live import live_picture

        return live_picture(self)

    def scale(
        self,
        node: str,
        *,
        num_replicas: int | None = None,
        max_ongoing_requests: int | None = None,
    ) -> str:
        """Changes how much of a deployment there is, in place: no replica restarts.

        Args:
            node: a deployment's name, a call's id, or its variable.
            num_replicas: how many replicas there are; None leaves it.
            max_ongoing_requests: how many calls each works on at a time; None leaves it.

        Returns:
            The code that does the same when the graph is deployed again.

        Raises:
            NotRunningError: there is no such node.
            DeployError: it cannot be changed, or did not start; what was there still answers.
            GraphError: a number does not do.
        """
        from graphnb.session.scaling import scale

        return scale(
            self, node, num_replicas=num_replicas, max_ongoing_requests=max_ongoing_requests
        )

    def export(
        self,
        folder: str | Path,
        *,
        golden: Sequence[Any] = (),
        values: Sequence[str] = (),
        venv: bool = False,
        plain: bool = False,
    ) -> ExportResult:
        """Writes all that it takes to run the graph elsewhere: a bundle, which is then proved.

        The bundle has the source of the graph as one module, what was computed as files, the file
        that `serve deploy` takes, pinned requirements, and tests. It is proved by running it in a
        clean process, which can import nothing that the bundle does not name.

        Of what was computed, models and data go along as files, and all else by its source.

        Args:
            folder: where it goes; a bundle that is there is replaced.
            golden: requests that are sent over HTTP now, and whose answers the bundle keeps: each
                a value to be sent as JSON, or bytes; or (route, value).
            values: variables that go along as files, whatever they hold and whatever made them.
            venv: prove it in a fresh environment, with its requirements installed.
            plain: write plain `ray.serve` code, with a driver to read: it runs without graphnb, and
                is deployed by `serve deploy`.

        Returns:
            What was written; shows what became files, and what may not be as it is here.

        Raises:
            ExportError: something cannot be carried: says what, its cell, and the next step.
            ProofError: the bundle does not run alone, or answers otherwise.
        """
        from graphnb.session.exporting import export_graph
        from graphnb.session.registry import shown_progress

        notebook = self._notebook(values)
        with shown_progress(f"exporting {self.name}") as progress:
            return export_graph(
                self, notebook, folder, golden=golden, venv=venv, plain=plain, progress=progress
            )

    def promote(
        self,
        to: str | Target,
        *,
        name: str | None = None,
        golden: Sequence[Any] = (),
        values: Sequence[str] = (),
        venv: bool = False,
        dry_run: bool = False,
    ) -> PromoteResult:
        """Brings the graph to another Ray cluster, over the REST interface of its dashboard.

        It is exported and proved as by `export`. Then it is planned, deployment by deployment,
        what changes there, and rolled out: new replicas start before old ones go, and what has not
        changed stays. If it does not run there, what ran before is put back.

        Args:
            to: the target's name in `graphnb.toml` or `pyproject.toml`, or its address.
            name: what the application is called there; the graph's own name when None.
            golden: requests that are sent over HTTP now, and to the cluster when it runs there:
                with another answer it is taken back.
            values: as for `export`.
            venv: as for `export`.
            dry_run: end with the plan; nothing is sent.

        Returns:
            What was done, or would be; shows the plan, and where the graph answers.

        Raises:
            ExportError: something cannot be carried.
            PromoteError: it is not proved, cannot be planned, or does not run there.
        """
        from graphnb.session.promoting import promote_graph, target_of
        from graphnb.session.registry import shown_progress

        target = target_of(to)
        notebook = self._notebook(values)
        with shown_progress(f"promoting {self.name}") as progress:
            return promote_graph(
                self,
                notebook,
                target,
                name=name or self.name,
                golden=golden,
                venv=venv,
                dry_run=dry_run,
                progress=progress,
            )

    def _notebook(self, values: Sequence[str]) -> Notebook:
        """The notebook in which it is written."""
        from graphnb.session.registry import notebook_of
        from graphnb.session.target import is_application

        if is_application(self._kept.target):
            raise ExportError(
                f"{self.name} is an application of plain Ray Serve, which needs none of this",
                hint="give its module to `serve deploy`",
            )
        notebook = notebook_of(self._kept.target, self.name)
        if notebook is None or self._kept.target is None:
            raise ExportError(
                f"{self.name} was not deployed from this notebook: its source is not known here",
                hint="deploy it here; of a file: graphnb export NOTEBOOK.ipynb or MODULE:GRAPH",
            )
        return replace(notebook, kept=tuple(values))

    def delete(self) -> None:
        """Ends it; waits for requests under way, as long as each deployment grants."""
        self._end(self)

    def __repr__(self) -> str:
        try:
            root = self.spec.root
        except NotRunningError:
            return f"RunningGraph({self.name!r}, ended)"
        return f"RunningGraph({self.name!r} on {self.on}, root {root})"
