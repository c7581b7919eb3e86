"""The actor that keeps what an application's hosts tell: traces, figures, and start errors.

One for each application, bounded in memory. It also keeps the graph's spec, so that a kernel that
comes later finds what runs. Nobody waits for it: when it is slow or dead, only telemetry is lost.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Any, NamedTuple

from graphnb.telemetry import Recorder
from graphnb.telemetry.buffer import Inbox
from graphnb.telemetry.recorder import Elsewhere
from graphnb.telemetry.windows import Windows

if TYPE_CHECKING:
    from graphnb.telemetry import Trace
    from graphnb.telemetry.buffer import Batch
    from graphnb.telemetry.summary import GraphSummary

NAMESPACE = "graphnb"
_PREFIX = "graphnb:"
_MAX_FAILURES = 50
_PATIENCE_S = 5.0
_MAX_BATCHES = 50
_TRACES_OF_A_BATCH = 20  # whoever watches draws figures of some


class StartFailure(NamedTuple):
    """Why a replica does not answer.

    Attributes:
        deployment: the graph's name of it.
        version: of its code; replicas of another graph that had this name may be late to tell.
        doing: what it was about to do.
        error: packed.
    """

    deployment: str
    version: str
    doing: str
    error: bytes


class KeptState(NamedTuple):
    """What runs, for processes that come later.

    Attributes:
        number: of the version.
        made_by: the version of graphnb that deployed it.
        shipped: the rest, made by `ship`.
    """

    number: int
    made_by: str
    shipped: bytes


class _Arrived(NamedTuple):
    """A batch that came in lately."""

    number: int
    source: str
    requests: int
    traces: tuple[Trace, ...]


class Collector:
    """What the actor does."""

    def __init__(self) -> None:
        self._failures: deque[StartFailure] = deque(maxlen=_MAX_FAILURES)
        self._state: KeptState | None = None
        self._starts: Counter[str] = Counter()
        self._inbox = Inbox()
        self._windows = Windows()
        self._recorder = Recorder()
        self._batches: deque[_Arrived] = deque(maxlen=_MAX_BATCHES)
        self._arrived = 0
        self._turn: tuple[str, float] | None = None  # whose, and until when

    def take(self, batch: Batch) -> None:
        """What a process knows of its last requests."""
        if self._inbox.accept(batch):
            self._windows.merge_bucket(batch.digest, time.time())
            for trace in batch.traces:
                self._recorder.record(trace)
            self._arrived += 1
            some = batch.traces[-_TRACES_OF_A_BATCH:]
            self._batches.append(_Arrived(self._arrived, batch.source, batch.digest.requests, some))

    def news(self, mark: int, but: str) -> Elsewhere:
        """What arrived since that mark, from all sources but one."""
        new = [one for one in self._batches if one.number > mark and one.source != but]
        traces = tuple(trace for one in new for trace in one.traces)
        return Elsewhere(self._arrived, sum(one.requests for one in new), traces)

    def traces(self, count: int | None = None) -> list[Trace]:
        """The last requests that are kept, in the order in which they arrived."""
        return self._recorder.traces(count)

    def failed_traces(self) -> list[Trace]:
        """The last requests that failed."""
        return self._recorder.failures()

    def find(self, request_id: str) -> Trace | None:
        """The trace of one request, if it is kept."""
        return self._recorder.find(request_id)

    def summary(self, since: float | None = None) -> GraphSummary:
        """What the requests since that time (seconds since the epoch) add up to."""
        return self._windows.summary(since)

    def lost(self) -> int:
        """Requests that are counted in the summary, and whose traces are not kept."""
        return self._inbox.lost

    def clear(self) -> None:
        """Forgets all requests."""
        self.clear_figures()
        self._recorder.clear()

    def clear_figures(self) -> None:
        """Begins the figures anew, as after a change of the graph; traces stay."""
        self._windows.clear()

    def started(self, serve_name: str) -> None:
        """A replica of that Serve deployment answers from now on."""
        self._starts[serve_name] += 1

    def starts(self) -> dict[str, int]:
        """How many replicas ever started, by Ray Serve's names."""
        return dict(self._starts)

    def start_failed(self, failure: StartFailure) -> None:
        """A replica could not start, or not take its configuration."""
        self._failures.append(failure)

    def failures(self) -> list[StartFailure]:
        """Why replicas could not start, oldest first."""
        return list(self._failures)

    def forget_failures(self) -> None:
        """Begins anew, before a deploy."""
        self._failures.clear()

    def keep(self, state: KeptState | None) -> None:
        """Remembers what runs; None when it is about to end."""
        self._state = state

    def take_turn(self, owner: str, seconds: float) -> bool:
        """Whether it is that owner's turn to change the application, from now on for so long."""
        now = time.monotonic()
        if self._turn is not None and self._turn[0] != owner and now < self._turn[1]:
            return False
        self._turn = (owner, now + seconds)
        return True

    def end_turn(self, owner: str) -> None:
        """Lets others have their turn."""
        if self._turn is not None and self._turn[0] == owner:
            self._turn = None

    def kept(self, after: int) -> KeptState | None:
        """What runs, as the last deploy said; None when that is no later version than `after`."""
        return self._state if self._state is not None and self._state.number > after else None


def collector_name(app_name: str) -> str:
    """The name of the actor of an application."""
    return _PREFIX + app_name


def is_connected() -> bool:
    """Whether this process is connected to a Ray: whoever asks without starts one."""
    import ray

    return bool(ray.is_initialized())


def find_collector(name: str | None) -> Any:
    """The actor of that name, or None when there is none, or it is dead."""
    import ray

    if name is None:
        return None
    try:
        return ray.get_actor(name, namespace=NAMESPACE)
    except ValueError:
        return None


def get_collector(app_name: str) -> Any:
    """The application's actor; made if there is none."""
    import ray

    # It computes next to nothing, and must find a place on a cluster whose CPUs are all taken.
    make: Any = ray.remote(Collector)
    return make.options(
        num_cpus=0,
        max_restarts=-1,
        max_concurrency=1,
        name=collector_name(app_name),
        namespace=NAMESPACE,
        lifetime="detached",
        get_if_exists=True,
    ).remote()


def drop_collector(app_name: str) -> None:
    """Ends the actor; without effect when there is none."""
    import ray

    actor = find_collector(collector_name(app_name))
    if actor is not None:
        ray.kill(actor)


def applications() -> list[str]:
    """The names of the applications that have a collector on this cluster."""
    from ray.util import list_named_actors

    found = list_named_actors(all_namespaces=True)
    return sorted(
        one["name"].removeprefix(_PREFIX)
        for one in found
        if one["namespace"] == NAMESPACE and one["name"].startswith(_PREFIX)
    )


def start_failures(collector: Any) -> list[StartFailure]:
    """Why hosts could not start since the last `forget_failures`."""
    import ray

    try:
        found: list[StartFailure] = ray.get(collector.failures.remote(), timeout=_PATIENCE_S)
    except (ray.exceptions.RayError, TimeoutError):
        return []  # Ray Serve tells of them as well, a little later
    return found


def forget_failures(collector: Any) -> None:
    """Begins anew, before a deploy; whoever asks after this finds it done."""
    collector.forget_failures.remote()


def ask(name: str, method: str, *args: Any, patience_s: float = _PATIENCE_S) -> Any:
    """Asks a collector; None when it is not there, or does not answer in time."""
    import ray

    actor = find_collector(name)
    if actor is None:
        return None
    try:
        return ray.get(getattr(actor, method).remote(*args), timeout=patience_s)
    except (ray.exceptions.RayError, TimeoutError):
        return None


def tell(name: str, method: str, *args: Any) -> None:
    """As `ask`, for what nobody waits for; those who ask after this find it done."""
    actor = find_collector(name)
    if actor is not None:
        getattr(actor, method).remote(*args)
